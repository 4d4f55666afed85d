"""How the T1 image of a simulated person looks: contrast, bias field, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.warp import smooth_field

if TYPE_CHECKING:
    from brainviewer.core.volume import FloatArray

# White matter dims relative to grey over the whole of adult life (Salat et al., NeuroImage 48:21,
# 2009); the size, a third of the contrast in sixty years, is rounded by us.
WHITE_FADING_PER_YEAR = 0.001
WHITEST_AGE_YEARS = 20.0
GAMMA_SD = 0.05
BIAS_SD = 0.04
BIAS_LENGTH_MM = 60.0
BIAS_MODES = (5, 7, 6)  # cosine waves drawn along x, y, z
NOISE_SD_RANGE = (0.008, 0.02)
BRIGHTEST_PERCENTILE = 99.8


def give_appearance(
    t1: FloatArray,
    classes: FloatArray,
    *,
    age: float,
    spacing_mm: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Make a warped T1 a scan of its own.

    Parameters
    ----------
    t1 : (I, J, K) float32 ndarray, in [0, 1]
    classes : (4, I, J, K) float32 ndarray, in [0, 1]
        WM first; their sum tells how much of a voxel is brain.
    age : float, years
    spacing_mm : float, mm
    rng : numpy.random.Generator

    Returns
    -------
    (I, J, K) float32 ndarray, in [0, 1]
        0 where there is no brain; its brightest voxels are 1.
    """
    faded = t1 - WHITE_FADING_PER_YEAR * (age - WHITEST_AGE_YEARS) * classes[0]
    contrast = np.clip(faded, 0.0, 1.0) ** np.exp(GAMMA_SD * rng.standard_normal())
    bias = _draw_bias(t1, spacing_mm, rng)
    noise = rng.uniform(*NOISE_SD_RANGE) * rng.standard_normal(t1.shape, dtype=np.float32)
    inside = classes.sum(axis=0)
    image = (contrast * bias + noise * inside) * (inside > 0)
    brightest = np.percentile(image[inside > 0.5], BRIGHTEST_PERCENTILE)
    return np.asarray(np.clip(image / brightest, 0.0, 1.0), dtype=np.float32)


def _draw_bias(t1: FloatArray, spacing_mm: float, rng: np.random.Generator) -> FloatArray:
    """Draw a smooth gain near 1, with standard deviation `BIAS_SD` inside the brain."""
    waves = rng.standard_normal(BIAS_MODES)
    i, j, k = t1.shape
    field = smooth_field(waves, (i, j, k), spacing_mm, length_mm=BIAS_LENGTH_MM)
    inside = field[t1 > 0]
    return np.asarray(np.exp(BIAS_SD * (field - inside.mean()) / inside.std()))
