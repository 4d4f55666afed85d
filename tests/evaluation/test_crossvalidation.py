from __future__ import annotations

import numpy as np

from brainviewer.core.features import Feature, Kind, fit_schema
from brainviewer.evaluation.crossvalidation import cross_validate, read_everybody
from brainviewer.evaluation.people import load_people
from brainviewer.evaluation.regressions import TrainingSample, predict_by_linear
from tests.evaluation.conftest import PEOPLE, person_id

FOLDS = np.arange(30) % 3


def make_sample() -> TrainingSample:
    rng = np.random.default_rng(0)
    people = [{"age": float(age)} for age in rng.uniform(20, 80, 30)]
    schema = fit_schema([Feature("age", Kind.NUMERIC)], people)
    return TrainingSample(schema, people, np.array([[p["age"], 600.0] for p in people]))


def test_each_fold_is_predicted_from_the_others_alone() -> None:
    seen = []

    def remember(sample, conditions):
        seen.append((sample, list(conditions)))
        return np.full((len(conditions), 2), len(seen))

    sample = make_sample()
    predicted = cross_validate(sample, FOLDS, regressions={"remember": remember})["remember"]
    np.testing.assert_array_equal(predicted[:, 0], FOLDS + 1)
    for fold, (own, tested) in enumerate(seen):
        assert tested == [p for p, f in zip(sample.conditions, FOLDS, strict=True) if f == fold]
        assert not [p for p in own.conditions if p in tested]
        ages = [p["age"] for p in own.conditions]
        # The fold has no part in the means and sds of the features either.
        assert own.schema["age"].fitted.mean == np.mean(ages)
        np.testing.assert_array_equal(own.volumes_ml[:, 0], ages)


def test_a_line_is_found_in_every_fold() -> None:
    sample, told = make_sample(), []
    found = cross_validate(
        sample,
        FOLDS,
        regressions={"lr": predict_by_linear},
        on_progress=lambda *step: told.append(step),
    )
    np.testing.assert_allclose(found["lr"], sample.volumes_ml, rtol=1e-5)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_everybody_of_the_folds_who_is_in_the_cohort_takes_part(checkpoint, store) -> None:
    people = load_people(checkpoint, store)
    store.details_path(person_id(2)).unlink()  # in the validation fold
    sample, folds = read_everybody(checkpoint, store, people.crop)
    assert len(sample.conditions) == PEOPLE - 1
    assert folds.tolist() == [index % 10 for index in range(PEOPLE) if index != 2]
    np.testing.assert_array_equal(sample.volumes_ml[folds < 2], people.test.volumes_ml)
