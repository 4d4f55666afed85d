"""Brightness and contrast from the values of a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.space import PICTURE_AXES, world_to_voxel
from brainviewer.core.volume import voxel_spacing
from brainviewer.session.layers import NARROWEST
from brainviewer.session.slicing import contains, cut

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from brainviewer.core.volume import Volume
    from brainviewer.session.layers import Layer
    from brainviewer.session.slicing import Frame, Point


def window_over(values: NDArray[Any]) -> tuple[float, float] | None:
    """Return the lowest and the highest value; None where there are no two to tell apart."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = float(known.min()), float(known.max())
    return (low, high) if high - low >= NARROWEST else None


def values_in_box(layer: Layer, frame: Frame, a: Point, b: Point) -> NDArray[Any]:
    """Return the values of a layer at the pixels that a box in the picture of a frame touches.

    Parameters
    ----------
    layer : Layer
    frame : Frame
    a, b : (x, y), mm from the middle of the picture
        Opposite corners.
    """
    (row_mm, column_mm), (width, height) = frame.pixel_mm, frame.size_mm
    rows, columns = (frame.shape[axis] for axis in PICTURE_AXES[frame.plane])
    row = _span(a[1] + height / 2, b[1] + height / 2, row_mm, rows)
    column = _span(a[0] + width / 2, b[0] + width / 2, column_mm, columns)
    return cut(layer, frame)[row, column]


def values_around(volume: Volume, world: ArrayLike, radius_mm: float) -> NDArray[Any]:
    """Return the values of a volume in a cube about a world point (3,), mm; none outside of it."""
    if not contains(volume, world):
        return volume.data[:0]
    centre = world_to_voxel(volume.affine, world)
    radius = radius_mm / voxel_spacing(volume.affine)
    low = np.maximum(np.floor(centre - radius + 0.5), 0).astype(int)
    high = np.floor(centre + radius + 0.5).astype(int) + 1
    i, j, k = (slice(*ends) for ends in zip(low, high, strict=True))
    return volume.data[i, j, k]


def _span(start_mm: float, end_mm: float, pixel_mm: float, count: int) -> slice:
    """Return the pixels from one edge to another, those inside the picture."""
    first, last = sorted((start_mm / pixel_mm, end_mm / pixel_mm))
    return slice(min(max(int(first), 0), count), min(max(int(np.ceil(last)), 0), count))
