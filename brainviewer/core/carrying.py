"""Carrying a scan along a displacement, on its own voxels or on others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import ndimage

from brainviewer.core.space import resample, voxel_to_world, world_to_voxel
from brainviewer.core.volume import voxel_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import Affine, FloatArray, Volume

    Box = tuple[slice, slice, slice]

ROOM_VOXELS = 2


class Grid(NamedTuple):
    """Voxels in the world.

    Attributes
    ----------
    shape : (I, J, K)
    affine : (4, 4) float64 ndarray, mm
    """

    shape: tuple[int, int, int]
    affine: Affine


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


def carry(
    volume: Volume, moved: Displacement, *, order: Literal[1, 3] = 1, onto: Grid | None = None
) -> Volume:
    """Carry a volume along a displacement, interpolating once.

    Parameters
    ----------
    volume : Volume
        0 where there is nothing.
    moved : Displacement
        On any grid of the same world; beyond its border it goes on as at the border.
    order : int
        Of the spline: 1 linear; 3 cubic, which keeps texture, within the values of the volume.
    onto : Grid or None
        Of the result, in the same world; None for the volume's own voxels.

    Returns
    -------
    Volume, float32
        On its own voxels the same values where nothing is displaced.
    """
    values = np.asarray(volume.data, dtype=np.float32)
    if onto is None and not moved.data.any():
        return replace(volume, data=values)
    grid = onto or Grid(values.shape, volume.affine)
    data = np.zeros(grid.shape, dtype=np.float32)
    source = _box(values)
    target = None if source is None else _reached(source, volume.affine, moved, grid)
    if source is None or target is None:
        return replace(volume, data=data, affine=grid.affine)
    to_source = np.linalg.inv(volume.affine)
    places = _places(grid, target, to_source @ grid.affine)
    places += to_source[:3, :3].astype(np.float32) @ _moves(moved, grid, target)
    places -= np.array([[side.start] for side in source], dtype=np.float32)
    found = ndimage.map_coordinates(values[source], places, order=order, mode="grid-constant")
    shape = tuple(side.stop - side.start for side in target)
    data[target] = np.clip(found, values.min(), values.max()).reshape(shape)
    return replace(volume, data=data, affine=grid.affine)


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


def _places(grid: Grid, box: Box, to_source: Affine) -> NDArray[np.float32]:
    """Return where the voxels of a box of a grid lie, in voxels of a source: (3, N)."""
    start = to_source[:3, 3] + to_source[:3, :3] @ [side.start for side in box]
    shape = tuple(side.stop - side.start for side in box)
    indices = np.indices(shape, dtype=np.float32).reshape(3, -1)
    places: NDArray[np.float32] = to_source[:3, :3].astype(np.float32) @ indices
    places += start.astype(np.float32)[:, None]
    return places


def _moves(moved: Displacement, grid: Grid, box: Box) -> NDArray[np.float32]:
    """Return the displacement (3, N) in a box of a grid, in mm."""
    to_field = np.linalg.solve(moved.affine, grid.affine)
    if grid.shape == moved.data.shape[1:] and np.allclose(to_field, np.eye(4), atol=1e-9):
        return np.asarray(moved.data[(slice(None), *box)], dtype=np.float32).reshape(3, -1)
    start = to_field @ [*(side.start for side in box), 1.0]
    shape = tuple(side.stop - side.start for side in box)
    return np.stack(
        [
            ndimage.affine_transform(
                part, to_field[:3, :3], start[:3], shape, order=1, mode="nearest"
            )
            for part in moved.data
        ]
    ).reshape(3, -1)


def _box(values: FloatArray) -> Box | None:
    """Find the voxels that something is in, with room for a spline; None where there is nothing."""
    filled = ndimage.find_objects((values != 0).astype(np.uint8))
    if not filled:
        return None
    i, j, k = (
        slice(max(side.start - ROOM_VOXELS, 0), min(side.stop + ROOM_VOXELS, n))
        for side, n in zip(filled[0], values.shape, strict=True)
    )
    return i, j, k


def _reached(source: Box, affine: Affine, moved: Displacement, grid: Grid) -> Box | None:
    """Return the voxels of a grid that a box of a source may come to; None where it has none."""
    ends = np.array([(side.start, side.stop - 1) for side in source], dtype=np.float64)
    corners = np.array(list(product(*ends)))
    found = world_to_voxel(grid.affine, voxel_to_world(affine, corners))
    farthest_mm = float(np.sqrt((moved.data**2).sum(axis=0).max()))
    margin = farthest_mm / float(voxel_spacing(grid.affine).min()) + 1
    low = np.maximum(np.floor(found.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(found.max(axis=0) + margin) + 1, grid.shape).astype(int)
    if (low >= high).any():
        return None
    i, j, k = (slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    return i, j, k
