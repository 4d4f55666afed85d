"""How good T1 images are as images (BrainSynth, Table 2): pure functions of arrays.

The paper does not say what its MMD and SNR are measured on; what they are here is said at each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from einops import reduce
from scipy import ndimage

from brainviewer.evaluation.similarity import (
    CONTRAST,
    LUMINANCE,
    MOST_PEOPLE,
    WINDOW_VOXELS,
    smooth,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray

# Of the scales from fine to coarse (Wang et al. 2003, section 3.2).
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
BLOCK_VOXELS = 4
WHITE_INTENSITIES = (0.65, 0.85)  # about 0.75; see `brainviewer.core.intensity`
MAD_TO_SD = 1.4826


class _Scale(NamedTuple):
    """An image at one scale with its local mean and variance."""

    image: FloatArray
    mean: FloatArray
    variance: FloatArray


def scale_count(shape: tuple[int, ...]) -> int:
    """Return at how many scales, halved each time, the window of SSIM fits into a grid."""
    fitting = [n for n in range(1, len(SCALE_WEIGHTS)) if min(shape) >> n >= WINDOW_VOXELS]
    return 1 + len(fitting)


def multiscale_similarities(
    read: Callable[[int], FloatArray],
    pairs: NDArray[np.int64],
    *,
    on_pair: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Return the MS-SSIM of pairs of images (Wang et al. 2003, Eq. 7): (P,) float64.

        MS-SSIM = l_M^w_M  prod_s c_s^w_s

    c_s is contrast and structure at scale s, l_M the luminance at the coarsest, each averaged over
    the grid; the weights of the scales that there are, see `scale_count`, add up to 1.

    Parameters
    ----------
    read : function of index to (I, J, K) float32 ndarray, in [0, 1]
    pairs : (P, 2) int ndarray
    on_pair : called after each pair
    """

    @lru_cache(maxsize=MOST_PEOPLE)
    def own(index: int) -> list[_Scale]:
        return _scales(read(index))

    found = np.empty(len(pairs))
    for place, (a, b) in enumerate(pairs):
        found[place] = _multiscale(own(int(a)), own(int(b)))
        on_pair()
    return found


def signal_to_noise(image: FloatArray) -> float:
    """Return the SNR of white matter in an image (I, J, K): its mean by the noise in it.

    White matter is what lies near its intensity, and whose six neighbours do. Noise is what a voxel
    departs from their mean: 1.4826 times the median of |departure|, by sqrt(7/6) for the noise of
    the neighbours. A blurred image has little of it, so that the SNR of real images is what to
    reach, rather than the highest. NaN without white matter or noise.
    """
    low, high = WHITE_INTENSITIES
    white = ndimage.binary_erosion((image > low) & (image < high))
    steps = [np.roll(image, step, axis) for axis in range(3) for step in (-1, 1)]
    departure = np.abs(image - np.mean(steps, axis=0))[white]
    if not departure.size or not np.median(departure):
        return float("nan")
    noise = MAD_TO_SD * np.median(departure) / np.sqrt(7.0 / 6.0)
    return float(image[white].mean(dtype=np.float64) / noise)


def block_means(images: NDArray[np.uint8], *, unit: float) -> FloatArray:
    """Describe images (N, I, J, K) by the means of blocks of four voxels: (N, F) float32.

    Small differences of shape do not count for more than they are.
    """
    means = [
        reduce(
            _cropped(image).astype(np.float32) / np.float32(unit),
            "(i a) (j b) (k c) -> (i j k)", "mean",
            a=BLOCK_VOXELS, b=BLOCK_VOXELS, c=BLOCK_VOXELS,
        )
        for image in images
    ]  # fmt: skip
    return np.stack(means)


def nearest(features: FloatArray, others: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Find for each of (N, F) the nearest of (M, F): indices (N,) and distances (N,).

    The distance is the root mean square difference of the features.
    """
    squares = np.stack([((others - one) ** 2).mean(axis=1) for one in features])
    index = squares.argmin(axis=1)
    return index, np.sqrt(squares[np.arange(len(index)), index])


def _scales(image: FloatArray) -> list[_Scale]:
    found = []
    for scale in range(scale_count(image.shape)):
        if scale:
            image = reduce(_even(image), "(i a) (j b) (k c) -> i j k", "mean", a=2, b=2, c=2)
        mean = smooth(image)
        found.append(_Scale(image, mean, smooth(image * image) - mean * mean))
    return found


def _multiscale(first: list[_Scale], second: list[_Scale]) -> float:
    weights = np.array(SCALE_WEIGHTS[: len(first)])
    weights /= weights.sum()
    product = 1.0
    for weight, a, b in zip(weights, first, second, strict=True):
        covariance = smooth(a.image * b.image) - a.mean * b.mean
        structure = (2.0 * covariance + CONTRAST) / (a.variance + b.variance + CONTRAST)
        if a is first[-1]:
            structure = structure * (2.0 * a.mean * b.mean + LUMINANCE)
            structure /= a.mean**2 + b.mean**2 + LUMINANCE
        product *= max(float(structure.mean(dtype=np.float64)), 0.0) ** weight
    return product


def _even(image: FloatArray) -> FloatArray:
    i, j, k = (n - n % 2 for n in image.shape)
    return image[:i, :j, :k]


def _cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    i, j, k = (n - n % BLOCK_VOXELS for n in image.shape)
    return image[:i, :j, :k]
