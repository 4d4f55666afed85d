"""The controls of one layer."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QImage, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from brainviewer.gui.controls import described, icon_button
from brainviewer.gui.frame_line import FrameLine
from brainviewer.gui.slider import JumpSlider, WheelGuard
from brainviewer.session.colormaps import COLORMAPS, LABELS, STEPS, lookup_table

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from brainviewer.session.display import Display
    from brainviewer.session.layers import Layer

SWATCH = QSize(32, 12)
ACTIVE_EDGE_PIXELS = 3
COLORMAP_LETTERS = 9
FARTHEST_VALUE = 1e9
# The boxes of a window tell about a thousandth of its width apart.
DIGITS_OF_WINDOW = 3


class LayerRow(QFrame):
    """One layer: seen or not, active or not, opacity, colours, window, frame and place.

    Parameters
    ----------
    display : Display
    index : int
        Of the layer in ``display.layers``.

    Signals
    -------
    information_requested : int
        The user asks what is known about the image of this layer.
    """

    information_requested = Signal(int)

    def __init__(self, display: Display, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._display = display
        self._index = index
        self._make_controls(display.layers[index].name)
        self._lay_out()
        self._guard = WheelGuard(self)
        for control in (self.opacity, self.colormap, self.low, self.high):
            control.installEventFilter(self._guard)
        self._make_context_menu()
        self._connect()
        self.show_layer()

    def show_layer(self) -> None:
        """Show what the display holds of this layer."""
        layer, count = self._layer, len(self._display.layers)
        with QSignalBlocker(self.eye), QSignalBlocker(self.opacity), QSignalBlocker(self.colormap):
            self.eye.setChecked(layer.visible)
            self.opacity.setValue(round(100 * layer.opacity))
            self.colormap.setCurrentText(layer.colormap)
        self.percent.setText(f"{100 * layer.opacity:.0f} %")
        self._show_window(layer)
        if self.frame is not None:
            self.frame.show_frame(self._display.frames.wanted(layer), shown=layer.frame)
        self.active.setChecked(self._is_active)
        self.up.setEnabled(self._index < count - 1)
        self.down.setEnabled(self._index > 0)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Mark the active layer at its edge."""
        super().paintEvent(event)
        if self._is_active:
            painter = QPainter(self)
            color = self.palette().color(QPalette.ColorRole.Highlight)
            painter.fillRect(0, 0, ACTIVE_EDGE_PIXELS, self.height(), color)
            painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Make the layer active by a click beside its controls."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._display.set_active(self._index)

    @property
    def _is_active(self) -> bool:
        return self._display.active == self._index

    @property
    def _layer(self) -> Layer:
        return self._display.layers[self._index]

    def _show_window(self, layer: Layer) -> None:
        low, high = layer.window
        decimals = max(0, DIGITS_OF_WINDOW - 1 - math.floor(math.log10(high - low)))
        step = 10.0**-decimals
        with QSignalBlocker(self.low), QSignalBlocker(self.high):
            for box in (self.low, self.high):
                box.setDecimals(decimals)
                box.setSingleStep((high - low) / 50)
            # The ends keep apart, so that no window is empty.
            self.low.setRange(-FARTHEST_VALUE, high - step)
            self.high.setRange(low + step, FARTHEST_VALUE)
            self.low.setValue(low)
            self.high.setValue(high)

    # Building

    def _make_controls(self, name: str) -> None:
        number = self._index
        self.setObjectName(f"layer_row_{number}")
        self.eye = described(
            QCheckBox(),
            f"layer_visible_{number}",
            accessible=f"Show {name}",
            tooltip=f"Show {name}",
        )
        self.active = _active_button(f"layer_active_{number}", name)
        self.up = _arrow(f"layer_up_{number}", Qt.ArrowType.UpArrow, f"Move {name} up")
        self.down = _arrow(f"layer_down_{number}", Qt.ArrowType.DownArrow, f"Move {name} down")
        self.remove = icon_button(f"layer_remove_{number}", "close", f"Remove {name}")
        self.information = icon_button(
            f"layer_information_{number}", "info", f"What the file of {name} says"
        )
        if not self._layer.source:
            self.information.hide()
        self.opacity = _opacity_slider(f"layer_opacity_{number}", name)
        self.percent = QLabel()
        self.percent.setFixedWidth(self.percent.fontMetrics().horizontalAdvance("100 %") + 4)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.colormap = _colormap_box(f"layer_colormap_{number}", self._layer)
        self._window_caption = QLabel("Window")
        self.low = _window_box(f"layer_low_{number}", name, "lowest", "first")
        self.high = _window_box(f"layer_high_{number}", name, "highest", "last")
        self.auto = described(
            QToolButton(),
            f"layer_auto_{number}",
            accessible=f"Automatic window of {name}",
            tooltip="Window from the 1st to the 99.5th percentile of what is not zero;\n"
            "with two-tailed colours from 2.3 to the largest size",
        )
        self.auto.setText("Auto")
        frames = self._layer.frames
        self.frame = FrameLine(number, name, frames) if frames > 1 else None

    def _make_context_menu(self) -> None:
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        wishes = {"&Information…": self._on_information} if self._layer.source else {}
        for text, wish in {**wishes, "&Remove": self._on_remove}.items():
            action = QAction(text, self)
            action.triggered.connect(wish)
            self.addAction(action)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(7, 4, 4, 6)
        grid.setVerticalSpacing(3)
        grid.addLayout(self._name_line(), 0, 0)
        grid.addLayout(_line(self.opacity, self.percent, self.colormap), 1, 0)
        grid.addLayout(self._window_line(), 2, 0)
        if self.frame is not None:
            grid.addWidget(self.frame, 3, 0)
        if self._layer.kind == "label":
            for control in (self.colormap, self._window_caption, self.low, self.high, self.auto):
                control.hide()

    def _name_line(self) -> QHBoxLayout:
        line = _line(self.active, self.information, self.up, self.down, self.remove)
        line.insertWidget(0, self.eye)
        return line

    def _window_line(self) -> QHBoxLayout:
        line = _line(self._window_caption, self.low, self.high, self.auto)
        self._window_caption.setBuddy(self.low)
        return line

    def _connect(self) -> None:
        self.eye.toggled.connect(self._on_toggled)
        self.active.clicked.connect(self._on_chosen)
        self.opacity.valueChanged.connect(self._on_opacity_changed)
        self.colormap.currentTextChanged.connect(self._on_colormap_changed)
        self.low.valueChanged.connect(self._on_low_entered)
        self.high.valueChanged.connect(self._on_high_entered)
        self.auto.clicked.connect(self._on_auto)
        self.up.clicked.connect(self._on_up)
        self.down.clicked.connect(self._on_down)
        self.remove.clicked.connect(self._on_remove)
        self.information.clicked.connect(self._on_information)
        if self.frame is not None:
            self.frame.frame_requested.connect(self._on_frame_requested)

    # Wishes

    def _on_toggled(self, visible: bool) -> None:
        self._display.set_layer(self._index, visible=visible)

    def _on_chosen(self) -> None:
        self._display.set_active(self._index)

    def _on_opacity_changed(self, percent: int) -> None:
        self._display.set_layer(self._index, opacity=percent / 100)

    def _on_colormap_changed(self, name: str) -> None:
        self._display.set_layer(self._index, colormap=name)

    def _on_low_entered(self, low: float) -> None:
        self._display.set_window(self._index, low, self._layer.window[1])

    def _on_high_entered(self, high: float) -> None:
        self._display.set_window(self._index, self._layer.window[0], high)

    def _on_auto(self) -> None:
        self._display.auto_window(self._index)

    def _on_information(self) -> None:
        self.information_requested.emit(self._index)

    def _on_frame_requested(self, frame: int) -> None:
        self._display.frames.ask(self._layer, frame)

    def _on_up(self) -> None:
        self._display.move_layer(self._index, self._index + 1)

    def _on_down(self) -> None:
        self._display.move_layer(self._index, self._index - 1)

    def _on_remove(self) -> None:
        self._display.remove_layer(self._index)


