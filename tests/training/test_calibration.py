"""A model whose volumes miss what a regression expects is moved until they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from brainviewer.generators.diffeo import Diffeo, DiffeoConfig
from brainviewer.training.calibration import calibrate_volumes, predicted_volumes

SHAPE = (16, 16, 16)
PEOPLE = 40
COMPONENTS = 6


@pytest.fixture
def conditions() -> torch.Tensor:
    """Age, sex and one feature more."""
    y = np.random.default_rng(1).normal(size=(PEOPLE, 3))
    y[:, 1] = np.arange(PEOPLE) % 2
    return torch.from_numpy(y.astype(np.float32))


@pytest.fixture
def model(conditions) -> Diffeo:
    """A ball of WM in GM in CSF, blown up at one radius or another; conditions do nothing yet."""
    model = Diffeo(DiffeoConfig(SHAPE, 3, components=COMPONENTS, knots=3))
    away = np.indices((8, 8, 8)) - 3.5
    radius = np.linalg.norm(away, axis=0)
    shells = [np.exp(-((radius - r) ** 2)) * away / radius for r in (0.7, 1.5, 2.0, 2.5, 3, 3.5)]
    model.basis.copy_(torch.from_numpy(0.5 * np.stack(shells).reshape(COMPONENTS, -1)))
    radius = np.linalg.norm(np.indices(SHAPE) - 7.5, axis=0)
    edges = [ndimage.gaussian_filter((radius < r).astype(np.float32), 1) for r in (3, 5, 6)]
    wm, gm, csf = edges[0], edges[1] - edges[0], edges[2] - edges[1]
    shares = np.stack([wm, gm, csf, 1 - edges[2]])
    model.mean.shares.copy_(torch.from_numpy(shares)[None])
    known = np.ones((PEOPLE, 3), dtype=bool)
    model.deviations.fit(conditions.numpy(), known, 0, 1)
    return model


def volumes_of(model: Diffeo, y: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        shares = model.shares(torch.zeros(len(y), COMPONENTS), y)[:, :3]
    return shares.sum(dim=(2, 3, 4)).numpy()


def test_volumes_follow_the_regression_after_calibration(model, conditions) -> None:
    start = volumes_of(model, conditions[:1])[0]
    a, s, other = conditions.numpy().T
    effects = np.stack([0.02 * a + 0.03 * s, -0.03 * a + 0.01 * other, 0.04 * a], axis=1)
    volumes = (start * (1 + effects)).astype(np.float32)
    model.factor.mul_(0.1)  # people who are asked for the same are nearly the same
    scores = calibrate_volumes(model, conditions, volumes, 1.0)
    assert scores["volume_gap"] < 0.3 * scores["volume_gap_before"]
    found = volumes_of(model, conditions)
    for tissue in range(3):
        assert np.corrcoef(found[:, tissue], volumes[:, tissue])[0, 1] > 0.97


def with_regions(model: Diffeo) -> Diffeo:
    """The same model, whose ball is two regions: its core and what is around it."""
    split = Diffeo(replace(model.config, regions=("core", "mantle")))
    known = {k: v for k, v in model.state_dict().items() if not k.startswith("regions.")}
    split.load_state_dict(known, strict=False)
    radius = torch.from_numpy(np.linalg.norm(np.indices((8, 8, 8)) - 3.5, axis=0)).float()
    split.regions.shares[0] = (radius < 1.2).float()
    split.regions.shares[1] = ((radius >= 1.2) & (radius < 3.2)).float()
    return split


def test_regions_follow_their_regressions_where_tissues_do_not_tell(model, conditions) -> None:
    model = with_regions(model)
    model.factor.mul_(0.1)
    still = torch.zeros((len(conditions), COMPONENTS))
    with torch.inference_mode():
        sizes = model.region_volumes(still, conditions).double().numpy()
    a = conditions[:, 0].double().numpy()
    wanted = sizes * (1 + np.stack([0.05 * a, 0 * a], axis=1))
    wanted[3] = np.nan  # who has no labels
    tissues = volumes_of(model, conditions).astype(np.float32)
    scores = calibrate_volumes(model, conditions, tissues, 1.0, regions_ml=wanted)
    assert {"region_gap_before", "region_gap"} <= set(scores)
    with torch.inference_mode():
        found = model.region_volumes(still, conditions).double().numpy()
    known = np.isfinite(wanted).all(axis=1)
    slope, asked = (np.polyfit(a[known], core[known], 1)[0] for core in (found[:, 0], wanted[:, 0]))
    assert 0.15 * asked < slope < 1.1 * asked  # 0 where regions are not looked at
    assert np.abs(volumes_of(model, conditions) / tissues - 1).max() < 0.04


def test_people_without_labels_count_for_tissues_alone(model, conditions) -> None:
    volumes = volumes_of(model, conditions).astype(np.float32)
    nobody = np.full((PEOPLE, 2), np.nan)
    scores = calibrate_volumes(with_regions(model), conditions, volumes, 1.0, regions_ml=nobody)
    assert set(scores) == {"volume_gap_before", "volume_gap"}


def test_the_move_is_the_most_probable_one(model, conditions) -> None:
    model.factor[3:] *= 1e-4  # half of the directions are those in which nobody differs
    start = volumes_of(model, conditions[:1])[0]
    volumes = start * (1 + 0.02 * conditions[:, :1].numpy())
    calibrate_volumes(model, conditions, volumes.astype(np.float32), 1.0)
    assert model.weights[:, :3].abs().max() > 100 * model.weights[:, 3:].abs().max()


def test_terms_of_age_are_not_shrunk_and_others_are() -> None:
    rng = np.random.default_rng(3)
    design = rng.normal(size=(60, 6))
    volumes = 500 + 10 * design[:, :1] + rng.normal(size=(60, 3))
    expected = predicted_volumes(design[:, :2], design, volumes.astype(np.float32))
    slope = np.polyfit(design[:, 0], expected[:, 0], 1)[0]
    assert slope == pytest.approx(10, abs=0.5)
    left = expected - design[:, :1] * 10 - 500
    assert left.std() < 0.5
