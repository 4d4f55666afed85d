"""Errors and notices in words, at the top of the window, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from brainviewer.gui.controls import described, icon_button, one_shot_timer, restyle

if TYPE_CHECKING:
    from collections.abc import Callable

NOTICE_MS = 8000


class Severity(StrEnum):
    """How long a message stays: a notice leaves by itself, errors and offers are dismissed."""

    NOTICE = "notice"
    ERROR = "error"
    OFFER = "offer"


@dataclass(frozen=True, slots=True)
class _Message:
    sentence: str
    severity: Severity
    answer: str = ""
    accept: Callable[[], None] | None = None
    decline: Callable[[], None] | None = None


class MessageBar(QFrame):
    """Shows the oldest sentence that was not dismissed; hidden when there is none.

    Signals
    -------
    dismissed
        The user has read a message.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        self._waiting: list[_Message] = []
        self.label = _label()
        self.count = QLabel()
        self.copy_button = icon_button("copy_message", "copy", "Copy the message")
        self.answer_button = described(
            QPushButton(),
            "accept_offer",
            accessible="Accept the offer",
            tooltip="Do what the message offers",
        )
        self.close_button = icon_button("dismiss_message", "close", "Dismiss the message")
        self._timer = one_shot_timer(self, "message_timer", NOTICE_MS)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 6, 4)
        row.addWidget(self.label, 1)
        for widget in (self.count, self.answer_button, self.copy_button, self.close_button):
            row.addWidget(widget)
        self._timer.timeout.connect(self.dismiss)
        self.copy_button.clicked.connect(self._on_copy_clicked)
        self.answer_button.clicked.connect(self._on_accepted)
        self.close_button.clicked.connect(self.dismiss)
        self.hide()

    def show_error(self, sentence: str) -> None:
        """Show what went wrong until it is dismissed."""
        self._add(_Message(sentence, Severity.ERROR))

    def show_notice(self, sentence: str) -> None:
        """Show something worth knowing for a while."""
        self._add(_Message(sentence, Severity.NOTICE))

    def show_offer(
        self,
        sentence: str,
        answer: str,
        *,
        accept: Callable[[], None],
        decline: Callable[[], None],
    ) -> None:
        """Offer something until the user accepts it by a button, or dismisses it.

        Parameters
        ----------
        sentence : str
        answer : str
            What the button says, with its mnemonic.
        accept, decline : function
            One of them is called.
        """
        self._add(_Message(sentence, Severity.OFFER, answer, accept, decline))

    def suggest(self, sentence: str, answer: str, *, accept: Callable[[], None]) -> None:
        """Show something worth knowing for a while, with a button for what can be done."""
        self._add(_Message(sentence, Severity.NOTICE, answer, accept))

    def dismiss(self) -> None:
        """Go on to the next message; an offer is declined."""
        first = self._take_first()
        if first is not None and first.decline is not None:
            first.decline()

    @property
    def sentence(self) -> str:
        """What the bar says now; empty when it is hidden."""
        return self._waiting[0].sentence if self._waiting else ""

    def _add(self, message: _Message) -> None:
        if message not in self._waiting:
            self._waiting.append(message)
            self._show_first()

    def _take_first(self) -> _Message | None:
        first = self._waiting.pop(0) if self._waiting else None
        self._show_first()
        self.dismissed.emit()
        return first

    def _show_first(self) -> None:
        self._timer.stop()
        self.setVisible(bool(self._waiting))
        if not self._waiting:
            return
        first = self._waiting[0]
        self.label.setText(first.sentence)
        self.answer_button.setText(first.answer)
        self.answer_button.setVisible(bool(first.answer))
        more = len(self._waiting) - 1
        self.count.setText(f"{more} more" if more else "")
        self._wear(first.severity)
        if first.severity is Severity.NOTICE:
            self._timer.start()

    def _wear(self, severity: Severity) -> None:
        self.setProperty("severity", severity.value)
        for widget in (self, self.label, self.count):
            restyle(widget)

    def _on_accepted(self) -> None:
        first = self._take_first()
        if first is not None and first.accept is not None:
            first.accept()

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.sentence)


def _label() -> QLabel:
    label = described(QLabel(), "message_text", accessible="Message", tooltip="")
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse
        | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
