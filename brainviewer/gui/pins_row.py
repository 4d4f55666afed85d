"""The pins under the trajectories: colour, eye, name and a way to remove each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLineEdit, QScrollArea, QWidget

from brainviewer.gui.controls import described, icon_button

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QWheelEvent

    from brainviewer.session.pins import Pin

ROW_PIXELS = 30
SWATCH_PIXELS = 12
NARROWEST_PIXELS, WIDEST_PIXELS = 60, 150
ROOM_PIXELS = 20


class PinChip(QFrame):
    """One pin.

    Signals
    -------
    rename_requested : int, str
    visible_requested : int, bool
    remove_requested : int
    """

    rename_requested = Signal(int, str)
    visible_requested = Signal(int, bool)
    remove_requested = Signal(int)

    def __init__(self, pin: Pin, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = pin.number
        self.eye = described(
            QCheckBox(),
            f"pin_{pin.number}_eye",
            accessible=f"Draw {pin.name}",
            tooltip="Draw this pin, or leave it out",
        )
        self.eye.setIcon(_swatch(pin.color))
        self.name = described(
            QLineEdit(),
            f"pin_{pin.number}_name",
            accessible="Name of the pin",
            tooltip="Type another name and press Enter",
        )
        self.remove = icon_button(f"pin_{pin.number}_remove", "close", "Remove this pin")
        self._lay_out()
        self.show_pin(pin)
        self.eye.toggled.connect(self._on_eye_toggled)
        self.name.editingFinished.connect(self._on_name_entered)
        self.remove.clicked.connect(self._on_remove_clicked)

    def show_pin(self, pin: Pin) -> None:
        """Show the name and whether it is drawn; leave a name alone while it is being typed."""
        with QSignalBlocker(self.eye):
            self.eye.setChecked(pin.visible)
        if not self.name.isModified():
            self.name.setText(pin.name)
            self.name.setCursorPosition(0)
            wide = self.name.fontMetrics().horizontalAdvance(pin.name) + ROOM_PIXELS
            self.name.setFixedWidth(min(max(wide, NARROWEST_PIXELS), WIDEST_PIXELS))
        checkpoint = pin.state.checkpoint.title
        self.setToolTip(f"{pin.name}\n{checkpoint}, {pin.state.scenario} scenario")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(2)
        for widget in (self.eye, self.name, self.remove):
            row.addWidget(widget)

    def _on_eye_toggled(self, visible: bool) -> None:
        self.visible_requested.emit(self.number, visible)

    def _on_name_entered(self) -> None:
        if self.name.isModified():
            self.name.setModified(False)
            self.rename_requested.emit(self.number, self.name.text())

    def _on_remove_clicked(self) -> None:
        self.remove_requested.emit(self.number)


class PinsRow(QScrollArea):
    """Shows the pins side by side; hidden while there are none.

    Signals
    -------
    rename_requested : int, str
    visible_requested : int, bool
    remove_requested : int
    """

    rename_requested = Signal(int, str)
    visible_requested = Signal(int, bool)
    remove_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pins_row")
        self.chips: dict[int, PinChip] = {}
        self._row = QHBoxLayout()
        self._row.setContentsMargins(8, 0, 8, 0)
        self._row.addStretch(1)
        inner = QWidget()
        inner.setLayout(self._row)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(ROW_PIXELS)
        self.hide()

    def show_pins(self, pins: Sequence[Pin]) -> None:
        """Show the pins, from left to right."""
        for number in self.chips.keys() - {pin.number for pin in pins}:
            self._drop(self.chips.pop(number))
        for pin in pins:
            if pin.number in self.chips:
                self.chips[pin.number].show_pin(pin)
            else:
                self._add(PinChip(pin))
        self.setVisible(bool(pins))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Go to the pins that there is no room for."""
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - event.angleDelta().y())
        event.accept()

    def _add(self, chip: PinChip) -> None:
        self.chips[chip.number] = chip
        chip.rename_requested.connect(self.rename_requested)
        chip.visible_requested.connect(self.visible_requested)
        chip.remove_requested.connect(self.remove_requested)
        self._row.insertWidget(self._row.count() - 1, chip)

    def _drop(self, chip: PinChip) -> None:
        self._row.removeWidget(chip)
        chip.hide()
        chip.deleteLater()


def _swatch(color: str) -> QIcon:
    pixmap = QPixmap(SWATCH_PIXELS, SWATCH_PIXELS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.fillRect(0, SWATCH_PIXELS // 2 - 2, SWATCH_PIXELS, 4, QColor(color))
    painter.end()
    return QIcon(pixmap)
