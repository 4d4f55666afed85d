"""Numbers that tell a scan of one whole adult head from others; pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from brainviewer.cohort.template import load_template, template_grid
from brainviewer.core.space import resample, voxel_to_world
from brainviewer.core.volume import Volume, voxel_volume_ml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray

    Mask = NDArray[np.bool_]

SPACING_MM = 2.0  # of the template here
# Where a side of the brain begins, MNI mm: axis, and beyond which coordinate.
SIDES = {
    "top": (2, 55.0),
    "bottom": (2, -45.0),
    "front": (1, 45.0),
    "back": (1, -85.0),
    "left side": (0, -50.0),
    "right side": (0, 50.0),
}
INNER_VOXELS = 3  # 6 mm
DEEP_VOXELS = 4  # 8 mm
SMOOTH_VOXELS = 2.0
FINE_SMOOTH_VOXELS = 0.75
TISSUE_DIFFERENCE = 0.5
BRIGHTNESS_DIFFERENCE = 0.2
BRIGHT = 0.9  # white matter has 0.75
BASE_MM = -30.0  # below it vessels and venous sinuses are bright


def border_contact_cm2(mask: Mask, spacing_mm: NDArray[np.float64]) -> float:
    """Measure how much of the border of an image a brain mask touches."""
    return float(
        sum(_plane_cm2(mask, spacing_mm, axis, end) for axis in range(3) for end in (0, -1))
    )


def flat_face_cm2(mask: Mask, spacing_mm: NDArray[np.float64]) -> float:
    """Measure the largest of the six planes 2 mm below the outermost points of a mask."""
    areas = [0.0]
    for axis in range(3):
        planes = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if len(planes):
            depth = max(round(SPACING_MM / float(spacing_mm[axis])) - 1, 0)
            for plane in (planes[0] + depth, planes[-1] - depth):
                areas.append(_plane_cm2(mask, spacing_mm, axis, int(plane)))
    return max(areas)


def _plane_cm2(mask: Mask, spacing_mm: NDArray[np.float64], axis: int, plane: int) -> float:
    voxel_mm2 = float(np.prod(spacing_mm) / spacing_mm[axis])
    return float(np.take(mask, plane, axis=axis).sum()) * voxel_mm2 / 100.0


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Masks (I, J, K) on the template's grid, 2 mm."""

    brain: Mask
    near: Mask
    inner: Mask
    sides: Mapping[str, Mask]
    deep: Mask
    white: Mask
    cortex: Mask
    core: Mask
    ventricles: Mask
    above_base: Mask


@lru_cache(maxsize=1)
def _places() -> _Places:
    template = load_template(SPACING_MM)
    brain, wm = template.mask, template.tissues[0]
    world = np.moveaxis(np.indices(brain.shape), 0, -1)
    points = voxel_to_world(template.affine, world)
    inner = ndimage.binary_erosion(brain, iterations=INNER_VOXELS)
    return _Places(
        brain=brain,
        near=ndimage.binary_dilation(brain, iterations=INNER_VOXELS),
        inner=inner,
        sides={
            side: inner & (np.sign(at) * (points[..., axis] - at) > 0)
            for side, (axis, at) in SIDES.items()
        },
        deep=ndimage.binary_erosion(brain, iterations=DEEP_VOXELS),
        white=ndimage.binary_erosion(wm > 0.8),
        cortex=template.tissues[1] > 0.85,
        core=ndimage.binary_erosion(wm > 0.9),
        ventricles=template.ventricles > 0.95,
        above_base=points[..., 2] > BASE_MM,
    )


@dataclass(frozen=True, slots=True)
class Fit:
    """How an aligned brain lies in the template's.

    Attributes
    ----------
    missing : mapping of side to float
        Share of the template's brain there, 6 mm below its surface, that is not in the mask.
    outside : float
        Share of the mask 6 mm and more outside of the template's brain.
    dice : float
    """

    missing: Mapping[str, float]
    outside: float
    dice: float


