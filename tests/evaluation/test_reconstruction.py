from __future__ import annotations

import numpy as np
import pytest

from brainviewer.cohort.reading import People
from brainviewer.core.volume import Brain
from brainviewer.evaluation.reconstruction import (
    check_ventricle_measure,
    match_people,
    reconstruct,
    score_matches,
    score_ventricles,
    unpack,
)
from brainviewer.evaluation.ventricles import Ventricles
from brainviewer.generators.base import Identity
from tests.fakes import FakeGenerator

AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel is 1 mL


class Perfect(FakeGenerator):
    """Keeps what it is given, in its latent."""

    def encode(self, brain, conditions):
        return Identity(brain.data.ravel(), "encoded")

    def generate(self, identity, conditions):
        return Brain(self.channels, identity.latent.reshape(3, 4, 4, 4), self.affine)


@pytest.fixture
def people() -> People:
    """Six people whose only CSF is a ventricle of 1 to 6 voxels."""
    maps = np.zeros((6, 3, 4, 4, 4), np.uint8)
    maps[:, 0, 3] = 255
    maps[:, 1, 2] = 255
    for index in range(6):
        maps[index, 2].reshape(-1)[: index + 1] = 255
    names = tuple(f"sub-{index}" for index in range(6))
    sums = maps.reshape(6, 3, -1).sum(axis=2) / np.float32(255)
    return People(names, maps, sums, tuple({"age": 50.0} for _ in names))


@pytest.fixture
def ventricles() -> Ventricles:
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[0] = True
    return Ventricles(mask, np.array([10.0, 20.0, np.nan, 40.0, 50.0, 60.0]))


def test_a_perfect_generator_gives_everybody_back(people, ventricles, checkpoint) -> None:
    generator = Perfect(checkpoint)
    matches = match_people(
        people,
        lambda index, real: reconstruct(generator, real, people.conditions[index]),
        AFFINE,
        ventricles=ventricles,
    )
    for scores in score_matches(matches).values():
        assert {name: found.value for name, found in scores.items()} == pytest.approx(
            {"soft_dice": 1.0, "hard_dice": 1.0, "volume_error_ml": 0.0}
        )
    scores = score_ventricles(matches)
    assert {name: found.value for name, found in scores.items()} == pytest.approx(
        {"pearson_r": 1.0, "mae_ml": 0.0, "mape_percent": 0.0, "bias_ml": 0.0}
    )


def test_one_brain_for_all_keeps_nobodys_ventricles(people, ventricles) -> None:
    average = unpack(people.maps[2])
    matches = match_people(people, lambda index, real: average, AFFINE, ventricles=ventricles)
    scores = score_ventricles(matches)
    assert np.isnan(scores["pearson_r"].value)
    # Sizes 1 to 6 mL against 3 mL.
    assert scores["mae_ml"].value == pytest.approx((2 + 1 + 0 + 1 + 2 + 3) / 6)
    percent = np.mean([200.0, 50.0, 0.0, 25.0, 40.0, 50.0])
    assert scores["mape_percent"].value == pytest.approx(percent)
    assert scores["bias_ml"].value == pytest.approx(3 - 3.5)


def test_the_measure_is_held_against_the_labels_of_those_who_have_them(people, ventricles) -> None:
    matches = match_people(people, lambda index, real: real, AFFINE, ventricles=ventricles)
    assert check_ventricle_measure(matches, ventricles).value == pytest.approx(1.0)
