"""The scenario: how the other features move when age moves."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QWidget

from brainviewer.core.scenario import Scenario
from brainviewer.gui.controls import described, title_label

_TEXTS = {
    Scenario.IDEAL: (
        "&Ideal",
        "Only age moves; all other features stay as they are",
    ),
    Scenario.REGRESSED: (
        "&Regressed",
        "The other features move with age as they do, on average, in the training people\n"
        "of the same sex (cubic regression); the person keeps their distance from the average",
    ),
}


class ScenarioBox(QWidget):
    """Shows the scenario and asks for the other.

    Signals
    -------
    scenario_requested : Scenario
    """

    scenario_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(title_label("Ageing"))
        row.addStretch(1)
        for number, scenario in enumerate(Scenario):
            self._group.addButton(_radio_button(scenario), number)
            row.addWidget(self._group.button(number))
        self._group.idClicked.connect(self._on_clicked)

    def show_scenario(self, scenario: Scenario) -> None:
        """Show a scenario without asking for it."""
        with QSignalBlocker(self._group):
            self._group.button(list(Scenario).index(scenario)).setChecked(True)

    def _on_clicked(self, number: int) -> None:
        self.scenario_requested.emit(list(Scenario)[number])


def _radio_button(scenario: Scenario) -> QRadioButton:
    text, explanation = _TEXTS[scenario]
    return described(
        QRadioButton(text),
        f"scenario_{scenario}",
        accessible=f"Scenario {scenario}",
        tooltip=explanation,
    )
