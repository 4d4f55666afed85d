"""What is said of a scan that cannot be used, or may better not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.gui.controls import described

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH_PIXELS = 460
REFUSED = "This scan cannot be used"
DOUBTFUL = "This scan is unusual"
CONSEQUENCE = (
    "What is shown of it may be wrong. The doubts stay with its results and in what is exported."
)


class VerdictDialog(QDialog):
    """Shows why a scan is refused or doubted, and what can be done.

    Signals
    -------
    another_requested
        Choose another scan.
    continued
        Use it all the same.
    """

    another_requested = Signal()
    continued = Signal()

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scan_verdict")
        self.setWindowTitle(f"{title} — BrainViewer")
        self.setMinimumWidth(WIDTH_PIXELS)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.words = QLabel()
        self.words.setObjectName("verdict_words")
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        heading = QLabel(f"{title}: {name}")
        heading.setProperty("role", "title")
        heading.setWordWrap(True)
        self.buttons = QDialogButtonBox()
        self.another = _button("&Another scan…", "verdict_another", "Choose another scan")
        self.buttons.addButton(self.another, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        for widget in (heading, self.words, self.buttons):
            column.addWidget(widget)
        self.another.clicked.connect(self._on_another)
        self.buttons.rejected.connect(self.reject)

    @classmethod
    def refused(cls, name: str, sentence: str, parent: QWidget | None = None) -> VerdictDialog:
        """Say why a scan cannot be used."""
        dialog = cls(name, REFUSED, parent)
        dialog.words.setText(_capital(sentence))
        close = dialog.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        close.setDefault(True)
        return dialog

    @classmethod
    def doubtful(
        cls, name: str, doubts: Sequence[str], parent: QWidget | None = None
    ) -> VerdictDialog:
        """Say what is unusual about a scan, and let it be used."""
        dialog = cls(name, DOUBTFUL, parent)
        lines = "\n".join(f"• {_capital(doubt)}." for doubt in doubts)
        dialog.words.setText(f"{lines}\n\n{CONSEQUENCE}\n{NOT_CLINICAL}")
        go_on = _button("&Use it all the same", "verdict_continue", "Encode this scan")
        dialog.buttons.addButton(go_on, QDialogButtonBox.ButtonRole.AcceptRole)
        dialog.buttons.addButton(QDialogButtonBox.StandardButton.Cancel).setDefault(True)
        dialog.buttons.accepted.connect(dialog._on_continued)
        return dialog

    def _on_another(self) -> None:
        self.reject()
        self.another_requested.emit()

    def _on_continued(self) -> None:
        self.accept()
        self.continued.emit()


def _button(text: str, name: str, explanation: str) -> QPushButton:
    return described(QPushButton(text), name, accessible=explanation, tooltip=explanation)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
