"""Flows against closed forms, their inverses, and the numpy version that simulates people."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from brainviewer.cohort import warp
from brainviewer.generators.flow import (
    exponentiate,
    jacobian_determinant,
    pull,
    resample,
)

SHAPE = (20, 24, 22)
INNER = (..., slice(6, -6), slice(6, -6), slice(6, -6))


def points(shape=SHAPE) -> torch.Tensor:
    """Voxel indices from the middle of the grid: (1, 3, I, J, K)."""
    axes = [torch.arange(n) - (n - 1) / 2 for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def smooth_velocity(seed: int = 1, size: float = 1.5) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    raw = np.stack([ndimage.gaussian_filter(rng.normal(size=SHAPE), 3) for _ in range(3)])
    raw *= ndimage.gaussian_filter(np.pad(np.ones([n - 8 for n in SHAPE]), 4), 2)
    return torch.from_numpy((raw * size / np.abs(raw).max()).astype(np.float32))[None]


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_one_brain_in_parts_is_the_same_brain(cores, monkeypatch) -> None:
    maps = torch.from_numpy(np.random.default_rng(4).random((1, 2, *SHAPE), dtype=np.float32))
    flow = exponentiate(smooth_velocity())
    expected = functional.grid_sample(
        maps,
        functional.affine_grid(torch.eye(3, 4)[None], [1, 1, *SHAPE], align_corners=False)
        + torch.stack([flow[:, a] * 2 / SHAPE[a] for a in (2, 1, 0)], dim=-1),
        padding_mode="border",
        align_corners=False,
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    torch.testing.assert_close(pull(maps, flow), expected, atol=1e-5, rtol=1e-5)


def test_gradients_do_not_depend_on_the_parts(monkeypatch) -> None:
    start = smooth_velocity()
    gradients = []
    for cores in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda cores=cores: cores)
        velocity = start.clone().requires_grad_()
        exponentiate(velocity).square().sum().backward()
        gradients.append(velocity.grad)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_a_constant_velocity_moves_everything_as_far() -> None:
    velocity = torch.tensor([1.0, -2.0, 0.5]).view(1, 3, 1, 1, 1).expand(1, 3, *SHAPE)
    torch.testing.assert_close(exponentiate(velocity), velocity.contiguous())


@pytest.mark.parametrize("rate", [-0.2, 0.2])
def test_growth_at_a_constant_rate_is_exponential(rate) -> None:
    flow = exponentiate(rate * points())
    expected = (np.exp(rate) - 1) * points()
    torch.testing.assert_close(flow[INNER], expected[INNER], rtol=5e-3, atol=5e-3)
    volume = jacobian_determinant(flow)[INNER]
    torch.testing.assert_close(volume, torch.full_like(volume, np.exp(3 * rate)), rtol=1e-2, atol=0)


def test_a_turning_velocity_turns_by_its_angle() -> None:
    x, angle = points(), 0.3
    velocity = angle * torch.stack([-x[:, 1], x[:, 0], torch.zeros_like(x[:, 0])], dim=1)
    c, s = np.cos(angle), np.sin(angle)
    turned = torch.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1], x[:, 2]], dim=1)
    torch.testing.assert_close(
        (x + exponentiate(velocity))[INNER], turned[INNER], rtol=5e-3, atol=2e-2
    )


def test_the_flow_of_the_opposite_velocity_is_the_inverse() -> None:
    there, back = exponentiate(smooth_velocity()), exponentiate(-smooth_velocity())
    rest = back + pull(there, back)
    assert there.abs().max() > 1
    assert rest.abs().max() < 0.1


def test_the_flow_is_that_which_simulates_people() -> None:
    velocity = smooth_velocity()
    expected = torch.from_numpy(warp.exponentiate(velocity[0].numpy()))[None]
    torch.testing.assert_close(exponentiate(velocity), expected, rtol=1e-2, atol=2e-2)


def test_what_a_voxel_shows_comes_from_where_its_displacement_points() -> None:
    maps = torch.rand(1, 2, *SHAPE)
    step = torch.tensor([1.0, 0.0, -2.0]).view(1, 3, 1, 1, 1).expand(1, 3, *SHAPE)
    carried = pull(maps, step)
    torch.testing.assert_close(carried[:, :, :-1, :, 2:], maps[:, :, 1:, :, :-2])
    torch.testing.assert_close(carried[:, :, -1, :, 2:], maps[:, :, -1, :, :-2])


def test_a_field_on_a_finer_grid_moves_as_far_in_mm() -> None:
    fine = resample(torch.ones(1, 3, 4, 6, 8), (8, 18, 8))
    assert fine.shape == (1, 3, 8, 18, 8)
    torch.testing.assert_close(fine[0, :, 3, 3, 3], torch.tensor([2.0, 3.0, 1.0]))


def test_volumes_of_carried_maps_are_those_of_the_jacobian() -> None:
    maps = torch.from_numpy(
        ndimage.gaussian_filter(np.pad(np.ones([n - 12 for n in SHAPE]), 6), 1).astype(np.float32)
    )[None, None]
    velocity = 3 * smooth_velocity()
    from_maps = pull(maps, exponentiate(velocity)).sum()
    from_jacobian = (maps[:, 0] * jacobian_determinant(exponentiate(-velocity))).sum()
    assert abs(from_maps / maps.sum() - 1) > 0.005
    assert float(from_maps) == pytest.approx(float(from_jacobian), rel=0.01)


def test_a_fold_has_a_negative_jacobian() -> None:
    displacement = torch.zeros(1, 3, *SHAPE)
    displacement[:, 0] = -1.5 * points()[:, 0]
    assert float(jacobian_determinant(displacement).max()) == pytest.approx(-0.5, abs=1e-5)


def test_the_gradient_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)  # a point may else lie on an edge between voxels, where there is none
    maps = functional.avg_pool3d(torch.rand(1, 1, 8, 8, 8), 3, 1, 1).double()
    velocity = torch.rand(1, 3, 4, 4, 4, dtype=torch.float64)

    def total(v: torch.Tensor) -> torch.Tensor:
        return (pull(maps, resample(exponentiate(v), (8, 8, 8))) ** 2).sum()

    assert torch.autograd.gradcheck(total, velocity.requires_grad_(), atol=1e-4, rtol=1e-3)
