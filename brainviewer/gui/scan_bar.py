"""The row above the slices while the person on the screen is that of an own scan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QToolButton

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.gui.controls import described, title_label

if TYPE_CHECKING:
    from brainviewer.session.encoding import Encoded

MODEL, SCAN = "Model's image", "Own scan, carried"
ON_ITS_WAY = "on its way"
NO_DEVICE = "No clinical device"
_EXPLANATIONS = {
    MODEL: "Show what the generator makes of the person",
    SCAN: "Show the scan itself in its place, changed as the generator's person changes; it "
    "follows once the hand rests",
}


class ScanBar(QFrame):
    """Says whose scan it is and what this is not, and chooses what the slices show.

    Signals
    -------
    in_place_requested : bool
        Whether the scan, carried, is to be shown in place of the model's image.
    """

    in_place_requested = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("scan_bar")
        self.words = described(QLabel(), "scan_words", accessible="Own scan", tooltip="")
        self.words.setWordWrap(True)  # a doubt that is cut off is none
        self.warning = described(
            QLabel(NO_DEVICE), "scan_no_device", accessible=NO_DEVICE, tooltip=NOT_CLINICAL
        )
        self.warning.setProperty("role", "title")
        self.buttons = {name: _button(name) for name in (MODEL, SCAN)}
        self.carried = described(
            QLabel(),
            "scan_carried",
            accessible="Age of the carried scan",
            tooltip="The age that the scan in the slices was carried to",
        )
        self.carried.hide()
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 8, 3)
        row.addWidget(title_label("Slices show"))
        for name, button in self.buttons.items():
            group.addButton(button)
            row.addWidget(button)
            button.clicked.connect(partial(self.in_place_requested.emit, name == SCAN))
        row.addWidget(self.carried)
        row.addSpacing(10)
        row.addWidget(self.words, 1)
        row.addWidget(self.warning)
        self.hide()

    def show_scan(self, encoded: Encoded | None) -> None:
        """Say how near the generator comes to a scan; hidden without one."""
        self.setVisible(encoded is not None)
        if encoded is None:
            return
        alike, doubts = encoded.likeness, encoded.source.doubts
        how = (
            f"overlap with the model's tissues {1.0 - alike.error:.2f}"
            if alike.dice
            else f"apart from the model's image by {alike.difference:.3f}"
        )
        words = [f"Scan {encoded.source.name}: {how}", *(f"unusual: {it}" for it in doubts)]
        self.words.setText("; ".join(words))
        overlaps = "\n".join(f"{name}: overlap {it:.3f}" for name, it in alike.dice.items())
        self.words.setToolTip("\n".join([*words, overlaps, NOT_CLINICAL]).replace("\n\n", "\n"))

    def show_in_place(self, in_place: bool) -> None:
        """Tick what the slices show."""
        self.carried.setVisible(in_place)
        for name, button in self.buttons.items():
            with QSignalBlocker(button):
                button.setChecked(in_place == (name == SCAN))

    def show_carried(self, age: str, *, waiting: bool) -> None:
        """Say of which age the scan in the slices is, and whether another is on its way."""
        still = f", still {age}" if age else ""
        self.carried.setText(f"{ON_ITS_WAY}{still}" if waiting else age)


def _button(name: str) -> QToolButton:
    object_name = "scan_in_place" if name == SCAN else "scan_model"
    button = described(QToolButton(), object_name, accessible=name, tooltip=_EXPLANATIONS[name])
    button.setText(name)
    button.setCheckable(True)
    return button
