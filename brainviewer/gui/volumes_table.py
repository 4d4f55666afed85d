"""The volumes as numbers: now, factual, the difference, and the standing among people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.population import PERCENTILES
from brainviewer.core.tissues import TISSUE_NAMES
from brainviewer.gui.controls import caption_label, described, icon_button
from brainviewer.gui.wording import NOT_KNOWN, millilitres, signed, standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QKeyEvent

HEADINGS = ("Now\nmL", "Factual\nmL", "Change\nmL", "Change\n%", "Per-\ncentile")
TSV_HEADINGS = (
    "structure",
    "now_ml",
    "factual_ml",
    "difference_ml",
    "difference_percent",
    "population_percentile",
)
TABLE_WIDTH_PIXELS = 350
COPY_TOOLTIP = "Copy the table as text with tabs, for a spreadsheet"
NORMALISED = "head-size-normalised"
NORMALISED_WHY = (
    "The generator works in template space: every head has the size of the template's,\n"
    "so volumes compare proportions between people, not their own millilitres"
)


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """The numbers of one structure; NaN where unknown.

    Attributes
    ----------
    structure : str
    now_ml, factual_ml : float, mL
    percentile : float
        0-100, of `now_ml` among training people of this age and sex.
    """

    structure: str
    now_ml: float
    factual_ml: float
    percentile: float

    @property
    def change_ml(self) -> float:
        """What is there now but was not in fact, in mL."""
        return self.now_ml - self.factual_ml

    @property
    def change_percent(self) -> float:
        """The change in per cent of the factual volume."""
        return 100 * self.change_ml / self.factual_ml if self.factual_ml else math.nan


class VolumesTable(QWidget):
    """Shows the rows and copies them as text with tabs.

    Signals
    -------
    copied : str
        A sentence for the status bar.
    """

    copied = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[VolumeRow, ...] = ()
        self.caption = caption_label("volumes_caption")
        self.table = _table()
        self.copy_button = icon_button("copy_volumes", "copy", COPY_TOOLTIP)
        self._lay_out()
        self.copy_button.clicked.connect(self._on_copy_clicked)

    def show_rows(self, rows: Sequence[VolumeRow]) -> None:
        """Show the volumes of the structures, one a row; no table for none."""
        self._rows = tuple(rows)
        self.table.setVisible(bool(rows))
        self.copy_button.setEnabled(bool(rows))
        self.table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            self.table.setVerticalHeaderItem(place, _heading(row.structure))
            for column, words in enumerate(_words(row)):
                self._write(place, column, words)

    def show_caption(self, words: str, *, space: str) -> None:
        """Say what "now" and "factual" are, and whether the volumes are the person's own."""
        normalised = space == "template"
        self.caption.setText(f"{words} · {NORMALISED}" if normalised else words)
        self.caption.setToolTip(f"{words}\n{NORMALISED_WHY}" if normalised else words)

    def tsv(self) -> str:
        """Return the table as text with tabs, for a spreadsheet."""
        lines = ["\t".join(TSV_HEADINGS)]
        for row in self._rows:
            numbers = (row.now_ml, row.factual_ml, row.change_ml, row.change_percent)
            values = [*(f"{it:.3f}" for it in numbers), f"{row.percentile:.1f}"]
            lines.append("\t".join((row.structure, *values)).replace("nan", "n/a"))
        return "\n".join(lines) + "\n"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy with the system's keys."""
        if event.matches(QKeySequence.StandardKey.Copy) and self._rows:
            self._on_copy_clicked()
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.caption, 1)
        head.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 4)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addStretch()

    def _write(self, row: int, column: int, words: str) -> None:
        item = self.table.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(row, column, item)
        item.setText(words)

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.tsv())
        self.copied.emit("The volumes are on the clipboard")


def _words(row: VolumeRow) -> tuple[str, ...]:
    place = standing(row.percentile, lowest=PERCENTILES[0], highest=PERCENTILES[-1])
    return (
        millilitres(row.now_ml),
        millilitres(row.factual_ml),
        signed(row.change_ml),
        signed(row.change_percent),
        NOT_KNOWN if math.isnan(row.now_ml) else place,
    )


def _heading(structure: str) -> QTableWidgetItem:
    item = QTableWidgetItem(structure)
    item.setToolTip(TISSUE_NAMES.get(structure, structure))
    return item


def _table() -> QTableWidget:
    table = described(
        QTableWidget(0, len(HEADINGS)),
        "volumes_table",
        accessible="Volumes now and in fact",
        tooltip="Volumes; copy them with Ctrl+C",
    )
    table.setHorizontalHeaderLabels(HEADINGS)
    table.setMinimumWidth(TABLE_WIDTH_PIXELS)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    table.setTabKeyNavigation(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setSectionsClickable(False)
    table.horizontalHeader().setToolTip("Percentile: among training people of this age and sex")
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.verticalHeader().setSectionsClickable(False)
    return table


def volume_rows(
    now: Mapping[str, float], factual: Mapping[str, float], percentiles: Mapping[str, float]
) -> list[VolumeRow]:
    """Put the volumes (mL) and standings (0-100) of each structure side by side."""
    return [
        VolumeRow(
            name,
            now[name],
            factual.get(name, math.nan),
            percentiles.get(name, math.nan),
        )
        for name in now
    ]
