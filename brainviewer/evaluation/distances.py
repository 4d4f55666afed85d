"""How far two samples of brains lie apart: maximum mean discrepancy and Frechet distance.

All take weights (R, N), how often each person counts in each of R samples, and give R distances;
ones give the samples as they are. The same weights go to both samples: person n of the one and
brain n of the other were made from the same features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.evaluation.scores import divide

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.evaluation.scores import Array

CHUNK = 1 << 16  # columns at a time, so that whole brains are never held as floats


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """The kernel between all brains of two samples.

    Attributes
    ----------
    real, made, between : (N, N) float64 ndarray
        ``between[m, n]`` is k(real m, made n).
    """

    real: NDArray[np.float64]
    made: NDArray[np.float64]
    between: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over the feature vectors of each person: one vector a brain, or one a slice.

    Attributes
    ----------
    counts : (N,) float64 ndarray
        Vectors a person.
    sums : (N, F) float64 ndarray
    products : (N, F, F) float64 ndarray
        Sums of f f^T.
    """

    counts: NDArray[np.float64]
    sums: NDArray[np.float64]
    products: NDArray[np.float64]


def linear_kernels(real: NDArray[np.uint8], made: NDArray[np.uint8], *, unit: float) -> Kernels:
    """Return mean products of voxels: k(x, y) = sum_v x_v y_v / V.

    Parameters
    ----------
    real, made : (N, ...) uint8 ndarray
    unit : float
        The stored value of 1.
    """
    a, b = real.reshape(len(real), -1), made.reshape(len(made), -1)
    grams = np.zeros((3, len(real), len(real)))
    for start in range(0, a.shape[1], CHUNK):
        x = a[:, start : start + CHUNK].astype(np.float32) / np.float32(unit)
        y = b[:, start : start + CHUNK].astype(np.float32) / np.float32(unit)
        grams += [x @ x.T, y @ y.T, x @ y.T]
    return Kernels(*(grams / a.shape[1]))


def rbf_kernels(real: Array, made: Array) -> Kernels:
    """Return k(x, y) = exp(-|x - y|^2 / 2 s^2) of feature vectors (N, F).

    s is the median distance between two real brains (Gretton et al. 2012, section 8), so that it
    is the same for all that is held against them.
    """
    squares = [_squared_distances(a, b) for a, b in ((real, real), (made, made), (real, made))]
    apart = squares[0][np.triu_indices(len(real), k=1)]
    width = 2.0 * float(np.median(apart)) or 1.0  # all alike: any width does
    return Kernels(*(np.exp(-square / width) for square in squares))


def discrepancy(kernels: Kernels, weights: Array) -> Array:
    """Return the unbiased squared maximum mean discrepancy (Gretton et al. 2012, Eq. 3).

    With the linear kernel and weights of one it is MONAI's `MMDMetric`, whose sum over voxels is a
    mean here. It may be a little below 0 when the samples are alike.

    Parameters
    ----------
    weights : (R, N) ndarray
        A person who was drawn twice is not held against themselves.

    Returns
    -------
    (R,) float64 ndarray
        NaN where only one person was drawn.
    """
    total = weights.sum(axis=1)
    pairs = total**2 - (weights**2).sum(axis=1)
    both = kernels.real + kernels.made
    within = divide(_quadratic(weights, both - np.diag(np.diag(both))), pairs)
    return np.asarray(within - 2.0 * _quadratic(weights, kernels.between) / total**2)


def sum_moments(features: Array) -> Moments:
    """Sum feature vectors (N, M, F), M of each person."""
    vectors = features.astype(np.float64)
    counts = np.full(len(vectors), float(vectors.shape[1]))
    return Moments(counts, vectors.sum(axis=1), np.einsum("nmf,nmg->nfg", vectors, vectors))


def frechet_distance(real: Moments, made: Moments, weights: Array) -> NDArray[np.float64]:
    """Return the Frechet distance of two normal distributions (Heusel et al. 2017, Eq. 6).

    d = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); the root's trace is the sum of the roots of
    the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric.

    Parameters
    ----------
    weights : (R, N) ndarray

    Returns
    -------
    (R,) float64 ndarray
    """
    return np.array([_frechet(_normal(real, own), _normal(made, own)) for own in weights])


def _frechet(
    first: tuple[NDArray[np.float64], NDArray[np.float64]],
    second: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    root = _root(first[1])
    shared = np.linalg.eigvalsh(root @ second[1] @ root).clip(0.0)
    between = ((first[0] - second[0]) ** 2).sum()
    return float(between + np.trace(first[1]) + np.trace(second[1]) - 2.0 * np.sqrt(shared).sum())


def _normal(
    moments: Moments, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (F,) and covariance (F, F)."""
    count = weights @ moments.counts
    mean = weights @ moments.sums / count
    products = np.tensordot(weights, moments.products, axes=1)
    return mean, (products - count * np.outer(mean, mean)) / (count - 1.0)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values.clip(0.0))) @ vectors.T)


def _quadratic(weights: Array, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(((weights @ kernel) * weights).sum(axis=1))


def _squared_distances(first: Array, second: Array) -> NDArray[np.float64]:
    a, b = first.astype(np.float64), second.astype(np.float64)
    norms = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)
    return np.asarray((norms - 2.0 * a @ b.T).clip(0.0))
