"""The feature editor: a row for every feature but age and sex, built from the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.features import Kind
from brainviewer.core.scenario import AGE, SEX
from brainviewer.gui.controls import described, search_field
from brainviewer.gui.level_row import LevelRow
from brainviewer.gui.number_row import NumberRow

if TYPE_CHECKING:
    from brainviewer.core.features import Conditions, Feature, FeatureSchema

NO_MATCH = "No feature matches"
NO_FEATURES = "This generator takes no features: it draws people, each by a seed."
NO_OTHERS = "This generator takes no features but age and sex."
SEARCH_TOOLTIP = "Show only the features whose name, description or levels hold this text"


class FeaturePanel(QWidget):
    """Shows the conditions that the generator is given and asks for others.

    Signals
    -------
    value_requested : str, Value
    reset_requested : str
    reset_all_requested
    """

    value_requested = Signal(str, object)
    reset_requested = Signal(str)
    reset_all_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, NumberRow | LevelRow] = {}
        self._without_rows = NO_FEATURES
        self.search = search_field("feature_search", SEARCH_TOOLTIP)
        self.search.setPlaceholderText("Search features")
        self.reset_button = _reset_button()
        self.nothing = described(QLabel(), "features_nothing", accessible="Features", tooltip="")
        self.nothing.setProperty("role", "caption")
        self.nothing.setWordWrap(True)
        self.nothing.hide()
        self._list = QVBoxLayout()
        self._list.setContentsMargins(0, 0, 6, 0)
        self._lay_out()
        self.search.textChanged.connect(self._on_search_changed)
        self.reset_button.clicked.connect(self.reset_all_requested)

    def show_schema(self, schema: FeatureSchema) -> None:
        """Build the rows anew for another checkpoint."""
        for row in self.rows.values():
            row.hide()
            row.deleteLater()
        others = [feature for feature in schema.features if feature.name not in (AGE, SEX)]
        self.rows = {feature.name: _row(feature) for feature in others}
        self._without_rows = NO_OTHERS if schema.features else NO_FEATURES
        for place, row in enumerate(self.rows.values()):
            row.value_requested.connect(self.value_requested)
            row.reset_requested.connect(self.reset_requested)
            self._list.insertWidget(place, row)
        self.search.setEnabled(bool(self.rows))
        self._on_search_changed(self.search.text())

    def show_conditions(
        self, conditions: Conditions, *, edits: Conditions, factual: Conditions
    ) -> None:
        """Show the values; which of them the user edited; and what the person is known to have."""
        for name, row in self.rows.items():
            row.show_value(conditions.get(name), edited=name in edits, factual=factual.get(name))
        self.reset_button.setEnabled(bool(edits))

    def go_to(self, name: str) -> None:
        """Scroll to the editor of a feature and put the keyboard on it."""
        row = self.rows[name]
        if not row.matches(self.search.text()):
            self.search.clear()
        self._area.ensureWidgetVisible(row)
        row.focus_editor()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.search, 1)
        head.addWidget(self.reset_button)
        inner = QWidget()
        inner.setLayout(self._list)
        self._list.addWidget(self.nothing)
        self._list.addStretch(1)
        self._area = _scrolling(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(self._area, 1)

    def _on_search_changed(self, text: str) -> None:
        for row in self.rows.values():
            row.setVisible(row.matches(text))
        self.nothing.setText(NO_MATCH if self.rows else self._without_rows)
        self.nothing.setVisible(not any(row.matches(text) for row in self.rows.values()))


def _row(feature: Feature) -> NumberRow | LevelRow:
    return NumberRow(feature) if feature.kind is Kind.NUMERIC else LevelRow(feature)


def _scrolling(inner: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setObjectName("feature_scroll_area")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(inner)
    return area


def _reset_button() -> QPushButton:
    button = described(
        QPushButton("Reset a&ll"),
        "reset_features",
        accessible="Reset all features",
        tooltip="Back to the factual value of every feature",
    )
    button.setEnabled(False)
    return button
