"""A feature with named levels in the editor: a list of them."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QWidget

from brainviewer.core.features import Feature, Kind, Level, Value
from brainviewer.gui.controls import described
from brainviewer.gui.feature_row import FeatureRow, about
from brainviewer.gui.slider import WheelGuard

NOBODY = "Nobody in the training people"


class LevelRow(FeatureRow):
    """A feature with named levels: a list of them."""

    def __init__(self, feature: Feature, parent: QWidget | None = None) -> None:
        super().__init__(feature, parent)
        self.chooser = _level_chooser(feature)
        self._guard = WheelGuard(self)
        self.chooser.installEventFilter(self._guard)
        self._grid.addWidget(self.chooser, 1, 0, 1, 4)
        self._grid.addWidget(self.caption, 2, 0, 1, 4)
        self.chooser.activated.connect(self._on_level_chosen)

    def show_value(self, value: Value, *, edited: bool, factual: Value) -> None:
        """Show a level, or the likeliest of a mixture, without asking for it."""
        super().show_value(value, edited=edited, factual=factual)
        self.chooser.setEnabled(value is not None)
        if value is None:
            return
        with QSignalBlocker(self.chooser):
            self.chooser.setCurrentIndex(_likeliest(self.feature, value))

    def _editor(self) -> QWidget:
        return self.chooser

    def _explain(self, value: Value) -> str:
        if value is None:
            return "Not given: average taken"
        if isinstance(value, Mapping):
            return self.feature.label(value)
        if not isinstance(value, str):
            return f"Level {self.feature.number(value) + 1:.1f} of {len(self.feature.levels)}"
        rank, shares = self.feature.codes.index(value), self.feature.fitted.shares
        words = f"{shares[rank]:.0%} of the training people"
        if self.feature.kind is Kind.ORDERED:
            words += f" · {sum(shares[:rank]):.0%} are lower"
        return words

    def _explain_moved(self, value: Value, factual: Value) -> str:
        if isinstance(value, Mapping):
            return f"{self._explain(value)} · was {self.feature.label(factual)}"
        return f"{self._explain(value)} · moved from {self.feature.label(factual)}"

    def _wished_value(self) -> Value:
        return self.feature.codes[self.chooser.currentIndex()]

    def _on_level_chosen(self, index: int) -> None:
        self.value_requested.emit(self.feature.name, self.feature.codes[index])


def _likeliest(feature: Feature, value: Value) -> int:
    if isinstance(value, Mapping):
        return feature.codes.index(max(value, key=value.__getitem__))
    return round(feature.number(value))


def _level_chooser(feature: Feature) -> QComboBox:
    chooser = described(
        QComboBox(),
        f"{feature.name}_chooser",
        accessible=feature.title,
        tooltip=about(feature),
    )
    chooser.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    chooser.setMinimumContentsLength(10)
    items = QStandardItemModel(chooser)
    for level, share in zip(feature.levels, feature.fitted.shares, strict=True):
        items.appendRow(_item(level, share))
    chooser.setModel(items)
    return chooser


def _item(level: Level, share: float) -> QStandardItem:
    item = QStandardItem(level.label)
    item.setEnabled(share > 0)
    item.setToolTip(f"{share:.0%} of the training people" if share else NOBODY)
    return item
