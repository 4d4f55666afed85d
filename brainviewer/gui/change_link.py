"""Keeps the map of local change in step with the session: bar, slices, surfaces, menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker

from brainviewer.session.directions import directions_of
from brainviewer.session.layers import change_layer
from brainviewer.session.local_change import full_change, inside_brain, why_no_change
from brainviewer.session.look import Paint

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from PySide6.QtGui import QAction

    from brainviewer.core.volume import Volume
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.directions import Direction
    from brainviewer.session.local_change import LocalChange
    from brainviewer.session.state import Session


class ChangeLink:
    """Connects the map of local change with the window until it is closed.

    Parameters
    ----------
    session : Session
    viewing : ViewingArea
    action : QAction
        Shows a map or ends it; it says why there can be none.
    """

    def __init__(self, session: Session, viewing: ViewingArea, action: QAction) -> None:
        self._session = session
        self._viewing = viewing
        self._bar = viewing.change_bar
        self._action = action
        self._explanation = action.toolTip()
        self._last: Direction | None = None
        self._spanned: Direction | None = None
        self._percent: Volume | None = None
        self._painted: Paint | None = None
        watch = session.local_change
        self._facts: list[tuple[Any, Callable[..., None]]] = [
            (session.checkpoint_changed, self._on_checkpoint_changed),
            (watch.changed, self._on_changed),
            (watch.outdated, self._on_outdated),
            (viewing.display.layers_changed, self._on_layers_changed),
        ]
        for signal, slot in self._facts:
            signal.connect(slot)
        action.setEnabled(False)
        action.toggled.connect(self.show)
        self._bar.direction_requested.connect(self.choose)
        self._bar.span_requested.connect(self._on_span_requested)
        self._bar.end_requested.connect(self._on_end_requested)

    def close(self) -> None:
        """Let go of the session."""
        for signal, slot in self._facts:
            signal.disconnect(slot, missing_ok=True)
        self._facts.clear()

    def show(self, shown: bool) -> None:
        """Map the change along the feature that was chosen last, or age; or none."""
        checkpoint = self._session.checkpoint
        if not shown or checkpoint is None:
            self._session.local_change.choose(None)
            return
        known = directions_of(checkpoint.schema)
        self.choose(self._last if self._last in known and self._last is not None else known[0])

    def choose(self, direction: Direction) -> None:
        """Map the change in a direction."""
        self._session.local_change.choose(direction)

    def _on_checkpoint_changed(self, _checkpoint: object) -> None:
        state, decoder = self._session.state, self._session.decoder
        if state is None or decoder is None:
            return
        reason = why_no_change(state, decoder)
        self._action.setEnabled(not reason)
        for tell in (self._action.setToolTip, self._action.setStatusTip):
            tell(reason or self._explanation)
        schema = state.checkpoint.schema
        self._bar.show_directions(directions_of(schema) if not reason else [], schema)

    def _on_outdated(self) -> None:
        """Name the direction at once, before its map is there."""
        direction = self._session.local_change.direction
        if direction is not None:
            self._bar.show_direction(direction)
            self._bar.show_outdated()
            self._bar.setVisible(True)

    def _on_changed(self, change: LocalChange | None) -> None:
        with QSignalBlocker(self._action):
            self._action.setChecked(change is not None)
        self._bar.setVisible(change is not None)
        if change is not None:
            self._last = change.direction
            self._bar.show_direction(change.direction)
            self._bar.show_change(change)
        self._show_map(change)

    def _show_map(self, change: LocalChange | None) -> None:
        display, shown = self._viewing.display, self._session.shown
        self._percent = None if change is None else change.percent
        if change is None or change.percent is None or shown is None:
            self._percent = None
            display.show_overlay(None)
            self._paint()
            return
        inside = inside_brain(change.percent, shown.brain)
        display.show_overlay(change_layer(inside, self._span(change, inside)))

    def _span(self, change: LocalChange, inside: Volume) -> float:
        """Keep the span of a direction while the hand moves; find one for a new direction."""
        overlay = self._viewing.display.overlay
        if overlay is not None and self._spanned == change.direction:
            return max(abs(edge) for edge in overlay.window)
        self._spanned = change.direction
        return full_change(inside)

    def _on_layers_changed(self) -> None:
        """Follow the window and the eye of the overlay; end where the user removed it."""
        overlay = self._viewing.display.overlay
        if overlay is not None:
            self._bar.show_window(*overlay.window)
            self._paint()
        elif self._percent is not None:
            self._session.local_change.choose(None)

    def _paint(self) -> None:
        """Paint the surfaces as the slices are, where that has changed."""
        overlay = self._viewing.display.overlay
        wanted = None
        if overlay is not None and overlay.visible and self._percent is not None:
            wanted = Paint(self._percent, overlay.window)
        if wanted != self._painted:
            self._painted = wanted
            self._viewing.pane_3d.show_paint(wanted)

    def _on_span_requested(self, percent: float) -> None:
        display = self._viewing.display
        if display.overlay is not None:
            display.set_window(display.layers.index(display.overlay), -percent, percent)

    def _on_end_requested(self) -> None:
        self._session.local_change.choose(None)
