"""A horizontal bar chart that can be scrolled, read aloud and walked through with the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSignalBlocker,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import (
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from brainviewer.gui.controls import described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QKeyEvent

ROW_PIXELS = 21
BAR_SHARE = 0.62
MARGIN_PIXELS = 6
NAME_COLUMN, BAR_COLUMN = range(2)
_FRACTION = Qt.ItemDataRole.UserRole
_COLOR = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes
    ----------
    key : str
        What is asked for when it is chosen.
    name, words, tooltip : str
        What stands before and behind it, and what explains it.
    value : float
    checked : bool, optional
        Whether its box is ticked; it has none without.
    color : str
        Its own, as ``#rrggbb``; empty for that of all bars.
    """

    key: str
    name: str
    words: str
    tooltip: str
    value: float
    checked: bool | None = None
    color: str = ""


class BarTable(QTableWidget):
    """Shows bars to the left and right of zero; a click or Enter chooses one.

    Signals
    -------
    chosen : str
        The key of a bar.
    checked : str, bool
        The user ticked the box of a bar, or took the tick away; Space does so too.
    """

    chosen = Signal(str)
    checked = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 3, parent)
        self._keys: tuple[str, ...] = ()
        self._names: tuple[str, ...] = ()
        self.setItemDelegateForColumn(BAR_COLUMN, _BarDelegate(self))
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.horizontalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(BAR_COLUMN, QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PIXELS)
        self._was_ticked = False
        self.cellClicked.connect(self._on_clicked)
        self.itemChanged.connect(self._on_item_changed)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the bars, from above."""
        return self._keys

    def show_bars(self, bars: Sequence[Bar], color: str) -> None:
        """Show bars from above to below; the longest of them takes all the room."""
        row = self.currentRow()
        chosen = self._names[row] if 0 <= row < len(self._names) else None
        self._names = tuple(bar.name for bar in bars)
        self._keys = tuple(bar.key for bar in bars)
        self.setRowCount(len(bars))
        longest = max((abs(bar.value) for bar in bars), default=0.0)
        with QSignalBlocker(self):
            for row, bar in enumerate(bars):
                fraction = bar.value / longest if longest else 0.0
                self._show_bar(row, bar, fraction, bar.color or color)
        if chosen in self._names:
            self.setCurrentCell(self._names.index(chosen), NAME_COLUMN)
        else:
            self.setCurrentCell(-1, -1)
            self.scrollToTop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the bar of the present row with Enter, tick its box with Space."""
        if event.key() == Qt.Key.Key_Space and self._tick(self.currentRow()):
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._on_clicked(self.currentRow())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the first bar when the keyboard comes."""
        super().focusInEvent(event)
        if self.currentRow() < 0 and self._keys:
            self.setCurrentCell(0, NAME_COLUMN)

    def _show_bar(self, row: int, bar: Bar, fraction: float, color: str) -> None:
        name, drawn, words = (QTableWidgetItem(text) for text in (bar.name, "", bar.words))
        drawn.setData(_FRACTION, fraction)
        drawn.setData(_COLOR, color)
        if bar.checked is not None:
            name.setCheckState(_state(bar.checked))
        words.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, item in enumerate((name, drawn, words)):
            item.setToolTip(bar.tooltip)
            self.setItem(row, column, item)

    def _tick(self, row: int) -> bool:
        """Turn the tick of a row round; False where it has no box."""
        item = self.item(row, NAME_COLUMN)
        if item is None or item.data(Qt.ItemDataRole.CheckStateRole) is None:
            return False
        item.setCheckState(_state(item.checkState() is not Qt.CheckState.Checked))
        self._was_ticked = False
        return True

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        self._was_ticked = True
        ticked = item.checkState() is Qt.CheckState.Checked
        self.checked.emit(self._keys[item.row()], ticked)

    def _on_clicked(self, row: int, _column: int = 0) -> None:
        """Choose a bar, unless the click was for its box."""
        was_ticked, self._was_ticked = self._was_ticked, False
        if not was_ticked and 0 <= row < len(self._keys):
            self.chosen.emit(self._keys[row])


class _BarDelegate(QStyledItemDelegate):
    """Draws a fraction of -1 to 1 as a bar from the middle of the cell."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw the cell, the zero and the bar."""
        super().paint(painter, option, index)
        cell = QRectF(option.rect).adjusted(MARGIN_PIXELS, 0, -MARGIN_PIXELS, 0)
        middle, height = cell.center(), BAR_SHARE * cell.height()
        length = cell.width() / 2 * float(index.data(_FRACTION) or 0.0)
        bar = QRectF(middle.x(), middle.y() - height / 2, length, height)
        painter.fillRect(bar.normalized(), QColor(index.data(_COLOR)))
        zero = QRectF(middle.x() - 0.5, cell.top(), 1.0, cell.height())
        painter.fillRect(zero, option.palette.color(QPalette.ColorRole.Mid))


def _state(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked


def bar_table(name: str, *, accessible: str) -> BarTable:
    """Make a bar chart."""
    return described(BarTable(), name, accessible=accessible, tooltip="")
