"""Where the ventricles of a brain are: tissue maps do not tell them from other CSF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from brainviewer.core.volume import voxel_spacing, voxel_volume_ml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, Brain, FloatArray

VENTRICLES = "Ventricles"
HALF = 0.5
CLOSING_VOXELS = 3
VENTRICLE_DEPTH_MM = 18.0
MIN_VENTRICLE_ML = 0.4
CENTRE_RADIUS_MM = 32.0


def ventricle_region(brain: Brain) -> NDArray[np.bool_]:
    """Find the ventricles of tissue maps and a little around: (I, J, K) bool.

    The CSF in this region is the ventricles'. It is looked for at half the resolution.
    """
    white, grey, fluid = (halved(brain.volume(name).data) for name in ("WM", "GM", "CSF"))
    mask = ventricle_mask(white + grey, fluid, halved_affine(brain.affine))
    i, j, k = brain.data.shape[1:]
    return widened_to(mask, (i, j, k))


def ventricle_mask(solid: FloatArray, fluid: FloatArray, affine: Affine) -> NDArray[np.bool_]:
    """Find the pools of CSF that lie deep in the brain and reach its middle.

    Parameters
    ----------
    solid, fluid : (I, J, K) float32 ndarray, partial volumes in [0, 1]
        White and grey matter together, and CSF.
    affine : (4, 4) float64 ndarray, mm
    """
    spacing_mm = voxel_spacing(affine)
    brain = _filled(solid > HALF)
    depth = ndimage.distance_transform_edt(brain, sampling=spacing_mm)
    pools, count = ndimage.label((fluid > HALF) & (depth > VENTRICLE_DEPTH_MM))
    if count == 0:
        return np.zeros(brain.shape, dtype=np.bool_)
    numbers = np.arange(1, count + 1)
    voxel_ml = voxel_volume_ml(affine)
    large = ndimage.sum_labels(pools > 0, pools, numbers) * voxel_ml > MIN_VENTRICLE_ML
    from_centre = _from_centre_mm(brain, spacing_mm)
    central = ndimage.minimum(from_centre, pools, numbers) < CENTRE_RADIUS_MM
    return np.isin(pools, numbers[large & central])


def widened_to(mask: NDArray[np.bool_], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Widen a mask by a voxel and bring it to a finer grid of a shape (I, J, K)."""
    wide: NDArray[np.bool_] = ndimage.binary_dilation(mask)
    steps = [round(n / m) for n, m in zip(shape, mask.shape, strict=True)]
    for axis, step in enumerate(steps):
        wide = wide.repeat(step, axis=axis)
    i, j, k = shape
    return wide[:i, :j, :k]


def halved(data: NDArray[np.generic]) -> FloatArray:
    """Halve the resolution of a map: each voxel is the mean of 2 x 2 x 2."""
    even = np.pad(data, [(0, n % 2) for n in data.shape])
    i, j, k = (n // 2 for n in even.shape)
    mean: FloatArray = even.reshape(i, 2, j, 2, k, 2).mean(axis=(1, 3, 5), dtype=np.float32)
    return mean


def halved_affine(affine: Affine) -> Affine:
    """Return the affine of a map that `halved` made."""
    coarse = affine.copy()
    coarse[:3, :3] *= 2
    coarse[:3, 3] += affine[:3, :3].sum(axis=1) / 2  # the centre of the eight
    return coarse


def _filled(brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close the sulci and the ventricles."""
    wide = np.pad(brain, CLOSING_VOXELS)
    closed = ndimage.binary_closing(wide, iterations=CLOSING_VOXELS)
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(closed)
    inner = slice(CLOSING_VOXELS, -CLOSING_VOXELS)
    return filled[inner, inner, inner]


def _from_centre_mm(
    brain: NDArray[np.bool_], spacing_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    centre = ndimage.center_of_mass(brain)
    x, y, z = (
        (along - middle) * mm
        for along, middle, mm in zip(
            np.indices(brain.shape, sparse=True), centre, spacing_mm, strict=True
        )
    )
    distance: NDArray[np.float64] = np.sqrt(x**2 + y**2 + z**2)
    return distance
