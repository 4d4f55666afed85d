from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from brainviewer.core.scenario import Scenario
from brainviewer.evaluation.future import POINTS, choose_person, fit_line, foresee
from brainviewer.evaluation.people import load_people
from tests.fakes import FakeGenerator


def test_the_man_nearest_to_the_middle_age_is_chosen() -> None:
    people = [
        {"age": 45.0, "sex": "F"},
        {"age": 30.0, "sex": "M"},
        {"age": 52.0, "sex": "male"},
        {"age": 70.0, "sex": "M"},
    ]
    assert choose_person(people) == 2
    assert choose_person([{"age": 44.0, "sex": "F"}, people[0]]) == 1


def test_the_line_and_its_band_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(0)
    ages = np.linspace(45, 80, 12)
    volumes = 600 - 2 * ages + rng.normal(0, 5, 12)
    at = np.array([45.0, 62.5, 90.0])
    line, half = fit_line(ages, volumes, at)
    known = stats.linregress(ages, volumes)
    np.testing.assert_allclose(line, known.intercept + known.slope * at)
    # At the mean age the line is known as well as the mean, at 0 as well as the intercept.
    wide = stats.t.ppf(0.975, 10)
    errors = volumes - known.intercept - known.slope * ages
    assert half[1] == pytest.approx(wide * np.sqrt((errors @ errors) / 10 / 12))
    assert fit_line(ages, volumes, np.zeros(1))[1][0] == pytest.approx(
        wide * known.intercept_stderr
    )
    assert half[2] > half[0] > half[1]


def test_a_test_person_is_followed_from_their_own_age(checkpoint, store, cache) -> None:
    people = load_people(checkpoint, store)
    generator = FakeGenerator(checkpoint)
    future = foresee(generator, checkpoint, people, 3, cache=cache)
    person = people.test.conditions[3]
    ages, volumes = future.courses.ages, future.courses.volumes_ml
    assert (len(ages), ages[0]) == (POINTS, person["age"])
    assert ages[-1] == checkpoint.schema["age"].fitted.high
    assert volumes[Scenario.IDEAL].shape == (1, POINTS, 3)
    np.testing.assert_allclose(volumes[Scenario.IDEAL][0, 0], volumes[Scenario.REGRESSED][0, 0])
    heights = [conditions["height"] for _, conditions in generator.calls]
    assert heights[:POINTS] == [person["height"]] * POINTS
    assert heights[-1] < person["height"]
    assert {label for label, _ in generator.calls} == {"encoded"}
    assert "encoded from the scan" in future.person
    assert people.test.ids[3] not in future.person


def test_without_an_encoder_the_person_is_drawn(checkpoint, store, cache, monkeypatch) -> None:
    monkeypatch.setattr("tests.fakes.FakeGenerator.can_encode", False)
    generator = FakeGenerator(checkpoint)
    future = foresee(generator, checkpoint, load_people(checkpoint, store), 0, cache=cache)
    assert {label for label, _ in generator.calls} == {"seed 1001"}
    assert "drawn from a seed" in future.person
