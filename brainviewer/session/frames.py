"""Which frames of 4D images are asked for, until they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.session.layers import Layer


class Frames:
    """The wishes for other frames, by the names of the layers; a newer one replaces an older.

    Whoever reads frames hears `changed`, asks for the `next` wish, and tells by `settle` that it
    came true, or never will.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._wanted: dict[str, int] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether a frame is asked for that is not there."""
        return bool(self._wanted)

    def wanted(self, layer: Layer) -> int:
        """Return the frame of a layer that is asked for last; the shown one without a wish."""
        return self._wanted.get(layer.name, layer.frame)

    def ask(self, layer: Layer, frame: int) -> None:
        """Ask for a frame of a layer, counted from 0."""
        if frame == self.wanted(layer):
            return
        self._wanted[layer.name] = frame
        if frame == layer.frame:
            del self._wanted[layer.name]
        self.changed.emit()

    def next(self, layers: Sequence[Layer]) -> tuple[Layer, int] | None:
        """Return the oldest wish that concerns one of these layers; forget those of others."""
        shown = {layer.name: layer for layer in layers if layer.frames > 1}
        self._wanted = {name: it for name, it in self._wanted.items() if name in shown}
        return next(((shown[name], frame) for name, frame in self._wanted.items()), None)

    def settle(self, name: str, frame: int) -> None:
        """Forget the wish of a layer if it is this one; a newer one stays."""
        if self._wanted.get(name) == frame:
            del self._wanted[name]
            self.changed.emit()
