from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain
from brainviewer.evaluation.ageing import (
    age_people,
    age_slope,
    course_ages,
    course_slopes,
    score_ageing,
)
from brainviewer.evaluation.regressions import TrainingSample
from tests.fakes import FakeGenerator, fake_training


class Shrinking(FakeGenerator):
    """Tissues of one voxel each: -3, +2 and 0 mL a year, and 0.5 mL a cm of height for CSF."""

    affine = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel is 1 mL

    def generate(self, identity, conditions):
        age, height = conditions["age"], conditions["height"]
        volumes = [900 - 3 * age, 100 + 2 * age, 0.5 * height]
        return Brain(TISSUES, np.reshape(volumes, (3, 1, 1, 1)).astype(np.float32), self.affine)


def test_the_slope_is_that_of_least_squares_on_age_and_sex() -> None:
    rng = np.random.default_rng(0)
    sexes = rng.integers(0, 2, 40).astype(float)
    ages = rng.uniform(20, 80, 40) + 10 * sexes
    volumes = 700 - 2 * ages + 90 * sexes + rng.normal(0, 20, 40)
    design = np.stack([ages, sexes, np.ones(40)], axis=1)
    expected = np.linalg.lstsq(design, volumes, rcond=None)[0][0]
    assert age_slope(ages, volumes, sexes) == pytest.approx(expected)
    order = rng.integers(40, size=(5, 40))
    slow = [age_slope(ages[o], volumes[o], sexes[o]) for o in order]
    np.testing.assert_allclose(age_slope(ages[order], volumes[order], sexes[order]), slow)


def test_the_slope_of_a_course_is_polyfits() -> None:
    ages = np.array([20.0, 25.0, 50.0, 80.0])
    courses = np.random.default_rng(0).normal(500, 30, (3, 4))
    expected = [np.polyfit(ages, course, 1)[0] for course in courses]
    np.testing.assert_allclose(course_slopes(ages, courses), expected)


def test_ages_are_percentiles_of_the_training_people() -> None:
    schema, _ = fake_training()
    np.testing.assert_allclose(
        course_ages(schema), [20 + 0.6 * p for p in (5, 20, 35, 50, 65, 80, 95)]
    )


def test_ideal_moves_age_alone_and_regressed_moves_height_with_it(checkpoint, cache) -> None:
    generator = Shrinking(checkpoint)
    people = [(generator.draw(n), {"age": 40.0 + n, "sex": "F", "height": 165.0}) for n in range(3)]
    ages = course_ages(checkpoint.schema)
    courses = age_people(generator, checkpoint.regression, people, ages, cache=cache)
    sample = TrainingSample(
        checkpoint.schema,
        [{"age": 20.0 + n, "sex": "FM"[n % 2]} for n in range(10)],
        np.array([[900 - 3.5 * (20 + n), 5 * n, 0] for n in range(10)], dtype=np.float32),
    )
    scores = score_ageing(courses, sample)
    slopes = {
        tissue: {source: found.value for source, found in own.items()}
        for tissue, own in scores.items()
    }
    assert slopes["WM"] == pytest.approx({"training_people": -3.5, "ideal": -3, "regressed": -3})
    assert slopes["GM"] == pytest.approx({"training_people": 5, "ideal": 2, "regressed": 2})
    assert slopes["CSF"]["ideal"] == pytest.approx(0)
    heights = [checkpoint.regression.predict("F", "height", age)[0] for age in courses.ages]
    expected = 0.5 * np.polyfit(courses.ages, heights, 1)[0]
    assert expected < -0.04  # the fake training people lose about a centimetre in ten years
    assert slopes["CSF"]["regressed"] == pytest.approx(expected, rel=1e-4)
    assert courses.volumes_ml[Scenario.IDEAL].shape == (3, 7, 3)
