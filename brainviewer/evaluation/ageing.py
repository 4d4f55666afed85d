"""How a generator ages people, beside how age and volumes go together in its training people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.scenario import AGE, SEX, Scenario, conditions_at_age, feature_age
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.making import make_maps
from brainviewer.evaluation.scores import Array, Estimate, divide, estimate, mean
from brainviewer.evaluation.volumes import brain_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.scenario import Regression
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.regressions import TrainingSample
    from brainviewer.generators.base import Generator, Identity

AGE_PERCENTILES = slice(1, -1, 3)  # 5, 20, ... 95 of the 21 quantiles that a schema keeps


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """The volumes of some people at the same ages.

    Attributes
    ----------
    ages : (A,) float64 ndarray, years, increasing
    volumes_ml : mapping of Scenario to (N, A, 3) float64 ndarray, mL
    """

    ages: NDArray[np.float64]
    volumes_ml: Mapping[Scenario, NDArray[np.float64]]


def course_ages(schema: FeatureSchema) -> NDArray[np.float64]:
    """Return ages at even percentiles of the training people, from the 5th to the 95th, in years.

    A straight line through a curved course then weighs every age as one through the training
    people does.
    """
    return np.unique(np.array(schema[AGE].fitted.quantiles[AGE_PERCENTILES]))


def age_people(
    generator: Generator,
    regression: Regression,
    people: Sequence[tuple[Identity, Conditions]],
    ages: NDArray[np.float64],
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Courses:
    """Make each person at all ages (A,), years, in both scenarios."""
    found = []
    for index, (identity, factual) in enumerate(people):
        request = ("ages", identity.key, dict(factual), ages.tolist())
        make = partial(_age_person, generator, regression, identity, factual, ages)
        found.append(cache.get(request, make))
        on_progress(index + 1, len(people))
    return Courses(ages, {s: np.stack([own[s.value] for own in found]) for s in Scenario})


def _age_person(
    generator: Generator,
    regression: Regression,
    identity: Identity,
    factual: Conditions,
    ages: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Return the volumes of each scenario: (A, 3), mL."""
    volumes = {s.value: np.empty((len(ages), len(TISSUES))) for s in Scenario}
    for scenario in Scenario:
        for place, age in enumerate(ages):
            moved = conditions_at_age(
                generator.schema, regression, factual, age=float(age), scenario=scenario
            )
            maps = make_maps(generator, identity, moved)
            volumes[scenario.value][place] = brain_volumes_ml(maps, generator.affine)
    return volumes


def score_ageing(courses: Courses, sample: TrainingSample) -> dict[str, dict[str, Estimate]]:
    """Compare slopes over age.

    Returns
    -------
    dict of tissue -> ``training_people``, ``ideal``, ``regressed`` -> Estimate, mL a year
        Of the training people: linear regression on age and sex. Of the generator: the mean slope
        over the people it aged.
    """
    ages = np.array([feature_age(row) for row in sample.conditions])
    codes = {sex: code for code, sex in enumerate(sorted({_sex(c) for c in sample.conditions}))}
    sexes = np.array([codes[_sex(row)] for row in sample.conditions], dtype=np.float64)
    scores = {}
    for index, tissue in enumerate(TISSUES):
        observed = estimate(age_slope, ages, sample.volumes_ml[:, index], sexes)
        scores[tissue] = {"training_people": observed} | {
            scenario.value: estimate(mean, course_slopes(courses.ages, volumes[:, :, index]))
            for scenario, volumes in courses.volumes_ml.items()
        }
    return scores


def age_slope(ages: Array, volumes_ml: Array, sexes: Array) -> Array:
    """Slope over age of a linear regression on age and sex, in mL a year.

    Least squares with one constant a sex has the slope of what is left when the means of each sex
    are taken out of both (Frisch and Waugh 1933): sum(a v) / sum(a^2).

    Parameters
    ----------
    ages, volumes_ml, sexes : (..., N) ndarray
        Sexes as numbers.
    """
    a, v = np.array(ages, dtype=np.float64), np.array(volumes_ml, dtype=np.float64)
    for sex in np.unique(sexes):
        own = sexes == sex
        count = np.maximum(own.sum(axis=-1, keepdims=True), 1)
        a -= own * (ages * own).sum(axis=-1, keepdims=True) / count
        v -= own * (volumes_ml * own).sum(axis=-1, keepdims=True) / count
    return divide((a * v).sum(axis=-1), (a * a).sum(axis=-1))


def course_slopes(ages: NDArray[np.float64], volumes_ml: NDArray[np.float64]) -> Array:
    """Return the slope of each course (N, A) over ages (A,), least squares: (N,), mL a year."""
    centred = ages - ages.mean()
    return divide(volumes_ml @ centred, centred @ centred)


def _sex(row: Conditions) -> str:
    return str(row.get(SEX))
