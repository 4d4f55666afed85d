"""The checkpoint chooser and the dialog with a checkpoint's card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.controls import described, icon_button

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainviewer.generators.checkpoint import Checkpoint

CARD_SIZE_PIXELS = (640, 560)
NOTHING_CHOSEN = "No checkpoint"
CARD_TOOLTIP = "About this checkpoint: its purpose, training people, scores and limits"


class CheckpointPanel(QWidget):
    """Shows which checkpoint is open and asks for another.

    Signals
    -------
    checkpoint_requested : str
        Its folder.
    card_requested
        To read about the one that is open.
    """

    checkpoint_requested = Signal(str)
    card_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chooser = _chooser()
        self._items = QStandardItemModel(self)
        self.chooser.setModel(self._items)
        self.card_button = icon_button("card_button", "info", CARD_TOOLTIP)
        self.card_button.setEnabled(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.chooser, 1)
        row.addWidget(self.card_button)
        self.chooser.activated.connect(self._on_activated)
        self.card_button.clicked.connect(self.card_requested)
        self.setFocusProxy(self.chooser)

    def show_checkpoints(
        self, checkpoints: Sequence[Checkpoint], problems: Mapping[str, str]
    ) -> None:
        """List the usable checkpoints, and greyed the broken ones with what is wrong with them."""
        with QSignalBlocker(self.chooser):
            self._items.clear()
            for checkpoint in checkpoints:
                self._items.appendRow(_usable(checkpoint))
            for name, sentence in problems.items():
                self._items.appendRow(_broken(name, sentence))
            self.chooser.setCurrentIndex(-1)

    def show_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Show the one that is open; one from another folder joins the list."""
        with QSignalBlocker(self.chooser):
            index = self.chooser.findData(str(checkpoint.folder))
            if index < 0:
                self._items.insertRow(0, _usable(checkpoint))
                index = 0
            self.chooser.setCurrentIndex(index)
        self.chooser.setToolTip(f"Generator in use, from {checkpoint.folder}")
        self.card_button.setEnabled(True)

    def _on_activated(self, index: int) -> None:
        self.checkpoint_requested.emit(self.chooser.itemData(index))


class CardDialog(QDialog):
    """Shows the card of a checkpoint: what it is for, its people, licence, scores and limits."""

    def __init__(self, checkpoint: Checkpoint, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card_dialog")
        self.setWindowTitle(f"{checkpoint.title} — BrainViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*CARD_SIZE_PIXELS)
        text = described(
            QTextBrowser(), "card_text", accessible="Card of the checkpoint", tooltip=""
        )
        text.setOpenExternalLinks(True)
        text.setMarkdown(checkpoint.card)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(text)
        column.addWidget(buttons)


def _chooser() -> QComboBox:
    chooser = described(
        QComboBox(), "checkpoint_chooser", accessible="Checkpoint", tooltip="Generator in use"
    )
    chooser.setPlaceholderText(NOTHING_CHOSEN)
    chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    chooser.setMinimumContentsLength(12)
    return chooser


def _usable(checkpoint: Checkpoint) -> QStandardItem:
    item = QStandardItem(checkpoint.title)
    item.setData(str(checkpoint.folder), Qt.ItemDataRole.UserRole)
    item.setToolTip(str(checkpoint.folder))
    return item


def _broken(name: str, sentence: str) -> QStandardItem:
    item = QStandardItem(f"{name} (cannot be used)")
    item.setToolTip(sentence)
    item.setEnabled(False)
    return item
