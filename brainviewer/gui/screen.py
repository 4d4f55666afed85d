"""Is there a screen? Asked before Qt is, because Qt answers by ending the process."""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes.util import find_library

ADVICE = (
    "start BrainViewer on a desktop, over `ssh -X`, or use the commands that need no screen: "
    "brainviewer generate, trajectory, saliency, render"
)
SCREENLESS_PLATFORMS = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
# Qt's plugin for X11 loads these; without one of them it ends the process.
X11_LIBRARIES = (
    "libxcb.so.1",
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-image.so.0",
    "libxcb-keysyms.so.1",
    "libxcb-render-util.so.0",
    "libxcb-xkb.so.1",
    "libxkbcommon-x11.so.0",
)


class NoScreenError(RuntimeError):
    """A window cannot be opened here; the message says why and what to do."""


def check_screen() -> None:
    """Raise NoScreenError where Qt could not open a window."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if sys.platform != "linux" or platform in SCREENLESS_PLATFORMS:
        return
    if os.environ.get("WAYLAND_DISPLAY") and platform != "xcb":
        return
    display = os.environ.get("DISPLAY")
    if not display:
        raise NoScreenError(f"there is no screen here (DISPLAY is not set); {ADVICE}")
    _check_libraries()
    if not _answers(display):
        raise NoScreenError(f"the screen {display} does not answer; {ADVICE}")


def _check_libraries() -> None:
    missing = [name for name in X11_LIBRARIES if not _can_load(name)]
    if missing:
        raise NoScreenError(
            f"the system library {missing[0]} is missing, which Qt needs for a window; "
            "`make run` installs it where it may"
        )


def _can_load(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _answers(display: str) -> bool:
    """Tell whether the X server of a display lets us in."""
    xcb = ctypes.CDLL(find_library("xcb") or "libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not failed
