"""Statistics of a feature that come from a file."""

from __future__ import annotations

import pytest

from brainviewer.core.features import Feature, Kind, Level, fit_schema
from brainviewer.core.statistics import statistics_from_json

AGE = Feature("age", Kind.NUMERIC)
SEX = Feature("sex", Kind.LEVELS, levels=(Level("F", "female"), Level("M", "male")))
PEOPLE = [{"age": 20.0 + n, "sex": "FM"[n % 2]} for n in range(31)]


def entry(number: int) -> dict:
    return fit_schema((AGE, SEX), PEOPLE).to_json()[number]["statistics"]


def test_what_was_fitted_comes_back() -> None:
    fitted = fit_schema((AGE, SEX), PEOPLE)
    assert statistics_from_json(entry(0), levels=0) == fitted["age"].statistics
    assert statistics_from_json(entry(1), levels=2) == fitted["sex"].statistics


def test_people_who_are_all_alike_come_back_whatever_rounding_did() -> None:
    alike = fit_schema((AGE,), [{"age": 31.1} for _ in range(7)])
    assert statistics_from_json(alike.to_json()[0]["statistics"], levels=0).sd < 1e-9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iq": 100}, "cannot have iq"),
        ({"mean": float("nan")}, "mean must be finite"),
        ({"sd": -1.0}, "the standard deviation must be 0 or more, got -1"),
        ({"low": 99.0}, "out of order"),
        ({"quantiles": [1.0]}, "the quantiles must hold 21 numbers, got 1"),
        ({"quantiles": [50.0 - n for n in range(21)]}, "out of order"),
        ({"quantiles": [900.0 + n for n in range(21)]}, "out of order"),
        ({"count": 0}, "the count must lie in"),
        ({"shares": [1.0]}, "the shares must hold 0 numbers, got 1"),
    ],
)
def test_what_no_people_can_have_is_refused(change, words) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        statistics_from_json(entry(0) | change, levels=0)


@pytest.mark.parametrize("shares", [[0.5, 0.6], [-0.5, 1.5]])
def test_shares_are_those_of_a_whole(shares) -> None:
    with pytest.raises(ValueError, match="not those of a whole"):
        statistics_from_json(entry(1) | {"shares": shares}, levels=2)
