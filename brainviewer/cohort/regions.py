"""Coarse regions of the MNI152 brain, drawn by geometry: lobes, deep nuclei, ventricles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from brainviewer.core.volume import voxel_volume_ml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray

# Seeds of the territories: a voxel belongs to the territory of its nearest seed. Right
# hemisphere, MNI mm; the left is its mirror image. Placed by hand, most of them near the centres of
# areas of the AAL atlas (Tzourio-Mazoyer et al., NeuroImage 15:273, 2002): coarse, not an atlas.
TERRITORY_SEEDS_MM: dict[str, tuple[tuple[int, int, int], ...]] = {
    "frontal": (
        (39, -6, 51), (18, 35, 42), (17, 47, -13), (33, 33, 35), (31, 50, -10), (50, 13, 19),
        (48, 30, 14), (33, 32, -12), (52, -4, 16), (6, 5, 61), (8, 15, -12), (6, 49, 31),
        (6, 54, -7), (6, 37, -18), (5, 35, 14), (5, 5, 40),
    ),
    "parietal": (
        (42, -23, 52), (23, -60, 59), (43, -46, 47), (57, -34, 32), (44, -61, 36), (7, -56, 48),
        (8, -30, 68), (6, -43, 25), (5, -22, 42),
    ),
    "temporal": (
        (55, -21, 5), (43, 15, -22), (57, -34, -4), (38, 15, -34), (52, -28, -25), (42, -19, 9),
        (33, -40, -19), (40, -10, -32), (48, -52, 4), (50, -50, -16),
    ),
    "occipital": (
        (7, -79, 6), (7, -80, 27), (15, -68, -3), (20, -84, 28), (34, -81, 16), (36, -80, -7),
        (14, -92, 4), (26, -64, -8),
    ),
    "insula": ((38, 7, 3), (38, -8, 6), (36, 18, -4)),
    "medial_temporal": ((26, -21, -11), (21, -16, -22), (24, -1, -18), (22, -34, -4),
        (20, -5, -28)),
    "deep": (
        (11, 12, 8), (15, -2, 18), (25, 5, 2), (27, -8, 3), (18, -2, 0), (11, -18, 8), (5, -12, 6),
        (16, -26, 6), (8, 8, -5),
    ),
    "cerebellum": (
        (36, -67, -32), (29, -73, -40), (9, -40, -18), (15, -45, -18), (24, -58, -26),
        (32, -60, -46), (26, -55, -49), (11, -50, -46), (23, -36, -44), (3, -52, -7),
        (3, -67, -16), (3, -72, -27), (3, -62, -34), (42, -52, -38), (12, -76, -28),
    ),
    "brainstem": (
        (5, -26, -10), (7, -16, -8), (5, -24, -26), (14, -26, -32), (5, -34, -42), (4, -40, -54),
        (4, -42, -68),
    ),
}  # fmt: skip
TERRITORIES = tuple(TERRITORY_SEEDS_MM)

# Boxes that hold the ventricles, in mm of the right half: (x from, x to), (y ...), (z ...).
VENTRICLE_BOXES_MM: dict[str, tuple[tuple[int, int], ...]] = {
    "frontal horn": ((3, 26), (8, 36), (-3, 24)),
    "septum": ((0, 26), (-16, 16), (-1, 32)),
    "body": ((0, 30), (-36, -16), (19, 32)),
    "lower body": ((9, 30), (-36, -16), (11, 19)),
    "atrium": ((13, 38), (-52, -34), (9, 30)),
    "lower atrium": ((19, 40), (-50, -32), (-4, 9)),
    "occipital horn": ((22, 38), (-66, -50), (0, 14)),
    "temporal horn": ((24, 40), (-36, -3), (-26, -4)),
    "third": ((0, 4), (-25, 2), (-10, 10)),
    "fourth": ((0, 12), (-53, -36), (-41, -22)),
}
VENTRICLE_CORE = 0.5  # share of CSF in a voxel that is certainly inside
VENTRICLE_MIN_VOXELS = 40
VENTRICLE_RIM_VOXELS = 2

# The classes that a voxel is shared between: the tissues, with the CSF split in two.
CLASSES = ("WM", "GM", "CSF", "ventricles")


def _region_of(class_name: str, territory: str, side: str) -> str:
    """Name the region of a tissue in a territory on one side."""
    if class_name in ("CSF", "ventricles"):
        return class_name
    if territory == "brainstem":
        return "brainstem"
    if class_name == "GM":
        return f"{territory}_GM_{side}"
    return f"cerebellum_WM_{side}" if territory == "cerebellum" else f"cerebrum_WM_{side}"


_PAIRS = tuple(
    (class_name, territory, side)
    for class_name in reversed(CLASSES)
    for territory in TERRITORIES
    for side in "LR"
)
REGION_NAMES = ("background", *dict.fromkeys(_region_of(*pair) for pair in _PAIRS))


def _region_table() -> NDArray[np.uint8]:
    """Region of each (class, territory label): (4, 2 T + 1); territory 0 lies outside the brain."""
    table = np.zeros((len(CLASSES), 2 * len(TERRITORIES) + 1), np.uint8)
    for class_name, territory, side in _PAIRS:
        column = 1 + 2 * TERRITORIES.index(territory) + "LR".index(side)
        region = _region_of(class_name, territory, side)
        table[CLASSES.index(class_name), column] = REGION_NAMES.index(region)
    return table


REGION_TABLE = _region_table()


def assign_territories(mask: NDArray[np.bool_], affine: Affine) -> NDArray[np.uint8]:
    """Give each voxel of the mask the territory of its nearest seed.

    Parameters
    ----------
    mask : (I, J, K) bool ndarray
    affine : (4, 4) ndarray, mm
        To MNI space.

    Returns
    -------
    (I, J, K) uint8 ndarray
        0 outside the mask, else 1 + 2 t + (0 left, 1 right) for territory t of `TERRITORIES`.
    """
    seeds = [(seed, t) for t, name in enumerate(TERRITORIES) for seed in TERRITORY_SEEDS_MM[name]]
    points = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    right = points[:, 0] > 0
    points[:, 0] = np.abs(points[:, 0])
    _, nearest = KDTree([seed for seed, _ in seeds]).query(points)
    territories = np.zeros(mask.shape, np.uint8)
    territories[mask] = 1 + 2 * np.array([t for _, t in seeds])[nearest] + right
    return territories


def territory_labels(*names: str) -> list[int]:
    """List the labels, left and right, of the named territories."""
    return [1 + 2 * TERRITORIES.index(name) + side for name in names for side in (0, 1)]


def carve_ventricles(csf: FloatArray, affine: Affine) -> FloatArray:
    """Keep the CSF that belongs to the lateral, third and fourth ventricles of the template.

    Inside boxes that fence off the sulci and cisterns nearby, every piece of nearly pure CSF
    is a ventricle, with the partial volumes at its rim.

    Parameters
    ----------
    csf : (I, J, K) float32 ndarray, partial volume in [0, 1]
    affine : (4, 4) ndarray, mm
        To MNI space; axes parallel to x, y and z.

    Returns
    -------
    (I, J, K) float32 ndarray, partial volume in [0, 1]
    """
    inside = _inside_ventricle_boxes(csf.shape, affine)
    pieces, count = ndimage.label(inside & (csf > VENTRICLE_CORE))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    core = (sizes >= VENTRICLE_MIN_VOXELS)[pieces] & (pieces > 0)
    near = ndimage.binary_dilation(core, iterations=VENTRICLE_RIM_VOXELS)
    return np.where(near & inside, csf, np.float32(0.0))


def _inside_ventricle_boxes(shape: tuple[int, ...], affine: Affine) -> NDArray[np.bool_]:
    """Mark the voxels whose (|x|, y, z) lies in one of the boxes."""
    axes = [affine[a, a] * np.arange(n) + affine[a, 3] for a, n in enumerate(shape)]
    axes[0] = np.abs(axes[0])
    inside = np.zeros(shape, bool)
    for box in VENTRICLE_BOXES_MM.values():
        along = [(low <= c) & (c <= high) for c, (low, high) in zip(axes, box, strict=True)]
        inside[np.ix_(*along)] = True
    return inside


def split_classes(tissues: FloatArray, ventricles: FloatArray) -> FloatArray:
    """Split the CSF: (3, I, J, K) maps to (4, I, J, K) WM, GM, CSF outside, ventricles."""
    return np.concatenate([tissues[:2], (tissues[2] - ventricles)[None], ventricles[None]])


def label_regions(classes: FloatArray, territories: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Name each voxel after its likeliest class in its territory.

    Parameters
    ----------
    classes : (4, I, J, K) float32 ndarray, partial volumes in [0, 1]
        WM, GM, CSF outside the ventricles, ventricles.
    territories : (I, J, K) uint8 ndarray

    Returns
    -------
    (I, J, K) uint8 ndarray
        Index into `REGION_NAMES`; 0 where more than half of the voxel is background.
    """
    labels = REGION_TABLE[np.argmax(classes, axis=0), territories]
    return np.where(classes.sum(axis=0) > 0.5, labels, np.uint8(0))


