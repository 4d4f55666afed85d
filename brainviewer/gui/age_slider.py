"""The age: a slider in steps of a tenth of a year, and a box for the number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QWidget

from brainviewer.gui.controls import caption_label, described, icon_button, title_label
from brainviewer.gui.slider import JumpSlider
from brainviewer.gui.wording import plain_range

if TYPE_CHECKING:
    from brainviewer.core.features import Feature

STEPS_PER_YEAR = 10
NOT_TAKEN = "not taken"


class AgeSlider(QWidget):
    """Shows an age in years and asks for another.

    Signals
    -------
    age_requested : float, years
    factual_requested
        Back to the age that the person is known to have.
    """

    age_requested = Signal(float)
    factual_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._factual: float | None = None
        self._range = ""
        self.slider = _slider()
        self.box = _box()
        self.factual_button = icon_button("age_reset", "reset", "Back to the factual age")
        self.caption = caption_label("age_caption")
        self._lay_out()
        self.slider.valueChanged.connect(self._on_slider_moved)
        self.box.valueChanged.connect(self._on_number_entered)
        self.factual_button.clicked.connect(self.factual_requested)
        self.setFocusProxy(self.slider)

    def show_not_taken(self) -> None:
        """Say that the generator takes no age."""
        self.setEnabled(False)
        self.caption.setText(NOT_TAKEN)
        self.caption.setToolTip("This generator takes no features")

    def show_feature(self, feature: Feature) -> None:
        """Take the range from the ages of the training people."""
        known = feature.fitted
        low = math.ceil(round(known.low * STEPS_PER_YEAR, 6))
        high = math.floor(round(known.high * STEPS_PER_YEAR, 6))
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            self.slider.setRange(low, high)
            self.box.setRange(low / STEPS_PER_YEAR, high / STEPS_PER_YEAR)
        self._range = plain_range(low / STEPS_PER_YEAR, high / STEPS_PER_YEAR, "years")
        self._write_caption()

    def show_age(self, age: float) -> None:
        """Show an age, in years, without asking for it."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            self.slider.setValue(round(age * STEPS_PER_YEAR))
            self.box.setValue(age)
        self.factual_button.setEnabled(self._factual is not None and age != self._factual)

    def show_factual(self, age: float | None) -> None:
        """Show the age that the person is known to have, in years."""
        self._factual = age
        self._write_caption()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(title_label("&Age", self.slider), 0, 0)
        grid.addWidget(self.caption, 0, 1)
        grid.addWidget(self.box, 0, 2)
        grid.addWidget(self.factual_button, 0, 3)
        grid.addWidget(self.slider, 1, 0, 1, 4)
        grid.setColumnStretch(1, 1)

    def _write_caption(self) -> None:
        self.caption.setText(self._range)
        factual = "" if self._factual is None else f"; the factual age is {self._factual:.1f} years"
        self.caption.setToolTip(f"The ages of the training people{factual}")

    def _on_slider_moved(self, tenths: int) -> None:
        self.age_requested.emit(tenths / STEPS_PER_YEAR)

    def _on_number_entered(self, age: float) -> None:
        self.age_requested.emit(age)


def _slider() -> JumpSlider:
    slider = described(
        JumpSlider(),
        "age_slider",
        accessible="Age in tenths of a year",
        tooltip="Age at which the brain is shown.\n"
        "Arrow keys: 0.1 years, Page Up and Page Down or the wheel: 1 year",
    )
    slider.setSingleStep(1)
    slider.setPageStep(STEPS_PER_YEAR)
    return slider


def _box() -> QDoubleSpinBox:
    box = described(
        QDoubleSpinBox(),
        "age_box",
        accessible="Age in years",
        tooltip="Age in years; type a number and press Enter",
    )
    box.setSuffix(" years")
    box.setDecimals(1)
    box.setSingleStep(1.0)
    box.setKeyboardTracking(False)
    box.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return box
