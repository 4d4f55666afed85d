"""The sex as buttons, one for each level that the training people had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from brainviewer.gui.controls import described, title_label

if TYPE_CHECKING:
    from brainviewer.core.features import Feature, Value


class SexButtons(QWidget):
    """Shows a level of the feature *sex* and asks for another.

    Signals
    -------
    sex_requested : str
        The code of a level.
    """

    sex_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._codes: tuple[str, ...] = ()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self._row.addWidget(title_label("Sex"))
        self._row.addStretch(1)
        self._group.idClicked.connect(self._on_clicked)

    def show_feature(self, feature: Feature) -> None:
        """Make a button for each level; those of nobody in training cannot be pressed."""
        for button in self._group.buttons():
            self._group.removeButton(button)
            button.deleteLater()
        self._codes = feature.codes
        for number, (level, share) in enumerate(
            zip(feature.levels, feature.fitted.shares, strict=True)
        ):
            button = _button(level.code, level.label, share)
            self._group.addButton(button, number)
            self._row.addWidget(button)

    def show_value(self, value: Value) -> None:
        """Press the button of a level; none when the sex is not given."""
        with QSignalBlocker(self._group):
            self._group.setExclusive(False)
            for code, button in zip(self._codes, self.buttons, strict=True):
                button.setChecked(code == value)
            self._group.setExclusive(True)

    def focus_editor(self) -> None:
        """Put the keyboard on the button that is pressed, or on the first."""
        pressed = self._group.checkedButton() or next(iter(self.buttons), None)
        if pressed is not None:
            pressed.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @property
    def buttons(self) -> list[QPushButton]:
        """The buttons, in the order of the levels."""
        return [b for b in self._group.buttons() if isinstance(b, QPushButton)]

    def _on_clicked(self, number: int) -> None:
        self.sex_requested.emit(self._codes[number])


def _button(code: str, label: str, share: float) -> QPushButton:
    button = described(
        QPushButton(label.capitalize()),
        f"sex_{code}",
        accessible=f"Sex: {label}",
        tooltip=f"{share:.0%} of the training people" if share else "Nobody in the training people",
    )
    button.setCheckable(True)
    button.setEnabled(share > 0)
    return button
