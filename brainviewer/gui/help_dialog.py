"""F1: every action with its keys, and what the mouse does; both can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.command_list import commands_of
from brainviewer.gui.controls import described, search_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtWidgets import QMenu

SIZE_PIXELS = (860, 600)
HEADINGS = ("Where", "Keys or mouse", "What it does")
Row = tuple[str, str, str]

PANEL_ROWS: tuple[Row, ...] = (
    ("Age", "Left, Right", "0.1 years younger or older"),
    ("Age", "Page Down, Page Up, wheel", "1 year younger or older"),
    ("Age", "Home, End", "The youngest or oldest age of the training people"),
    ("Trajectory", "Left button: press or drag", "Set the age"),
    ("Trajectory", "Point", "Volumes at that age"),
    ("Features", "Click, Enter, Space", "To the editor of the feature"),
    ("Features", "Up, Down", "The next or previous bar"),
    ("History", "Click, Enter", "Go to the step"),
    ("Compare", "As in the slices", "What is done on one side holds for both"),
    ("Volumes", "Ctrl+C", "Copy the table as text with tabs"),
    ("Everywhere", "Tab, Shift+Tab", "The next or previous control"),
    ("Everywhere", "Alt + underlined letter", "The control or menu with that letter"),
    ("Window", "Drop a file", "Open an image or a recipe"),
)


class HelpDialog(QDialog):
    """Shows rows of place, keys and effect, those that hold the searched text.

    Parameters
    ----------
    rows : sequence of (where, keys, what)
    parent : QWidget
    """

    def __init__(self, rows: Sequence[Row], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("help_dialog")
        self.setWindowTitle("Keys and mouse — BrainViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PIXELS)
        self.search = search_field("help_search", "Show only the rows that hold this text")
        self.shown = _searchable(rows, self)
        self.table = _table(self.shown)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        column = QVBoxLayout(self)
        for widget in (self.search, self.table, buttons):
            column.addWidget(widget)
        self.search.textChanged.connect(self.shown.setFilterFixedString)
        buttons.rejected.connect(self.reject)


def action_rows(menus: Iterable[QMenu]) -> list[Row]:
    """List every action of some menus and their submenus, but no recent files."""
    return [
        (it.where, it.keys, f"{it.name}: {it.explanation}" if it.explanation else it.name)
        for it in commands_of(menus)
    ]


def _searchable(rows: Sequence[Row], owner: QWidget) -> QSortFilterProxyModel:
    model = QStandardItemModel(0, len(HEADINGS), owner)
    model.setHorizontalHeaderLabels(HEADINGS)
    for row in rows:
        model.appendRow([QStandardItem(words) for words in row])
    searchable = QSortFilterProxyModel(owner)
    searchable.setSourceModel(model)
    searchable.setFilterKeyColumn(-1)
    searchable.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    return searchable


def _table(model: QSortFilterProxyModel) -> QTableView:
    table = described(
        QTableView(), "help_table", accessible="Keys and mouse", tooltip="Every action"
    )
    table.setModel(model)
    table.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    return table
