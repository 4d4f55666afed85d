"""Regressions from features to tissue volumes: what a generator's predictions are held against.

LR, PR, SVR and FFN are CSegSynth's baselines (section II-C), with what the paper does to them:
no penalty on 198 features, an SVR whose targets are not scaled. Ridge regression, a Gaussian
process and an SVR on scaled targets are the honest bar.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel, WhiteKernel
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVR

from brainviewer.core.features import Conditions
from brainviewer.core.scenario import SEX, feature_age

if TYPE_CHECKING:
    from brainviewer.core.features import FeatureSchema
    from brainviewer.core.volume import FloatArray

RIDGE_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 4, 26))
AGE_CENTRE_YEARS = 50.0
AGE_SCALE_YEARS = 10.0
POLYNOMIAL_DEGREE = 2
SEED = 1
HIDDEN_UNITS = (64, 64)  # three linear layers, as in the blocks of the paper's networks
PATIENCE_EPOCHS = 50
MOST_EPOCHS = 3000
GRID_FOLDS = 5
SVR_GRID = {"C": (0.1, 0.3, 1.0, 3.0, 10.0), "epsilon": (0.1, 0.3), "gamma": (0.003, 0.01, 0.03)}
NOISE_BOUNDS = (1e-4, 10.0)
LENGTH_BOUNDS = (0.3, 1e3)
WEIGHT_BOUNDS = (1e-6, 1e3)


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


def predict_by_linear(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Least squares on all features, LR: (len(conditions), T) float64 ndarray, mL."""
    return _predict(make_pipeline(StandardScaler(), LinearRegression()), sample, conditions)


