"""From layers to the picture of one plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainviewer.core.space import (
    PICTURE_AXES,
    PLANE_AXIS,
    Convention,
    Plane,
    pixel_to_voxel,
    slice_plane,
    voxel_to_pixel,
    voxel_to_world,
    world_to_voxel,
)
from brainviewer.session.colormaps import STEPS, TWO_TAILED, premultiplied_table
from brainviewer.session.layers import NARROWEST
from brainviewer.session.slabs import sampled_slab
from brainviewer.session.splines import coarse, finer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from brainviewer.core.label_table import LabelTable
    from brainviewer.core.volume import Affine, Volume
    from brainviewer.session.layers import Layer

Rgba = NDArray[np.uint8]
Point = tuple[float, float]
Voxel = tuple[int, int, int]

# Beyond these, two ways to compute a voxel coordinate differ: a face stays a face.
VOXEL_DECIMALS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where a picture of one plane lies: between its millimetres and the world's.

    Picture coordinates are in mm from the middle of the picture, x to the right and y down.

    Attributes
    ----------
    plane : Plane
    convention : Convention
    shape : (I, J, K)
        Of the volume that is cut.
    affine : (4, 4) float64 ndarray, mm
    index : int, voxels
        The slice: along ``PLANE_AXIS[plane]``, inside the volume.
    """

    plane: Plane
    convention: Convention
    shape: tuple[int, int, int]
    affine: Affine
    index: int

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """The height of a row and the width of a column, mm."""
        spacing = np.linalg.norm(self.affine[:3, :3], axis=0)
        rows, columns = PICTURE_AXES[self.plane]
        return float(spacing[rows]), float(spacing[columns])

    @property
    def size_mm(self) -> tuple[float, float]:
        """The width and the height of the picture, mm, to the outer edges of its pixels."""
        row_mm, column_mm = self.pixel_mm
        rows, columns = PICTURE_AXES[self.plane]
        return self.shape[columns] * column_mm, self.shape[rows] * row_mm

    @property
    def across_mm(self) -> float:
        """From one slice to the next, mm."""
        return float(np.linalg.norm(self.affine[:3, PLANE_AXIS[self.plane]]))

    @property
    def position_mm(self) -> float:
        """The world coordinate across the plane, in mm, in the middle of the slice."""
        middle = (np.array(self.shape) - 1) / 2
        middle[PLANE_AXIS[self.plane]] = self.index
        return float(voxel_to_world(self.affine, middle)[PLANE_AXIS[self.plane]])

    def point_of(self, world: ArrayLike) -> Point:
        """Find the place (x, y) in the picture, mm, that is closest to a world point (3,)."""
        voxel = world_to_voxel(self.affine, world)
        row, column = voxel_to_pixel(self.plane, self.convention, self.shape, voxel)
        (row_mm, column_mm), (width, height) = self.pixel_mm, self.size_mm
        return (column + 0.5) * column_mm - width / 2, (row + 0.5) * row_mm - height / 2

    def voxel_at(self, point: Point) -> Voxel:
        """Find the voxel (i, j, k) at a place in the picture; the nearest one outside of it."""
        return _voxel_of(self._coordinates_at(point), self.shape)

    def world_at(self, point: Point) -> NDArray[np.float64]:
        """Find the centre, world mm, of the voxel at a place in the picture."""
        return voxel_to_world(self.affine, self.voxel_at(point))

    def exact_world_at(self, point: Point) -> NDArray[np.float64]:
        """Find the world point (3,), mm, at a place in the picture, also between voxel centres."""
        return voxel_to_world(self.affine, self._coordinates_at(point))

    def _coordinates_at(self, point: Point) -> NDArray[np.float64]:
        """Voxel coordinates (3,), not rounded and not clipped."""
        (row_mm, column_mm), (width, height) = self.pixel_mm, self.size_mm
        column = (point[0] + width / 2) / column_mm - 0.5
        row = (point[1] + height / 2) / row_mm - 0.5
        return np.array(
            pixel_to_voxel(self.plane, self.convention, self.shape, self.index, row, column)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A plane's picture and where it lies.

    Attributes
    ----------
    rgba : (rows, columns, 4) uint8 ndarray
        Colours are already multiplied with alpha; contiguous.
    frame : Frame
    """

    rgba: Rgba
    frame: Frame


def frame_of(volume: Volume, plane: Plane, world: ArrayLike, convention: Convention) -> Frame:
    """Find the slice of a volume that is closest to a world point (3,), mm."""
    index = nearest_voxel(volume, world)[PLANE_AXIS[plane]]
    return Frame(plane, convention, volume.shape, volume.affine, index)


def nearest_voxel(volume: Volume, world: ArrayLike) -> Voxel:
    """Find the voxel (i, j, k) that a world point (3,), mm, lies in; the nearest one outside.

    A face between two voxels belongs to the one with the higher index, and the last face, which
    has none after it, to the last voxel.
    """
    return _voxel_of(world_to_voxel(volume.affine, world), volume.shape)


def contains(volume: Volume, world: ArrayLike) -> bool:
    """Tell whether a world point (3,), mm, lies in a voxel of a volume or on its face."""
    voxel = np.round(world_to_voxel(volume.affine, world), VOXEL_DECIMALS)
    return bool((voxel >= -0.5).all() and (voxel <= np.array(volume.shape) - 0.5).all())


def _voxel_of(coordinates: NDArray[np.float64], shape: tuple[int, int, int]) -> Voxel:
    """Find the voxel of a volume that voxel coordinates (3,) lie in; the nearest one outside."""
    whole = np.floor(np.round(coordinates, VOXEL_DECIMALS) + 0.5)
    i, j, k = np.clip(whole, 0, np.array(shape) - 1).astype(int).tolist()
    return i, j, k


def render_slice(
    layers: Sequence[Layer],
    plane: Plane,
    world: ArrayLike,
    convention: Convention,
    *,
    factor: int = 1,
) -> Picture:
    """Draw the layers on the slice of the lowest one that is closest to a point.

    Each pixel is a voxel of the lowest layer, visible or not; the others are sampled at the
    voxel's centre in the world, and are transparent where they have no voxels. With colours
    already multiplied with alpha, a layer s over what lies below d is s + d (1 - alpha_s).

    Parameters
    ----------
    layers : sequence of Layer, bottom first, at least one
    plane : Plane
    world : (3,) array, world mm
    convention : Convention
    factor : int
        Pixels for each voxel, along each side; between the voxels lie those of a cubic spline, or
        the voxel again where a layer is not to be interpolated.

    Returns
    -------
    Picture
    """
    frame = frame_of(layers[0].volume, plane, world, convention)
    rows, columns = (frame.shape[axis] for axis in PICTURE_AXES[plane])
    below: NDArray[np.float32] = np.zeros((factor * rows, factor * columns, 4), np.float32)
    for layer in layers:
        if not layer.visible:
            continue
        colors = colors_of(_finer(cut(layer, frame), layer, factor), layer)
        below = (
            colors
            if _is_opaque(colors)
            else colors + below * (1 - colors[..., 3:] / np.float32(255))
        )
    return Picture(np.rint(below).astype(np.uint8, order="C"), frame)


def _finer(values: NDArray[Any], layer: Layer, factor: int) -> NDArray[Any]:
    if factor == 1:
        return values
    return finer(values, factor) if layer.interpolation == "cubic" else coarse(values, factor)


def cut(layer: Layer, frame: Frame) -> NDArray[Any]:
    """Sample a layer at the pixels of a frame: (rows, columns), NaN outside the layer."""
    volume = layer.volume
    if volume.shape == frame.shape and np.allclose(volume.affine, frame.affine, rtol=0, atol=1e-6):
        return slice_plane(volume.data, frame.plane, frame.index, convention=frame.convention)
    slab = sampled_slab(volume, frame, layer.interpolation)
    return slice_plane(slab, frame.plane, 0, convention=frame.convention)


def colors_of(values: NDArray[Any], layer: Layer) -> NDArray[np.float32]:
    """Colour values the way a layer is shown.

    Parameters
    ----------
    values : (rows, columns) ndarray
        NaN is transparent.
    layer : Layer

    Returns
    -------
    (rows, columns, 4) float32 ndarray
        In 0-255; colours are multiplied with alpha.
    """
    table = _table_of(layer)
    numbers = values.astype(np.float32)
    outside = np.isnan(numbers)
    has_outside = bool(outside.any())
    if has_outside:
        numbers[outside] = layer.window[0]
    colors = np.take(table, _steps(numbers, layer), axis=0)
    if has_outside:
        colors[outside] = 0
    return colors


def _steps(values: NDArray[np.float32], layer: Layer) -> NDArray[np.intp]:
    """Find where in the table of its colours each value of a layer lies."""
    if layer.kind == "label":
        steps = _label_steps(values)
        return steps if layer.labels is None else _named_steps(values, steps, layer.labels)
    if layer.colormap == TWO_TAILED:
        return _tail_steps(values, layer.window)
    return _window_steps(values, layer.window)


def _tail_steps(values: NDArray[np.float32], window: tuple[float, float]) -> NDArray[np.intp]:
    """Count from the middle of the table to its ends; what is smaller than the window stays."""
    half = STEPS // 2
    low = max(window[0], 0.0)
    width = max(window[1] - low, NARROWEST)
    share = np.clip((np.abs(values) - np.float32(low)) / np.float32(width), 0, 1)
    away = np.rint(share * (half - 1)).astype(np.intp)
    return np.where(values < 0, half - 1 - away, half + away)


def _window_steps(values: NDArray[np.float32], window: tuple[float, float]) -> NDArray[np.intp]:
    low, high = window
    scaled = (values - np.float32(low)) * np.float32((STEPS - 1) / (high - low))
    return np.rint(np.clip(scaled, 0, STEPS - 1)).astype(np.intp)


def _label_steps(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """0 stays 0; the labels above 255 begin again with the colour of 1."""
    labels = np.rint(values).astype(np.intp)
    return np.where(labels > 0, (labels - 1) % (STEPS - 1) + 1, 0)


def _table_of(layer: Layer) -> NDArray[np.float32]:
    """Give the colours of a layer; those of labels with a name come after those without."""
    table = premultiplied_table(layer.colormap, layer.opacity)
    if layer.kind != "label" or layer.labels is None:
        return table
    colors = layer.labels.colors
    own = [(*colors[label], 255) if label else (0, 0, 0, 0) for label in sorted(colors)]
    return np.concatenate([table, np.array(own, np.float32) * np.float32(layer.opacity)])


def _named_steps(
    values: NDArray[np.float32], unnamed: NDArray[np.intp], labels: LabelTable
) -> NDArray[np.intp]:
    known = np.array(sorted(labels.colors))
    wanted = np.rint(values).astype(np.intp)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, STEPS + place, unnamed)


def _is_opaque(colors: NDArray[np.float32]) -> bool:
    return bool(colors[..., 3].min() >= 255)
