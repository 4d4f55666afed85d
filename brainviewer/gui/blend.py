"""How two brains are shown together, common to all planes."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QObject, QTimer, Signal

FLICKER_MS = 600


class Together(StrEnum):
    """Ways to look at two brains."""

    SIDE_BY_SIDE = "Side by side"
    DIFFERENCE = "Difference"
    SWIPE = "Swipe"
    CHECKERBOARD = "Checkerboard"
    FLICKER = "Flicker"


class Blend(QObject):
    """What all panes of two brains shown together have in common.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._together = Together.SIDE_BY_SIDE
        self._divider = 0.5
        self._other_is_up = False
        self._is_looked_at = False
        self._layer = ""
        self._spans: dict[str, float] = {}
        self._clock = QTimer(self)
        self._clock.setObjectName("flicker")
        self._clock.setInterval(FLICKER_MS)
        self._clock.timeout.connect(self._on_time)

    @property
    def together(self) -> Together:
        """The way to look at them."""
        return self._together

    @property
    def divider(self) -> float:
        """Where B begins in a pane, as a share of its width."""
        return self._divider

    @property
    def other_is_up(self) -> bool:
        """Whether it is B's turn."""
        return self._other_is_up

    @property
    def layer(self) -> str:
        """The name of the layer whose difference is shown; empty for the first."""
        return self._layer

    def span(self, layer: str) -> float | None:
        """Return the difference that gets the full colour; None where nobody chose one."""
        return self._spans.get(layer)

    def set_together(self, together: Together) -> None:
        """Look at them in another way."""
        if together is not self._together:
            self._together = together
            self._run()
            self.changed.emit()

    def set_divider(self, divider: float) -> None:
        """Move the line where B begins, 0-1."""
        divider = min(max(divider, 0.0), 1.0)
        if divider != self._divider:
            self._divider = divider
            self.changed.emit()

    def set_layer(self, layer: str) -> None:
        """Show the difference of another layer."""
        if layer != self._layer:
            self._layer = layer
            self.changed.emit()

    def set_span(self, layer: str, span: float) -> None:
        """Choose the difference that gets the full colour, positive."""
        if span != self._spans.get(layer):
            self._spans[layer] = span
            self.changed.emit()

    def look(self, *, looking: bool) -> None:
        """Know whether the brains are looked at: only then do they take turns."""
        self._is_looked_at = looking
        self._run()

    def _run(self) -> None:
        if self._is_looked_at and self._together is Together.FLICKER:
            self._clock.start()
        else:
            self._clock.stop()

    def _on_time(self) -> None:
        self._other_is_up = not self._other_is_up
        self.changed.emit()
