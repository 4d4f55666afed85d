from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.feature_networks import Embedder, Embedders
from brainviewer.evaluation.likeness import (
    describe,
    draw_sample,
    feature_units,
    from_arrays,
    score_likeness,
    to_arrays,
)
from brainviewer.evaluation.similarity import choose_pairs
from tests.evaluation.conftest import features_of
from tests.fakes import FakeGenerator

PEOPLE = 6
SHAPE = (5, 6, 7)
PAIRS = choose_pairs(PEOPLE)


def moments(images: torch.Tensor) -> torch.Tensor:
    flat = images.flatten(1)
    return torch.stack([flat.mean(dim=1), flat.std(dim=1)], dim=1)


def embedders(*, own: bool = True) -> Embedders:
    embedder = Embedder("mean and sd", moments, own=own)
    return Embedders(embedder, embedder)


def brains(seed: int, brightness: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    light = rng.integers(0, 60, (PEOPLE, 3, 1, 1, 1))
    return (light + rng.integers(0, brightness, (PEOPLE, 3, *SHAPE))).astype(np.uint8)


def score(real: np.ndarray, made: np.ndarray, *, own: bool = True) -> dict:
    networks = embedders(own=own)
    seen = [describe(maps, networks, PAIRS) for maps in (real, made)]
    units = feature_units(seen[0], networks)
    return score_likeness(real, made, (seen[0], seen[1]), units=units, pairs=PAIRS)


def test_a_description_has_all_maps_slices_and_pairs() -> None:
    told = []
    found = describe(brains(0), embedders(), PAIRS, on_progress=lambda *step: told.append(step))
    assert found.volumes.shape == (3, PEOPLE, 2)
    assert [own.shape for own in found.slices] == [(3, PEOPLE, n, 2) for n in SHAPE]
    np.testing.assert_allclose(
        found.slices[2][1, 4, 3, 0], brains(0)[4, 1, :, :, 3].mean() / 255, rtol=1e-5
    )
    assert found.similarities.shape == (3, len(PAIRS))
    assert told == [(done, 3 * len(PAIRS)) for done in range(1, 3 * len(PAIRS) + 1)]


def test_a_description_survives_being_kept() -> None:
    found = describe(brains(0), embedders(), PAIRS)
    again = from_arrays(to_arrays(found))
    np.testing.assert_array_equal(again.volumes, found.volumes)
    np.testing.assert_array_equal(again.similarities, found.similarities)
    for own, other in zip(again.slices, found.slices, strict=True):
        np.testing.assert_array_equal(own, other)


def test_the_same_brains_are_no_distance_apart() -> None:
    for scores in score(brains(0), brains(0)).values():
        assert scores["fid_2d"].value == pytest.approx(0.0, abs=1e-6)
        assert scores["fid_3d"].value == pytest.approx(0.0, abs=1e-6)
        assert scores["delta_ssim"].value == 0.0
        # Without the person themselves the estimate of 0 is a little below it.
        assert scores["mmd_linear"].value <= 0.0


def test_one_bright_brain_for_everybody_is_further_away_in_everything() -> None:
    near = score(brains(0), brains(1))
    far = score(brains(0), np.repeat(brains(1, brightness=190)[:1], PEOPLE, axis=0))
    for tissue in TISSUES:
        for metric in ("mmd_linear", "mmd_rbf", "fid_2d", "fid_3d", "delta_ssim"):
            assert far[tissue][metric].value > near[tissue][metric].value


def test_the_gap_is_that_between_the_mean_similarities_of_pairs() -> None:
    seen = [describe(maps, embedders(), PAIRS) for maps in (brains(0), brains(1, 190))]
    scores = score(brains(0), brains(1, 190))
    for index, tissue in enumerate(TISSUES):
        real, made = (own.similarities[index].mean() for own in seen)
        assert scores[tissue]["delta_ssim"].value == pytest.approx(abs(real - made))


def test_features_of_own_networks_are_told_in_standard_deviations() -> None:
    """Brighter by half in every voxel: one of two features moves, and its distance with it."""
    real = brains(0)
    seen = [describe(maps, embedders(), PAIRS) for maps in (real, brains(1, 190))]
    raw, told = score(real, brains(1, 190), own=False), score(real, brains(1, 190), own=True)
    units = feature_units(seen[0], embedders())
    np.testing.assert_allclose(units.volumes, seen[0].volumes.std(axis=1), rtol=1e-5)
    ones = feature_units(seen[0], embedders(own=False))
    assert (ones.volumes == 1).all()
    assert told["WM"]["fid_3d"].value > raw["WM"]["fid_3d"].value


def test_a_feature_that_never_varies_has_the_unit_one() -> None:
    same = np.full((PEOPLE, 3, *SHAPE), 100, np.uint8)
    units = feature_units(describe(same, embedders(), PAIRS), embedders())
    assert (units.volumes == 1).all()
    assert (units.slices == 1).all()


def test_networks_of_many_features_give_distances_without_intervals(monkeypatch) -> None:
    monkeypatch.setattr("brainviewer.evaluation.likeness.MOST_RESAMPLED_FEATURES", 1)
    scores = score(brains(0), brains(1))["GM"]
    assert np.isfinite(scores["fid_2d"].value)
    assert np.isnan(scores["fid_2d"].low)
    assert np.isfinite(scores["mmd_rbf"].low)


def test_everybody_is_drawn_from_a_seed_of_their_own_and_once(checkpoint, cache) -> None:
    generator = FakeGenerator(checkpoint)
    people = [features_of(0)] * 3
    maps = draw_sample(generator, people, cache=cache)
    assert [label for label, _ in generator.calls] == ["seed 1001", "seed 1002", "seed 1003"]
    assert maps.shape == (3, 3, *generator.shape)
    assert (maps[0] != maps[1]).any()
    brain = generator.generate(generator.draw(1002), people[1]).data
    np.testing.assert_allclose(maps[1] / 255, brain, atol=0.5 / 255 + 1e-6)
    draw_sample(generator, people, cache=cache)
    assert len(generator.calls) == 4
