"""Ten folds: everybody once, every fold alike, the same again for the same people."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from brainviewer.training.folds import FOLDS, assign_folds


def people_of(count: int) -> dict[str, dict]:
    rng = np.random.default_rng(3)
    return {
        f"sub-{index:03d}": {"age": float(rng.uniform(20, 80)), "sex": "FFM"[index % 3]}
        for index in range(count)
    }


@pytest.fixture
def people() -> dict[str, dict]:
    return people_of(300)


def test_every_person_is_in_one_fold(people) -> None:
    folds = assign_folds(people, seed=1)
    assert set(folds) == set(people)
    assert set(folds.values()) == set(range(FOLDS))


def test_the_same_people_and_seed_give_the_same_folds_in_any_order(people) -> None:
    shuffled = dict(sorted(people.items(), key=lambda item: item[1]["age"]))
    assert assign_folds(shuffled, seed=1) == assign_folds(people, seed=1)
    assert assign_folds(people, seed=2) != assign_folds(people, seed=1)


def test_every_fold_has_as_many_of_each_sex(people) -> None:
    folds = assign_folds(people, seed=1)
    counts = Counter((folds[name], row["sex"]) for name, row in people.items())
    assert {counts[fold, "F"] for fold in range(FOLDS)} == {20}
    assert {counts[fold, "M"] for fold in range(FOLDS)} == {10}


def test_of_ten_neighbours_in_age_each_is_in_another_fold(people) -> None:
    folds = assign_folds(people, seed=1)
    women = sorted((row["age"], name) for name, row in people.items() if row["sex"] == "F")
    for start in range(0, len(women), FOLDS):
        ten = [folds[name] for _, name in women[start : start + FOLDS]]
        assert sorted(ten) == list(range(FOLDS))


def test_people_left_over_are_dealt_out_too() -> None:
    folds = assign_folds(people_of(7), seed=1)
    assert len(folds) == 7
    assert set(folds.values()) <= set(range(FOLDS))
