"""What is looked at, and how: layers, crosshair, convention, zoom and pan."""

from __future__ import annotations

from dataclasses import replace
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
from brainviewer.session.frames import Frames
from brainviewer.session.layers import (
    Interpolation,
    Kind,
    Layer,
    LayerChanges,
    fitting_window,
    is_same_series,
    is_successor,
    layer_of_image,
    layers_of,
    told_apart,
    with_new_data,
)
from brainviewer.session.look import layers_as, look_of_layer
from brainviewer.session.rulers import Rulers
from brainviewer.session.shown_regions import ShownRegions
from brainviewer.session.slicing import contains, frame_of, nearest_voxel
from brainviewer.session.view import View
from brainviewer.session.windowing import values_around, values_in_box, window_over

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from brainviewer.core.label_table import LabelTable
    from brainviewer.core.volume import Brain, Volume
    from brainviewer.session.look import LayerLook
    from brainviewer.session.slicing import Frame, Point, Voxel

World = tuple[float, float, float]
NEAR_CROSSHAIR_MM = 20.0


class Reading(NamedTuple):
    """The value of a layer at the crosshair, NaN outside the layer, with the layer's title.

    Of a label with a name, the name too.
    """

    name: str
    value: float
    kind: Kind
    label: str = ""


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
        self._active = 0
        self._maps: tuple[Layer, ...] = ()
        self._crosshair: World = (0.0, 0.0, 0.0)
        self._convention = Convention.RADIOLOGICAL
        self._crosshair_visible = True
        self._legend_visible = True
        self._preferred: Interpolation = "linear"
        self._views = dict.fromkeys(Plane, View())
        self.rulers = Rulers()
        self.regions = ShownRegions()
        self.frames = Frames()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What is shown, bottom first."""
        return self._layers

    @property
    def reference(self) -> Volume | None:
        """The volume of the lowest layer: slices and steps follow its voxels."""
        return self._layers[0].volume if self._layers else None

    @property
    def active(self) -> int:
        """The index of the layer that drags and keys change; 0, the lowest, at first."""
        return self._active

    @property
    def crosshair(self) -> World:
        """Where the crosshair is, world mm."""
        return self._crosshair

    @property
    def crosshair_voxel(self) -> Voxel:
        """The voxel (i, j, k) of the reference at the crosshair; (0, 0, 0) without layers."""
        if self.reference is None:
            return 0, 0, 0
        return nearest_voxel(self.reference, self.crosshair)

    @property
    def convention(self) -> Convention:
        """The side on which the person's left is shown."""
        return self._convention

    @property
    def crosshair_visible(self) -> bool:
        """Whether the crosshair is drawn."""
        return self._crosshair_visible

    @property
    def legend_visible(self) -> bool:
        """Whether it is told what the colours of the layers stand for."""
        return self._legend_visible

    @property
    def maps(self) -> tuple[str, ...]:
        """The names of the maps of the brain, also of those that the user removed."""
        return tuple(layer.name for layer in self._maps)

    def view(self, plane: Plane) -> View:
        """Tell the zoom and the pan of a plane."""
        return self._views[plane]

    # Layers

    def show_brain(self, brain: Brain) -> None:
        """Show a generated brain; its layers keep the settings that the user gave them.

        Where the last brain had the same layers, they also keep their places, and what the user
        removed stays away. Otherwise they go to the bottom, below the user's own images, which
        are never replaced: one that has the name of a generated layer gets another.
        """
        new = with_new_data(self._layers, [self._as_preferred(it) for it in layers_of(brain)])
        is_alike = [layer.name for layer in new] == [layer.name for layer in self._maps]
        self._maps = new
        if is_alike:
            by_name = {layer.name: layer for layer in new}
            shown = [by_name.get(it.name, it) if it.generated else it for it in self._layers]
            self._set_layers(tuple(shown))
            return
        images = [layer for layer in self._layers if not layer.generated]
        self._set_layers(told_apart((*new, *images)))

    @property
    def overlay(self) -> Layer | None:
        """The map of local change that lies over the brain."""
        return next((layer for layer in self._layers if layer.kind == "change"), None)

    def show_overlay(self, layer: Layer | None) -> None:
        """Show a map of local change, in the place and the look of the one before; or none.

        It is no map of the brain and no image of the user's: `arrange` keeps it.
        """
        old = self.overlay
        if old is None:
            if layer is not None:
                self._set_layers((*self._layers, self._as_preferred(layer)))
            return
        if layer is not None:
            layer = replace(
                layer,
                opacity=old.opacity,
                visible=old.visible,
                interpolation=old.interpolation,
                colormap=old.colormap,
            )
        new = [layer if it is old else it for it in self._layers]
        self._set_layers(tuple(it for it in new if it is not None))

    def add_image(
        self,
        volume: Volume,
        source: str = "",
        *,
        frames: int = 1,
        labels: LabelTable | None = None,
    ) -> None:
        """Show an image on top of all others: the first of the frames of a file of this path."""
        layer = layer_of_image(volume)
        layer = replace(self._as_preferred(layer), source=source, frames=frames, labels=labels)
        self._set_layers(told_apart((*self._layers, layer)))

    def remove_layer(self, index: int) -> None:
        """Show a layer no longer."""
        self._set_layers(self._layers[:index] + self._layers[index + 1 :])

    def set_active(self, index: int) -> None:
        """Choose the layer that drags and keys change.

        Raises
        ------
        ValueError
            No layer has this index.
        """
        if index not in range(len(self._layers)):
            last = len(self._layers) - 1
            raise ValueError(f"the active layer must lie in 0-{last}, got {index}")
        if index != self._active:
            self._active = index
            self.layers_changed.emit()

    def step_active(self, steps: int) -> None:
        """Make a higher layer active, or a lower one where negative; the ends are neighbours."""
        if self._layers:
            self.set_active((self.active + steps) % len(self._layers))

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

    def arrange(self, looks: Sequence[LayerLook]) -> None:
        """Show the layers that some looks describe, the lowest first.

        Maps that the brain has not are left out; the map of local change stays on top. Images
        that are there keep the frame they show.
        """
        looks = [self._with_shown_frame(look) for look in looks]
        overlay = self.overlay
        if tuple(look_of_layer(it) for it in self._layers if it is not overlay) != tuple(looks):
            on_top = () if overlay is None else (overlay,)
            self._set_layers((*layers_as(looks, self._maps), *on_top))

    def set_window(self, index: int, low: float, high: float) -> None:
        """Set the values that get the first and the last colour of a layer."""
        self.set_layer(index, window=(low, high))

    def auto_window(self, index: int) -> None:
        """Set the window of a layer from the values it holds."""
        self.set_layer(index, window=fitting_window(self._layers[index]))

    def window_from_box(self, index: int, frame: Frame, a: Point, b: Point) -> None:
        """Set the window of a layer from its values in a box of a slice; not if all are equal."""
        found = window_over(values_in_box(self._layers[index], frame, a, b))
        if found is not None:
            self.set_layer(index, window=found)

    def window_around_crosshair(self, index: int) -> None:
        """Set the window of a layer from its values near the crosshair; not if all are equal."""
        volume = self._layers[index].volume
        found = window_over(values_around(volume, self.crosshair, NEAR_CROSSHAIR_MM))
        if found is not None:
            self.set_layer(index, window=found)

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Show all layers but label maps with this interpolation, also those that come."""
        self._preferred = interpolation
        self._set_layers(tuple(self._as_preferred(layer) for layer in self._layers))

    @property
    def interpolation(self) -> Interpolation:
        """The interpolation of the lowest layer, which holds for the pixels of the screen."""
        return self._layers[0].interpolation if self._layers else self._preferred

    # Frames

    @property
    def series(self) -> int | None:
        """The index of the layer whose frames keys change: the active one, else the top one.

        None where no layer has frames.
        """
        return self._chosen_among([layer.frames > 1 for layer in self._layers])

    @property
    def image(self) -> int | None:
        """The index of the image from a file that is active, else of the top one; None without."""
        return self._chosen_among([bool(layer.source) for layer in self._layers])

    def step_frame(self, steps: int) -> None:
        """Ask for a later frame, or an earlier one where negative; not beyond the ends."""
        if self.series is not None:
            layer = self._layers[self.series]
            frame = self.frames.wanted(layer) + steps
            self.frames.ask(layer, min(max(frame, 0), layer.frames - 1))

    def show_frame(self, name: str, frame: int, volume: Volume) -> None:
        """Show a frame that was asked for, where its layer is still there."""
        self._set_layers(
            tuple(
                replace(layer, volume=volume, frame=frame)
                if layer.name == name and layer.frames > 1
                else layer
                for layer in self._layers
            )
        )
        self.frames.settle(name, frame)

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
        row, column = voxel_to_pixel(plane, self.convention, shape, voxel)
        index = voxel[PLANE_AXIS[plane]]
        moved = pixel_to_voxel(plane, self.convention, shape, index, row + rows, column + columns)
        self.set_crosshair_voxel(moved)

    def values_at_crosshair(self) -> list[Reading]:
        """Read the nearest voxel of every visible layer, bottom first."""
        return [_reading(layer, self.crosshair) for layer in self._layers if layer.visible]

    def toggle_crosshair(self) -> None:
        """Draw the crosshair, or stop drawing it."""
        self._crosshair_visible = not self._crosshair_visible
        self.view_changed.emit()

    # View

    def show_legend(self, visible: bool) -> None:
        """Tell what the colours of the layers stand for, or stop telling it."""
        if visible != self._legend_visible:
            self._legend_visible = visible
            self.view_changed.emit()

    def set_convention(self, convention: Convention) -> None:
        """Choose the side of the person's left; what was in the middle of a pane stays there."""
        if convention is self._convention:
            return
        self._convention = convention
        for plane, view in self._views.items():
            if flip_for(plane, Convention.RADIOLOGICAL):
                self._views[plane] = view.mirrored()
        self.view_changed.emit()

    def zoom_at(self, plane: Plane, factor: float, point: Point) -> None:
        """Zoom all planes so that a place in one, mm from its picture's middle, stays where it is.

        In the other planes the crosshair stays where it is.
        """
        if self.reference is None:
            return
        still = {it: self._frame(it, self.reference).point_of(self._crosshair) for it in Plane}
        still[plane] = point
        self._set_views({it: self._views[it].zoomed(factor, still[it]) for it in Plane})

    def zoom(self, factor: float) -> None:
        """Zoom all planes; the crosshair stays where it is."""
        if self.reference is not None:
            point = self._frame(Plane.AXIAL, self.reference).point_of(self._crosshair)
            self.zoom_at(Plane.AXIAL, factor, point)

    def centre(self) -> None:
        """Put the crosshair into the middle of all panes."""
        if self.reference is not None:
            middles = {it: self._frame(it, self.reference).point_of(self.crosshair) for it in Plane}
            self.set_views({it: View(self.view(it).zoom, middles[it]) for it in Plane})

    def set_views(self, views: Mapping[Plane, View]) -> None:
        """Set zoom and pan of the planes."""
        self._set_views({**self._views, **views})

    def pan(self, plane: Plane, dx: float, dy: float) -> None:
        """Push the picture of a plane by mm to the right and down."""
        self._set_views({**self._views, plane: self._views[plane].panned(dx, dy)})

    def fit(self) -> None:
        """Show all pictures whole, in the middle of their panes."""
        self._set_views(dict.fromkeys(Plane, View()))

    def _set_layers(self, layers: tuple[Layer, ...]) -> None:
        before = self.reference
        self._active = self._active_among(layers)
        self._layers = layers
        self.layers_changed.emit()
        if self.reference is None:
            return
        if before is None:
            self.set_crosshair_voxel(np.array(self.reference.shape) // 2)
        else:
            self.set_crosshair(self._crosshair)

    def _chosen_among(self, is_one: Sequence[bool]) -> int | None:
        found = [index for index, holds in enumerate(is_one) if holds]
        return self.active if self.active in found else next(reversed(found), None)

    def _with_shown_frame(self, look: LayerLook) -> LayerLook:
        """Frames are no steps to go back to: the one that is shown stays."""
        shown = next((it for it in self._layers if is_same_series(it, look)), None)
        return look if shown is None else replace(look, image=shown.volume, frame=shown.frame)

    def _as_preferred(self, layer: Layer) -> Layer:
        return layer if layer.kind == "label" else replace(layer, interpolation=self._preferred)

    def _active_among(self, layers: tuple[Layer, ...]) -> int:
        """Find where the active layer goes in new layers; the lowest where it is gone."""
        if not self._layers:
            return 0
        active = self._layers[self._active]
        # Its own place first: one image may be shown twice.
        places = sorted(range(len(layers)), key=lambda index: index != self._active)
        return next((it for it in places if is_successor(layers[it], active)), 0)

    def _frame(self, plane: Plane, reference: Volume) -> Frame:
        return frame_of(reference, plane, self.crosshair, self.convention)

    def _set_views(self, views: dict[Plane, View]) -> None:
        reference = self.reference
        if reference is not None:
            sizes = {plane: self._frame(plane, reference).size_mm for plane in Plane}
            views = {plane: view.within(sizes[plane]) for plane, view in views.items()}
        if views != self._views:
            self._views = views
            self.view_changed.emit()

    def _inside(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.reference is None or contains(self.reference, world):
            return world
        voxel = world_to_voxel(self.reference.affine, world)
        last = np.array(self.reference.shape) - 1
        return voxel_to_world(self.reference.affine, np.clip(voxel, 0, last))


def _reading(layer: Layer, world: World) -> Reading:
    value = _value_at(layer.volume, world)
    names = {} if layer.labels is None else layer.labels.names
    label = "" if np.isnan(value) else names.get(round(value), "")
    return Reading(layer.title, value, layer.kind, label)


def _value_at(volume: Volume, world: World) -> float:
    inside = contains(volume, world)
    return float(volume.data[nearest_voxel(volume, world)]) if inside else float("nan")
