"""The MNI152 template as T1 image, tissue maps and coarse regions, on any spacing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from nilearn.datasets import (
    load_mni152_gm_template,
    load_mni152_template,
    load_mni152_wm_template,
)
from scipy import ndimage

from brainviewer.cohort.regions import (
    REGION_NAMES,
    assign_territories,
    carve_ventricles,
    label_regions,
    split_classes,
    territory_labels,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray

# What the grid covers, outer faces of the outermost voxels, MNI mm; symmetric about x = 0.
FIELD_FROM_MM = (-80.0, -132.0, -77.0)
FIELD_SIZE_MM = (160.0, 224.0, 192.0)

BRAIN_MIN_T1 = 0.2  # nilearn's own threshold for the brain mask
CLOSING_MM = 6.0  # sulci and cisterns narrower than twice this belong to the brain
CSF_T1 = 0.27  # the template's intensity in the ventricles
RIM_MM = 4  # the ventricle's lining lies within this distance of it
TERRITORY_MARGIN_VOXELS = 2  # partial volumes at the surface have a territory too
RIM_OPENING_VOXELS = 5  # and is thinner than this, unlike the nuclei


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """The average brain, in MNI space.

    Attributes
    ----------
    t1 : (I, J, K) float32 ndarray, in [0, 1]
        Skull-stripped, CSF filled in, 0 outside the brain.
    tissues : (3, I, J, K) float32 ndarray, in [0, 1]
        WM, GM, CSF partial volumes; background is one minus their sum.
    ventricles : (I, J, K) float32 ndarray, in [0, 1]
        The part of the CSF that lies in the ventricles.
    territories : (I, J, K) uint8 ndarray
        Lobes, deep nuclei, cerebellum and brain stem without regard to tissue, left and right;
        see `brainviewer.cohort.regions.assign_territories`. They reach two voxels out of the brain.
    regions : (I, J, K) uint8 ndarray
        Index into `region_names`.
    region_names : tuple of str
        The name of each region label; 0 is the background.
    mask : (I, J, K) bool ndarray
        The brain with its CSF.
    affine : (4, 4) float64 ndarray, mm
    """

    t1: FloatArray
    tissues: FloatArray
    ventricles: FloatArray
    territories: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    region_names: tuple[str, ...]
    mask: NDArray[np.bool_]
    affine: Affine

    @property
    def classes(self) -> FloatArray:
        """WM, GM, CSF outside the ventricles, ventricles: (4, I, J, K)."""
        return split_classes(self.tissues, self.ventricles)


@lru_cache(maxsize=3)
def load_template(spacing_mm: float = 2.0) -> Template:
    """Load the MNI152 template that nilearn bundles (ICBM 2009a, nonlinear, symmetric).

    The grid covers the same field at every spacing: at 2 mm it has 80 x 112 x 96 voxels and the
    first voxel's centre at (-79, -131, -76) mm. Each value is the mean over its voxel's cube, so
    volumes do not depend on the spacing.

    Parameters
    ----------
    spacing_mm : float, mm
        A divisor of 32 mm, so that the field holds whole voxels.

    Raises
    ------
    ValueError
        If the field does not hold a whole number of voxels.
    """
    shape, affine = template_grid(spacing_mm)
    fine = _load_fine()
    t1, wm, gm, csf, ventricles = (
        average_cells(data, fine.affine, shape, affine)
        for data in (fine.t1, *fine.tissues, fine.ventricles)
    )
    tissues = np.stack([wm, gm, csf])
    mask = tissues.sum(axis=0) > 0.5
    near = ndimage.binary_dilation(mask, iterations=TERRITORY_MARGIN_VOXELS)
    territories = assign_territories(near, affine)
    regions = label_regions(split_classes(tissues, ventricles), territories)
    return Template(t1, tissues, ventricles, territories, regions, REGION_NAMES, mask, affine)


def template_grid(spacing_mm: float) -> tuple[tuple[int, int, int], Affine]:
    """Shape and affine of the template's grid at a spacing.

    Raises
    ------
    ValueError
        If the field does not hold a whole number of voxels.
    """
    counts = np.array(FIELD_SIZE_MM) / spacing_mm
    if not np.allclose(counts, np.round(counts)):
        raise ValueError(f"the template's spacing must divide 32 mm, got {spacing_mm} mm")
    i, j, k = (round(n) for n in counts.tolist())
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = np.array(FIELD_FROM_MM) + spacing_mm / 2
    return (i, j, k), affine


def average_cells(
    data: FloatArray, source: Affine, shape: tuple[int, int, int], target: Affine
) -> FloatArray:
    """Average an image over the voxels of another grid, both with axes along x, y and z.

    Parameters
    ----------
    data : (I', J', K') float32 ndarray
    source : (4, 4) ndarray, mm
        Affine of the image; diagonal but for its last column.
    shape, target
        Shape and affine of the other grid; what lies outside the image counts as 0.

    Returns
    -------
    (I, J, K) float32 ndarray
    """
    for axis in range(3):
        weights = _overlap(data.shape[axis], source, shape[axis], target, axis)
        data = np.moveaxis(np.tensordot(weights, data, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(data)


@dataclass(frozen=True, slots=True, eq=False)
class _Fine:
    """The template as nilearn has it, 1 mm."""

    t1: FloatArray
    tissues: FloatArray
    ventricles: FloatArray
    affine: Affine


@lru_cache(maxsize=1)
def _load_fine() -> _Fine:
    """Read nilearn's maps and add what they lack: CSF, ventricles.

    The brain stem, half grey in the maps, becomes white matter, as MUSE and FreeSurfer have it;
    so does the grey lining of the ventricles, which is only the blur between white matter and CSF.
    """
    (t1, gm, wm), affine = _read_nilearn()
    brain = t1 > BRAIN_MIN_T1
    mask = _close(brain, CLOSING_MM)
    gm, wm = gm * brain, wm * brain
    t1 = np.where(brain, t1, np.float32(CSF_T1)) * mask
    csf = np.clip(mask - gm - wm, 0.0, 1.0)
    ventricles = carve_ventricles(csf, affine)
    gm, wm = _move(gm, wm, _ventricle_lining(gm, ventricles))
    brainstem = np.isin(assign_territories(mask, affine), territory_labels("brainstem"))
    gm, wm = _move(gm, wm, gm * brainstem)
    return _Fine(t1, np.stack([wm, gm, csf]), ventricles, affine)


def _read_nilearn() -> tuple[tuple[FloatArray, FloatArray, FloatArray], Affine]:
    """Read T1, GM and WM at 1 mm, cut to the brain, and their affine."""
    image = load_mni152_template(resolution=1)
    images = (image, load_mni152_gm_template(resolution=1), load_mni152_wm_template(resolution=1))
    box = ndimage.find_objects((image.get_fdata() > 0).astype(np.int8))[0]
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ [side.start for side in box]
    t1, gm, wm = (np.asarray(im.dataobj[box], dtype=np.float32) for im in images)
    return (t1, gm, wm), affine


def _close(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Fill what a ball of this radius (voxels) outside the mask cannot enter."""
    pad = int(radius) + 1
    outside = ~np.pad(mask, pad)
    dilated = ndimage.distance_transform_edt(outside) <= radius
    closed = ndimage.distance_transform_edt(dilated)[pad:-pad, pad:-pad, pad:-pad] > radius
    return np.asarray(ndimage.binary_fill_holes(closed | mask))


def _move(
    source: FloatArray, target: FloatArray, amount: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Take an amount from one map and add it to another."""
    return source - amount, target + amount


def _ventricle_lining(gm: FloatArray, ventricles: FloatArray) -> FloatArray:
    """Find the thin grey matter around the ventricles: what a grey opening removes there."""
    near = ndimage.binary_dilation(ventricles > 0, iterations=RIM_MM)
    box = ndimage.find_objects(near.astype(np.int8))[0]
    thick = ndimage.grey_opening(gm[box], size=(RIM_OPENING_VOXELS,) * 3)
    lining = np.zeros_like(gm)
    lining[box] = (gm[box] - thick) * near[box]
    return lining


def _overlap(n_from: int, source: Affine, n_to: int, target: Affine, axis: int) -> FloatArray:
    """Share of each target cell that each source cell covers along one axis: (n_to, n_from)."""
    edges_from = source[axis, 3] + source[axis, axis] * (np.arange(n_from + 1) - 0.5)
    edges_to = target[axis, 3] + target[axis, axis] * (np.arange(n_to + 1) - 0.5)
    low = np.maximum(edges_to[:-1, None], edges_from[None, :-1])
    high = np.minimum(edges_to[1:, None], edges_from[None, 1:])
    return np.asarray(np.clip(high - low, 0.0, None) / target[axis, axis], dtype=np.float32)
