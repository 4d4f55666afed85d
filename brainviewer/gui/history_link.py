"""Keeps the Edit menu and the list of steps in step with the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from brainviewer.gui.controls import one_shot_timer
from brainviewer.session.history import History

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from brainviewer.gui.history_panel import HistoryPanel
    from brainviewer.gui.menus import EditMenu
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.state import Session

REST_MS = 700
"""How long the hand must rest, with no button down, until its next change is another step."""


class HistoryLink:
    """Connects the history of a session with the window until it is closed.

    Parameters
    ----------
    session : Session
    viewing : ViewingArea
    menu : EditMenu
    panel : HistoryPanel
    window : QWidget
        Owns the timer.
    """

    def __init__(
        self,
        session: Session,
        viewing: ViewingArea,
        *,
        menu: EditMenu,
        panel: HistoryPanel,
        window: QWidget,
    ) -> None:
        self.history = History(session, see=viewing.look, show=viewing.show_look)
        self._viewing = viewing
        self._menu = menu
        self._panel = panel
        self._rest = one_shot_timer(window, "history_rest_timer", REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self.history.changed.connect(self._on_changed)
        viewing.changed.connect(self.history.note)
        menu.undo.triggered.connect(self.history.undo)
        menu.redo.triggered.connect(self.history.redo)
        panel.step_requested.connect(self.history.go)

    def close(self) -> None:
        """Let go of the session."""
        self._rest.stop()
        self._viewing.changed.disconnect(self.history.note)
        self.history.changed.disconnect(self._on_changed)
        self.history.close()

    def _on_changed(self) -> None:
        history = self.history
        self._menu.show_history(history.undo_text, history.redo_text)
        self._panel.show_steps(history.texts, history.index)
        self._rest.start()

    def _on_rest(self) -> None:
        """End the step, unless a drag only pauses."""
        if QGuiApplication.mouseButtons() is Qt.MouseButton.NoButton:
            self.history.seal()
        else:
            self._rest.start()
