"""Ctrl+K: a field to type in, and below it every command that holds what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.command_list import Command, found
from brainviewer.gui.controls import caption_label, described, search_field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QKeyEvent

SIZE_PIXELS = (640, 420)
TOP_PIXELS = 60
NOT_NOW = "not available now"
NOTHING = "No command holds these words"
_COMMAND = Qt.ItemDataRole.UserRole
_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -10,
    Qt.Key.Key_PageDown: 10,
}


class CommandPalette(QFrame):
    """Lies over a window while a command is looked for.

    Return or a click does the command, Esc or a click elsewhere closes it. What cannot be done at
    the moment, and in italics what only mouse or keys do, is listed but cannot be chosen.

    Parameters
    ----------
    window : QWidget
    commands : function
        Lists the commands as they are now.
    """

    def __init__(self, window: QWidget, commands: Callable[[], Sequence[Command]]) -> None:
        super().__init__(window)
        self.setObjectName("command_palette")
        self.setAccessibleName("Commands and keys")
        self.setAutoFillBackground(True)
        self._window = window
        self._list = commands
        self._commands: Sequence[Command] = ()
        self._before: QWidget | None = None
        self.search = search_field("command_search", "Type a part of a command or of its keys")
        self.search.setPlaceholderText("Type a command")
        self.table = _table()
        self.explanation = caption_label("command_explanation")
        column = QVBoxLayout(self)
        for widget in (self.search, self.table, self.explanation):
            column.addWidget(widget)
        self.search.textChanged.connect(self._show_found)
        self.search.installEventFilter(self)
        self.table.itemClicked.connect(self._do)
        self.table.currentItemChanged.connect(self._on_current_changed)
        self.hide()

    def toggle(self) -> None:
        """Open it, or close it again."""
        if self.isVisible():
            self.leave()
        else:
            self._open()

    def leave(self) -> None:
        """Close it, and give the keyboard back to where it was."""
        self.hide()
        if self._before is not None:
            self._before.setFocus()
            self._before = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose with arrows, Return and Esc; the field has taken all other keys."""
        key = Qt.Key(event.key())
        if key is Qt.Key.Key_Escape:
            self.leave()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._do(self.table.currentItem())
        elif key in _STEPS:
            self._step(_STEPS[key])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close when the keyboard goes elsewhere."""
        if event.type() is QEvent.Type.FocusOut and self.isVisible():
            self._before = None
            self.hide()
        return super().eventFilter(watched, event)

    def _open(self) -> None:
        self._commands = self._list()
        self._before = self._window.focusWidget()
        width = min(SIZE_PIXELS[0], self._window.width() - 20)
        height = min(SIZE_PIXELS[1], self._window.height() - TOP_PIXELS - 20)
        self.setGeometry((self._window.width() - width) // 2, TOP_PIXELS, width, height)
        self.search.clear()
        self._show_found("")
        self.show()
        self.raise_()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_found(self, text: str) -> None:
        self.table.clear()
        hits = found(self._commands, text)
        self.table.addTopLevelItems([self._item(command) for command in hits])
        if not hits:
            self.explanation.setText(NOTHING)
        self._step(1)

    def _item(self, command: Command) -> QTreeWidgetItem:
        item = QTreeWidgetItem([command.title, command.keys])
        item.setData(0, _COMMAND, command)
        item.setToolTip(0, command.explanation)
        if command.is_possible:
            return item
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        # A style sheet's colour holds for disabled items too, so they are greyed here.
        grey = self.palette().brush(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
        by_hand = QFont(self.font())
        by_hand.setItalic(command.action is None)
        for column in range(self.table.columnCount()):
            item.setForeground(column, grey)
            item.setFont(column, by_hand)
        if command.action is not None:
            item.setText(0, f"{command.title} ({NOT_NOW})")
        return item

    def _step(self, steps: int) -> None:
        """Go to the next command that can be done; the ends stop."""
        items = [self.table.topLevelItem(row) for row in range(self.table.topLevelItemCount())]
        possible = [it for it in items if it is not None and it.flags()]
        if not possible:
            return
        current = self.table.currentItem()
        place = possible.index(current) + steps if current in possible else 0
        self.table.setCurrentItem(possible[min(max(place, 0), len(possible) - 1)])

    def _do(self, item: QTreeWidgetItem | None) -> None:
        if item is None or not item.flags():
            return
        command = item.data(0, _COMMAND)
        self.leave()
        command.action.trigger()

    def _on_current_changed(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.explanation.setText(item.data(0, _COMMAND).explanation)


def _table() -> QTreeWidget:
    table = described(
        QTreeWidget(), "command_table", accessible="Commands and keys", tooltip="Click to do it"
    )
    table.setColumnCount(2)
    table.setHeaderHidden(True)
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    # The field keeps the keyboard.
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    header = table.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    return table
