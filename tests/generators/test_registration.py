"""Registration: a known warp is found again, and its penalties are what they say."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample
from brainviewer.generators.registration import Effort, binomial, register, roughness
from brainviewer.training.registering import dice

SHAPE = (32, 40, 32)
EFFORT = Effort(steps=60)


def head() -> torch.Tensor:
    """WM inside GM inside CSF, with a ventricle: (1, 3, I, J, K)."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    radius = np.sqrt(sum((a / r) ** 2 for a, r in zip(axes, (0.8, 0.9, 0.7), strict=True)))
    ventricle = np.sqrt((axes[0] / 0.2) ** 2 + (axes[1] / 0.4) ** 2 + (axes[2] / 0.2) ** 2) < 1
    classes = [(radius < 0.6) & ~ventricle, (radius >= 0.6) & (radius < 0.85)]
    classes.append(((radius >= 0.85) & (radius < 1)) | ventricle)
    blurred = [ndimage.gaussian_filter(c.astype(np.float32), 0.7) for c in classes]
    return torch.from_numpy(np.stack(blurred))[None]


def known_velocity() -> torch.Tensor:
    """A velocity of up to 2.5 voxels of half the resolution."""
    rng = np.random.default_rng(3)
    coarse = [n // 2 for n in SHAPE]
    raw = np.stack([ndimage.gaussian_filter(rng.normal(size=coarse), 4) for _ in range(3)])
    return torch.from_numpy((2.5 * raw / np.abs(raw).max()).astype(np.float32))[None]


def test_a_brain_that_was_warped_is_found_again() -> None:
    template, true = head(), known_velocity()
    brain = pull(template, resample(exponentiate(true), SHAPE))
    found = register(template, brain, EFFORT)
    assert found.shape == true.shape
    flow = exponentiate(found)
    carried = pull(template, resample(flow, SHAPE))
    before, after = (
        [dice(*pair) for pair in zip(maps[0].numpy(), brain[0].numpy(), strict=True)]
        for maps in (template, carried)
    )
    assert max(before) < 0.9
    assert min(after) > 0.94
    assert jacobian_determinant(flow).min() > 0
    edges = (brain[0, 2] * (1 - brain[0, 2]) > 0.05).float()[None, None]
    where = torch.nn.functional.avg_pool3d(edges, 2) > 0.25
    error = (flow - exponentiate(true)).square().sum(1, keepdim=True).sqrt()[where].mean()
    assert error < 0.6 * exponentiate(true).square().sum(1, keepdim=True).sqrt()[where].mean()


def test_the_same_brain_gives_the_same_velocity_and_itself_hardly_any() -> None:
    template = head()
    brain = pull(template, resample(exponentiate(known_velocity()), SHAPE))
    first, second = (register(template, brain, Effort(steps=8)) for _ in range(2))
    assert torch.equal(first, second)
    assert register(template, template, Effort(steps=8)).abs().max() < 0.05


def test_a_stiffer_warp_is_smoother() -> None:
    template = head()
    brain = pull(template, resample(exponentiate(known_velocity()), SHAPE))
    soft, stiff = (
        register(template, brain, Effort(steps=20, smoothness=weight)) for weight in (0.01, 10.0)
    )
    assert roughness(stiff) < 0.5 * roughness(soft)


def test_roughness_is_that_of_numpy_with_a_continued_border() -> None:
    velocity = torch.rand(1, 3, 4, 5, 6)
    padded = np.pad(velocity[0].numpy(), [(0, 0), (1, 1), (1, 1), (1, 1)], mode="edge")
    inner = padded[:, 1:-1, 1:-1, 1:-1]
    laplacian = sum(
        np.roll(padded, shift, axis)[:, 1:-1, 1:-1, 1:-1] - inner
        for axis in (1, 2, 3)
        for shift in (-1, 1)
    )
    gradient = sum((np.diff(velocity[0].numpy(), axis=a) ** 2).sum(0).mean() for a in (1, 2, 3))
    expected = (laplacian**2).sum(axis=0).mean() + gradient / 4
    np.testing.assert_allclose(float(roughness(velocity)), expected, rtol=1e-5)


def test_the_filter_keeps_what_is_constant_and_weighs_by_1_2_1() -> None:
    torch.testing.assert_close(binomial(torch.ones(1, 3, 4, 4, 4)), torch.ones(1, 3, 4, 4, 4))
    spike = torch.zeros(1, 1, 5, 5, 5)
    spike[0, 0, 2, 2, 2] = 64
    line = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.0])
    expected = torch.einsum("i,j,k->ijk", line, line, line)
    torch.testing.assert_close(binomial(spike)[0, 0], expected)
