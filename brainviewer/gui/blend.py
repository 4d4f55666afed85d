"""How two brains are shown together, common to all planes."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from brainviewer.session.blending import Blending, Together

FLICKER_MS = 600


class Blend(QObject):
    """What all panes of two brains shown together have in common.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._blending = Blending()
        self._other_is_up = False
        self._is_looked_at = False
        self._clock = QTimer(self)
        self._clock.setObjectName("flicker")
        self._clock.setInterval(FLICKER_MS)
        self._clock.timeout.connect(self._on_time)

    @property
    def blending(self) -> Blending:
        """All that was chosen."""
        return self._blending

    @property
    def together(self) -> Together:
        """The way to look at them."""
        return self._blending.together

    @property
    def divider(self) -> float:
        """Where B begins in a pane, as a share of its width."""
        return self._blending.divider

    @property
    def other_is_up(self) -> bool:
        """Whether it is B's turn."""
        return self._other_is_up

    @property
    def layer(self) -> str:
        """The name of the layer whose difference is shown; empty for the first."""
        return self._blending.layer

    def span(self, layer: str) -> float | None:
        """Return the difference that gets the full colour; None where nobody chose one."""
        return self._blending.spans.get(layer)

    def show(self, blending: Blending) -> None:
        """Look at them that way."""
        if blending != self._blending:
            self._blending = blending
            self._run()
            self.changed.emit()

    def set_together(self, together: Together) -> None:
        """Look at them in another way."""
        self.show(replace(self._blending, together=together))

    def set_divider(self, divider: float) -> None:
        """Move the line where B begins, 0-1."""
        self.show(replace(self._blending, divider=min(max(divider, 0.0), 1.0)))

    def set_layer(self, layer: str) -> None:
        """Show the difference of another layer."""
        self.show(replace(self._blending, layer=layer))

    def set_span(self, layer: str, span: float) -> None:
        """Choose the difference that gets the full colour, positive."""
        self.show(replace(self._blending, spans={**self._blending.spans, layer: span}))

    def look(self, *, looking: bool) -> None:
        """Know whether the brains are looked at: only then do they take turns."""
        self._is_looked_at = looking
        self._run()

    def _run(self) -> None:
        if self._is_looked_at and self.together is Together.FLICKER:
            self._clock.start()
        else:
            self._clock.stop()

    def _on_time(self) -> None:
        self._other_is_up = not self._other_is_up
        self.changed.emit()