def region_maps(classes: FloatArray, territories: NDArray[np.uint8]) -> FloatArray:
    """Partial volume of each region: (R, I, J, K), R as in `REGION_NAMES` without background."""
    maps = np.zeros((len(REGION_NAMES), *territories.shape), np.float32)
    for c, row in enumerate(REGION_TABLE):
        regions = row[territories]
        for r in np.unique(row):
            maps[r] += np.where(regions == r, classes[c], np.float32(0.0))
    return maps[1:]


def region_volumes_ml(
    classes: FloatArray, territories: NDArray[np.uint8], affine: Affine
) -> dict[str, float]:
    """Sum the partial volumes of each region.

    Parameters
    ----------
    classes : (4, I, J, K) float32 ndarray, partial volumes in [0, 1]
    territories : (I, J, K) uint8 ndarray
    affine : (4, 4) ndarray, mm

    Returns
    -------
    dict of region -> float, mL
    """
    sums = sum(
        np.bincount(row[territories].ravel(), classes[c].ravel(), minlength=len(REGION_NAMES))
        for c, row in enumerate(REGION_TABLE)
    )
    volumes = np.asarray(sums) * voxel_volume_ml(affine)
    return dict(zip(REGION_NAMES[1:], volumes[1:].tolist(), strict=True))
