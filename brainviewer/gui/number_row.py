"""A numeric feature in the editor: a slider over the training range and a box with the unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from brainviewer.gui.controls import described
from brainviewer.gui.feature_row import FeatureRow, about
from brainviewer.gui.slider import JumpSlider, WheelGuard
from brainviewer.gui.wording import ordinal, plain_range

if TYPE_CHECKING:
    from brainviewer.core.features import Feature, Value

STEPS_OVER_RANGE = 100
STEPS_PER_PAGE = 10


@dataclass(frozen=True, slots=True)
class Steps:
    """The grid of a slider: whole multiples of a power of ten within the training range.

    Attributes
    ----------
    size : float
        One step, in the feature's unit.
    first, last : int
        The ends of the slider, in steps.
    """

    size: float
    first: int
    last: int

    @classmethod
    def over(cls, feature: Feature) -> Steps:
        """Divide the training range into about a hundred steps or more."""
        known = feature.fitted
        span = max(known.high - known.low, 1e-6)
        size = 10.0 ** math.floor(math.log10(span / STEPS_OVER_RANGE) + 1e-9)
        return cls(size, math.ceil(known.low / size - 1e-9), math.floor(known.high / size + 1e-9))

    @property
    def decimals(self) -> int:
        """How many decimals tell two steps apart."""
        return max(0, -round(math.log10(self.size)))


class NumberRow(FeatureRow):
    """A numeric feature: a slider over the training range and a box with the unit."""

    def __init__(self, feature: Feature, parent: QWidget | None = None) -> None:
        super().__init__(feature, parent)
        self._steps = Steps.over(feature)
        self.slider = _slider(feature, self._steps)
        self.box = _number_box(feature, self._steps)
        self._guard = WheelGuard(self)
        for control in (self.slider, self.box):
            control.installEventFilter(self._guard)
        self._grid.addWidget(self.box, 0, 2)
        self._grid.addWidget(self.slider, 1, 0, 1, 4)
        self._grid.addWidget(self.caption, 2, 0, 1, 4)
        self.slider.valueChanged.connect(self._on_slider_moved)
        self.box.valueChanged.connect(self._on_number_entered)

    def show_value(self, value: Value, *, edited: bool, factual: Value) -> None:
        """Show a value without asking for it; see `FeatureRow.show_value`."""
        super().show_value(value, edited=edited, factual=factual)
        for control in (self.slider, self.box):
            control.setEnabled(value is not None)
        if value is None:
            return
        number = self.feature.number(value)
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            self.slider.setValue(round(number / self._steps.size))
            self.box.setValue(number)

    def _editor(self) -> QWidget:
        return self.slider

    def _explain(self, value: Value) -> str:
        words = _range(self.feature)
        if value is None:
            return f"{words} · not given: average taken"
        return f"{words} · {ordinal(self.feature.percentile(value))} percentile"

    def _explain_moved(self, value: Value, factual: Value) -> str:
        standing = ordinal(self.feature.percentile(value))
        return f"{standing} percentile · moved from {self.feature.label(factual)}"

    def _wished_value(self) -> Value:
        return self.box.value()

    def _on_slider_moved(self, steps: int) -> None:
        self.value_requested.emit(self.feature.name, round(steps * self._steps.size, 6))

    def _on_number_entered(self, number: float) -> None:
        self.value_requested.emit(self.feature.name, number)


def _range(feature: Feature) -> str:
    known = feature.fitted
    return plain_range(round(known.low, 2), round(known.high, 2), feature.unit)


def _slider(feature: Feature, steps: Steps) -> JumpSlider:
    page = steps.size * STEPS_PER_PAGE
    slider = described(
        JumpSlider(),
        f"{feature.name}_slider",
        accessible=feature.title,
        tooltip=f"{about(feature)}, {_range(feature)} in training\n"
        f"Arrow keys: {steps.size:g} {feature.unit}, "
        f"Page Up and Page Down: {page:g} {feature.unit}",
    )
    slider.setRange(steps.first, steps.last)
    slider.setPageStep(STEPS_PER_PAGE)
    return slider


def _number_box(feature: Feature, steps: Steps) -> QDoubleSpinBox:
    box = described(
        QDoubleSpinBox(),
        f"{feature.name}_box",
        accessible=f"{feature.title} {feature.unit}".rstrip(),
        tooltip=f"{about(feature)}; type a number and press Enter",
    )
    box.setSuffix(f" {feature.unit}".rstrip())
    box.setDecimals(steps.decimals)
    box.setRange(steps.first * steps.size, steps.last * steps.size)
    box.setSingleStep(steps.size * STEPS_PER_PAGE)
    box.setKeyboardTracking(False)
    box.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return box
