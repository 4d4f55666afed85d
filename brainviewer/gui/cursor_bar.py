"""Where the crosshair is and what is there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from brainviewer.core.space import Convention, voxel_to_world
from brainviewer.gui.controls import described, icon_button
from brainviewer.gui.wording import MINUS, NOT_KNOWN

if TYPE_CHECKING:
    from psygnal import SignalInstance
    from PySide6.QtGui import QCloseEvent

    from brainviewer.core.volume import Volume
    from brainviewer.session.display import Display, Reading

AnyBox = TypeVar("AnyBox", bound=QAbstractSpinBox)

VALUES_MINIMUM_PIXELS = 150
FARTHEST_MM = 1000.0
WORLD_AXES = {
    "x": "left to right, right is positive",
    "y": "posterior to anterior, anterior is positive",
    "z": "inferior to superior, superior is positive",
}
VOXEL_AXES = ("i", "j", "k")


class CursorBar(QWidget):
    """The crosshair in mm and in voxels, both to be typed into, and the values below it.

    Parameters
    ----------
    display : Display
    """

    def __init__(self, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._display = display
        self._beside: Display | None = None
        self.setObjectName("cursor_bar")
        self.world_boxes = [_world_box(axis, about) for axis, about in WORLD_AXES.items()]
        self.voxel_boxes = [_voxel_box(axis) for axis in VOXEL_AXES]
        self.values = _values_label()
        self.copy = icon_button("cursor_copy", "copy", "Copy the position and the values as text")
        self.convention = _convention_button()
        self._lay_out()
        for world_box in self.world_boxes:
            world_box.valueChanged.connect(self._on_world_entered)
        for voxel_box in self.voxel_boxes:
            voxel_box.valueChanged.connect(self._on_voxel_entered)
        self.copy.clicked.connect(self._on_copy)
        self.convention.clicked.connect(self._on_convention_clicked)
        for changed in self._signals:
            changed.connect(self._on_display_changed)
        self.show_display()

    def read_beside(self, beside: Display | None) -> None:
        """Read a second display at the same place too; None ends it."""
        if self._beside is not None:
            self._beside.layers_changed.disconnect(self._on_display_changed, missing_ok=True)
        self._beside = beside
        if beside is not None:
            beside.layers_changed.connect(self._on_display_changed)
        self.show_display()

    def show_display(self) -> None:
        """Show what the display holds."""
        display, reference = self._display, self._display.reference
        for box in (*self.world_boxes, *self.voxel_boxes, self.copy):
            box.setEnabled(reference is not None)
        for world_box, millimetres in zip(self.world_boxes, display.crosshair, strict=True):
            with QSignalBlocker(world_box):
                world_box.setValue(millimetres)
        if reference is not None:
            self._show_voxel(reference)
        words = [*self._readings(minus=MINUS), *self._region()]
        self.values.setText("   ".join(words))
        self.values.setToolTip("\n".join(words))
        self.convention.setText(display.convention.value.capitalize())

    def as_text(self) -> str:
        """Write the position and the values, a line each, as for a note."""
        x, y, z = (box.value() for box in self.world_boxes)
        i, j, k = self._display.crosshair_voxel
        lines = [f"world {x:.1f} {y:.1f} {z:.1f} mm (RAS+)", f"voxel {i} {j} {k}"]
        lines += [*self._readings(minus="-"), *(f"region {it}" for it in self._region())]
        return "\n".join(lines)

    def _readings(self, *, minus: str) -> list[str]:
        """Write the value of each layer, and behind a bar that of the display beside."""
        readings = self._display.values_at_crosshair()
        numbers = [[_number(it, minus)] for it in readings]
        if self._beside is not None:
            beside = {it.name: _number(it, minus) for it in self._beside.values_at_crosshair()}
            numbers = [
                [*own, beside.get(it.name, NOT_KNOWN)]
                for own, it in zip(numbers, readings, strict=True)
            ]
        return [f"{it.name} {' | '.join(n)}" for it, n in zip(readings, numbers, strict=True)]

    def _region(self) -> list[str]:
        """Name the region at the crosshair, where there is one and the generator knows it."""
        name = self._display.regions.name_at(self._display.crosshair)
        return [name] if name else []

    def closeEvent(self, event: QCloseEvent) -> None:
        """Follow the display no longer."""
        self.read_beside(None)
        for changed in self._signals:
            changed.disconnect(self._on_display_changed, missing_ok=True)
        super().closeEvent(event)

    @property
    def _signals(self) -> tuple[SignalInstance, ...]:
        """What may change what is read."""
        display = self._display
        return (
            display.layers_changed,
            display.crosshair_changed,
            display.view_changed,
            display.regions.changed,
        )

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 8, 3)
        row.setSpacing(3)
        for box in self.world_boxes:
            row.addWidget(box)
        row.addSpacing(4)
        for voxel_box in self.voxel_boxes:
            row.addWidget(voxel_box)
        row.addSpacing(4)
        row.addWidget(self.values, 1)
        row.addWidget(self.copy)
        row.addWidget(self.convention)

    def _show_voxel(self, reference: Volume) -> None:
        voxel = self._display.crosshair_voxel
        for box, index, size in zip(self.voxel_boxes, voxel, reference.shape, strict=True):
            with QSignalBlocker(box):
                box.setRange(0, size - 1)
                box.setValue(index)

    def _on_display_changed(self) -> None:
        self.show_display()

    def _on_world_entered(self) -> None:
        typed = [box.value() for box in self.world_boxes]
        # A box shows less than the crosshair holds: what was not typed is left as it was.
        self._display.set_crosshair(
            [
                now if abs(now - new) < 0.5 * 10 ** -box.decimals() else new
                for box, now, new in zip(
                    self.world_boxes, self._display.crosshair, typed, strict=True
                )
            ]
        )
        self.show_display()

    def _on_voxel_entered(self) -> None:
        reference = self._display.reference
        if reference is not None:
            voxel = [box.value() for box in self.voxel_boxes]
            self._display.set_crosshair(voxel_to_world(reference.affine, voxel))

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.as_text())

    def _on_convention_clicked(self) -> None:
        self._display.set_convention(other_convention(self._display.convention))


def other_convention(convention: Convention) -> Convention:
    """Give the convention that is not this one."""
    if convention is Convention.RADIOLOGICAL:
        return Convention.NEUROLOGICAL
    return Convention.RADIOLOGICAL


def _number(reading: Reading, minus: str) -> str:
    if math.isnan(reading.value):
        return NOT_KNOWN
    words = {
        "label": f"{reading.value:.0f} {reading.label}".rstrip(),
        "probability": f"{reading.value:.2f}",
        "intensity": f"{reading.value:.4g}",
        "change": f"{round(reading.value, 1) + 0.0:+.1f} %",
    }[reading.kind]
    # A name may hold a hyphen.
    return words if reading.label else words.replace("-", minus)


def _world_box(axis: str, about: str) -> QDoubleSpinBox:
    box = described(
        QDoubleSpinBox(),
        f"cursor_{axis}",
        accessible=f"Crosshair {axis}, mm",
        tooltip=f"{axis} in mm, {about}; type a number and press Enter",
    )
    box.setRange(-FARTHEST_MM, FARTHEST_MM)
    box.setDecimals(1)
    box.setPrefix(f"{axis} ")
    box.setSuffix(" mm")
    return _tuned(box, "x −100.0 mm")


def _voxel_box(axis: str) -> QSpinBox:
    box = described(
        QSpinBox(),
        f"cursor_{axis}",
        accessible=f"Crosshair voxel {axis}",
        tooltip=f"Voxel index {axis} in the lowest layer, from 0; type a number and press Enter",
    )
    box.setPrefix(f"{axis} ")
    return _tuned(box, "k 000")


def _tuned(box: AnyBox, widest: str) -> AnyBox:
    """Let a box wait for Enter, and be as wide as its widest text."""
    box.setKeyboardTracking(False)
    box.setFixedWidth(box.fontMetrics().horizontalAdvance(widest) + 18)
    return box


def _values_label() -> QLabel:
    label = described(
        QLabel(), "cursor_values", accessible="Values at the crosshair", tooltip="Values"
    )
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.setMinimumWidth(VALUES_MINIMUM_PIXELS)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _convention_button() -> QToolButton:
    return described(
        QToolButton(),
        "cursor_convention",
        accessible="Convention of left and right",
        tooltip="Radiological: the person's left is on the right of the picture.\n"
        "Neurological: the person's left is on the left. Click to change.",
    )
