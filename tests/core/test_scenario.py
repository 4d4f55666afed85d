"""How the other features move with age, against curves that are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from brainviewer.core.features import Feature, FeatureError, Kind, Level, fit_schema
from brainviewer.core.scenario import (
    FEWEST_PEOPLE,
    Regression,
    Scenario,
    conditions_at_age,
    fit_regression,
)

FEATURES = (
    Feature("age", Kind.NUMERIC, unit="years"),
    Feature("sex", Kind.LEVELS, levels=(Level("F", "female"), Level("M", "male"))),
    Feature("height", Kind.NUMERIC, unit="cm"),
    Feature("school", Kind.ORDERED, levels=(Level("1", "few"), Level("2", "many"))),
    Feature(
        "job",
        Kind.LEVELS,
        levels=(
            Level("a", "at work"),
            Level("b", "studying"),
            Level("c", "retired"),
            Level("d", "never seen"),
        ),
    ),
)


def height_at(age: float, sex: str) -> float:
    """A cubic in age, other for each sex."""
    t = (age - 50) / 10
    return (170 - 2 * t - 0.3 * t**3) if sex == "M" else (160 - t + 0.2 * t**2)


def people_of(count: int = 120, men: int = 60) -> list[dict]:
    people = []
    for index in range(count):
        age = 20 + 60 * index / (count - 1)
        sex = "M" if index % 2 and index // 2 < men else "F"
        people.append(
            {
                "age": age,
                "sex": sex,
                "height": height_at(age, sex),
                "school": "1" if age > 50 else "2",
                "job": "b" if age < 30 else ("c" if age > 62 else "a"),
            }
        )
    return people


@pytest.fixture(scope="module")
def schema():
    return fit_schema(FEATURES, people_of())


@pytest.fixture(scope="module")
def regression(schema):
    return fit_regression(schema, people_of())


PERSON = {"age": 30.0, "sex": "M", "height": 175.0, "school": "2", "job": "a"}


def test_the_regression_finds_the_cubic_of_each_sex(regression) -> None:
    for sex in "FM":
        for age in (22.0, 50.0, 71.3):
            assert regression.predict(sex, "height", age)[0] == pytest.approx(height_at(age, sex))


def test_the_coefficients_are_in_decades_from_fifty(regression) -> None:
    assert regression.coefficients["M"]["height"][0] == pytest.approx((170, -2, 0, -0.3), abs=1e-8)


def test_levels_have_shares_that_sum_to_one_at_every_age(regression) -> None:
    for age in (20, 47, 80):
        shares = regression.predict("F", "job", age)
        assert shares.shape == (4,)
        assert shares.sum() == pytest.approx(1)
        assert shares[3] == pytest.approx(0, abs=1e-9)


def test_age_and_sex_are_not_regressed(regression) -> None:
    assert set(regression.coefficients["all"]) == {"height", "school", "job"}


def test_ideal_moves_age_alone(schema, regression) -> None:
    moved = conditions_at_age(schema, regression, PERSON, age=70, scenario=Scenario.IDEAL)
    assert moved == {**PERSON, "age": 70}


def test_regressed_keeps_the_distance_from_the_average(schema, regression) -> None:
    moved = conditions_at_age(schema, regression, PERSON, age=60, scenario=Scenario.REGRESSED)
    expected = 175 - height_at(30, "M") + height_at(60, "M")
    assert moved["height"] == pytest.approx(expected)
    assert (moved["age"], moved["sex"]) == (60, "M")


def test_the_other_sex_moves_along_its_own_curve(schema, regression) -> None:
    woman = {**PERSON, "sex": "F", "height": 163.0}
    moved = conditions_at_age(schema, regression, woman, age=60, scenario=Scenario.REGRESSED)
    assert moved["height"] == pytest.approx(163 - height_at(30, "F") + height_at(60, "F"))


def test_regressed_values_stay_in_the_training_range(schema, regression) -> None:
    known = schema["height"].fitted
    tall = {**PERSON, "age": 80.0, "height": known.high}
    moved = conditions_at_age(schema, regression, tall, age=20, scenario=Scenario.REGRESSED)
    assert moved["height"] == known.high
    young, old = {**PERSON, "school": "1"}, {**PERSON, "age": 80.0, "school": "2"}
    for person, age, rank in ((young, 80, 0), (old, 20, 1)):
        moved = conditions_at_age(schema, regression, person, age=age, scenario=Scenario.REGRESSED)
        assert moved["school"] == rank


@pytest.mark.parametrize("start", ["a", "b", "c", {"a": 0.5, "c": 0.5}])
@pytest.mark.parametrize("age", [20.0, 45.0, 80.0])
def test_levels_become_a_mixture_of_levels_that_somebody_had(schema, regression, start, age):
    person = {**PERSON, "job": start}
    moved = conditions_at_age(schema, regression, person, age=age, scenario=Scenario.REGRESSED)
    assert sum(moved["job"].values()) == pytest.approx(1, abs=2e-4)
    assert all(0 < share <= 1 for share in moved["job"].values())
    assert set(moved["job"]) <= {"a", "b", "c"}
    schema.check(moved)


def test_people_retire_with_age(schema, regression) -> None:
    moved = conditions_at_age(schema, regression, PERSON, age=80, scenario=Scenario.REGRESSED)
    assert moved["job"]["c"] > 0.8


def test_at_their_own_age_a_person_is_unchanged(schema, regression) -> None:
    for scenario in Scenario:
        same = conditions_at_age(schema, regression, PERSON, age=30.0, scenario=scenario)
        assert same == PERSON


def test_what_is_not_known_stays_unknown(schema, regression) -> None:
    person = {"age": 30.0, "sex": "M", "height": None}
    moved = conditions_at_age(schema, regression, person, age=60, scenario=Scenario.REGRESSED)
    assert moved == {"age": 60, "sex": "M", "height": None}


def test_the_person_that_was_given_is_not_changed(schema, regression) -> None:
    person = dict(PERSON)
    conditions_at_age(schema, regression, person, age=60, scenario=Scenario.REGRESSED)
    assert person == PERSON


def test_regressed_needs_the_persons_own_age(schema, regression) -> None:
    for person in ({"sex": "F"}, {"age": None}):
        with pytest.raises(FeatureError, match="needs the person's own age"):
            conditions_at_age(schema, regression, person, age=60, scenario=Scenario.REGRESSED)


def test_a_person_without_sex_moves_with_everyone(schema, regression) -> None:
    np.testing.assert_array_equal(
        regression.predict(None, "height", 40), regression.predict("all", "height", 40)
    )


@pytest.mark.parametrize(("men", "has_own"), [(FEWEST_PEOPLE - 1, False), (FEWEST_PEOPLE, True)])
def test_few_people_of_one_sex_fall_back_to_everyone(men, has_own) -> None:
    people = people_of(men=men)
    schema = fit_schema(FEATURES, people)
    regression = fit_regression(schema, people)
    own, everyone = (regression.predict(sex, "height", 25) for sex in ("M", "all"))
    assert ("M" in regression.coefficients) is has_own
    assert (float(own[0]) != float(everyone[0])) is has_own


def test_a_feature_that_few_of_one_sex_have_is_fitted_on_everyone() -> None:
    people = people_of()
    for index, row in enumerate(p for p in people if p["sex"] == "M"):
        row["school"] = row["school"] if index % 10 == 0 else None
    regression = fit_regression(fit_schema(FEATURES, people), people)
    rows = regression.coefficients
    assert rows["M"]["school"] == rows["all"]["school"]
    assert rows["M"]["height"] != rows["all"]["height"]


def test_people_without_age_are_passed_over(schema, regression) -> None:
    strangers = [{"age": None, "sex": "M", "height": 999.0}] * 50
    assert fit_regression(schema, [*people_of(), *strangers]).to_json() == regression.to_json()


def test_an_age_that_is_no_number_is_refused(schema) -> None:
    people = [*people_of(), {**PERSON, "age": "old"}]
    with pytest.raises(FeatureError, match="age must be a number of years, got 'old'"):
        fit_regression(schema, people)


def test_a_regression_comes_back_from_json_the_same(regression) -> None:
    assert Regression.from_json(json.loads(json.dumps(regression.to_json()))) == regression
