"""Loss terms against torch.distributions and slow loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from brainviewer.training.losses import (
    block_cross_entropy,
    edge_loss,
    energy_score,
    gaussian_kl,
    gradient_penalty,
    hinge_critic_loss,
    map_volumes,
    tissue_cross_entropy,
    triplet_margin_loss,
    volume_loss,
    wasserstein_critic_loss,
)


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_the_kl_is_that_of_two_diagonal_gaussians(random) -> None:
    mean, log_sd, prior_mean, prior_log_sd = torch.randn((4, 3, 5), generator=random)
    expected = kl_divergence(
        Normal(mean, log_sd.exp()), Normal(prior_mean, prior_log_sd.exp())
    ).sum(dim=1)
    torch.testing.assert_close(gaussian_kl(mean, log_sd, prior_mean, prior_log_sd), expected.mean())


def test_the_kl_of_a_gaussian_with_itself_is_zero(random) -> None:
    mean, log_sd = torch.randn((2, 3, 5), generator=random)
    assert gaussian_kl(mean, log_sd, mean, log_sd).item() == pytest.approx(0, abs=1e-6)


def test_a_mean_that_is_two_off_costs_two_nats() -> None:
    zero = torch.zeros(1, 1)
    assert gaussian_kl(zero + 2, zero, zero, zero).item() == pytest.approx(2.0)


def test_the_cross_entropy_is_the_mean_over_voxels_of_all_four_classes(random) -> None:
    logits = torch.randn((2, 4, 2, 3, 1), generator=random)
    shares = torch.rand((2, 4, 2, 3, 1), generator=random)
    shares /= shares.sum(dim=1, keepdim=True)
    total = 0.0
    for b in range(2):
        for i in range(2):
            for j in range(3):
                scores = logits[b, :, i, j, 0].tolist()
                log_sum = math.log(sum(math.exp(score) for score in scores))
                for score, share in zip(scores, shares[b, :, i, j, 0].tolist(), strict=True):
                    total -= share * (score - log_sum)
    loss = tissue_cross_entropy(logits, shares[:, :3])
    assert loss.item() == pytest.approx(total / 12, rel=1e-5)


def test_the_cross_entropy_of_half_precision_logits_is_computed_in_float32() -> None:
    logits = torch.zeros((1, 4, 1, 1, 1), dtype=torch.bfloat16)
    loss = tissue_cross_entropy(logits, torch.full((1, 3, 1, 1, 1), 0.25))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(4))


def test_volumes_are_partial_volumes_times_the_voxel() -> None:
    maps = torch.zeros(2, 3, 4, 4, 4)
    maps[0, 1, :2] = 0.5
    maps[1, 2, 3, 3, 3] = 1.0
    volumes = map_volumes(maps, 0.008)
    assert volumes.flatten().tolist() == pytest.approx([0, 16 * 0.008, 0, 0, 0, 0.008])


def test_volumes_of_half_precision_maps_lose_nothing() -> None:
    maps = torch.full((1, 1, 32, 32, 32), 0.25, dtype=torch.bfloat16)
    assert map_volumes(maps, 1.0).item() == 8192


def test_the_volume_loss_counts_standard_deviations() -> None:
    volumes = torch.tensor([[500.0, 600.0, 200.0]])
    wanted = torch.tensor([[550.0, 600.0, 230.0]])
    sd = torch.tensor([50.0, 50.0, 20.0])
    assert volume_loss(volumes, wanted, sd).item() == pytest.approx((1 + 0 + 1.5) / 3)


# Triplets


@pytest.mark.parametrize(
    ("near", "far", "expected"), [(0.0, 2.0, 0.0), (1.0, 1.2, 0.3), (2.0, 0.0, 2.5)]
)
def test_a_triplet_costs_nothing_once_the_wrong_one_is_further_by_the_margin(
    near, far, expected
) -> None:
    anchor = torch.tensor([[1.0, -2.0, 3.0]])
    loss = triplet_margin_loss(anchor, anchor + near, anchor - far, margin=0.5)
    assert loss.item() == pytest.approx(expected)


# The energy score


def test_draws_that_vary_as_people_do_score_best(random) -> None:
    people = torch.randn((40_000, 1), generator=random)
    scores = {}
    for sd in (0.0, 0.5, 1.0, 2.0):
        first, second = sd * torch.randn((2, 40_000, 1), generator=random)
        scores[sd] = energy_score(first, second, people).item()
    assert min(scores, key=scores.__getitem__) == 1.0
    # E|X| - E|X - X'| / 2 of standard normals.
    assert scores[1.0] == pytest.approx(1 / math.sqrt(math.pi), abs=0.01)


def test_two_equal_draws_score_their_distance() -> None:
    draw, wanted = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[0.0, 0.0, 0.0]])
    assert energy_score(draw, draw, wanted).item() == pytest.approx(7 / 3)


# Critics


def test_the_hinge_forgets_what_is_told_apart_clearly() -> None:
    real, made = torch.tensor([3.0, 0.5]), torch.tensor([-2.0, 0.25])
    assert hinge_critic_loss(real, made).item() == pytest.approx(0.25 + 0.625)
    assert wasserstein_critic_loss(real, made).item() == pytest.approx(-0.875 - 1.75)


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_the_penalty_is_the_squared_distance_of_the_slope_from_one(random, slope) -> None:
    real, made = torch.randn((2, 4, 3, 5), generator=random)
    share = torch.rand(4, generator=random)
    direction = functional.normalize(torch.ones(15), dim=0)

    def critic(x: torch.Tensor) -> torch.Tensor:
        return (slope * x.flatten(1) @ direction)[:, None]

    penalty = gradient_penalty(critic, real, made, share)
    assert penalty.item() == pytest.approx((slope - 1.0) ** 2, abs=1e-5)


def test_the_penalty_looks_between_real_and_made(random) -> None:
    real, made = torch.randn((2, 3, 2, 2), generator=random)
    share = torch.tensor([0.0, 0.25, 1.0])
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.flatten(1).square().sum(dim=1, keepdim=True)

    gradient_penalty(critic, real, made, share)
    torch.testing.assert_close(seen[0][0], made[0])
    torch.testing.assert_close(seen[0][1], 0.25 * real[1] + 0.75 * made[1])
    torch.testing.assert_close(seen[0][2], real[2])


def test_blocks_of_one_voxel_are_the_published_cross_entropy() -> None:
    logits, maps = torch.randn(2, 4, 4, 4, 4), torch.rand(2, 3, 4, 4, 4) / 3
    expected = tissue_cross_entropy(logits, maps)
    torch.testing.assert_close(block_cross_entropy(logits, maps, 1), expected)


def test_in_a_block_the_place_of_a_tissue_is_free() -> None:
    maps = torch.zeros(1, 3, 4, 4, 4)
    maps[:, 0, :2] = 1.0
    maps[:, 1, 2:] = 1.0
    logits = 20.0 * torch.cat([maps, torch.zeros(1, 1, 4, 4, 4)], dim=1)
    moved = logits.flip(2)
    kept, found = (block_cross_entropy(it, maps, 4) for it in (logits, moved))
    torch.testing.assert_close(found, kept)
    assert kept == pytest.approx(math.log(2), abs=1e-3)
    assert tissue_cross_entropy(moved, maps) > 10


def test_blocks_pass_gradients_on_where_a_share_is_nothing() -> None:
    logits = torch.full((1, 4, 4, 4, 4), -50.0)
    logits[:, 3] = 50.0
    logits.requires_grad_()
    block_cross_entropy(logits, torch.full((1, 3, 4, 4, 4), 1 / 3), 2).backward()
    assert logits.grad.isfinite().all()


def test_the_edge_loss_is_that_of_a_slow_version_and_blind_to_brightness() -> None:
    made, real = torch.rand(2, 2, 1, 4, 6, 4)
    expected = 0.0
    for one, other in (
        (made, real),
        (functional.avg_pool3d(made, 2), functional.avg_pool3d(real, 2)),
    ):
        for axis in (2, 3, 4):
            size = one.shape[axis]
            steps = [
                it.narrow(axis, 1, size - 1) - it.narrow(axis, 0, size - 1) for it in (one, other)
            ]
            expected += float((steps[0] - steps[1]).abs().mean()) / 6
    assert edge_loss(made, real).item() == pytest.approx(expected, rel=1e-5)
    assert edge_loss(made + 0.3, made).item() == pytest.approx(0.0, abs=1e-6)
