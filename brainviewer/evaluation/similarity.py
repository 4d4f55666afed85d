"""How much brains of a sample resemble each other: structural similarity over random pairs.

SSIM (Wang et al. 2004, Eq. 13), as MONAI's `SSIMMetric` in 3D: a Gaussian window of 11 voxels with
a standard deviation of 1.5, where it fits into the grid.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.evaluation.scores import divide

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.scores import Array

PAIRS = 500  # as in the paper
MOST_PEOPLE = 64  # whose local means are kept at once; they have 2016 pairs
PAIR_SEED = 1
WINDOW_VOXELS = 11
WINDOW_SD_VOXELS = 1.5
LUMINANCE = 0.01**2  # (K1 L)^2 and (K2 L)^2 with L = 1
CONTRAST = 0.03**2


def choose_pairs(people: int, *, seed: int = PAIR_SEED) -> NDArray[np.int64]:
    """Choose random pairs of different people: (P, 2) int ndarray.

    The paper takes 500 pairs of its 46 people. A pair is taken once, so that fewer than 32 people
    have fewer pairs; of more than 64, 64 are chosen first.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(people)[:MOST_PEOPLE])
    first, second = np.triu_indices(len(chosen), k=1)
    taken = np.sort(rng.permutation(len(first))[:PAIRS])
    return np.stack([chosen[first[taken]], chosen[second[taken]]], axis=1)


def similarities(
    read: Callable[[int], FloatArray],
    pairs: Sequence[Sequence[int]] | NDArray[np.int64],
    *,
    on_pair: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Return the SSIM of each pair: (P,) float64.

    Parameters
    ----------
    read : function of index to (I, J, K) float32 ndarray, in [0, 1]
    pairs : (P, 2) indices
    on_pair : called after each pair
    """

    @lru_cache(maxsize=MOST_PEOPLE)
    def own(index: int) -> tuple[FloatArray, FloatArray]:
        image = read(index)
        mean = smooth(image)
        return mean, smooth(image * image) - mean * mean

    found = np.empty(len(pairs))
    for place, (a, b) in enumerate(pairs):
        covariance = smooth(read(int(a)) * read(int(b)))
        found[place] = _similarity(own(int(a)), own(int(b)), covariance)
        on_pair()
    return found


def smooth(image: FloatArray) -> FloatArray:
    """Average over the Gaussian window, where it fits: (I, J, K) to (I - 10, J - 10, K - 10).

    A grid smaller than the window has a smaller window. Along each axis it is one matrix product,
    which is ten times as fast as a convolution.
    """
    for axis in range(3):
        bands = _bands(image.shape[axis])
        image = np.moveaxis(np.tensordot(bands, image, axes=(1, axis)), 0, axis)
    return image


def mean_similarity(values: Array, pairs: NDArray[np.int64], weights: Array) -> Array:
    """Average over pairs, each as often as both of its people were drawn.

    Parameters
    ----------
    values : (P,) ndarray
    pairs : (P, 2) int ndarray
    weights : (R, N) ndarray

    Returns
    -------
    (R,) float64 ndarray
        NaN where no pair was drawn.
    """
    both = weights[:, pairs[:, 0]] * weights[:, pairs[:, 1]]
    return divide(np.asarray(both @ values), both.sum(axis=1))


def _similarity(
    first: tuple[FloatArray, FloatArray],
    second: tuple[FloatArray, FloatArray],
    mean_product: FloatArray,
) -> float:
    """Average (2 m1 m2 + c1)(2 cov + c2) / ((m1^2 + m2^2 + c1)(v1 + v2 + c2)) over the grid."""
    (m1, v1), (m2, v2) = first, second
    product = m1 * m2
    above = (2.0 * product + LUMINANCE) * (2.0 * (mean_product - product) + CONTRAST)
    below = (m1 * m1 + m2 * m2 + LUMINANCE) * (v1 + v2 + CONTRAST)
    return float((above / below).mean(dtype=np.float64))


@lru_cache(maxsize=16)
def _bands(length: int) -> FloatArray:
    """Return the matrix (length - width + 1, length) that averages over the window."""
    width = min(WINDOW_VOXELS, length)
    offsets = np.arange(width) - (width - 1) / 2
    window = np.exp(-((offsets / WINDOW_SD_VOXELS) ** 2) / 2)
    matrix = np.zeros((length - width + 1, length), np.float32)
    for row in range(len(matrix)):
        matrix[row, row : row + width] = window / window.sum()
    return matrix
