"""From any thread to the one that owns the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Callable


class Bridge(QObject):
    """Runs functions on the thread that it was made on, in the order in which they came.

    Functions that are still waiting when the bridge is closed are dropped: a worker that ends
    late cannot reach a window that is gone.
    """

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._posted.connect(self._on_posted, Qt.ConnectionType.QueuedConnection)

    def post(self, function: Callable[[], None]) -> None:
        """Run a function soon; may be called from every thread."""
        if self._open:
            self._posted.emit(function)

    def close(self) -> None:
        """Drop what waits and what comes."""
        self._open = False

    def _on_posted(self, function: Callable[[], None]) -> None:
        if self._open:
            function()