def predict_by_polynomial(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Least squares on all features, their squares and products, PR, without a penalty.

    With more terms than people it is the solution of the least norm, which meets every training
    person and goes astray between them, as the paper's does.

    Returns
    -------
    (len(conditions), T) float64 ndarray, mL
    """
    terms = PolynomialFeatures(POLYNOMIAL_DEGREE, include_bias=False)
    return _predict(make_pipeline(StandardScaler(), terms, LinearRegression()), sample, conditions)


def predict_by_unscaled_svr(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Support vector regression on volumes in mL, SVR, as the paper's R2 near 0 tells it was.

    C = 1 bounds what each person may add to the prediction to 1 mL.

    Returns
    -------
    (len(conditions), T) float64 ndarray, mL
    """
    model = make_pipeline(StandardScaler(), MultiOutputRegressor(SVR()))
    return _predict(model, sample, conditions)


def predict_by_network(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Feedforward network of three linear layers, FFN, stopped on a tenth of the people.

    The paper gives neither its size nor its training. Targets are standardised: in mL it would
    spend its training on finding their mean.

    Returns
    -------
    (len(conditions), T) float64 ndarray, mL
    """
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN_UNITS,
        early_stopping=True,
        n_iter_no_change=PATIENCE_EPOCHS,
        max_iter=MOST_EPOCHS,
        random_state=SEED,
    )
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
    return _predict(make_pipeline(StandardScaler(), scaled), sample, conditions)


def predict_by_gaussian_process(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Gaussian process, a linear and a smooth part plus noise (Rasmussen and Williams 2006, 2.2).

    k(x, x') = w1 x.x' + w2 exp(-|x - x'|^2 / 2 l^2) + s^2 [x = x'], with the weights, the length
    and the noise of the largest marginal likelihood, for each volume its own.

    Returns
    -------
    (len(conditions), T) float64 ndarray, mL
    """
    process = GaussianProcessRegressor(_kernel(), normalize_y=True, random_state=SEED)
    model = make_pipeline(StandardScaler(), MultiOutputRegressor(process))
    with warnings.catch_warnings():
        # A weight at its lower end says that this part of the kernel is not needed.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _predict(model, sample, conditions)


def predict_by_svr(sample: TrainingSample, conditions: Sequence[Conditions]) -> NDArray[np.float64]:
    """Support vector regression on standardised volumes.

    C, epsilon and the kernel's width are those of `SVR_GRID` with the least error in
    cross-validation over the training people.

    Returns
    -------
    (len(conditions), T) float64 ndarray, mL
    """
    folds = KFold(min(GRID_FOLDS, len(sample.conditions)), shuffle=True, random_state=SEED)
    search = GridSearchCV(SVR(), SVR_GRID, scoring="neg_mean_absolute_error", cv=folds)
    scaled = TransformedTargetRegressor(search, transformer=StandardScaler())
    return _predict(
        make_pipeline(StandardScaler(), MultiOutputRegressor(scaled)), sample, conditions
    )


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
    return _predict(model, sample, conditions)


def predict_by_quadratic(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Least squares on age, its square, and sex: (len(conditions), T) float64 ndarray, mL.

    Somebody of a sex that nobody was trained on counts as the average of the training people.
    """
    counts = Counter(str(row.get(SEX)) for row in sample.conditions)
    sexes = {sex: count / len(sample.conditions) for sex, count in sorted(counts.items())}
    design = _age_and_sex(sample.conditions, sexes)
    fit = np.linalg.lstsq(design, sample.volumes_ml.astype(np.float64), rcond=None)[0]
    return np.asarray(_age_and_sex(conditions, sexes) @ fit, dtype=np.float64)


def predict_by_mean(
    sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    """Give everybody the mean of the training people: (len(conditions), T) float64 ndarray, mL."""
    return np.tile(sample.volumes_ml.mean(axis=0, dtype=np.float64), (len(conditions), 1))


REGRESSIONS: dict[str, Regression] = {
    "lr": predict_by_linear,
    "pr": predict_by_polynomial,
    "svr": predict_by_unscaled_svr,
    "ffn": predict_by_network,
    "ridge": predict_by_ridge,
    "gaussian_process": predict_by_gaussian_process,
    "scaled_svr": predict_by_svr,
    "quadratic": predict_by_quadratic,
    "mean": predict_by_mean,
}


REGRESSION_NAMES = {
    "lr": "LR: linear regression",
    "pr": "PR: polynomial regression, degree 2",
    "svr": "SVR: targets not scaled, as in the paper",
    "ffn": "FFN: feedforward network",
    "ridge": "ridge regression",
    "gaussian_process": "Gaussian process",
    "scaled_svr": "SVR: targets scaled, tuned",
    "quadratic": "quadratic in age, and sex",
    "mean": "mean of the training people",
}


class Regressor(Protocol):
    """What scikit-learn's models share."""

    def fit(self, rows: NDArray[np.float64], targets: NDArray[np.float64]) -> object:
        """Fit rows (N, D) to targets (N, T)."""
        ...

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict the targets (N, T) of rows (N, D)."""
        ...


def _predict(
    model: Regressor, sample: TrainingSample, conditions: Sequence[Conditions]
) -> NDArray[np.float64]:
    model.fit(_encode(sample.schema, sample.conditions), sample.volumes_ml.astype(np.float64))
    return np.asarray(model.predict(_encode(sample.schema, conditions)), dtype=np.float64)


def _kernel() -> Kernel:
    linear = ConstantKernel(0.1, WEIGHT_BOUNDS) * DotProduct(0.0, "fixed")
    smooth = ConstantKernel(0.1, WEIGHT_BOUNDS) * RBF(5.0, LENGTH_BOUNDS)
    return linear + smooth + WhiteKernel(0.5, NOISE_BOUNDS)


def _encode(schema: FeatureSchema, conditions: Sequence[Conditions]) -> NDArray[np.float64]:
    return np.stack([schema.encode(row) for row in conditions]).astype(np.float64)


def _age_and_sex(
    conditions: Sequence[Conditions], sexes: Mapping[str, float]
) -> NDArray[np.float64]:
    """Columns 1 for each sex, t and t^2, with t = (age - 50 years) / 10 years.

    Parameters
    ----------
    sexes : mapping of sex to its share of the training people
    """
    ages = np.array([feature_age(row) for row in conditions])
    t = (ages - AGE_CENTRE_YEARS) / AGE_SCALE_YEARS
    own = [str(row.get(SEX)) for row in conditions]
    dummies = [
        [float(o == sex) if o in sexes else share for o in own] for sex, share in sexes.items()
    ]
    return np.column_stack([*dummies, t, t * t])
