"""Loss terms against torch.distributions and slow loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from brainviewer.training.losses import (
    gaussian_kl,
    map_volumes,
    tissue_cross_entropy,
    volume_loss,
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
