"""Intensities: those of an image made from shares are found, and their change with age too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from brainviewer.generators.intensities import Intensities, lit, resized
from brainviewer.training.intensities import fit_intensities, local_intensities

SHAPE = (32, 40, 32)


@pytest.fixture(scope="module")
def shares() -> torch.Tensor:
    """WM inside GM inside CSF: (1, 3, I, J, K)."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    radius = np.sqrt(sum((a / r) ** 2 for a, r in zip(axes, (0.8, 0.9, 0.7), strict=True)))
    classes = [radius < 0.6, (radius >= 0.6) & (radius < 0.85), (radius >= 0.85) & (radius < 1)]
    blurred = [ndimage.gaussian_filter(c.astype(np.float32), 0.8) for c in classes]
    return torch.from_numpy(np.stack(blurred))[None]


def person(shares: torch.Tensor, grey: float, loudness: float = 1.0) -> np.ndarray:
    """An image whose white matter is brighter in front."""
    front = torch.linspace(0.6, 0.8, SHAPE[1]).view(1, -1, 1)
    image = shares[0, 0] * front + shares[0, 1] * grey + shares[0, 2] * 0.15
    return (loudness * image).numpy()


def image_of(model: Intensities, shares: torch.Tensor, terms: list[float]) -> torch.Tensor:
    still = torch.zeros((1, 3, *[n // 2 for n in SHAPE]))
    return lit(shares, resized(model.light(torch.tensor([terms]), still), shares.shape[2:]))


def test_the_intensities_of_a_mixture_are_found(shares) -> None:
    image = torch.from_numpy(person(shares, 0.5))[None, None]
    found = local_intensities(image, shares).exp()
    assert found.shape == (3, 8, 10, 8)
    inside = functional.avg_pool3d(shares, 4)[0] > 0.3
    np.testing.assert_allclose(found[1][inside[1]], 0.5, atol=0.03)
    front = torch.linspace(0.6, 0.8, SHAPE[1]).unflatten(0, (10, 4)).mean(dim=1)
    wanted = front.view(1, -1, 1).expand(8, 10, 8)
    np.testing.assert_allclose(found[0][inside[0]], wanted[inside[0]], atol=0.04)
    assert torch.isfinite(found.log()).all()


def test_ageing_of_the_contrast_is_fitted_and_loudness_is_not(shares) -> None:
    ages = np.linspace(-1, 1, 12, dtype=np.float32)
    rng = np.random.default_rng(4)
    still = np.zeros((3, *[n // 2 for n in SHAPE]), np.float32)
    people = [
        (person(shares, 0.5 + 0.05 * age, rng.uniform(0.8, 1.2)), shares[0].numpy(), still)
        for age in ages
    ]
    terms = np.stack([ages, rng.normal(size=12)], axis=1).astype(np.float32)
    model, seen = Intensities(SHAPE, 2), []
    explained = fit_intensities(model, shares, terms, people, on_person=seen.append)
    assert explained > 0.9
    assert seen == list(range(1, 13))
    loudness = np.exp(np.mean([np.log(image.max()) for image, _, _ in people]))
    for age in (-1.0, 1.0):
        made = image_of(model, shares, [age, 0.0])[0, 0].numpy()
        wanted = person(shares, 0.5 + 0.05 * age)
        wanted *= loudness / wanted.max()
        grey = shares[0, 1].numpy() > 0.8
        assert made[grey].mean() / made[shares[0, 0].numpy() > 0.9].mean() == pytest.approx(
            wanted[grey].mean() / wanted[shares[0, 0].numpy() > 0.9].mean(), rel=0.02
        )
        assert np.abs(made - wanted).mean() < 0.02


def test_what_no_tissue_explains_is_kept_as_texture(shares) -> None:
    spot = np.zeros(SHAPE, np.float32)
    spot[14:18, 18:22, 14:18] = 0.2
    still = np.zeros((3, *[n // 2 for n in SHAPE]), np.float32)
    people = [(person(shares, 0.5) - spot, shares[0].numpy(), still)] * 4
    model = Intensities(SHAPE, 1)
    fit_intensities(model, shares, np.zeros((4, 1), np.float32), people)
    made = image_of(model, shares, [0.0])[0, 0].numpy()
    np.testing.assert_allclose(made, people[0][0], atol=0.02)


def test_a_finer_grid_has_the_same_averages(shares) -> None:
    still = np.zeros((3, *[n // 2 for n in SHAPE]), np.float32)
    model = Intensities(SHAPE, 1)
    fit_intensities(
        model, shares, np.zeros((3, 1), np.float32),
        [(person(shares, 0.5), shares[0].numpy(), still)] * 3,
    )  # fmt: skip
    fine = shares.repeat_interleave(2, 2).repeat_interleave(2, 3).repeat_interleave(2, 4)
    made = image_of(model, fine, [0.0])
    averages = functional.avg_pool3d(made, 2)
    np.testing.assert_allclose(averages, image_of(model, shares, [0.0]), atol=0.02)
