"""The size of the ventricles in tissue maps, which do not tell them from other CSF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from brainviewer.cohort.reading import read_regions
from brainviewer.cohort.store import grid_affine
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.cohort.reading import Crop
    from brainviewer.cohort.store import CohortStore, Manifest
    from brainviewer.core.volume import Affine, FloatArray

NAME_PART = "entricle"  # LateralVentricle_R, 3rdVentricle, ventricles
SMALLEST_SHARE = 0.02
MARGIN_VOXELS = 1
CSF = TISSUES.index("CSF")


@dataclass(frozen=True, slots=True, eq=False)
class Ventricles:
    """Where ventricles are looked for, and how large the labels say they are.

    Attributes
    ----------
    mask : (I, J, K) bool ndarray
        Voxels that are ventricle in at least 2 % of the training people, and their neighbours: one
        mask for everybody. A mask of the person's own would tell the size it is meant to measure.
    labelled_ml : (N,) float64 ndarray, mL
        The labelled ventricles of the test people; NaN where a person has no labels.
    """

    mask: NDArray[np.bool_]
    labelled_ml: NDArray[np.float64]


def find_ventricles(
    store: CohortStore,
    manifest: Manifest,
    crop: Crop,
    *,
    train: Sequence[str],
    test: Sequence[str],
) -> Ventricles | None:
    """Find where ventricles lie in the training people; None without labels of ventricles."""
    labels = ventricle_labels(manifest.region_names)
    found = (read_regions(store, name, crop) for name in train)
    masks = (np.isin(regions, labels) for regions in found if regions is not None)
    mask = common_region(masks)
    if mask is None:
        return None
    voxel_ml = voxel_volume_ml(grid_affine(manifest))
    own = (read_regions(store, name, crop) for name in test)
    sizes = [np.nan if r is None else np.isin(r, labels).sum() * voxel_ml for r in own]
    return Ventricles(mask, np.array(sizes, dtype=np.float64))


def ventricle_labels(region_names: Mapping[str, Sequence[str]]) -> list[int]:
    """Return the labels whose region is called a ventricle."""
    return [
        int(label) for label, (name, *_) in region_names.items() if NAME_PART in name.casefold()
    ]


def common_region(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_] | None:
    """Return where at least 2 % of the masks (I, J, K) are set, widened by a voxel.

    None when there is no mask, or nothing in any.
    """
    counts, people = None, 0
    for mask in masks:
        counts = mask.astype(np.int32) if counts is None else counts + mask
        people += 1
    if counts is None or not counts.any():
        return None
    common = counts >= max(1, SMALLEST_SHARE * people)
    widened = ndimage.binary_dilation(common, iterations=MARGIN_VOXELS)
    return np.asarray(widened, dtype=np.bool_)


def ventricle_size_ml(maps: FloatArray, affine: Affine, ventricles: Ventricles | None) -> float:
    """Return the CSF of tissue maps (3, I, J, K) in the ventricle mask, in mL; NaN without one."""
    if ventricles is None:
        return np.nan
    return float(maps[CSF][ventricles.mask].sum(dtype=np.float64)) * voxel_volume_ml(affine)
