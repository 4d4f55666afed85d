"""A window to measure: opened as the application does, waited for, its pictures counted."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brainviewer.gui.main_window import MainWindow

LONGEST_WAIT_S = 120.0
FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")


class PaintCounter(QObject):
    """Notes when a widget is painted."""

    def __init__(self, widget: QObject) -> None:
        super().__init__()
        self.times: list[float] = []
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Count paint events; let everything through."""
        if event.type() == QEvent.Type.Paint:
            self.times.append(time.perf_counter())
        return super().eventFilter(watched, event)


@contextmanager
def first_start() -> Iterator[None]:
    """Let windows be as at a first start, whatever this user chose, and leave that alone."""
    before = {name: os.environ.get(name) for name in FOLDERS}
    with TemporaryDirectory() as folder:
        os.environ.update(dict.fromkeys(FOLDERS, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                del os.environ[name]
                if value is not None:
                    os.environ[name] = value


def open_window(checkpoint: str) -> MainWindow:
    """Open a window on a checkpoint, as the application does."""
    from brainviewer.gui.app import begin, make_application, make_window

    global _application  # Qt's application must outlive its windows
    _application = make_application()
    window = make_window()
    window.show()
    begin(window, checkpoint=checkpoint)
    return window


_application: QCoreApplication | None = None


def wait_until(condition: Callable[[], bool]) -> None:
    """Run Qt's loop until a condition holds."""
    loop = QEventLoop()
    timer = QTimer()
    deadline = time.perf_counter() + LONGEST_WAIT_S

    def look() -> None:
        if condition() or time.perf_counter() > deadline:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(1)
    loop.exec()
    if not condition():
        raise TimeoutError(f"nothing happened for {LONGEST_WAIT_S:.0f} s")
