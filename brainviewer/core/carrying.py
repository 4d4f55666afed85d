"""Carrying a scan along a displacement, on its own voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from brainviewer.core.space import resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray, Volume

    Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """Where what is here comes from.

    Attributes
    ----------
    data : (3, I, J, K) float32 ndarray, world mm
        What lies at x comes from x + data(x).
    affine : (4, 4) float64 ndarray, mm
        Of the field's own grid.
    """

    data: FloatArray
    affine: Affine


def carry(volume: Volume, moved: Displacement, *, order: Literal[1, 3] = 1) -> Volume:
    """Carry a volume along a displacement, on its own voxels.

    Parameters
    ----------
    volume : Volume
        0 where there is nothing.
    moved : Displacement
        On any grid of the same world; beyond its border it goes on as at the border.
    order : int
        Of the spline: 1 linear; 3 cubic, which keeps texture, within the values of the volume.

    Returns
    -------
    Volume, float32
        The same values where nothing is displaced.
    """
    values = np.asarray(volume.data, dtype=np.float32)
    box = _box(values, moved, volume.affine)
    if not moved.data.any() or box is None:
        return replace(volume, data=values)
    inside = values[box]
    places = np.indices(inside.shape, dtype=np.float32).reshape(3, -1)  # (3, N) voxels of the box
    places += _in_voxels(moved, volume, box)
    found = ndimage.map_coordinates(inside, places, order=order, mode="grid-constant")
    data = np.zeros_like(values)
    data[box] = np.clip(found, values.min(), values.max()).reshape(inside.shape)
    return replace(volume, data=data)


def toned(volume: Volume, tone: Volume) -> Volume:
    """Make a volume brighter by a factor at each place; beyond the factor's grid it stays.

    Parameters
    ----------
    volume : Volume
    tone : Volume, float32
        On any grid of the same world.
    """
    more = replace(tone, data=np.asarray(tone.data, dtype=np.float32) - 1)
    if not more.data.any():
        return volume
    there = resample(more, affine=volume.affine, shape=volume.shape)
    factor = 1 + np.asarray(there.data, dtype=np.float32)
    return replace(volume, data=np.asarray(volume.data, dtype=np.float32) * factor)


def _in_voxels(moved: Displacement, volume: Volume, box: Box) -> NDArray[np.float32]:
    """Return the displacement (3, N) in a box of a volume, in its voxels."""
    to_field = np.linalg.solve(moved.affine, volume.affine)
    if volume.shape == moved.data.shape[1:] and np.allclose(to_field, np.eye(4), atol=1e-9):
        world = moved.data[(slice(None), *box)]
    else:
        start = to_field @ [*(side.start for side in box), 1.0]
        shape = tuple(side.stop - side.start for side in box)
        world = np.stack(
            [
                ndimage.affine_transform(
                    part, to_field[:3, :3], start[:3], shape, order=1, mode="nearest"
                )
                for part in moved.data
            ]
        )
    to_voxels = np.linalg.inv(volume.affine[:3, :3]).astype(np.float32)
    found: NDArray[np.float32] = to_voxels @ world.reshape(3, -1)
    return found


def _box(values: FloatArray, moved: Displacement, affine: Affine) -> Box | None:
    """Find the voxels that something is in or may come to; None where there is nothing."""
    filled = ndimage.find_objects((values != 0).astype(np.uint8))
    if not filled:
        return None
    farthest_mm = float(np.sqrt((moved.data**2).sum(axis=0).max()))
    smallest_mm = float(np.linalg.norm(affine[:3, :3], axis=0).min())
    margin = int(np.ceil(farthest_mm / smallest_mm)) + 2
    i, j, k = (
        slice(max(side.start - margin, 0), min(side.stop + margin, n))
        for side, n in zip(filled[0], values.shape, strict=True)
    )
    return i, j, k
