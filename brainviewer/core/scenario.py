"""How the other features move when age moves: *ideal* and *regressed* (CSegSynth, section III)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from brainviewer.core.features import (
    Conditions,
    Feature,
    FeatureError,
    FeatureSchema,
    Kind,
    Value,
)

AGE = "age"
SEX = "sex"
EVERYONE = "all"
DEGREE = 3
AGE_CENTRE_YEARS = 50.0
AGE_SCALE_YEARS = 10.0
FEWEST_PEOPLE = 12
SHARE_DIGITS = 4


class Scenario(StrEnum):
    """What happens to the other features while age changes."""

    IDEAL = "ideal"
    REGRESSED = "regressed"


@dataclass(frozen=True, slots=True)
class Regression:
    """Cubic polynomials of the other features in age, one set for each sex.

    Attributes
    ----------
    coefficients : mapping of sex -> feature -> tuple of rows of 4 float
        Constant to cubic, in t = (age - 50 years) / 10 years. A numeric or ordered feature has one
        row (its unit, or the rank); a feature with unordered levels one row a level (its share).
    """

    coefficients: Mapping[str, Mapping[str, tuple[tuple[float, ...], ...]]]

    def predict(self, sex: Value, feature: str, age: float) -> np.ndarray:
        """Return the expected number, or the share of each level, at an age."""
        own = self.coefficients.get(str(sex), self.coefficients[EVERYONE])
        return np.array([np.polynomial.polynomial.polyval(_t(age), row) for row in own[feature]])

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and dictionaries."""
        return {sex: dict(rows) for sex, rows in self.coefficients.items()}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Regression:
        """Rebuild from `to_json`."""
        return cls(
            {
                sex: {
                    name: tuple(tuple(float(c) for c in row) for row in rows)
                    for name, rows in features.items()
                }
                for sex, features in entry.items()
            }
        )


def fit_regression(schema: FeatureSchema, people: Iterable[Conditions]) -> Regression:
    """Fit each feature but age and sex on age, in people of each sex and in everyone.

    A sex with fewer than twelve people, or a feature that fewer than twelve of them have, is
    fitted on everyone.
    """
    rows = [row for row in people if row.get(AGE) is not None]
    groups = {EVERYONE: rows}
    for code in schema[SEX].codes if SEX in schema else ():
        own = [row for row in rows if row.get(SEX) == code]
        if len(own) >= FEWEST_PEOPLE:
            groups[code] = own
    others = [feature for feature in schema.features if feature.name not in (AGE, SEX)]
    return Regression(
        {sex: {f.name: _fit(f, group, rows) for f in others} for sex, group in groups.items()}
    )


def conditions_at_age(
    schema: FeatureSchema,
    regression: Regression,
    factual: Conditions,
    *,
    age: float,
    scenario: Scenario,
) -> dict[str, Value]:
    """Move a person to an age.

    In *ideal* everything else stays. In *regressed* every other feature that is known moves by
    the difference of its regression between the two ages, so that a person keeps their distance
    from the average; unordered levels become a mixture of levels. Values stay in the training
    range.

    Parameters
    ----------
    factual : the person's conditions; needs an age for *regressed*
    age : float, years
    """
    moved: dict[str, Value] = {**factual, AGE: age}
    if scenario is Scenario.IDEAL:
        return moved
    start = factual.get(AGE)
    if not isinstance(start, int | float):
        raise FeatureError("the regressed scenario needs the person's own age; give one")
    if age == start:
        return moved
    for feature in schema.features:
        value = factual.get(feature.name)
        if feature.name in (AGE, SEX) or value is None:
            continue
        sex = factual.get(SEX)
        shift = regression.predict(sex, feature.name, age) - regression.predict(
            sex, feature.name, float(start)
        )
        moved[feature.name] = _shifted(feature, value, shift)
    return moved


def _shifted(feature: Feature, value: Value, shift: np.ndarray) -> Value:
    if feature.kind is Kind.LEVELS:
        own = value if isinstance(value, Mapping) else {str(value): 1.0}
        return _allowed(feature, np.array([own.get(code, 0.0) for code in feature.codes]) + shift)
    return _allowed(feature, feature.number(value) + shift)


def _allowed(feature: Feature, numbers: np.ndarray) -> Value:
    """Bring a number into the training range, or shares of levels to a mixture of those seen."""
    if feature.kind is Kind.LEVELS:
        shares = np.clip(numbers, 0.0, 1.0) * (np.array(feature.fitted.shares) > 0)
        shares = np.round(shares / shares.sum(), SHARE_DIGITS)
        return {
            code: float(share)
            for code, share in zip(feature.codes, shares, strict=True)
            if share > 0
        }
    return float(np.clip(numbers[0], feature.fitted.low, feature.fitted.high))


def _fit(
    feature: Feature, group: list[Conditions], everyone: list[Conditions]
) -> tuple[tuple[float, ...], ...]:
    own = [row for row in group if row.get(feature.name) is not None]
    if len(own) < FEWEST_PEOPLE:
        own = [row for row in everyone if row.get(feature.name) is not None]
    ages = np.array([_t(feature_age(row)) for row in own])
    design = np.polynomial.polynomial.polyvander(ages, DEGREE)
    numbers = np.array([feature.number(row[feature.name]) for row in own])
    if feature.kind is Kind.LEVELS:
        targets = np.stack([numbers == rank for rank in range(len(feature.levels))], axis=1)
    else:
        targets = numbers[:, None]
    solution = np.linalg.lstsq(design, targets.astype(np.float64), rcond=None)[0]
    return tuple(tuple(float(c) for c in row) for row in solution.T)


def feature_age(row: Conditions) -> float:
    """Return the age of a person who has one, in years."""
    age = row[AGE]
    if not isinstance(age, int | float):
        raise FeatureError(f"age must be a number of years, got {age!r}")
    return float(age)


def _t(age: float) -> float:
    return (age - AGE_CENTRE_YEARS) / AGE_SCALE_YEARS
