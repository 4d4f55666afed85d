"""The fourth pane of each side of a comparison: who it is, and the volumes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from brainviewer.core.population import PERCENTILES
from brainviewer.core.scenario import AGE
from brainviewer.gui.controls import described, title_label
from brainviewer.gui.wording import millilitres, signed, standing
from brainviewer.session.comparison import Against, Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.pins import Pin
    from brainviewer.session.request import Shown

WAITING = "On its way"
PERCENTILE = "Perc."
AS_GIVEN = "The person as given"
THE_SCAN = "The scan itself"
CARRIED = "The scan carried"
SCANS = {Against.CARRIED: CARRIED, Against.SCAN: THE_SCAN}


class CompareCard(QWidget):
    """Says which brain a side shows.

    Parameters
    ----------
    side : str
        ``"A"`` or ``"B"``.
    """

    def __init__(self, side: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"compare_card_{side.lower()}")
        # However long the words, both sides are as wide.
        self.setMinimumWidth(1)
        self.title = title_label(side)
        self.words = QLabel(WAITING)
        self.words.setWordWrap(True)
        self._numbers = QGridLayout()
        self._numbers.setHorizontalSpacing(8)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(10, 14, 8, 14)
        self.column.addWidget(self.title)
        self.column.addWidget(self.words)
        self.column.addLayout(self._numbers)
        self.column.addStretch(1)

    def show_brain(
        self,
        shown: Shown,
        source: str,
        *,
        against: Mapping[str, float] | None = None,
        standings: Mapping[str, float] | None = None,
    ) -> None:
        """Show who it is, what made it, and the volumes in mL.

        Parameters
        ----------
        against : mapping of structure to float, mL, optional
            Others, to say how far the volumes are from them.
        standings : mapping of structure to float, 0-100, optional
            Percentiles among the training people of the same age and sex.
        """
        age = shown.conditions.get(AGE)
        words = [shown.identity.label, source]
        if isinstance(age, int | float):
            words.insert(1, f"{age:.1f} years")
        self.words.setText(", ".join(words))
        self._clear()
        if standings and shown.volumes_ml:
            self._write_headings(3 if against is not None else 2)
        for row, (name, volume) in enumerate(shown.volumes_ml.items(), 1):
            cells = [name, f"{millilitres(volume)} mL"]
            if against is not None:
                cells.append(f"{signed(volume - against.get(name, math.nan))} mL")
            if standings is not None:
                cells.append(_place(standings.get(name, math.nan)))
            for column, text in enumerate(cells):
                self._numbers.addWidget(_cell(text), row, column)
        self._numbers.setColumnStretch(4, 1)

    def _write_headings(self, column: int) -> None:
        heading = _cell(PERCENTILE)
        heading.setProperty("role", "caption")
        heading.setToolTip("Percentile among the training people of this age and sex")
        self._numbers.addWidget(heading, 0, column)

    def show_sentence(self, sentence: str) -> None:
        """Say why there is no brain."""
        self.words.setText(sentence)
        self._clear()

    def _clear(self) -> None:
        while (item := self._numbers.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()


class ChoosingCard(CompareCard):
    """The card of the second brain, which can be chosen.

    Signals
    -------
    choice_requested : Choice
    """

    choice_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("B", parent)
        self.title.setText("B, differences to A")
        self.chooser = described(
            QComboBox(),
            "compare_chooser",
            accessible="What to compare with",
            tooltip="The person as given, the scan that the person was encoded from, as it is or "
            "carried to the conditions of A, a pin at the age of A or at its own, or the same "
            "person in another checkpoint",
        )
        self.chooser.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.chooser.setMinimumContentsLength(14)
        self.column.insertWidget(1, self.chooser)
        self.chooser.activated.connect(self._on_activated)

    def show_choices(
        self,
        choice: Choice,
        *,
        pins: Sequence[Pin],
        checkpoints: Sequence[Checkpoint],
        scans: Sequence[Against] = (),
    ) -> None:
        """List what there is to compare with, and tick what is compared with."""
        with QSignalBlocker(self.chooser):
            self.chooser.clear()
            self.chooser.addItem(AS_GIVEN, Choice())
            for against in scans:
                self.chooser.addItem(SCANS[against], Choice(against))
            for pin in pins:
                for wish, words in _choices_of(pin):
                    self.chooser.addItem(words, wish)
            for checkpoint in checkpoints:
                wish = Choice.of_checkpoint(checkpoint)
                self.chooser.addItem(f"In {checkpoint.title}", wish)
            choices = [self.chooser.itemData(n) for n in range(self.chooser.count())]
            self.chooser.setCurrentIndex(choices.index(choice) if choice in choices else 0)

    def _on_activated(self, index: int) -> None:
        self.choice_requested.emit(self.chooser.itemData(index))


def _choices_of(pin: Pin) -> list[tuple[Choice, str]]:
    """Offer a pin at the age that is looked at, and as it was pinned."""
    choices = [(Choice(Against.PIN, pin=pin.number), f"Pin: {pin.name}")]
    if pin.state.age is not None:
        own = Choice(Against.PIN, pin=pin.number, own_age=True)
        choices.append((own, f"Pin: {pin.name}, at {pin.state.age:.1f} years"))
    return choices


def _place(percentile: float) -> str:
    """Write where a volume stands among the training people."""
    if math.isnan(percentile):
        return ""
    return standing(percentile, lowest=PERCENTILES[0], highest=PERCENTILES[-1])


def _cell(text: str) -> QLabel:
    label = QLabel(text)
    number = text[-2:] == "mL"
    label.setAlignment(
        (Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft)
        | Qt.AlignmentFlag.AlignVCenter
    )
    return label
