"""Lets Ctrl+Z in a number box undo the last step, not typing that has long become a number."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QDoubleSpinBox, QSpinBox, QWidget

_KEYS = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


class UndoGuard(QObject):
    """Watches the number box that has the keyboard.

    Parameters
    ----------
    window : QWidget
        Owns it.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave undo and redo to the menu while nothing is being typed."""
        if event.type() is not QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        if not any(event.matches(keys) for keys in _KEYS) or _is_typed_in(watched):
            return False
        event.ignore()
        return True

    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if isinstance(old, QAbstractSpinBox):
            old.removeEventFilter(self)
        if isinstance(new, QAbstractSpinBox):
            new.installEventFilter(self)


def _is_typed_in(box: QObject) -> bool:
    """Tell whether a box shows something that is not its value yet."""
    if not isinstance(box, QSpinBox | QDoubleSpinBox):
        return True
    value = box.textFromValue(box.value())  # type: ignore[arg-type]
    return box.text() not in (f"{box.prefix()}{value}{box.suffix()}", box.specialValueText())
