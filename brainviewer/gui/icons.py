"""The application's own icons, drawn in the colour of the text around them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton

ICON_FOLDER = Path(__file__).parents[2] / "resources" / "icons"
SIZE_PIXELS = 48
_PROPERTY = "icon_name"


def icon(name: str) -> QIcon:
    """Draw one of resources/icons in the colours of the application's palette."""
    palette = QGuiApplication.palette()
    drawn = QIcon(_drawn(name, palette.color(QPalette.ColorRole.ButtonText)))
    grey = palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    drawn.addPixmap(_drawn(name, grey), QIcon.Mode.Disabled)
    checked = _drawn(name, palette.color(QPalette.ColorRole.HighlightedText))
    drawn.addPixmap(checked, QIcon.Mode.Normal, QIcon.State.On)
    return drawn


def window_icon() -> QIcon:
    """Give the application's own picture."""
    return QIcon(str(ICON_FOLDER / "window.svg"))


def set_icon(target: QAction | QAbstractButton, name: str) -> None:
    """Give a button or an action an icon that `refresh_icons` can draw again."""
    target.setProperty(_PROPERTY, name)
    target.setIcon(icon(name))


def refresh_icons(root: QObject) -> None:
    """Draw all icons below a widget again, after the colours have changed."""
    targets: list[QAction | QAbstractButton] = [
        *root.findChildren(QAction),
        *root.findChildren(QAbstractButton),
    ]
    for target in targets:
        name = target.property(_PROPERTY)
        if name:
            target.setIcon(icon(name))


def _drawn(name: str, color: QColor) -> QPixmap:
    svg = (ICON_FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    colored = svg.replace("currentColor", color.name())
    pixmap = QPixmap(SIZE_PIXELS, SIZE_PIXELS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(colored.encode())).render(painter)
    painter.end()
    return pixmap
