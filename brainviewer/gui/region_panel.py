"""How each region of the person on display differs from what it is in fact, as a bar chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.bar_table import Bar, bar_table
from brainviewer.gui.controls import caption_label, described, icon_button
from brainviewer.gui.theme import theme_of
from brainviewer.gui.wording import millilitres, signed, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent

    from brainviewer.session.panels import RegionOrder
    from brainviewer.session.regions import RegionRow, Regions
    from brainviewer.session.shown_regions import ShownRegion

NOTHING_YET = "The regions of this brain will be shown here"
EXPLANATION = (
    "The volume of each region now, how it differs from the person as given, and its percentile\n"
    "among 64 people of this age and sex whom the generator draws.\n"
    "Click a bar to put the crosshair there, tick its box to see the region in slices, in 3D and\n"
    "over age."
)
CAPTION = "Change of each region against the factual brain"
BEING_MEASURED = "Being measured for the values shown now"
# With 64 others, what is further out cannot be told.
LOWEST, HIGHEST = 2.0, 98.0
BY_CHANGE, BY_SIZE, BY_NAME = "By change", "By size", "By name"
_ORDERS: dict[str, RegionOrder] = {BY_CHANGE: "change", BY_SIZE: "size", BY_NAME: "name"}
COPY_TOOLTIP = "Copy all regions as text with tabs, for a spreadsheet"
CURVES = "Show the ticked regions over age, beside or instead of the tissues (Volumes tab)"
NONE = "Take all ticks away: no region is outlined in slices or drawn in 3D any more"
TSV_HEADINGS = (
    "region",
    "now_ml",
    "factual_ml",
    "difference_ml",
    "difference_percent",
    "percentile",
)


class RegionPanel(QWidget):
    """Shows the regions, those first that changed most.

    Signals
    -------
    place_requested : (x, y, z), world mm
        The user wants to see a region.
    region_toggled : str, bool
        The user wants to see a region in slices and in 3D, or no longer.
    none_requested
        The user wants to see no region any more.
    curves_requested
        The user wants to see the ticked regions over age.
    copied : str
        A sentence for the status bar.
    """

    place_requested = Signal(tuple)
    region_toggled = Signal(str, bool)
    none_requested = Signal()
    curves_requested = Signal()
    copied = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("region_panel")
        self._rows: dict[str, RegionRow] = {}
        self._colors: dict[str, str] = {}
        self.search = described(
            QLineEdit(),
            "region_search",
            accessible="Search regions",
            tooltip="Show only regions whose name has these letters",
        )
        self.search.setPlaceholderText("Search regions")
        self.search.setClearButtonEnabled(True)
        self.order = described(
            QComboBox(), "region_order", accessible="Order", tooltip="Which regions come first"
        )
        self.order.addItems([BY_CHANGE, BY_SIZE, BY_NAME])
        self.caption = caption_label("region_caption")
        self.none_button = described(
            QPushButton("Show &none"), "region_none", accessible="Show no region", tooltip=NONE
        )
        self.curves_button = described(
            QPushButton("Over &age"), "region_curves", accessible="Show over age", tooltip=CURVES
        )
        self.copy_button = icon_button("copy_regions", "copy", COPY_TOOLTIP)
        self.bars = bar_table("region_bars", accessible="Regions and their change")
        self.nothing = QLabel(NOTHING_YET)
        self._lay_out()
        self._show_rows()
        self.search.textChanged.connect(self._show_rows)
        self.order.currentIndexChanged.connect(self._show_rows)
        self.bars.chosen.connect(self._on_chosen)
        self.bars.checked.connect(self._on_checked)
        self.curves_button.clicked.connect(self._on_curves_clicked)
        self.none_button.clicked.connect(self._on_none_clicked)
        self.copy_button.clicked.connect(self._on_copy_clicked)

    def show_regions(self, regions: Regions) -> None:
        """Show regions, or the sentence that says why there are none."""
        self._rows = {row.name: row for row in regions.rows}
        words = regions.sentence or NOTHING_YET
        self.nothing.setText(words[:1].upper() + words[1:])
        self.caption.setText(f"{CAPTION} ({regions.note})" if regions.note else CAPTION)
        self._show_rows()

    def show_chosen(self, regions: Sequence[ShownRegion]) -> None:
        """Tick the regions that are seen in slices and in 3D."""
        self._colors = {region.name: region.color for region in regions}
        self._show_rows()

    @property
    def ordered_by(self) -> RegionOrder:
        """Which regions come first."""
        return _ORDERS[self.order.currentText()]

    def order_by(self, order: RegionOrder) -> None:
        """Have those regions come first."""
        names: dict[RegionOrder, str] = {order: name for name, order in _ORDERS.items()}
        self.order.setCurrentText(names[order])

    def show_outdated(self) -> None:
        """Say that what is shown belongs to an earlier brain, until the next regions come."""
        self.caption.setText(BEING_MEASURED)

    def tsv(self) -> str:
        """Return all regions as text with tabs, for a spreadsheet."""
        lines = ["\t".join(TSV_HEADINGS)]
        for row in self._rows.values():
            numbers = (
                row.now_ml,
                row.factual_ml,
                row.change_ml,
                row.change_percent,
                row.percentile,
            )
            lines.append("\t".join((row.name, *(f"{it:.3f}" for it in numbers))))
        return "\n".join(lines).replace("nan", "n/a") + "\n"

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Pass the keyboard on to the bars."""
        super().focusInEvent(event)
        if self.bars.isVisible():
            self.bars.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def changeEvent(self, event: QEvent) -> None:
        """Take on the colours of another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._show_rows()

    def _lay_out(self) -> None:
        self.caption.setToolTip(EXPLANATION)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(self.search)
        head.addWidget(self.order)
        head.addSpacing(6)
        head.addWidget(self.caption, 1)
        head.addWidget(self.curves_button)
        head.addWidget(self.none_button)
        head.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.bars, 1)
        column.addWidget(self.nothing, 1)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def _show_rows(self) -> None:
        known = bool(self._rows)
        for widget in (self.bars, self.search, self.order, self.copy_button):
            widget.setEnabled(known)
        for button in (self.curves_button, self.none_button):
            button.setVisible(known)
            button.setEnabled(bool(self._colors))
        self.caption.setVisible(known)
        self.bars.setVisible(known)
        self.nothing.setVisible(not known)
        wanted = self.search.text().strip().casefold()
        rows = [row for row in self._rows.values() if wanted in row.name.casefold()]
        colors = theme_of(self.palette()).colors
        self.bars.show_bars(
            [
                _bar(row, self._colors.get(row.name, ""))
                for row in _ordered(rows, self.order.currentText())
            ],
            colors["accent"],
        )

    def _on_chosen(self, name: str) -> None:
        centre = self._rows[name].centre_mm
        if all(math.isfinite(at) for at in centre):
            self.place_requested.emit(centre)

    def _on_checked(self, name: str, shown: bool) -> None:
        self.region_toggled.emit(name, shown)
        if shown:
            self._on_chosen(name)

    def _on_curves_clicked(self) -> None:
        self.curves_requested.emit()

    def _on_none_clicked(self) -> None:
        self.none_requested.emit()

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.tsv())
        self.copied.emit("the regions are in the clipboard")


def _place(row: RegionRow) -> str:
    if not math.isfinite(row.percentile):
        return ""
    place = standing(row.percentile, lowest=LOWEST, highest=HIGHEST)
    return f"{place} percentile of people of this age and sex whom the generator draws\n"


def _ordered(rows: Sequence[RegionRow], order: str) -> list[RegionRow]:
    if order == BY_NAME:
        return sorted(rows, key=lambda row: _without_side(row.name))
    if order == BY_SIZE:
        return sorted(rows, key=lambda row: -row.now_ml)
    return sorted(rows, key=lambda row: -abs(_change(row)))


def _without_side(name: str) -> tuple[str, str]:
    """Sort left and right of a region beside each other."""
    side, _, rest = name.partition(" ")
    return (rest, side) if side in ("left", "right") else (name, "")


def _change(row: RegionRow) -> float:
    return row.change_percent if math.isfinite(row.change_percent) else 0.0


def _bar(row: RegionRow, color: str) -> Bar:
    words = f"{millilitres(row.now_ml)} mL, {signed(_change(row), decimals=1)} %"
    if math.isfinite(row.percentile):
        words += f", {standing(row.percentile, lowest=LOWEST, highest=HIGHEST)}"
    tooltip = (
        f"{row.name}: {row.now_ml:.2f} mL now, {row.factual_ml:.2f} mL in fact\n{_place(row)}"
        "Click or Enter: put the crosshair there\n"
        "Tick or Space: outline it in the slices, draw it in 3D and plot it over age"
    )
    return Bar(row.name, row.name, words, tooltip, _change(row), bool(color), color)
