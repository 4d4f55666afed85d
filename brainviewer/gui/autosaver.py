"""Writes what is on the screen to the disk every few seconds, away from the window's thread."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from brainviewer.gui.background import Background
from brainviewer.session.failures import sentence_for

if TYPE_CHECKING:
    from brainviewer.gui.bridge import Bridge
    from brainviewer.gui.message_bar import MessageBar
    from brainviewer.gui.scene_link import SceneLink
    from brainviewer.session.autosave import Autosave, LeftBehind
    from brainviewer.session.state import Session

_LOG = logging.getLogger(__name__)

INTERVAL_MS = 3000


class Autosaver(QObject):
    """Keeps the scene of a window safe, and offers those of windows that crashed.

    Parameters
    ----------
    autosave : Autosave
    session : Session
    scenes : SceneLink
    messages : MessageBar
        Where the offer is made.
    bridge : Bridge
    parent : QObject
    """

    def __init__(
        self,
        autosave: Autosave,
        session: Session,
        scenes: SceneLink,
        *,
        messages: MessageBar,
        bridge: Bridge,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._autosave = autosave
        self._session = session
        self._scenes = scenes
        self._messages = messages
        self._background = Background(bridge)
        self._written: dict[str, Any] = {}
        self._offered: list[LeftBehind] = []
        self._is_writing = False
        self._told = False
        self._timer = QTimer(self)
        self._timer.setObjectName("autosave_timer")
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.save)
        self._timer.start()

    def save(self) -> None:
        """Write the scene if it is another than the last time."""
        if self._is_writing or self._session.state is None or self._scenes.is_waiting:
            return
        recipe = self._scenes.recipe()
        entry = recipe.to_json()
        if entry != self._written:
            self._is_writing = True
            self._background.run(
                partial(self._autosave.write, recipe),
                done=partial(self._on_written, entry),
                failed=self._on_failed,
            )

    def offer(self) -> None:
        """Offer to bring back what windows that crashed had on their screens."""
        for left in self._autosave.left_behind():
            self._offered.append(left)
            age = left.recipe.age
            who = left.recipe.label + ("" if age is None else f" at {age:.1f} years")
            self._messages.show_offer(
                f"BrainViewer ended unexpectedly the last time; it showed {who}.",
                "&Restore",
                accept=partial(self._on_accepted, left),
                decline=partial(self._on_declined, left),
            )

    def close(self) -> None:
        """End as one should: nothing is kept but offers that nobody answered."""
        self._timer.stop()
        for left in self._offered:
            left.keep()
        self._offered.clear()
        self._autosave.close()

    def _on_written(self, entry: dict[str, Any], _nothing: None) -> None:
        self._is_writing = False
        problem = self._autosave.problem
        if not problem:
            self._written = entry
        elif not self._told:
            self._told = True
            self._messages.show_notice(f"What is on the screen is not kept for a crash: {problem}")

    def _on_failed(self, error: Exception) -> None:
        self._is_writing = False
        _LOG.warning("the scene was not kept: %s", sentence_for(error))

    def _on_accepted(self, left: LeftBehind) -> None:
        try:
            self._scenes.open(left.recipe)
        except ValueError as error:
            self._messages.show_error(str(error))
        self._on_declined(left)

    def _on_declined(self, left: LeftBehind) -> None:
        self._offered.remove(left)
        left.discard()
