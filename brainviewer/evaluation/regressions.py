"""Regressions from features to tissue volumes: what a generator's predictions are held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from brainviewer.core.features import Conditions
from brainviewer.core.scenario import SEX, feature_age

if TYPE_CHECKING:
    from brainviewer.core.features import FeatureSchema
    from brainviewer.core.volume import FloatArray

RIDGE_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 4, 26))
AGE_CENTRE_YEARS = 50.0
AGE_SCALE_YEARS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSample:
    """What a regression is fitted to.

    Attributes
    ----------
    schema : FeatureSchema
    conditions : sequence of N Conditions
    volumes_ml : (N, T) ndarray, mL
    """

    schema: FeatureSchema
    conditions: Sequence[Conditions]
    volumes_ml: FloatArray


Regression = Callable[[TrainingSample, Sequence[Conditions]], NDArray[np.float64]]


def predict_by_ridge(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Ridge regression on all features, standardised.

    The penalty of each volume is the one of `RIDGE_ALPHAS` with the least leave-one-out error over
    the training people.

    Returns
    -------
    (len(conditions), T) float64 ndarray, mL
    """
    model = make_pipeline(StandardScaler(), RidgeCV(RIDGE_ALPHAS, alpha_per_target=True))
    model.fit(_encode(sample.schema, sample.conditions), sample.volumes_ml.astype(np.float64))
    return np.asarray(model.predict(_encode(sample.schema, conditions)), dtype=np.float64)


def predict_by_quadratic(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Least squares on age, its square, and sex: (len(conditions), T) float64 ndarray, mL."""
    sexes = sorted({str(row.get(SEX)) for row in sample.conditions})
    design = _age_and_sex(sample.conditions, sexes)
    fit = np.linalg.lstsq(design, sample.volumes_ml.astype(np.float64), rcond=None)[0]
    return np.asarray(_age_and_sex(conditions, sexes) @ fit, dtype=np.float64)


def predict_by_mean(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Give everybody the mean of the training people: (len(conditions), T) float64 ndarray, mL."""
    return np.tile(sample.volumes_ml.mean(axis=0, dtype=np.float64), (len(conditions), 1))


REGRESSIONS: dict[str, Regression] = {
    "ridge": predict_by_ridge,
    "quadratic": predict_by_quadratic,
    "mean": predict_by_mean,
}


def _encode(schema: FeatureSchema, conditions: Sequence[Conditions]) -> NDArray[np.float64]:
    return np.stack([schema.encode(row) for row in conditions]).astype(np.float64)


def _age_and_sex(conditions: Sequence[Conditions], sexes: Sequence[str]) -> NDArray[np.float64]:
    """Columns 1 for each sex, t and t^2, with t = (age - 50 years) / 10 years."""
    ages = np.array([feature_age(row) for row in conditions])
    t = (ages - AGE_CENTRE_YEARS) / AGE_SCALE_YEARS
    dummies = [[float(str(row.get(SEX)) == sex) for row in conditions] for sex in sexes]
    return np.column_stack([*dummies, t, t * t])
