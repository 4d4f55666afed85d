"""What is looked at, and how: layers, crosshair, convention, zoom and pan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Unpack

import numpy as np
from psygnal import Signal

from brainviewer.core.space import (
    PLANE_AXIS,
    Convention,
    Plane,
    flip_for,
    pixel_to_voxel,
    voxel_to_pixel,
    voxel_to_world,
    world_to_voxel,
)
from brainviewer.session.layers import (
    Interpolation,
    Kind,
    Layer,
    LayerChanges,
    auto_window,
    layer_of_image,
    layers_of,
    with_new_data,
)
from brainviewer.session.slicing import frame_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from brainviewer.core.volume import Brain, Volume
    from brainviewer.session.slicing import Point

World = tuple[float, float, float]

ZOOM_RANGE = (0.5, 40.0)


@dataclass(frozen=True, slots=True)
class View:
    """How a plane is looked at.

    Attributes
    ----------
    zoom : float
        1 fits the picture into its pane.
    centre : (x, y), mm from the middle of the picture
        What lies in the middle of the pane.
    """

    zoom: float = 1.0
    centre: Point = (0.0, 0.0)


class Reading(NamedTuple):
    """The value of a layer at the crosshair; NaN outside the layer."""

    name: str
    value: float
    kind: Kind


class Display:
    """The state of the slices, without any widget.

    Its methods are wishes: they check, change and then tell by signal. A change that changes
    nothing is silent.
    """

    layers_changed = Signal()
    crosshair_changed = Signal()
    view_changed = Signal()

    def __init__(self) -> None:
        self._layers: tuple[Layer, ...] = ()
        self._brain_names: tuple[str, ...] = ()
        self._crosshair: World = (0.0, 0.0, 0.0)
        self._convention = Convention.RADIOLOGICAL
        self._crosshair_visible = True
        self._views = dict.fromkeys(Plane, View())

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What is shown, bottom first."""
        return self._layers

    @property
    def reference(self) -> Volume | None:
        """The volume of the lowest layer: slices and steps follow its voxels."""
        return self._layers[0].volume if self._layers else None

    @property
    def crosshair(self) -> World:
        """Where the crosshair is, world mm."""
        return self._crosshair

    @property
    def crosshair_voxel(self) -> tuple[int, int, int]:
        """The voxel (i, j, k) of the reference at the crosshair; (0, 0, 0) without layers."""
        if self.reference is None:
            return 0, 0, 0
        voxel = np.rint(world_to_voxel(self.reference.affine, self._crosshair))
        # On the very edge of the last voxel the half may be rounded out of the volume.
        i, j, k = np.clip(voxel, 0, np.array(self.reference.shape) - 1).astype(int).tolist()
        return i, j, k

    @property
    def convention(self) -> Convention:
        """The side on which the person's left is shown."""
        return self._convention

    @property
    def crosshair_visible(self) -> bool:
        """Whether the crosshair is drawn."""
        return self._crosshair_visible

    def view(self, plane: Plane) -> View:
        """Tell the zoom and the pan of a plane."""
        return self._views[plane]

    # Layers

    def show_brain(self, brain: Brain) -> None:
        """Show a generated brain; its layers keep the settings that the user gave them.

        Where the last brain had the same layers, they also keep their places, and what the user
        removed stays away. Otherwise they go to the bottom, below the user's own images.
        """
        new = with_new_data(self._layers, layers_of(brain))
        names = tuple(layer.name for layer in new)
        if names == self._brain_names:
            by_name = {layer.name: layer for layer in new}
            self._set_layers(tuple(by_name.get(layer.name, layer) for layer in self._layers))
            return
        images = [layer for layer in self._layers if layer.name not in self._brain_names]
        self._brain_names = names
        self._set_layers((*new, *images))

    def add_image(self, volume: Volume) -> None:
        """Show an image from a file on top of all others."""
        layer = layer_of_image(volume)
        self._set_layers((*self._layers, replace(layer, name=self._free_name(layer.name))))

    def remove_layer(self, index: int) -> None:
        """Show a layer no longer."""
        self._set_layers(self._layers[:index] + self._layers[index + 1 :])

    def set_layer(self, index: int, **changes: Unpack[LayerChanges]) -> None:
        """Change the named attributes of a layer.

        Raises
        ------
        ValueError
            A value is not a possible one; nothing is changed.
        """
        layers = list(self._layers)
        if all(getattr(layers[index], name) == value for name, value in changes.items()):
            return
        layers[index] = replace(layers[index], **changes)
        self._set_layers(tuple(layers))

    def move_layer(self, index: int, to: int) -> None:
        """Put a layer to another place, 0 being the bottom."""
        layers = list(self._layers)
        place = min(max(to, 0), len(layers) - 1)
        if place != index:
            layers.insert(place, layers.pop(index))
            self._set_layers(tuple(layers))

    def set_window(self, index: int, low: float, high: float) -> None:
        """Set the values that get the first and the last colour of a layer."""
        self.set_layer(index, window=(low, high))

    def auto_window(self, index: int) -> None:
        """Set the window of a layer from the values it holds."""
        self.set_layer(index, window=auto_window(self._layers[index].volume.data))

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Show all layers but label maps with or without interpolation."""
        self._set_layers(
            tuple(
                layer if layer.kind == "label" else replace(layer, interpolation=interpolation)
                for layer in self._layers
            )
        )

    @property
    def interpolation(self) -> Interpolation:
        """The interpolation of the lowest layer, which holds for the pixels of the screen."""
        return self._layers[0].interpolation if self._layers else "linear"

    # Crosshair

    def set_crosshair(self, world: ArrayLike) -> None:
        """Put the crosshair to a world point (3,), mm; to the nearest inside the reference."""
        x, y, z = (float(it) for it in self._inside(np.asarray(world, dtype=np.float64)))
        if (x, y, z) != self._crosshair:
            self._crosshair = (x, y, z)
            self.crosshair_changed.emit()

    def set_crosshair_voxel(self, voxel: ArrayLike) -> None:
        """Put the crosshair to the centre of a voxel (3,) of the reference."""
        if self.reference is not None:
            self.set_crosshair(voxel_to_world(self.reference.affine, voxel))

    def step_slice(self, plane: Plane, steps: int) -> None:
        """Go some slices to the right, anterior or superior; back where negative."""
        voxel = np.array(self.crosshair_voxel)
        voxel[PLANE_AXIS[plane]] += steps
        self.set_crosshair_voxel(voxel)

    def move_voxel(self, plane: Plane, rows: int, columns: int) -> None:
        """Move the crosshair within a plane, by voxels down and to the right on the screen."""
        if self.reference is None:
            return
        shape, voxel = self.reference.shape, self.crosshair_voxel
        row, column = voxel_to_pixel(plane, self._convention, shape, voxel)
        index = voxel[PLANE_AXIS[plane]]
        moved = pixel_to_voxel(plane, self._convention, shape, index, row + rows, column + columns)
        self.set_crosshair_voxel(moved)

    def values_at_crosshair(self) -> list[Reading]:
        """Read the nearest voxel of every visible layer, bottom first."""
        return [
            Reading(layer.name, _value_at(layer.volume, self._crosshair), layer.kind)
            for layer in self._layers
            if layer.visible
        ]

    def toggle_crosshair(self) -> None:
        """Draw the crosshair, or stop drawing it."""
        self._crosshair_visible = not self._crosshair_visible
        self.view_changed.emit()

    # View

    def set_convention(self, convention: Convention) -> None:
        """Choose the side of the person's left; what was in the middle of a pane stays there."""
        if convention is self._convention:
            return
        self._convention = convention
        for plane, view in self._views.items():
            if flip_for(plane, Convention.RADIOLOGICAL):
                x, y = view.centre
                self._views[plane] = replace(view, centre=(-x, y))
        self.view_changed.emit()

    def zoom_at(self, plane: Plane, factor: float, point: Point) -> None:
        """Zoom so that a place in the picture, mm from its middle, stays where it is.

        With centre c and zoom z a place p is shown at (p - c) z from the middle of the pane, so
        that it stays if the new centre is p - (p - c) z / z'.
        """
        view = self._views[plane]
        zoom = float(np.clip(view.zoom * factor, *ZOOM_RANGE))
        x, y = (p - (p - c) * view.zoom / zoom for p, c in zip(point, view.centre, strict=True))
        self._set_view(plane, View(zoom, (x, y)))

    def pan(self, plane: Plane, dx: float, dy: float) -> None:
        """Push the picture of a plane by mm to the right and down."""
        view = self._views[plane]
        x, y = view.centre
        self._set_view(plane, replace(view, centre=(x - dx, y - dy)))

    def fit(self) -> None:
        """Show all pictures whole, in the middle of their panes."""
        if any(view != View() for view in self._views.values()):
            self._views = dict.fromkeys(Plane, View())
            self.view_changed.emit()

    def _set_layers(self, layers: tuple[Layer, ...]) -> None:
        before = self.reference
        self._layers = layers
        self.layers_changed.emit()
        if self.reference is None:
            return
        if before is None:
            self.set_crosshair_voxel(np.array(self.reference.shape) // 2)
        else:
            self.set_crosshair(self._crosshair)

    def _set_view(self, plane: Plane, view: View) -> None:
        view = replace(view, centre=self._on_picture(plane, view.centre))
        if view != self._views[plane]:
            self._views[plane] = view
            self.view_changed.emit()

    def _on_picture(self, plane: Plane, centre: Point) -> Point:
        """Keep some of the picture in the middle of the pane."""
        if self.reference is None:
            return 0.0, 0.0
        frame = frame_of(self.reference, plane, self._crosshair, self._convention)
        x, y = (
            min(max(it, -size / 2), size / 2)
            for it, size in zip(centre, frame.size_mm, strict=True)
        )
        return x, y

    def _inside(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.reference is None:
            return world
        voxel = world_to_voxel(self.reference.affine, world)
        last = np.array(self.reference.shape) - 1
        if (voxel >= -0.5).all() and (voxel <= last + 0.5).all():
            return world
        return voxel_to_world(self.reference.affine, np.clip(voxel, 0, last))

    def _free_name(self, name: str) -> str:
        taken = {layer.name for layer in self._layers}
        candidates = (name, *(f"{name} ({count})" for count in range(2, len(taken) + 3)))
        return next(it for it in candidates if it not in taken)


def _value_at(volume: Volume, world: World) -> float:
    i, j, k = np.rint(world_to_voxel(volume.affine, world)).astype(int)
    inside = all(0 <= it < size for it, size in zip((i, j, k), volume.shape, strict=True))
    return float(volume.data[i, j, k]) if inside else float("nan")