@cache
def colormap_icon(name: str) -> QIcon:
    """Draw a colormap from its lowest to its highest value, on black."""
    table = lookup_table(name).astype(np.float32)
    alpha = table[:, 3:] / 255 if table.shape[1] == 4 else np.float32(1)
    line = np.rint(table[:, :3] * alpha).astype(np.uint8)
    image = QImage(line.tobytes(), STEPS, 1, 3 * STEPS, QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image.copy()).scaled(SWATCH))


def _line(first: QWidget, *others: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(4)
    line.addWidget(first, 1)
    for widget in others:
        line.addWidget(widget)
    return line


def _active_button(name: str, layer: str) -> QRadioButton:
    button = described(
        QRadioButton(layer.replace("&", "&&")),
        name,
        accessible=f"Make {layer} the active layer",
        tooltip=f"{layer}\nThe active layer is the one that Shift + drag and Ctrl + J change",
    )
    button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return button


def _arrow(name: str, arrow: Qt.ArrowType, explanation: str) -> QToolButton:
    button = described(QToolButton(), name, accessible=explanation, tooltip=explanation)
    button.setArrowType(arrow)
    button.setProperty("flat", True)
    return button


def _opacity_slider(name: str, layer: str) -> JumpSlider:
    slider = described(
        JumpSlider(), name, accessible=f"Opacity of {layer}, percent", tooltip="Opacity"
    )
    slider.setRange(0, 100)
    slider.setPageStep(10)
    return slider


def _colormap_box(name: str, layer: Layer) -> QComboBox:
    box = described(
        QComboBox(), name, accessible=f"Colours of {layer.name}", tooltip="Colours of the values"
    )
    box.setIconSize(SWATCH)
    box.setMinimumContentsLength(COLORMAP_LETTERS)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for colormap in COLORMAPS:
        if (colormap == LABELS) == (layer.kind == "label"):
            box.addItem(colormap_icon(colormap), colormap)
    return box


def _window_box(name: str, layer: str, end: str, color: str) -> QDoubleSpinBox:
    box = described(
        QDoubleSpinBox(),
        name,
        accessible=f"Window of {layer}, {end} value",
        tooltip=f"Window: the value that gets the {color} colour, in the image's own unit;\n"
        "with two-tailed colours its size, on either side of zero",
    )
    box.setKeyboardTracking(False)
    box.setFixedWidth(box.fontMetrics().horizontalAdvance("0000.000") + 18)
    return box
