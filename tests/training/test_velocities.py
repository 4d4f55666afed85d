"""Known coefficient fields and a known spread are found in the velocities of people."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.generators.diffeo import Diffeo, DiffeoConfig
from brainviewer.training.velocities import (
    fit_knots,
    fit_people,
    mirrored,
    principal_components,
)

SHAPE = (8, 8, 8)
PEOPLE = 80
NOISE = 0.1


@pytest.fixture(scope="module")
def conditions() -> torch.Tensor:
    """Age, sex and two features more, one of which goes with age."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=(PEOPLE, 4))
    y[:, 0] = rng.permutation(np.linspace(-1.7, 1.7, PEOPLE))
    y[:, 1] = np.arange(PEOPLE) % 2
    y[:, 3] += 0.7 * y[:, 0]
    return torch.from_numpy(y.astype(np.float32))


@pytest.fixture(scope="module")
def fields() -> np.ndarray:
    """What one unit of age, age^2, sex and the first other feature does: symmetric."""
    raw = np.random.default_rng(2).normal(size=(4, 3, 4, 4, 4)).astype(np.float32)
    return 0.5 * (raw + mirrored(raw))


@pytest.fixture(scope="module")
def model(conditions, fields) -> Diffeo:
    terms = torch.stack(
        [conditions[:, 0], conditions[:, 0] ** 2, conditions[:, 1], conditions[:, 2]], dim=1
    )
    velocities = np.einsum("nt,taijk->naijk", terms.numpy(), fields)
    velocities += NOISE * np.random.default_rng(3).normal(size=velocities.shape)
    model = Diffeo(DiffeoConfig(SHAPE, 4, components=20, knots=5))
    known = np.ones((PEOPLE, 4), dtype=bool)
    model.deviations.fit(conditions.numpy(), known, 0, 1)
    fit_knots(model, conditions)
    scores = fit_people(model, velocities.astype(np.float32), conditions)
    assert scores["kept"] > 0.9
    assert scores["explained"] > 0.9
    return model


def expected_at(model: Diffeo, *y: float) -> np.ndarray:
    with torch.inference_mode():
        noise = torch.zeros(1, model.config.latent)
        return model.velocity(noise, torch.tensor([y]))[0].numpy()


@pytest.mark.parametrize(
    ("to", "combination"),
    [
        ((1.0, 0.0, 0.0, 0.7), (1, 1, 0, 0)),
        ((-1.0, 0.0, 0.0, -0.7), (-1, 1, 0, 0)),
        ((0.0, 1.0, 0.0, 0.0), (0, 0, 1, 0)),
        ((0.0, 0.0, 1.0, 0.0), (0, 0, 0, 1)),
        ((0.0, 0.0, 0.0, 1.0), (0, 0, 0, 0)),
    ],
)
def test_the_effect_of_each_feature_is_found(model, fields, to, combination) -> None:
    found = expected_at(model, *to) - expected_at(model, 0.0, 0.0, 0.0, 0.0)
    true = np.einsum("t,taijk->aijk", np.array(combination, dtype=np.float32), fields)
    assert np.abs(found - true).mean() < 0.25


def test_drawn_people_differ_as_the_noise_does(model) -> None:
    spread = (model.factor @ model.factor.T).diagonal().sum()
    voxels = 3 * 4 * 4 * 4
    # Besides the noise there is what a spline with straight ends misses of age squared.
    assert 0.1 < float(spread) / (NOISE**2 * voxels) < 1.5


def test_directions_are_those_of_a_singular_value_decomposition() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 40)).astype(np.float32)
    rows -= rows.mean(axis=0)
    basis, share = principal_components(rows, 3)
    values, vectors = np.linalg.svd(rows, full_matrices=False)[1:]
    np.testing.assert_allclose(np.abs(basis @ vectors[:3].T), np.eye(3), atol=1e-4)
    assert share == pytest.approx(float((values[:3] ** 2).sum() / (values**2).sum()), rel=1e-5)


def test_more_components_than_people_span_are_refused() -> None:
    rows = np.ones((3, 40), np.float32)
    with pytest.raises(ValueError, match="3 brains do not span 2 components"):
        principal_components(rows - 1, 2)


def test_the_mirror_image_of_a_mirror_image_is_the_person() -> None:
    velocities = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    once = mirrored(velocities)
    np.testing.assert_array_equal(once[:, 0, 0], -velocities[:, 0, -1])
    np.testing.assert_array_equal(once[:, 1:, 0], velocities[:, 1:, -1])
    np.testing.assert_array_equal(mirrored(once), velocities)
