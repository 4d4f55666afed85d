"""What registered people have in common, velocities and mixtures: fitted in closed form."""

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


def fit_knots(model: Diffeo, y: Tensor) -> None:
    """Set the knots of the spline in age, for encoded conditions (N, D) of people."""
    if model.config.conditions:
        shares = torch.linspace(*KNOT_RANGE, model.config.knots)
        model.knots.copy_(torch.quantile(y @ model.deviations.age, shares))


def fit_people(
    model: Diffeo, velocities: FloatArray, y: Tensor, fields: FloatArray | None = None
) -> dict[str, float]:
    """Fit bases, coefficients and spread of a model to people, and set them.

    The bases are the principal components of people and their mirror images. What stands before
    each is predicted first by a spline in age, sex and their products, and what these leave by the
    departures of the other features, both by ridge regressions whose penalty is chosen for each
    component by the error in people left out one by one. The covariance of what is left is shrunk
    (Ledoit and Wolf 2004).

    Parameters
    ----------
    velocities : (N, 3, I, J, K) float32 ndarray, voxels
        With N at least half as many as there are components.
    y : (N, D) Tensor
        Encoded conditions, none missing; the model's deviations and knots are fitted to them.
    fields : (N, 3, I', J', K') float32 ndarray, optional
        What is each person's own in the mixture of tissues.

    Returns
    -------
    dict of str to float
        ``kept``: share of the variance of velocities that the basis holds; ``explained``: share of
        that of the scores, each kind counted alike, which the conditions do.
    """
    people, config = len(velocities), model.config
    rows, centre = _with_mirrored(velocities, mirrored(velocities))
    basis, kept = principal_components(rows, config.components)
    model.centre.copy_(torch.from_numpy(centre))
    model.basis.copy_(torch.from_numpy(basis))
    parts = [rows @ basis.T]
    if model.mixture is not None and fields is not None and config.mixture_components:
        rows, centre = _with_mirrored(fields, fields[:, :, ::-1])
        basis, _ = principal_components(rows, config.mixture_components)
        model.mixture.mean += torch.from_numpy(centre).view(model.mixture.mean.shape)
        model.mixture.basis.copy_(torch.from_numpy(basis))
        parts.append(rows @ basis.T)
    # Warps and mixtures have units of their own; the covariance is shrunk to what all share.
    scale = np.concatenate([np.full(part.shape[1], part.std()) for part in parts])
    scores = (np.concatenate(parts, axis=1) / scale).reshape(2, people, -1).astype(np.float64)
    own = scores.mean(axis=0)
    expected = np.zeros_like(own)
    if config.conditions:
        weights, intercept = _fit_scores(model, own, y)
        expected = intercept + model.design(y).double().numpy() @ weights
        model.weights.copy_(torch.from_numpy(weights * scale))
        model.intercept.copy_(torch.from_numpy(intercept * scale))
    left = (scores - expected).reshape(-1, own.shape[1])
    covariance = LedoitWolf(assume_centered=True).fit(left).covariance_
    factor = np.linalg.cholesky(covariance) * scale[:, None]
    model.factor.copy_(torch.from_numpy(factor))
    return {"kept": kept, "explained": 1.0 - float((left**2).sum() / (scores**2).sum())}


def mirrored(velocities: FloatArray) -> FloatArray:
    """Return the velocities (N, 3, I, J, K) of the mirror images of people."""
    flipped = velocities[:, :, ::-1].copy()
    flipped[:, 0] *= -1
    return flipped


def _with_mirrored(people: FloatArray, images: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return people and their mirror images less their mean, (2 N, P), and the mean (P,)."""
    rows = np.concatenate([people, images]).reshape(2 * len(people), -1)
    centre = rows.mean(axis=0)
    rows -= centre
    return rows, centre


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


def _fit_scores(model: Diffeo, scores: Numbers, y: Tensor) -> tuple[Numbers, Numbers]:
    """Return weights (T, L) and intercept (L,) that predict scores (N, L)."""
    design = model.design(y).double().numpy()
    of_age = model.config.age_terms
    weights = np.zeros((design.shape[1], scores.shape[1]))
    weights[:of_age] = _ridge(design[:, :of_age], scores)
    weights[of_age:] = _ridge(design[:, of_age:], scores - _centred(design) @ weights)
    return weights, scores.mean(axis=0) - design.mean(axis=0) @ weights


def _ridge(terms: Numbers, scores: Numbers) -> Numbers:
    """Return the coefficients (T, L) of terms (N, T), on which the penalty weighs by their sd."""
    scaler = StandardScaler().fit(terms)
    fit = RidgeCV(ALPHAS, alpha_per_target=True).fit(scaler.transform(terms), scores)
    return np.asarray(fit.coef_.reshape(scores.shape[1], -1).T / scaler.scale_[:, None])


def _centred(terms: Numbers) -> Numbers:
    return np.asarray(terms - terms.mean(axis=0))
