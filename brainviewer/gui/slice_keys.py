"""What the letters of the keyboard do in a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainviewer.core.space import Plane
    from brainviewer.session.display import Display
    from brainviewer.session.rulers import Rulers

ZOOM_PER_KEY = 1.15
OPACITY_PER_KEY = 0.05
# A share of what a pane shows at zoom 1.
PAN_PER_KEY_MM = 10.0

_PANS = {
    Qt.Key.Key_Left: (-PAN_PER_KEY_MM, 0.0),
    Qt.Key.Key_Right: (PAN_PER_KEY_MM, 0.0),
    Qt.Key.Key_Up: (0.0, -PAN_PER_KEY_MM),
    Qt.Key.Key_Down: (0.0, PAN_PER_KEY_MM),
}


def do_command(display: Display, plane: Plane, key: Qt.Key, *, has_control: bool) -> bool:
    """Do what a key stands for in a slice of a plane; False if it stands for nothing."""
    command = _COMMANDS.get((key, has_control))
    if has_control and key in _PANS:
        dx, dy = _PANS[key]
        zoom = display.view(plane).zoom
        display.pan(plane, dx / zoom, dy / zoom)
    elif command is not None:
        command(display)
    else:
        return _measure(display, plane, key, has_control=has_control)
    return True


def copy_rulers(rulers: Rulers) -> None:
    """Put all lines with their lengths on the clipboard, as text."""
    QGuiApplication.clipboard().setText(rulers.as_text())


def zoom_in(display: Display) -> None:
    """Zoom all slices in; the crosshair stays where it is."""
    display.zoom(ZOOM_PER_KEY)


def zoom_out(display: Display) -> None:
    """Zoom all slices out; the crosshair stays where it is."""
    display.zoom(1 / ZOOM_PER_KEY)


def _go_to_origin(display: Display) -> None:
    display.set_crosshair((0.0, 0.0, 0.0))


def _auto_window(display: Display) -> None:
    if display.layers:
        display.auto_window(display.active)


def _toggle_active(display: Display) -> None:
    if display.layers:
        display.set_layer(display.active, visible=not display.layers[display.active].visible)


def _fade(display: Display) -> None:
    _add_opacity(display, -OPACITY_PER_KEY)


def _strengthen(display: Display) -> None:
    _add_opacity(display, OPACITY_PER_KEY)


def _add_opacity(display: Display, more: float) -> None:
    if display.layers:
        opacity = display.layers[display.active].opacity + more
        display.set_layer(display.active, opacity=round(min(max(opacity, 0.0), 1.0), 2))


def _next_frame(display: Display) -> None:
    display.step_frame(1)


def _previous_frame(display: Display) -> None:
    display.step_frame(-1)


def _measure(display: Display, plane: Plane, key: Qt.Key, *, has_control: bool) -> bool:
    """Do what a key means to the lines; False if it means nothing."""
    rulers = display.rulers
    if (key, has_control) == (Qt.Key.Key_M, False):
        rulers.measure(not rulers.is_measuring)
    elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and rulers.is_measuring:
        rulers.mark(plane, display.crosshair)
    elif key is Qt.Key.Key_Escape and rulers.is_measuring:
        rulers.measure(False)
    elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and not has_control:
        rulers.remove_chosen()
    elif (key, has_control) == (Qt.Key.Key_C, True) and rulers.lines:
        copy_rulers(rulers)
    else:
        return False
    return True


def _fit(display: Display) -> None:
    display.fit()


def _toggle_crosshair(display: Display) -> None:
    display.toggle_crosshair()


def _centre(display: Display) -> None:
    display.centre()


_COMMANDS: dict[tuple[Qt.Key, bool], Callable[[Display], None]] = {
    (Qt.Key.Key_R, False): _fit,
    (Qt.Key.Key_F, True): _fit,
    (Qt.Key.Key_X, False): _toggle_crosshair,
    (Qt.Key.Key_J, True): _auto_window,
    (Qt.Key.Key_C, False): _centre,
    (Qt.Key.Key_O, False): _go_to_origin,
    (Qt.Key.Key_W, False): _toggle_active,
    (Qt.Key.Key_Q, False): _fade,
    (Qt.Key.Key_E, False): _strengthen,
    (Qt.Key.Key_Period, False): _next_frame,
    (Qt.Key.Key_Comma, False): _previous_frame,
    (Qt.Key.Key_Plus, False): zoom_in,
    (Qt.Key.Key_Equal, False): zoom_in,
    (Qt.Key.Key_Minus, False): zoom_out,
}
