"""Colours and style of the window: dark, or light where the system says so."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QPalette

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QApplication

STYLE_FOLDER = Path(__file__).parents[2] / "resources" / "style"

LEAST_CONTRAST = 3.0  # of what is drawn against what it is drawn on
DARKEST = 30

_ROLES = {
    QPalette.ColorRole.Window: "window",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "field",
    QPalette.ColorRole.AlternateBase: "panel",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.Button: "raised",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.BrightText: "edited",
    QPalette.ColorRole.ToolTipBase: "field",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.PlaceholderText: "muted",
    QPalette.ColorRole.Highlight: "accent",
    QPalette.ColorRole.HighlightedText: "on_accent",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.Mid: "line",
}
_DISABLED = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours.

    Attributes
    ----------
    name : ``"dark"`` or ``"light"``
    colors : mapping of what a colour is for to ``#rrggbb``
        The tissues WM, GM and CSF have theirs here too.
    """

    name: str
    colors: Mapping[str, str]

    def palette(self) -> QPalette:
        """Give the colours to Qt's own drawing."""
        palette = QPalette()
        for role, name in _ROLES.items():
            palette.setColor(role, QColor(self.colors[name]))
        for role in _DISABLED:
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(self.colors["disabled"]))
        return palette

    def style_sheet(self) -> str:
        """Fill colours and pictures into window.qss, where they are written as ``@name``."""
        text = (STYLE_FOLDER / "window.qss").read_text(encoding="utf-8")
        values = {**self.colors, "theme": self.name, "folder": STYLE_FOLDER.as_posix()}
        return re.sub(r"@(\w+)", lambda match: values[match[1]], text)


@cache
def load_theme(name: str) -> Theme:
    """Read the theme ``"dark"`` or ``"light"``."""
    text = (STYLE_FOLDER / f"{name}.json").read_text(encoding="utf-8")
    return Theme(name, json.loads(text))


def theme_for(scheme: Qt.ColorScheme) -> Theme:
    """Choose light where the system says light, and dark otherwise."""
    return load_theme("light" if scheme is Qt.ColorScheme.Light else "dark")


def theme_of(palette: QPalette) -> Theme:
    """Tell which theme a widget with this palette is shown in."""
    dark = palette.color(QPalette.ColorRole.Window).lightness() < 128
    return load_theme("dark" if dark else "light")


def readable(color: str, theme: Theme) -> str:
    """Return a colour that can be told from a panel of a theme: itself, or as much darker."""
    paper = QColor(theme.colors["panel"])
    seen = QColor(color)
    while contrast(seen, paper) < LEAST_CONTRAST and seen.value() > DARKEST:
        seen = seen.darker(108)
    return seen.name()


def contrast(first: QColor, second: QColor) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.1, 1.4.11)."""
    dark, bright = sorted(map(_luminance, (first, second)))
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: QColor) -> float:
    parts = (color.redF(), color.greenF(), color.blueF())
    red, green, blue = (
        it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class ThemeFollower(QObject):
    """Dresses an application and follows the system when it changes between dark and light."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        app.setStyle("Fusion")
        hints = app.styleHints()
        hints.colorSchemeChanged.connect(self._on_color_scheme_changed)
        self._on_color_scheme_changed(hints.colorScheme())

    def _on_color_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        self.apply(theme_for(scheme))

    def apply(self, theme: Theme) -> None:
        """Dress the application in a theme."""
        self._app.setPalette(theme.palette())
        self._app.setStyleSheet(theme.style_sheet())
