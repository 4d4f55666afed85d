"""Making controls that a test, a screen reader and a puzzled user can all find their way with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QLabel, QLineEdit, QSizePolicy, QToolButton, QWidget

from brainviewer.gui.icons import set_icon

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

AnyWidget = TypeVar("AnyWidget", bound=QWidget)


def described(widget: AnyWidget, name: str, *, accessible: str, tooltip: str) -> AnyWidget:
    """Give a control its object name, the name a screen reader says, and its tooltip."""
    widget.setObjectName(name)
    widget.setAccessibleName(accessible)
    widget.setToolTip(tooltip)
    return widget


def icon_button(name: str, icon: str, explanation: str, *, framed: bool = False) -> QToolButton:
    """Make a small button that shows only an icon."""
    button = described(QToolButton(), name, accessible=explanation, tooltip=explanation)
    button.setProperty("flat", not framed)
    set_icon(button, icon)
    return button


def title_label(text: str, buddy: QWidget | None = None) -> QLabel:
    """Make the name of a control; its mnemonic leads to the control."""
    label = QLabel(text)
    label.setProperty("role", "title")
    if buddy is not None:
        label.setBuddy(buddy)
    return label


class CaptionLabel(QLabel):
    """A small line that explains; where there is no room it ends in an ellipsis."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setProperty("role", "caption")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the text as far as there is room."""
        painter = QPainter(self)
        elided = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width()
        )
        painter.drawText(self.rect(), self.alignment(), elided)
        painter.end()


def caption_label(name: str, text: str = "") -> CaptionLabel:
    """Make a small line that explains."""
    label = CaptionLabel(text)
    label.setObjectName(name)
    return label


def search_field(name: str, explanation: str) -> QLineEdit:
    """Make a field to search with, which can be emptied with one click."""
    field = described(QLineEdit(), name, accessible="Search", tooltip=explanation)
    field.setPlaceholderText("Search")
    field.setClearButtonEnabled(True)
    clear = field.findChild(QToolButton)
    if clear is not None:
        described(clear, f"{name}_clear", accessible="Empty the search", tooltip="Show all")
    return field


def one_shot_timer(owner: QWidget, name: str, interval_ms: int) -> QTimer:
    """Make a timer that fires once each time it is started, and ends with its owner."""
    timer = QTimer(owner)
    timer.setObjectName(name)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    return timer


def restyle(widget: QWidget) -> None:
    """Let the style sheet see a property that has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
