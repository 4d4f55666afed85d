"""The layers, top first, and how each is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.controls import caption_label, described
from brainviewer.gui.layer_row import LayerRow
from brainviewer.session.layers import Interpolation

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent

    from brainviewer.session.display import Display
    from brainviewer.session.layers import Kind

MINIMUM_WIDTH_PIXELS = 300
WAYS: tuple[Interpolation, ...] = get_args(Interpolation)


class LayersPanel(QScrollArea):
    """All layers with their controls, one of them active; edits go through the display.

    Parameters
    ----------
    display : Display

    Signals
    -------
    information_requested : int
        What is known about the image of the layer of this index?
    """

    information_requested = Signal(int)

    def __init__(self, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._display = display
        self.rows: list[LayerRow] = []
        self._active = QButtonGroup(self)
        self._shown: list[tuple[str, Kind, str, int]] = []
        self.empty = caption_label("layers_empty", "Nothing is shown yet")
        self.interpolation = described(
            QComboBox(),
            "layers_interpolation",
            accessible="Interpolation between voxels",
            tooltip="Between voxels: nearest shows each as it is, linear mixes neighbours,\n"
            "cubic is a smooth curve through them",
        )
        self.interpolation.addItems([f"{it.capitalize()} interpolation" for it in WAYS])
        self._lay_out()
        self.interpolation.activated.connect(self._on_interpolation_chosen)
        display.layers_changed.connect(self._on_layers_changed)
        display.frames.changed.connect(self._on_layers_changed)
        self.show_layers()

    def show_layers(self) -> None:
        """Show what the display holds."""
        layers = self._display.layers
        names = [(layer.name, layer.kind, layer.source, layer.frames) for layer in layers]
        if names != self._shown:
            self._make_rows()
            self._shown = names
        for row in self.rows:
            row.show_layer()
        self.empty.setVisible(not layers)
        self.interpolation.setEnabled(bool(layers))
        self.interpolation.setCurrentIndex(WAYS.index(self._display.interpolation))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Follow the display no longer."""
        self._display.layers_changed.disconnect(self._on_layers_changed, missing_ok=True)
        self._display.frames.changed.disconnect(self._on_layers_changed, missing_ok=True)
        super().closeEvent(event)

    def _make_rows(self) -> None:
        """Make the rows anew, top layer first; the old ones end after their own click."""
        for row in self.rows:
            self._active.removeButton(row.active)
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [LayerRow(self._display, it) for it in range(len(self._display.layers))]
        for row in self.rows:
            self._active.addButton(row.active)
            row.information_requested.connect(self.information_requested)
            self._column.insertWidget(0, row)

    def _lay_out(self) -> None:
        self.setObjectName("layers_panel")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(MINIMUM_WIDTH_PIXELS)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setSpacing(2)
        for widget in (self.empty, self.interpolation):
            self._column.addWidget(widget)
        self._column.addStretch(1)
        self.setWidget(inside)

    def _on_layers_changed(self) -> None:
        self.show_layers()

    def _on_interpolation_chosen(self, index: int) -> None:
        self._display.set_interpolation(WAYS[index])
