from __future__ import annotations

import numpy as np
import pytest

from brainviewer.cohort.reading import People
from brainviewer.evaluation.diversity import alike, score_differences, score_spread
from brainviewer.evaluation.volumes import Draws

AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel is 1 mL


def make_draws(volumes, difference_ml: float) -> Draws:
    return Draws(np.array(volumes, dtype=float), np.zeros((3, 1, 1, 1), np.float16), difference_ml)


def test_people_are_paired_with_the_next_older_of_their_sex() -> None:
    people = [
        {"age": 60.0, "sex": "F"},
        {"age": 30.0, "sex": "M"},
        {"age": 20.0, "sex": "F"},
        {"age": 40.0, "sex": "F"},
        {"age": 31.0, "sex": "M"},
    ]
    assert alike(people) == [(2, 3), (3, 0), (1, 4)]


def test_differences_are_taken_over_the_voxels_of_a_brain() -> None:
    maps = np.zeros((2, 3, 2, 2, 2), np.uint8)
    maps[0, 0], maps[1, 1] = 255, 255  # eight voxels, all other tissue
    people = People(
        ("a", "b"),
        maps,
        np.array([[8, 0, 0], [0, 8, 0]], np.float32),
        ({"age": 1.0, "sex": "F"}, {"age": 2.0, "sex": "F"}),
    )
    draws = [make_draws(np.zeros((2, 3)), 6.0), make_draws(np.zeros((2, 3)), 18.0)]
    scores = score_differences(draws, people, AFFINE)
    assert scores["between_people"].value == pytest.approx(16 / 24)
    assert scores["between_seeds"].value == pytest.approx(12 / 24)


def test_spread_is_a_standard_deviation_over_seeds_and_over_people() -> None:
    draws = [make_draws([[1, 10, 5], [3, 10, 5]], 0.0), make_draws([[4, 10, 5], [4, 10, 5]], 0.0)]
    true = np.array([[3.0, 0, 0], [-4.0, 0, 0]])
    scores = score_spread(draws, true, np.zeros((2, 3)))
    # Variances 2 and 0 over the seeds; errors 3 and -4.
    assert scores["WM"]["between_seeds"].value == pytest.approx(1.0)
    assert scores["WM"]["between_people"].value == pytest.approx(np.sqrt(12.5))
    assert scores["CSF"]["between_seeds"].value == 0.0
