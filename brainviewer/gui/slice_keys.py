"""What the letters of the keyboard do in a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from brainviewer.session.display import Display
    from brainviewer.session.rulers import Rulers


def do_command(display: Display, key: Qt.Key, *, has_control: bool) -> bool:
    """Do what a letter stands for; False if it stands for nothing."""
    if (key, has_control) in ((Qt.Key.Key_R, False), (Qt.Key.Key_F, True)):
        display.fit()
    elif (key, has_control) == (Qt.Key.Key_X, False):
        display.toggle_crosshair()
    elif (key, has_control) == (Qt.Key.Key_J, True) and display.layers:
        display.auto_window(display.active)
    else:
        return _measure(display.rulers, key, has_control=has_control)
    return True


def copy_rulers(rulers: Rulers) -> None:
    """Put all lines with their lengths on the clipboard, as text."""
    QGuiApplication.clipboard().setText(rulers.as_text())


def _measure(rulers: Rulers, key: Qt.Key, *, has_control: bool) -> bool:
    """Do what a key means to the lines; False if it means nothing."""
    if (key, has_control) == (Qt.Key.Key_M, False):
        rulers.measure(not rulers.is_measuring)
    elif key is Qt.Key.Key_Escape and rulers.is_measuring:
        rulers.measure(False)
    elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and not has_control:
        rulers.remove_chosen()
    elif (key, has_control) == (Qt.Key.Key_C, True) and rulers.lines:
        copy_rulers(rulers)
    else:
        return False
    return True
