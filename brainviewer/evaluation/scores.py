"""Scores of predictions and pictures, and their confidence intervals: pure functions of arrays.

Those of predictions take arrays (..., N) and reduce the last axis, people; the leading axes are
kept, which lets the bootstrap score all its samples at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata, spearmanr

from brainviewer.core.tissues import TISSUES, label_map

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.floating[Any]]

RESAMPLES = 2000
BOOTSTRAP_SEED = 1
CONFIDENCE_PERCENTILES = (2.5, 97.5)
DISTANCE_RESAMPLES = 200
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % confidence interval over people; NaN where it is not defined."""

    value: float
    low: float
    high: float


def estimate(
    statistic: Callable[..., Array],
    *values: Array,
    seed: int = BOOTSTRAP_SEED,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Score people and give the interval of the score.

    Parameters
    ----------
    statistic : function of arrays (..., N) to (...)
    values : (N,) ndarrays
        One entry a person, in the same order in all.
    """
    arrays = [np.asarray(v, dtype=np.float64) for v in values]
    if arrays[0].size == 0:
        return Estimate(np.nan, np.nan, np.nan)
    low, high = bootstrap_interval(statistic, *arrays, seed=seed, resamples=resamples)
    return Estimate(float(statistic(*arrays)), low, high)


def bootstrap_interval(
    statistic: Callable[..., Array],
    *values: Array,
    seed: int = BOOTSTRAP_SEED,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Resample people with replacement: the 95 % percentile interval of a statistic.

    The same people are drawn from all values, so that what belongs to a person stays together
    (Efron and Tibshirani 1993, section 13.3). Samples in which the statistic is not defined, such
    as a correlation when everybody is the same person, do not count.
    """
    count = len(values[0])
    order = np.random.default_rng(seed).integers(count, size=(resamples, count))
    scores = statistic(*(v[order] for v in values))
    known = scores[np.isfinite(scores)]
    if not known.size:
        return np.nan, np.nan
    low, high = np.percentile(known, CONFIDENCE_PERCENTILES)
    return float(low), float(high)


def estimate_distance(
    distance: Callable[[Array], Array],
    count: int,
    *,
    lowest: float = 0.0,
    seed: int = BOOTSTRAP_SEED,
    resamples: int = DISTANCE_RESAMPLES,
) -> Estimate:
    """Score a distance between two samples of people and give its interval.

    A person who is drawn twice makes a sample narrower than it was, so that the distances of
    resampled people lie above the distance of the people themselves and their percentiles beside
    it. The interval is the distance -+ 1.96 standard deviations of the resampled ones (Efron and
    Tibshirani 1993, section 13.2).

    Parameters
    ----------
    distance : function of weights (R, N) to (R,)
        How often each person counts in each of R samples.
    count : int
        N, people.
    lowest : float
        The least that the distance can be, where the interval ends.
    resamples : int
        0 gives no interval.
    """
    value = float(distance(np.ones((1, count)))[0])
    if not resamples:
        return Estimate(value, np.nan, np.nan)
    order = np.random.default_rng(seed).integers(count, size=(resamples, count))
    weights = np.stack([np.bincount(row, minlength=count) for row in order]).astype(np.float64)
    resampled = distance(weights)
    known = resampled[np.isfinite(resampled)]
    half = NORMAL_95 * float(known.std()) if known.size else np.nan
    return Estimate(value, max(value - half, lowest), value + half)


def mean(values: Array) -> Array:
    """Average over people."""
    return np.asarray(values.mean(axis=-1))


def mean_absolute_error(true: Array, predicted: Array) -> Array:
    """Return the mean of |predicted - true|, in their unit."""
    return np.asarray(np.abs(predicted - true).mean(axis=-1))


def mean_absolute_percentage_error(true: Array, predicted: Array) -> Array:
    """Return the mean of |predicted - true| / true, in percent."""
    return np.asarray(100.0 * np.abs((predicted - true) / true).mean(axis=-1))


def r_squared(true: Array, predicted: Array) -> Array:
    """Return 1 - SS(error) / SS(about the mean of these people); NaN where nobody differs."""
    errors = ((predicted - true) ** 2).sum(axis=-1)
    spread = ((true - true.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    return 1.0 - divide(errors, np.where(np.ptp(true, axis=-1) == 0, 0.0, spread))


def pearson(first: Array, second: Array) -> Array:
    """Return the correlation; NaN where one of the two is constant."""
    constant = (np.ptp(first, axis=-1) == 0) | (np.ptp(second, axis=-1) == 0)
    a = first - first.mean(axis=-1, keepdims=True)
    b = second - second.mean(axis=-1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    return divide((a * b).sum(axis=-1), np.where(constant, 0.0, scale))


def spearman(first: Array, second: Array) -> Array:
    """Return the correlation of ranks, ties sharing theirs; NaN where one is constant."""
    return pearson(rankdata(first, axis=-1), rankdata(second, axis=-1))


def kendall(first: Array, second: Array) -> Array:
    """Return Kendall's tau-b (1945), ties discounted; NaN where one is constant.

    tau = sum s_ij t_ij / sqrt(sum s_ij^2 sum t_ij^2) over all pairs, s and t the signs of the
    differences between two people in the one and in the other.
    """
    agreement, own, other = (np.zeros(first.shape[:-1]) for _ in range(3))
    for person in range(first.shape[-1] - 1):  # one by one: all pairs at once may not fit
        s = np.sign(first[..., person, None] - first[..., person + 1 :])
        t = np.sign(second[..., person, None] - second[..., person + 1 :])
        agreement += (s * t).sum(axis=-1)
        own += (s * s).sum(axis=-1)
        other += (t * t).sum(axis=-1)
    return divide(agreement, np.sqrt(own * other))


def rank_p_values(first: Array, second: Array) -> tuple[float, float]:
    """Return the two-sided p of Spearman's rho and of Kendall's tau; NaN where one is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan, np.nan
    return float(spearmanr(first, second).pvalue), float(kendalltau(first, second).pvalue)


def soft_dice(first: Array, second: Array) -> Array:
    """Overlap of partial volumes: 2 sum min(a, b) / (sum a + sum b) (Crum et al. 2006, fuzzy).

    Unlike 2 sum ab / (sum a + sum b), it is 1 for two equal maps with partial volumes.

    Parameters
    ----------
    first, second : (C, I, J, K) ndarray, in [0, 1]

    Returns
    -------
    (C,) float64 ndarray, in [0, 1]; NaN where both maps are empty
    """
    axes = (-3, -2, -1)
    common = np.minimum(first, second).sum(axis=axes, dtype=np.float64)
    total = first.sum(axis=axes, dtype=np.float64) + second.sum(axis=axes, dtype=np.float64)
    return divide(2.0 * common, total)


def hard_dice(first: NDArray[np.float32], second: NDArray[np.float32]) -> Array:
    """Overlap of the likeliest tissues (Dice 1945): tissue maps (3, I, J, K) to (3,), in [0, 1]."""
    a, b = label_map(first), label_map(second)
    labels = range(1, len(TISSUES) + 1)
    common = np.array([((a == label) & (b == label)).sum() for label in labels])
    total = np.array([(a == label).sum() + (b == label).sum() for label in labels])
    return divide(2.0 * common, total)


def divide(numerator: Array, denominator: Array) -> Array:
    """Divide; NaN, without a warning, where the denominator is 0."""
    known = np.asarray(denominator) != 0
    out = np.full(np.broadcast_shapes(np.shape(numerator), known.shape), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=out, where=known))
