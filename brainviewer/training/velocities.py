"""What velocities of registered people have in common: fitted in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.diffeo import Diffeo

    Numbers = NDArray[np.float64]

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-3, 5, 33))
KNOT_RANGE = (0.05, 0.95)  # of the ages (Harrell, Regression Modeling Strategies, section 2.4.6)


def mirrored(velocities: FloatArray) -> FloatArray:
    """Return the velocities (N, 3, I, J, K) of the mirror images of people."""
    flipped = velocities[:, :, ::-1].copy()
    flipped[:, 0] *= -1
    return flipped


def fit_velocities(model: Diffeo, velocities: FloatArray, y: Tensor) -> dict[str, float]:
    """Fit basis, coefficients and spread of a model to people, and set them.

    The basis are the principal components of people and their mirror images. What stands before
    each is predicted first by a spline in age, sex and their products, and what these leave by the
    departures of the other features, both by ridge regressions whose penalty is chosen for each
    component by the error in people left out one by one. The covariance of what is left is shrunk
    (Ledoit and Wolf 2004).

    Parameters
    ----------
    velocities : (N, 3, I, J, K) float32 ndarray, voxels
        With N at least half as many as there are components.
    y : (N, D) Tensor
        Encoded conditions, none missing; the model's deviations are fitted to them.

    Returns
    -------
    dict of str to float
        ``kept``: share of the variance that the basis holds; ``explained``: share of that which the
        conditions do.
    """
    rows = np.concatenate([velocities, mirrored(velocities)]).reshape(2 * len(velocities), -1)
    centre = rows.mean(axis=0)
    rows -= centre
    basis, kept = principal_components(rows, model.config.components)
    scores = (rows @ basis.T).astype(np.float64).reshape(2, len(velocities), -1)
    model.centre.copy_(torch.from_numpy(centre))
    model.basis.copy_(torch.from_numpy(basis))
    own = scores.mean(axis=0)
    expected = np.zeros_like(own)
    if model.config.conditions:
        shares = torch.linspace(*KNOT_RANGE, model.config.knots)
        model.knots.copy_(torch.quantile(y @ model.deviations.age, shares))
        expected = _fit_scores(model, model.design(y).double().numpy(), own)
    left = (scores - expected).reshape(-1, own.shape[1])
    covariance = LedoitWolf(assume_centered=True).fit(left).covariance_
    model.factor.copy_(torch.from_numpy(np.linalg.cholesky(covariance)))
    return {"kept": kept, "explained": 1.0 - float((left**2).sum() / (scores**2).sum())}


def principal_components(rows: FloatArray, count: int) -> tuple[FloatArray, float]:
    """Return orthonormal directions (count, P) of centred rows (N, P), and their variance's share.

    Found from the Gram matrix, which is small where there are many more columns than rows.
    """
    values, vectors = np.linalg.eigh((rows @ rows.T).astype(np.float64))
    largest = values[::-1][:count]
    if largest[-1] <= 0:
        raise ValueError(f"{len(rows)} brains do not span {count} components; ask for fewer")
    basis = (vectors[:, ::-1][:, :count] / np.sqrt(largest)).T.astype(np.float32) @ rows
    return basis, float(largest.sum() / values.sum())


def _fit_scores(model: Diffeo, design: Numbers, scores: Numbers) -> Numbers:
    """Set intercept and weights, and return what they predict (N, L)."""
    of_age = design.shape[1] - model.config.conditions
    weights = np.zeros((design.shape[1], scores.shape[1]))
    weights[:of_age] = _ridge(design[:, :of_age], scores)
    weights[of_age:] = _ridge(design[:, of_age:], scores - _centred(design) @ weights)
    intercept = scores.mean(axis=0) - design.mean(axis=0) @ weights
    model.weights.copy_(torch.from_numpy(weights))
    model.intercept.copy_(torch.from_numpy(intercept))
    return np.asarray(intercept + design @ weights)


def _ridge(terms: Numbers, scores: Numbers) -> Numbers:
    """Return the coefficients (T, L) of terms (N, T), on which the penalty weighs by their sd."""
    scaler = StandardScaler().fit(terms)
    fit = RidgeCV(ALPHAS, alpha_per_target=True).fit(scaler.transform(terms), scores)
    return np.asarray(fit.coef_.reshape(scores.shape[1], -1).T / scaler.scale_[:, None])


def _centred(terms: Numbers) -> Numbers:
    return np.asarray(terms - terms.mean(axis=0))
