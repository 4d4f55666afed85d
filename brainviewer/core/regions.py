"""Structures that a label image gives: the tissue of a generated brain inside each label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from brainviewer.core.space import resample
from brainviewer.core.thinning import thinned
from brainviewer.core.volume import voxel_volume_ml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, Brain, FloatArray, Volume

MOST_LABELS = 256
LARGEST_LABEL = 2**31 - 1
# Of neighbouring voxels in a label map, most carry one label; in an image few are equal.
LABEL_HOMOGENEITY = 0.6


class RegionError(ValueError):
    """An image that gives no structures; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelRegions:
    """The labels of an image on a generator's grid.

    Attributes
    ----------
    name : str
        Of the image.
    labels : (I, J, K) integer ndarray
        0 is background.
    numbers : tuple of int
        The labels that there are on this grid.
    """

    name: str
    labels: NDArray[Any]
    numbers: tuple[int, ...]

    def mask(self, number: int) -> NDArray[np.bool_]:
        """Return where a label is: (I, J, K) bool."""
        return np.asarray(self.labels == number)


def looks_like_labels(data: NDArray[Any]) -> bool:
    """Tell whether an image holds a few whole numbers in patches, as a segmentation does.

    Of a large one a part is looked at.
    """
    data = thinned(data)
    if not np.isfinite(data).all() or data.min() < 0 or not data.any():
        return False
    if float(data.max()) > LARGEST_LABEL:
        return False
    if not np.issubdtype(data.dtype, np.integer) and (data != np.rint(data)).any():
        return False
    return len(np.unique(data)) <= MOST_LABELS and _homogeneity(data) > LABEL_HOMOGENEITY


def _homogeneity(data: NDArray[Any]) -> float:
    """Share of neighbours along i, both of them above zero, that are equal."""
    first, second = data[:-1], data[1:]
    inside = (first > 0) & (second > 0)
    return float((first == second)[inside].mean()) if inside.any() else 0.0


def finer_labels(labels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Bring labels to voxels that are smaller by a whole factor, with smoother borders.

    At each new voxel the label wins, background among them, of which there is most nearby by
    linear interpolation.

    Parameters
    ----------
    labels : (I, J, K) integer ndarray
    factor : int

    Returns
    -------
    (f I, f J, f K) ndarray of the same type
        The corners of both grids are the same.
    """
    shape = [n * factor for n in labels.shape]
    most = np.zeros(shape, dtype=np.float32)
    found = np.zeros(shape, dtype=labels.dtype)
    boxes = dict(enumerate(ndimage.find_objects(labels), start=1))
    whole = tuple(slice(0, n) for n in labels.shape)
    for number, box in {0: whole, **boxes}.items():
        if box is None:
            continue
        near = tuple(
            slice(max(0, it.start - 1), min(n, it.stop + 1))
            for it, n in zip(box, labels.shape, strict=True)
        )
        held = (labels[near] == number).astype(np.float32)
        share = ndimage.affine_transform(
            held,
            np.eye(3) / factor,
            offset=(0.5 / factor - 0.5,) * 3,
            output_shape=tuple(n * factor for n in held.shape),
            order=1,
            mode="nearest",
        )
        there = tuple(slice(it.start * factor, it.stop * factor) for it in near)
        wins = share > most[there]
        most[there] = np.where(wins, share, most[there])
        found[there] = np.where(wins, number, found[there])
    return found


def label_regions(image: Volume, *, affine: Affine, shape: tuple[int, int, int]) -> LabelRegions:
    """Bring a label image to a generator's grid; each voxel takes the nearest label.

    Raises
    ------
    RegionError
        When the image holds no labels, or none of them lies on the grid.
    """
    name = image.name or "the image"
    if not looks_like_labels(image.data):
        raise RegionError(
            f"{name} is no label image: give whole numbers, one for each structure, 0 outside"
        )
    labels = np.rint(resample(image, affine=affine, shape=shape, order=0).data).astype(np.int32)
    numbers = tuple(int(number) for number in np.unique(labels) if number)
    if not numbers:
        raise RegionError(
            f"{name} has no label inside the generated brain; bring it to the MNI152 space first"
        )
    return LabelRegions(name, labels, numbers)


def main_tissue(brain: Brain, mask: NDArray[np.bool_]) -> str:
    """Return the tissue that fills most of a region."""
    sums = [float(part[mask].sum(dtype=np.float64)) for part in brain.data]
    return brain.channels[int(np.argmax(sums))]


def label_structure(brain: Brain, regions: LabelRegions, number: int) -> tuple[str, FloatArray]:
    """Let a label stand for the tissue that fills most of it in a brain.

    Returns
    -------
    name : str
        Such as ``"GM in label 17"``.
    weights : (C, I, J, K) float32 ndarray, mL
        See `region_weights`.
    """
    mask = regions.mask(number)
    tissue = main_tissue(brain, mask)
    return f"{tissue} in label {number}", region_weights(brain, tissue, mask)


def region_weights(brain: Brain, tissue: str, region: NDArray[np.bool_]) -> FloatArray:
    """Return what a voxel of each map adds to the volume of a tissue in a region.

    Parameters
    ----------
    region : (I, J, K) bool ndarray

    Returns
    -------
    (C, I, J, K) float32 ndarray, mL
    """
    weights = np.zeros(brain.data.shape, np.float32)
    weights[brain.channels.index(tissue)] = region * np.float32(voxel_volume_ml(brain.affine))
    return weights
