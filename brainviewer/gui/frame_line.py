"""The controls that choose a frame of a 4D image."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QWidget

from brainviewer.gui.controls import described
from brainviewer.gui.slider import JumpSlider, WheelGuard

LONG_STEP = 10


class FrameLine(QWidget):
    """A slider and a box for the frame, counted from 0.

    Parameters
    ----------
    number : int
        Of the layer, for the object names.
    name : str
        Of the layer.
    frames : int
        How many there are.

    Signals
    -------
    frame_requested : int
    """

    frame_requested = Signal(int)

    def __init__(self, number: int, name: str, frames: int) -> None:
        super().__init__()
        last = frames - 1
        explanation = f"Frame 0 to {last}; comma and period in a slice step through them"
        self.caption = QLabel("Frame")
        self.slider = described(
            JumpSlider(),
            f"layer_frame_slider_{number}",
            accessible=f"Frame of {name}, slider",
            tooltip=explanation,
        )
        self.box = described(
            QSpinBox(), f"layer_frame_{number}", accessible=f"Frame of {name}", tooltip=explanation
        )
        self.box.setKeyboardTracking(False)
        self.box.setSuffix(f" / {last}")
        for control in (self.slider, self.box):
            control.setRange(0, last)
        self.slider.setPageStep(min(LONG_STEP, max(1, last // LONG_STEP)))
        self.caption.setBuddy(self.box)
        # As wide as its longer text, so that nothing moves while a frame is read.
        self.caption.setFixedWidth(self.caption.fontMetrics().horizontalAdvance("Reading") + 2)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(self.caption)
        line.addWidget(self.slider, 1)
        line.addWidget(self.box)
        self._guard = WheelGuard(self)
        for control in (self.slider, self.box):
            control.installEventFilter(self._guard)
            control.valueChanged.connect(self.frame_requested)

    def show_frame(self, wanted: int, *, shown: int) -> None:
        """Show which frame is asked for, and whether it is the one on the screen."""
        for control in (self.slider, self.box):
            with QSignalBlocker(control):
                control.setValue(wanted)
        self.caption.setText("Frame" if wanted == shown else "Reading")
