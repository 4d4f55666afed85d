"""The steps of a session as a list: a click goes to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from brainviewer.gui.controls import caption_label, described

if TYPE_CHECKING:
    from collections.abc import Sequence

CAPTION = "Click a step to go there; grey steps were taken back"
TOOLTIP = "Every change of the person and the display, the newest last.\nEnter goes to a step"


class HistoryPanel(QWidget):
    """Shows the steps and asks for one of them.

    Signals
    -------
    step_requested : int
        The number of a step, 0 for the oldest.
    """

    step_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("history_panel")
        self.list = described(QListWidget(), "history_list", accessible="History", tooltip=TOOLTIP)
        self.list.setSpacing(1)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 6)
        column.addWidget(self.list, 1)
        column.addWidget(caption_label("history_caption", CAPTION))
        self._texts: tuple[str, ...] = ()
        self._index = 0
        self.list.itemClicked.connect(self._on_chosen)
        self.list.itemActivated.connect(self._on_chosen)

    def show_steps(self, texts: Sequence[str], index: int) -> None:
        """List the steps; those after `index` were taken back."""
        self._texts, self._index = tuple(texts), index
        with QSignalBlocker(self.list):
            while self.list.count() > len(texts):
                self.list.takeItem(self.list.count() - 1)
            while self.list.count() < len(texts):
                self.list.addItem(QListWidgetItem())
            for row, text in enumerate(texts):
                self._write(row, text, ahead=row > index)
            self.list.setCurrentRow(index if texts else -1)

    def changeEvent(self, event: QEvent) -> None:
        """Take on the colours of another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.show_steps(self._texts, self._index)

    def _write(self, row: int, text: str, *, ahead: bool) -> None:
        item = self.list.item(row)
        words = text[:1].upper() + text[1:]
        if item.text() != words:
            item.setText(words)
            item.setToolTip(words)
        # Qt has no word for "ahead"; what is taken back wears the colour of a placeholder.
        role = Qt.ItemDataRole.ForegroundRole
        muted = self.palette().placeholderText() if ahead else None
        if item.data(role) != muted:
            item.setData(role, muted)

    def _on_chosen(self, item: QListWidgetItem) -> None:
        self.step_requested.emit(self.list.row(item))
