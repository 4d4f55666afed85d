"""Who is shown: the seed, a new person, and what is factual about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSpinBox, QWidget

from brainviewer.core.scenario import AGE, SEX
from brainviewer.gui.controls import caption_label, described
from brainviewer.gui.icons import set_icon
from brainviewer.session.model import age_of

if TYPE_CHECKING:
    from brainviewer.core.features import FeatureSchema
    from brainviewer.session.state import Person

NO_FACTS = "Drawn by the seed alone"
AVERAGE = (
    "The mean brain of the training people of this age and sex:\n"
    "what age and sex do, with nothing of a person"
)
NO_SEED = -1
MAX_SEED = 2**31 - 1


class PersonPanel(QWidget):
    """Shows a person and asks for another one.

    Signals
    -------
    seed_requested : int
        The person of a seed.
    new_person_requested
        Somebody at random.
    average_requested
        The mean brain of this age and sex.
    factual_requested
        Take what is shown as factual.
    """

    seed_requested = Signal(int)
    new_person_requested = Signal()
    average_requested = Signal()
    factual_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.seed_box = _seed_box()
        self.new_button = _button("new_person", "&New person", "Draw another person at random")
        self.average_button = _button("average_person", "Avera&ge brain", AVERAGE)
        self.average_button.hide()
        self.factual_button = _button(
            "make_factual",
            "&Make this the factual person",
            "Take the age and features shown now as those that the person is known to have;\n"
            "differences and the regressed scenario then start from here",
        )
        set_icon(self.new_button, "new_person")
        self.label = caption_label("person_label")
        self._lay_out()
        self.seed_box.valueChanged.connect(self._on_seed_entered)
        self.new_button.clicked.connect(self.new_person_requested)
        self.average_button.clicked.connect(self.average_requested)
        self.factual_button.clicked.connect(self.factual_requested)

    def offer_average(self, offered: bool) -> None:
        """Offer the mean brain where the generator knows it."""
        self.average_button.setVisible(offered)

    def show_person(self, person: Person, schema: FeatureSchema) -> None:
        """Show who it is, and what is factual about their age and sex."""
        seed = person.identity.seed
        with QSignalBlocker(self.seed_box):
            self.seed_box.setValue(NO_SEED if seed is None else seed)
        facts = []
        if AGE in schema:
            facts.append(f"{age_of(person.factual):.1f} years")
        if SEX in schema:
            facts.append(schema[SEX].label(person.factual.get(SEX)))
        self.factual_button.setEnabled(bool(schema.features))
        self.label.setText(f"{person.label}: factually {', '.join(facts)}" if facts else NO_FACTS)
        self.label.setToolTip(self.label.text())

    def _lay_out(self) -> None:
        title = QLabel("&Seed")
        title.setBuddy(self.seed_box)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(title, 0, 0)
        grid.addWidget(self.seed_box, 0, 1)
        grid.addWidget(self.new_button, 0, 2)
        grid.addWidget(self.label, 1, 0, 1, 3)
        grid.addWidget(self.factual_button, 2, 0, 1, 3)
        grid.addWidget(self.average_button, 3, 0, 1, 3)
        grid.setColumnStretch(1, 1)

    def _on_seed_entered(self, seed: int) -> None:
        if seed != NO_SEED:
            self.seed_requested.emit(seed)


def _seed_box() -> QSpinBox:
    box = described(
        QSpinBox(),
        "seed_box",
        accessible="Seed of the person",
        tooltip="The same seed is the same person, on every machine",
    )
    box.setRange(NO_SEED, MAX_SEED)
    box.setSpecialValueText("no seed")
    box.setKeyboardTracking(False)
    box.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return box


def _button(name: str, text: str, explanation: str) -> QPushButton:
    spoken = text.replace("&", "")
    return described(QPushButton(text), name, accessible=spoken, tooltip=explanation)
