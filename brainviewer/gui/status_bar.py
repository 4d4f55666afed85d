"""The bottom line: what the application is doing, on which device, and how exact the picture is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QStatusBar, QToolButton, QWidget

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.space import Convention
from brainviewer.gui.controls import described

if TYPE_CHECKING:
    from brainviewer.session.state import Shown

NO_CLINICAL_USE = "Not for clinical use"
PROGRESS_STEPS = 1000
_SIDES = {
    Convention.RADIOLOGICAL: "Radiological: the person's left is on the right",
    Convention.NEUROLOGICAL: "Neurological: the person's left is on the left",
}


class StatusBar(QStatusBar):
    """Shows what goes on.

    Signals
    -------
    cancel_requested
        Stop the long work.
    convention_requested
        The other side.
    """

    cancel_requested = Signal()
    convention_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status_bar")
        self.busy = described(QLabel(), "busy_text", accessible="Doing", tooltip="")
        self.progress = _progress_bar()
        self.cancel_button = _cancel_button()
        self.exactness = described(QLabel(), "exactness", accessible="Exactness", tooltip="")
        self.convention = _convention_button()
        self.device = described(
            QLabel(), "device", accessible="Device", tooltip="What the generator runs on"
        )
        self.purpose = described(
            QLabel(NO_CLINICAL_USE),
            "purpose",
            accessible=NO_CLINICAL_USE,
            tooltip=NOT_CLINICAL,
        )
        self._lay_out()
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.convention.clicked.connect(self.convention_requested)
        self.show_busy("")

    def show_busy(self, words: str) -> None:
        """Say what is being done; nothing when idle."""
        self.busy.setText(words)
        if not words:
            self.progress.hide()
            self.cancel_button.hide()

    def show_progress(self, fraction: float) -> None:
        """Show how much of a work that can be cancelled is done, 0 to 1."""
        self.progress.setValue(round(fraction * PROGRESS_STEPS))
        going_on = fraction < 1
        self.progress.setVisible(going_on)
        self.cancel_button.setVisible(going_on)

    def show_brain(self, shown: Shown) -> None:
        """Say whether the picture is the generator's own answer."""
        self.exactness.setText("Exact" if shown.exact else "Preview")
        self.exactness.setToolTip(
            "The picture is the generator's answer for exactly these values"
            if shown.exact
            else "A neighbouring brain from memory; the exact one is on its way"
        )

    def show_waiting(self) -> None:
        """Say that the picture is of another brain than the one that is asked for."""
        self.exactness.setText("On its way")
        self.exactness.setToolTip(
            "The brain that is asked for is being made; this is an earlier one"
        )

    def show_convention(self, convention: Convention) -> None:
        """Say on which side of the screen the person's left is."""
        self.convention.setText(_SIDES[convention])

    def show_device(self, name: str) -> None:
        """Say what the generator runs on."""
        self.device.setText(f"Device: {name}" if name else "")

    def _lay_out(self) -> None:
        self.addWidget(self.busy)
        self.addWidget(self.progress)
        self.addWidget(self.cancel_button)
        self.addPermanentWidget(self.exactness)
        self.addPermanentWidget(self.convention)
        self.addPermanentWidget(self.device)
        self.addPermanentWidget(self.purpose)


def _progress_bar() -> QProgressBar:
    bar = described(QProgressBar(), "progress", accessible="Progress", tooltip="How much is done")
    bar.setRange(0, PROGRESS_STEPS)
    bar.setMaximumWidth(180)
    bar.setMaximumHeight(16)
    return bar


def _cancel_button() -> QPushButton:
    return described(
        QPushButton("&Cancel"),
        "cancel",
        accessible="Cancel",
        tooltip="Stop; nothing half-written is left",
    )


def _convention_button() -> QToolButton:
    button = described(
        QToolButton(),
        "convention",
        accessible="Convention",
        tooltip="Change between the radiological and the neurological convention",
    )
    button.setProperty("flat", True)
    return button