def fit_of(mask: Mask, affine: Affine, to_template: Affine) -> Fit:
    """Hold a brain mask (I, J, K) of a scan against the template's, aligned."""
    places = _places()
    moved = on_template(mask.astype(np.float32), affine, to_template) > 0.5
    moved = ndimage.binary_closing(moved, iterations=2)
    shared = float((moved & places.brain).sum())
    return Fit(
        missing={side: 1.0 - float(moved[at].mean()) for side, at in places.sides.items()},
        outside=float((moved & ~places.near).sum() / max(moved.sum(), 1)),
        dice=2.0 * shared / float(moved.sum() + places.brain.sum()),
    )


def stretches(to_template: Affine) -> NDArray[np.float64]:
    """Return the factors by which an affine stretches a head along its axes, the largest first."""
    return np.asarray(np.linalg.svd(to_template[:3, :3], compute_uv=False))


@dataclass(frozen=True, slots=True)
class Brightness:
    """Medians of an image where the aligned template has CSF, grey and white matter."""

    csf: float
    gm: float
    wm: float


def brightness_of(t1: FloatArray, affine: Affine, to_template: Affine) -> Brightness:
    """Measure the intensity (I, J, K) of a scan by place, whatever its contrast."""
    places, moved = _places(), on_template(t1, affine, to_template)
    parts = (places.ventricles, places.cortex, places.core)
    csf, gm, wm = (float(np.median(moved[part])) for part in parts)
    return Brightness(csf, gm, wm)


@dataclass(frozen=True, slots=True)
class Oddities:
    """Volumes in mL of what has no place in a healthy adult's brain; see `limits`."""

    no_white: float
    one_sided_tissue: float
    one_sided_brightness: float
    bright: float


def oddities_of(
    tissues: FloatArray, t1: FloatArray, affine: Affine, to_template: Affine
) -> Oddities:
    """Measure what is not white where it should be, unlike its mirror image, or too bright.

    Parameters
    ----------
    tissues : (3, I, J, K) float32 ndarray, in [0, 1]
        WM, GM, CSF on any grid.
    t1 : (I, J, K) float32 ndarray, in [0, 1]
        White matter at 0.75, on the same grid.
    affine, to_template : (4, 4) float64 ndarray
        Of that grid, and from its world to the template's.
    """
    places = _places()
    maps = [on_template(tissue, affine, to_template) for tissue in tissues]
    image = on_template(t1, affine, to_template)
    apart = [_from_mirror(tissue) > TISSUE_DIFFERENCE for tissue in maps]
    dim = _from_mirror(image) > BRIGHTNESS_DIFFERENCE
    glow = ndimage.gaussian_filter(image, FINE_SMOOTH_VOXELS) > BRIGHT
    return Oddities(
        no_white=_ml(places.white & (maps[0] < 0.5)),
        one_sided_tissue=_largest_ml(places.deep & np.any(apart, axis=0)),
        one_sided_brightness=_largest_ml(places.deep & dim),
        bright=_largest_ml(places.deep & places.above_base & glow),
    )


def on_template(data: FloatArray, affine: Affine, to_template: Affine) -> FloatArray:
    """Move data (I, J, K) of a world to the template's grid, 2 mm."""
    shape, grid = template_grid(SPACING_MM)
    source = np.asarray(np.linalg.inv(to_template) @ grid)
    moved = resample(Volume(data, affine), affine=source, shape=shape).data
    return moved.astype(np.float32)


def _from_mirror(data: FloatArray) -> FloatArray:
    """Return how far smoothed data are from their mirror image about x = 0."""
    smooth = ndimage.gaussian_filter(data, SMOOTH_VOXELS)
    apart: FloatArray = np.abs(smooth - smooth[::-1])
    return apart


def _largest_ml(mask: Mask) -> float:
    pieces, count = ndimage.label(mask)
    if not count:
        return 0.0
    return float(np.bincount(pieces.ravel())[1:].max()) * voxel_volume_ml(
        template_grid(SPACING_MM)[1]
    )


def _ml(mask: Mask) -> float:
    return float(mask.sum()) * voxel_volume_ml(template_grid(SPACING_MM)[1])
