"""A second display that is looked at the way the first one is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from brainviewer.session.display import Display, World
from brainviewer.session.layers import Layer, LayerChanges, layers_of
from brainviewer.session.slicing import frame_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from brainviewer.core.space import Convention, Plane
    from brainviewer.core.volume import Brain
    from brainviewer.session.layers import Interpolation
    from brainviewer.session.slicing import Point
    from brainviewer.session.view import View


_LOOK = ("colormap", "window", "opacity", "visible", "interpolation", "kind")


class FollowingDisplay(Display):
    """Shows another brain at the place, in the look and with the images of a leading display.

    Crosshair, zoom, pan, convention and the look of the layers are the leader's: wishes are passed
    on to it. The grids of the two brains may differ; the same place of the world is shown.

    Parameters
    ----------
    leader : Display
    """

    def __init__(self, leader: Display) -> None:
        super().__init__()
        self._leader = leader
        self.rulers = leader.rulers
        self.frames = leader.frames
        self._own: dict[str, Layer] = {}
        leader.layers_changed.connect(self._on_leaders_layers_changed)
        leader.crosshair_changed.connect(self.crosshair_changed.emit)
        leader.view_changed.connect(self.view_changed.emit)

    def close(self) -> None:
        """Follow no longer."""
        leader = self._leader
        leader.layers_changed.disconnect(self._on_leaders_layers_changed, missing_ok=True)
        leader.crosshair_changed.disconnect(self.crosshair_changed.emit, missing_ok=True)
        leader.view_changed.disconnect(self.view_changed.emit, missing_ok=True)

    def show_brain(self, brain: Brain) -> None:
        """Show a brain with the look of the leader's."""
        self._own = {layer.name: layer for layer in layers_of(brain)}
        self._on_leaders_layers_changed()

    def clear(self) -> None:
        """Show nothing."""
        self._own = {}
        self._on_leaders_layers_changed()

    # What is the leader's

    @property
    def active(self) -> int:
        """The index of the layer that drags and keys change."""
        names = [layer.name for layer in self._layers]
        leaders = self._leader.layers
        name = leaders[self._leader.active].name if leaders else ""
        return names.index(name) if name in names else 0

    @property
    def crosshair(self) -> World:
        """Where the crosshair is, world mm."""
        return self._leader.crosshair

    @property
    def convention(self) -> Convention:
        """The side on which the person's left is shown."""
        return self._leader.convention

    @property
    def crosshair_visible(self) -> bool:
        """Whether the crosshair is drawn."""
        return self._leader.crosshair_visible

    def view(self, plane: Plane) -> View:
        """Tell the zoom and the pan of a plane, so that the same place is in the middle."""
        view = self._leader.view(plane)
        dx, dy = self._offset(plane)
        return replace(view, centre=(view.centre[0] + dx, view.centre[1] + dy))

    def set_crosshair(self, world: ArrayLike) -> None:
        """Put the crosshair of both to a world point (3,), mm."""
        self._leader.set_crosshair(world)

    def toggle_crosshair(self) -> None:
        """Draw the crosshair of both, or stop drawing it."""
        self._leader.toggle_crosshair()

    def set_convention(self, convention: Convention) -> None:
        """Choose the side of the person's left for both."""
        self._leader.set_convention(convention)

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Show the layers of both with this interpolation."""
        self._leader.set_interpolation(interpolation)

    def zoom_at(self, plane: Plane, factor: float, point: Point) -> None:
        """Zoom both so that a place in the picture of a plane, mm, stays where it is."""
        dx, dy = self._offset(plane)
        self._leader.zoom_at(plane, factor, (point[0] - dx, point[1] - dy))

    def zoom(self, factor: float) -> None:
        """Zoom both; the crosshair stays where it is."""
        self._leader.zoom(factor)

    def centre(self) -> None:
        """Put the crosshair into the middle of all panes of both."""
        self._leader.centre()

    def pan(self, plane: Plane, dx: float, dy: float) -> None:
        """Push the pictures of a plane by mm to the right and down."""
        self._leader.pan(plane, dx, dy)

    def fit(self) -> None:
        """Show all pictures whole."""
        self._leader.fit()

    def set_layer(self, index: int, **changes: Unpack[LayerChanges]) -> None:
        """Change the look of a layer in both."""
        names = [layer.name for layer in self._leader.layers]
        name = self._layers[index].name
        if name in names:
            self._leader.set_layer(names.index(name), **changes)

    def _offset(self, plane: Plane) -> Point:
        """Tell how far the same place is from the middles of the two pictures, mm apart."""
        own, leaders = self.reference, self._leader.reference
        if own is None or leaders is None:
            return 0.0, 0.0
        x, y = frame_of(own, plane, self.crosshair, self.convention).point_of(self.crosshair)
        u, v = frame_of(leaders, plane, self.crosshair, self.convention).point_of(self.crosshair)
        return x - u, y - v

    def _on_leaders_layers_changed(self) -> None:
        """Take on the leader's looks and images."""
        layers = [
            self._mirrored(layer)
            for layer in self._leader.layers
            if not layer.generated or layer.name in self._own
        ]
        if not any(layer.generated for layer in layers):
            layers = [*self._own.values(), *layers]
        new = tuple(layers) if self._own else ()
        if new != self._layers:
            self._layers = new
            self.layers_changed.emit()

    def _mirrored(self, layer: Layer) -> Layer:
        """Return the layer of this brain in the look of the leader's; the same one again if so."""
        if not layer.generated:
            return layer
        own = replace(layer, volume=self._own[layer.name].volume)
        now = next((it for it in self._layers if it.name == layer.name), own)
        same = all(getattr(own, name) == getattr(now, name) for name in _LOOK)
        return now if same and now.volume is own.volume else own
