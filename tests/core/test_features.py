"""What a feature may hold, what a model sees of it, and the sentence when it does not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from brainviewer.core.features import (
    Feature,
    FeatureError,
    FeatureSchema,
    Kind,
    Level,
    Statistics,
    fit_schema,
)

AGE = Feature("age", Kind.NUMERIC, "Age at the scan", "years")
SCHOOL = Feature(
    "years_of_school",
    Kind.ORDERED,
    levels=(Level("1", "few"), Level("2", "some"), Level("3", "many")),
)
SEX = Feature("sex", Kind.LEVELS, levels=(Level("F", "female"), Level("M", "male")))
JOB = Feature(
    "job",
    Kind.LEVELS,
    levels=(Level("a", "at work"), Level("b", "studying"), Level("c", "retired"), Level("d", "?")),
)
# By hand: mean age 40, variance (400 + 0 + 0 + 400) / 4 = 200; ranks 0 0 1 2 with mean 0.75 and
# variance 11 / 16; a quarter are men; jobs a, a, b, c.
PEOPLE = [
    {"age": 20.0, "years_of_school": "1", "sex": "F", "job": "a"},
    {"age": 40.0, "years_of_school": "1", "sex": "F", "job": "a"},
    {"age": 40.0, "years_of_school": "2", "sex": "F", "job": "b"},
    {"age": 60.0, "years_of_school": "3", "sex": "M", "job": "c"},
]


@pytest.fixture
def schema() -> FeatureSchema:
    return fit_schema((AGE, SCHOOL, SEX, JOB), PEOPLE)


def encoded(schema: FeatureSchema, **conditions) -> dict[str, float]:
    columns = [f"{c.feature}={c.level}" if c.level else c.feature for c in schema.columns]
    vector = schema.encode(conditions)
    assert vector.dtype == np.float32
    return dict(zip(columns, vector.tolist(), strict=True))


# Encoding


def test_there_is_one_column_a_number_and_one_a_level_that_somebody_had(schema) -> None:
    assert list(encoded(schema)) == ["age", "years_of_school", "sex", "job=a", "job=b", "job=c"]


def test_a_number_is_a_z_score(schema) -> None:
    assert encoded(schema, age=60.0)["age"] == pytest.approx(20 / 200**0.5)


@pytest.mark.parametrize(("level", "rank"), [("1", 0), ("2", 1), ("3", 2)])
def test_an_ordered_level_is_the_z_score_of_its_rank(schema, level, rank) -> None:
    expected = (rank - 0.75) / (11 / 16) ** 0.5
    assert encoded(schema, years_of_school=level)["years_of_school"] == pytest.approx(expected)
    assert encoded(schema, years_of_school=rank)["years_of_school"] == pytest.approx(expected)


def test_two_levels_share_a_column_of_mean_zero_and_sd_one(schema) -> None:
    female, male = (encoded(schema, sex=code)["sex"] for code in "FM")
    assert (female, male) == pytest.approx((-0.25 / (3 / 16) ** 0.5, 0.75 / (3 / 16) ** 0.5))


def test_many_levels_are_centred_on_their_shares(schema) -> None:
    vector = encoded(schema, job="b")
    assert [vector[f"job={code}"] for code in "abc"] == pytest.approx([-0.5, 0.75, -0.25])


def test_what_is_missing_sits_at_the_mean_which_is_zero(schema) -> None:
    missing = encoded(schema, age=None, job=None)
    assert set(missing.values()) == {0.0}
    mean = np.mean([schema.encode(person) for person in PEOPLE], axis=0)
    np.testing.assert_allclose(mean, 0, atol=1e-6)


def test_a_mixture_lies_between_its_levels(schema) -> None:
    for feature, first, second in (("sex", "F", "M"), ("job", "a", "c")):
        mixed = np.array(schema.encode({feature: {first: 0.7, second: 0.3}}))
        ends = [schema.encode({feature: code}) for code in (first, second)]
        np.testing.assert_allclose(mixed, 0.7 * ends[0] + 0.3 * ends[1], rtol=1e-5)


def test_what_was_the_same_for_everybody_has_no_column() -> None:
    alike = [{**person, "age": 33.0, "job": "a"} for person in PEOPLE]
    assert list(encoded(fit_schema((AGE, SEX, JOB), alike))) == ["sex"]


def test_a_level_that_nobody_had_has_no_column_of_its_own() -> None:
    two_jobs = [{"job": code} for code in "aac"]
    schema = fit_schema((JOB,), two_jobs)
    assert [(c.feature, c.level) for c in schema.columns] == [("job", None)]
    # Ranks 0, 0, 2: mean 2/3, variance 8/9.
    assert schema.encode({"job": "c"})[0] == pytest.approx((4 / 3) / (8 / 9) ** 0.5)


def test_features_without_statistics_have_no_columns() -> None:
    assert FeatureSchema((AGE, SEX)).columns == ()


# Fitting


def test_statistics_are_those_of_the_people_who_have_a_value() -> None:
    known = fit_schema((AGE,), [{"age": 10.0}, {"age": None}, {}, {"age": 30.0}])["age"].fitted
    assert (known.count, known.mean, known.sd, known.low, known.high) == (2, 20, 10, 10, 30)
    assert known.quantiles == pytest.approx(np.linspace(10, 30, 21))
    assert known.shares == ()


def test_shares_count_every_level(schema) -> None:
    assert schema["job"].fitted.shares == (0.5, 0.25, 0.25, 0.0)


def test_numbers_may_be_negative_and_huge() -> None:
    known = fit_schema((AGE,), [{"age": -3.0}, {"age": 1e12}])["age"].fitted
    assert (known.low, known.high) == (-3, 1e12)


def test_a_feature_that_nobody_has_is_refused_by_name() -> None:
    with pytest.raises(FeatureError, match="age is missing for every person"):
        fit_schema((AGE,), [{"age": None}, {}])


def test_a_feature_that_was_never_fitted_says_so() -> None:
    with pytest.raises(FeatureError, match="age has no training statistics"):
        _ = AGE.fitted


# Checking


def sentence_for(schema: FeatureSchema, **conditions) -> str:
    with pytest.raises(FeatureError) as caught:
        schema.check(conditions, where="checkpoint 'tiny'")
    return str(caught.value)


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ({"age": 12}, "age must lie in 20-60 years for checkpoint 'tiny', got 12"),
        ({"age": 60.001}, "age must lie in 20-60 years for checkpoint 'tiny', got 60.001"),
        ({"age": "old"}, "age must be a number of years, got 'old'"),
        ({"age": True}, "age must be a number of years, got True"),
        ({"age": float("nan")}, "age must be a number of years, got nan"),
        ({"age": {"20": 1.0}}, "age must be a number of years, got {'20': 1.0}"),
        ({"years_of_school": 3}, "years_of_school must lie in 0-2 for checkpoint 'tiny', got 3"),
        (
            {"sex": "X"},
            "sex must be one of F (female), M (male) for checkpoint 'tiny', got 'X'",
        ),
        (
            {"job": "d"},
            "job must be one of a (at work), b (studying), c (retired) for checkpoint 'tiny', "
            "got 'd'",
        ),
        (
            {"job": {"a": 0.5, "d": 0.5}},
            "job must be one of a (at work), b (studying), c (retired) for checkpoint 'tiny', "
            "got 'd'",
        ),
        (
            {"iq": 100},
            "there is no feature 'iq'; the features are age, years_of_school, sex, job",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(schema, conditions, sentence) -> None:
    assert sentence_for(schema, **conditions) == sentence


def test_what_fits_passes(schema) -> None:
    schema.check({"age": 20, "years_of_school": 1.5, "sex": "M", "job": {"a": 0.9, "c": 0.1}})
    schema.check({"age": None, "job": None, "years_of_school": "3"})


def test_extrapolation_allows_numbers_out_of_range_but_no_unknown_level(schema) -> None:
    schema.check({"age": 99}, extrapolate=True)
    with pytest.raises(FeatureError, match="job must be one of"):
        schema.check({"job": "d"}, extrapolate=True)
    with pytest.raises(FeatureError, match="must be a number"):
        schema.check({"age": float("inf")}, extrapolate=True)


# Words and numbers


def test_the_percentile_is_the_share_of_people_below(schema) -> None:
    age = fit_schema((AGE,), [{"age": float(n)} for n in range(101)])["age"]
    assert [age.percentile(value) for value in (-5, 0, 37.5, 100, 200)] == pytest.approx(
        [0, 0, 37.5, 100, 100]
    )
    assert schema["years_of_school"].percentile("3") == 100


def test_typical_is_the_median_or_the_most_frequent_level(schema) -> None:
    assert schema.typical() == {"age": 40.0, "years_of_school": "1", "sex": "F", "job": "a"}


def test_typical_is_rounded_for_reading_but_stays_within_the_range() -> None:
    ages = fit_schema((AGE,), [{"age": age} for age in (20.0, 31.23456, 60.0)])
    assert ages["age"].typical() == 31.23
    alike = fit_schema((AGE,), [{"age": 31.23456}, {"age": 31.23456}])
    alike.check(alike.typical())


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        (AGE, 63.5, "63.5 years"),
        (replace(AGE, unit=""), 63, "63"),
        (AGE, None, "not given"),
        (SCHOOL, "2", "some"),
        (SCHOOL, 1.8, "many"),
        (SEX, "M", "male"),
        (JOB, {"a": 0.25, "b": 0.0, "c": 0.75}, "75% retired, 25% at work"),
    ],
)
def test_a_value_is_said_in_words(feature, value, words) -> None:
    assert feature.label(value) == words


def test_a_title_is_for_people() -> None:
    assert SCHOOL.title == "Years of school"


def test_a_mixture_has_no_single_number() -> None:
    with pytest.raises(FeatureError, match="job has no single number for"):
        JOB.number({"a": 0.5, "b": 0.5})


# JSON


def test_a_schema_comes_back_from_json_the_same(schema) -> None:
    again = FeatureSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    assert again.columns == schema.columns


def test_a_schema_without_statistics_comes_back_too() -> None:
    bare = FeatureSchema((AGE, SEX))
    assert FeatureSchema.from_json(bare.to_json()) == bare


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "colour"},
        {"levels": ["F", "M"]},
        {"levels": None},
        {"statistics": {}},
        {"statistics": {"quantiles": [1.0], "shares": [], "iq": 100}},
        {"statistics": []},
    ],
)
def test_a_malformed_entry_is_one_sentence(schema, change) -> None:
    entry = schema.to_json()[2] | change
    with pytest.raises(FeatureError, match="the feature schema is malformed"):
        FeatureSchema.from_json([entry])


@pytest.mark.parametrize("entries", [[{}], [None], 3, ["age"]])
def test_what_is_no_schema_is_one_sentence(entries) -> None:
    with pytest.raises(FeatureError, match="the feature schema is malformed"):
        FeatureSchema.from_json(entries)


def test_shares_must_belong_to_the_levels(schema) -> None:
    entry = schema.to_json()[2]
    entry["statistics"]["shares"] = [1.0]
    with pytest.raises(FeatureError, match="the feature schema is malformed"):
        FeatureSchema.from_json([entry])


def test_statistics_compare_by_value() -> None:
    known = Statistics(1, 2.0, 0.0, 2.0, 2.0, (2.0,))
    assert known == Statistics(1, 2.0, 0.0, 2.0, 2.0, (2.0,))
