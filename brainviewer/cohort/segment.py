"""Three-tissue partial volumes of a bias-corrected T1 image.

A voxel holds one tissue or a mixture of two neighbours in intensity (CSF with GM, GM with WM), as
in Santago and Gage (1993): a pure class is a Gaussian about the tissue's mean, a mixed class a
uniform mixture of two means blurred by the same noise. Affinely aligned template maps give the
prior of each tissue, so that deep nuclei are not simply white matter; neighbours pull a voxel
towards their own tissue (mean-field Markov random field, as in Zhang, Brady and Smith 2001).

The means come from places where a tissue is pure: the core of the white matter, CSF deep in the
brain, grey matter near the surface. That makes the volumes hold against labels where k-means,
whose CSF mean is drawn into the sulcal mixtures, does not (docs/segmentation.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.special import erf

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from brainviewer.core.volume import FloatArray

PRIOR_FLOOR = 0.02
MIXTURE_WEIGHT = 0.5
NEIGHBOUR_WEIGHT = 2.5
FIELD_ITERATIONS = 8
GAUSSIAN_ITERATIONS = 30
CORTEX_DEPTH_MM = 12.0
DEEP_MM = 16.0
FEWEST_VOXELS = 60
SURE_PRIOR = 0.7
# Of the distance from CSF to WM: an image without noise must not make the densities infinite.
LEAST_NOISE = 0.005
MAD_TO_SD = 1.4826


class SegmentationError(ValueError):
    """An image without the contrast of a T1-weighted brain."""


@dataclass(frozen=True, slots=True)
class TissueMeans:
    """Intensities of the pure tissues and the noise about them, in the image's own unit.

    Grey matter has three: the nuclei deep in the brain hold more myelin and iron than the cortex,
    and the cortex of the cerebellum is folded so finely that a voxel always holds some white
    matter.
    """

    csf: float
    gm: float
    deep_gm: float
    cerebellar_gm: float
    wm: float
    noise: float


def segment_tissues(
    t1: FloatArray,
    mask: NDArray[np.bool_],
    priors: FloatArray,
    *,
    special: FloatArray,
    spacing_mm: float,
) -> tuple[FloatArray, TissueMeans]:
    """Estimate partial volumes inside a brain mask.

    Parameters
    ----------
    t1 : (I, J, K) float32 ndarray
        Bias-corrected intensities.
    mask : (I, J, K) bool ndarray
        The brain with its CSF.
    priors : (3, I, J, K) float32 ndarray, in [0, 1]
        Template maps of WM, GM and CSF on the image's grid.
    special : (2, I, J, K) float32 ndarray, in [0, 1]
        1 where grey matter belongs to the deep nuclei; the same for the cerebellum.
    spacing_mm : float
        The mean distance of voxels.

    Returns
    -------
    maps : (3, I, J, K) float32 ndarray, in [0, 1]
        WM, GM, CSF; they sum to one inside the mask.
    means : TissueMeans

    Raises
    ------
    SegmentationError
        When the mask is empty or a tissue is nowhere to be found, or when the means are not in
        the order CSF < GM < WM, as in T1-weighted images.
    """
    own = _normalise(priors[::-1, mask] + PRIOR_FLOOR)  # (3, N): CSF, GM, WM
    means = estimate_means(t1, mask, own, special=special, spacing_mm=spacing_mm)
    greys = np.array([means.deep_gm - means.gm, means.cerebellar_gm - means.gm], dtype=np.float32)
    levels = _Levels(means, np.float32(means.gm) + greys @ special[:, mask])
    fractions = _field(t1[mask], mask, own, levels)
    maps = np.zeros((3, *mask.shape), dtype=np.float32)
    maps[:, mask] = fractions[::-1]
    return maps, means


def estimate_means(
    t1: FloatArray,
    mask: NDArray[np.bool_],
    priors: FloatArray,
    *,
    special: FloatArray,
    spacing_mm: float,
) -> TissueMeans:
    """Measure the intensity of each tissue where it is pure.

    Parameters
    ----------
    priors : (3, N) float32 ndarray
        CSF, GM, WM for the voxels of the mask; each column sums to one.
    """
    if not mask.any():
        raise SegmentationError("the brain mask is empty; the image must be a T1-weighted brain")
    posterior = _gaussian_mixture(t1[mask], priors)
    likely = np.zeros((3, *mask.shape), dtype=bool)
    likely[:, mask] = posterior > 0.5
    wm_core = t1[ndimage.binary_erosion(likely[2])]
    near_surface = ~_eroded(mask, CORTEX_DEPTH_MM / spacing_mm)
    cortex = t1[likely[1] & near_surface & (special[1] < 0.5)]
    fluid = likely[0] & _eroded(mask, DEEP_MM / spacing_mm)
    core = ndimage.binary_erosion(fluid)
    fluid = t1[core if core.sum() > FEWEST_VOXELS else fluid]
    sure = priors[1] > SURE_PRIOR
    nuclei, cerebellum = (t1[mask][(part[mask] > 0.9) & sure] for part in special)
    if min(len(wm_core), len(cortex), len(fluid), len(nuclei), len(cerebellum)) == 0:
        raise SegmentationError(
            "no voxels of one tissue were found; the image must be a T1-weighted brain"
        )
    wm = float(np.median(wm_core))
    csf, gm = float(np.median(fluid)), float(np.median(cortex))
    spread = MAD_TO_SD * float(np.median(np.abs(wm_core - wm)))
    noise = max(spread, LEAST_NOISE * abs(wm - csf))
    deep, cerebellar = (
        float(np.clip(np.median(part), gm, wm - noise)) for part in (nuclei, cerebellum)
    )
    means = TissueMeans(csf, gm, deep, cerebellar, wm, noise)
    check_order(means)
    return means


def check_order(means: TissueMeans) -> None:
    """Raise SegmentationError unless CSF is darker than GM and GM than WM, by the noise."""
    if not means.csf < means.gm < means.wm - means.noise:
        raise SegmentationError(
            f"CSF must be darker than grey and grey than white matter, as in T1-weighted images; "
            f"found CSF {means.csf:.3g}, GM {means.gm:.3g}, WM {means.wm:.3g} and noise "
            f"{means.noise:.3g}"
        )


def _gaussian_mixture(values: FloatArray, priors: FloatArray) -> FloatArray:
    """Fit three Gaussians with spatial priors; returns the posteriors: (3, N)."""
    mean = np.quantile(values, [0.05, 0.45, 0.8])
    sd = np.full(3, 0.4 * (mean[2] - mean[1]) + 1e-6)
    posterior = priors
    for _ in range(GAUSSIAN_ITERATIONS):
        posterior = _normalise(priors * _gaussian(values, mean[:, None], sd[:, None]))
        weight = posterior.sum(axis=1) + 1e-6
        mean = (posterior * values).sum(axis=1) / weight
        spread = (posterior * (values - mean[:, None]) ** 2).sum(axis=1) / weight
        sd = np.sqrt(spread) + 1e-6
    return posterior


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """The means, with that of grey matter voxel by voxel: (N,)."""

    means: TissueMeans
    gm: FloatArray


def _field(
    values: FloatArray, mask: NDArray[np.bool_], priors: FloatArray, levels: _Levels
) -> FloatArray:
    """Iterate the mean field; returns the fractions of CSF, GM, WM: (3, N)."""
    likelihood = _likelihood(values, levels)  # (6, N)
    fractions = _fractions(_normalise(_class_weights(priors) * likelihood), values, levels)
    for _ in range(FIELD_ITERATIONS - 1):
        pull = np.exp(NEIGHBOUR_WEIGHT * _neighbour_mean(fractions, mask))
        weights = _class_weights(priors * pull)
        fractions = _fractions(_normalise(weights * likelihood), values, levels)
    return fractions


def _likelihood(values: FloatArray, levels: _Levels) -> FloatArray:
    """Likelihood of CSF, GM, WM and the mixtures CSF-GM, GM-WM, CSF-WM: (6, N)."""
    m, gm = levels.means, levels.gm
    return np.stack(
        [
            _gaussian(np.maximum(values, m.csf), m.csf, m.noise),
            _gaussian(values, gm, m.noise),
            _gaussian(np.minimum(values, m.wm), m.wm, m.noise),
            _mixture(values, m.csf, gm, m.noise),
            _mixture(values, gm, m.wm, m.noise),
            _mixture(values, m.csf, m.wm, m.noise),
        ]
    )


def _class_weights(tissue: FloatArray) -> FloatArray:
    """Weights of the six classes from those of the three tissues; a mixture needs both."""
    csf, gm, wm = tissue
    mixed = 2.0 * MIXTURE_WEIGHT * np.sqrt(np.stack([csf * gm, gm * wm, csf * wm]))
    return np.concatenate([tissue, mixed])


def _fractions(posterior: FloatArray, values: FloatArray, levels: _Levels) -> FloatArray:
    """Give each voxel its expected share of CSF, GM, WM: (3, N)."""
    m, gm = levels.means, levels.gm
    gm_over_csf = np.clip((values - m.csf) / (gm - m.csf), 0, 1)
    wm_over_gm = np.clip((values - gm) / (m.wm - gm), 0, 1)
    wm_over_csf = np.clip((values - m.csf) / (m.wm - m.csf), 0, 1)
    csf, grey, wm, csf_gm, gm_wm, csf_wm = posterior
    return np.stack(
        [
            csf + csf_gm * (1 - gm_over_csf) + csf_wm * (1 - wm_over_csf),
            grey + csf_gm * gm_over_csf + gm_wm * (1 - wm_over_gm),
            wm + gm_wm * wm_over_gm + csf_wm * wm_over_csf,
        ]
    )


def _neighbour_mean(fractions: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    grid = np.zeros(mask.shape, dtype=np.float32)
    means = []
    for tissue in fractions:
        grid[mask] = tissue
        means.append(ndimage.uniform_filter(grid, 3)[mask])
    return np.stack(means)


def _gaussian(values: FloatArray, mean: ArrayLike, sd: ArrayLike) -> FloatArray:
    z = (values - np.asarray(mean)) / np.asarray(sd)
    density: FloatArray = np.exp(-0.5 * z * z) / (np.asarray(sd) * np.sqrt(2 * np.pi))
    return density.astype(np.float32)


def _mixture(values: FloatArray, low: ArrayLike, high: ArrayLike, sd: float) -> FloatArray:
    """Density of a uniform mixture of two means with Gaussian noise."""
    root = sd * np.sqrt(2.0)
    low, high = np.asarray(low), np.asarray(high)
    density = (erf((values - low) / root) - erf((values - high) / root)) / (2 * (high - low))
    return np.asarray(density, dtype=np.float32)


def _normalise(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / (weights.sum(axis=0) + 1e-20), dtype=np.float32)


def _eroded(mask: NDArray[np.bool_], voxels: float) -> NDArray[np.bool_]:
    return np.asarray(ndimage.distance_transform_edt(mask) > voxels)
