"""Many slices of one plane beside each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.space import Plane
from brainviewer.gui.controls import described
from brainviewer.gui.lightbox_canvas import LightboxCanvas
from brainviewer.session.lightbox import SPACING_RANGE_MM, TILES_RANGE, Lightbox

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent

    from brainviewer.session.display import Display


class LightboxView(QWidget):
    """A row of controls over the slices.

    Parameters
    ----------
    display : Display

    Signals
    -------
    changed
        Other slices, or more or fewer of them, are shown.
    """

    changed = Signal()

    def __init__(self, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lightbox_view")
        self._display = display
        self._is_chosen = False
        self.canvas = LightboxCanvas(display)
        self.plane = described(
            QComboBox(), "lightbox_plane", accessible="Plane", tooltip="The plane of the slices"
        )
        self.plane.addItems([plane.value.capitalize() for plane in Plane])
        self.rows = _count_box("lightbox_rows", "Rows")
        self.columns = _count_box("lightbox_columns", "Columns")
        self.spacing = _spacing_box()
        self.whole = described(
            QPushButton("&Whole brain"),
            "lightbox_whole",
            accessible="Spread the slices over the brain",
            tooltip="Spread the slices over the brain",
        )
        self._lay_out()
        self._connect()
        self._on_canvas_changed()

    @property
    def box(self) -> Lightbox:
        """Which slices are shown."""
        return self.canvas.box

    def begin(self) -> None:
        """Spread the slices over the brain, unless others were chosen before."""
        if not self._is_chosen:
            self._on_whole()
        self.canvas.setFocus()

    def show_box(self, box: Lightbox) -> None:
        """Show these slices."""
        self._is_chosen = True
        self.canvas.show_box(box)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the slices, which do not hear of it otherwise."""
        self.canvas.close()
        super().closeEvent(event)

    def _lay_out(self) -> None:
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(8, 3, 8, 3)
        row.addWidget(self.plane)
        row.addWidget(self.rows)
        row.addWidget(QLabel("×"))
        for widget in (self.columns, self.spacing, self.whole):
            row.addWidget(widget)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.canvas, 1)

    def _connect(self) -> None:
        self.plane.activated.connect(self._on_plane_chosen)
        for box in (self.rows, self.columns):
            box.valueChanged.connect(self._on_numbers_entered)
        self.spacing.valueChanged.connect(self._on_numbers_entered)
        self.whole.clicked.connect(self._on_whole)
        self.canvas.changed.connect(self._on_canvas_changed)

    def _on_plane_chosen(self, index: int) -> None:
        self.canvas.show_box(replace(self.box, plane=list(Plane)[index]))
        self._on_whole()

    def _on_numbers_entered(self) -> None:
        numbers = self.rows.value(), self.columns.value(), self.spacing.value()
        rows, columns, spacing = numbers
        self.show_box(replace(self.box, rows=rows, columns=columns, spacing_mm=spacing))

    def _on_whole(self) -> None:
        reference = self._display.reference
        if reference is not None:
            self.show_box(self.box.covering(reference))

    def _on_canvas_changed(self) -> None:
        box = self.box
        self.plane.setCurrentIndex(list(Plane).index(box.plane))
        for control, count in ((self.rows, box.rows), (self.columns, box.columns)):
            with QSignalBlocker(control):
                control.setValue(count)
        with QSignalBlocker(self.spacing):
            self.spacing.setValue(box.spacing_mm)
        self.changed.emit()


def _count_box(name: str, what: str) -> QSpinBox:
    box = described(QSpinBox(), name, accessible=what, tooltip=f"{what} of slices")
    box.setRange(*TILES_RANGE)
    box.setPrefix(f"{what} ")
    return box


def _spacing_box() -> QDoubleSpinBox:
    box = described(
        QDoubleSpinBox(),
        "lightbox_spacing",
        accessible="Spacing of the slices, mm",
        tooltip="From one slice to the next, mm",
    )
    box.setRange(*SPACING_RANGE_MM)
    box.setDecimals(1)
    box.setPrefix("every ")
    box.setSuffix(" mm")
    box.setKeyboardTracking(False)
    return box
