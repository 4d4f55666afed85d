"""What the rows of the feature editor share, whatever the kind of feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QWidget

from brainviewer.gui.controls import caption_label, described, icon_button, restyle

if TYPE_CHECKING:
    from brainviewer.core.features import Feature, Value


class FeatureRow(QWidget):
    """What rows of every kind share: the name, *given* or not, reset, and a line that explains.

    Signals
    -------
    value_requested : str, Value
        The name of the feature and its wished-for value; None for "not given".
    reset_requested : str
        Back to the factual value.
    """

    value_requested = Signal(str, object)
    reset_requested = Signal(str)

    def __init__(self, feature: Feature, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.feature = feature
        self.setObjectName(f"feature_{feature.name}")
        self.given = _given_box(feature)
        self.reset_button = icon_button(
            f"{feature.name}_reset", "reset", f"Reset {feature.title} to the factual value"
        )
        self.caption = caption_label(f"{feature.name}_caption")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 4, 0, 4)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.given, 0, 0)
        self._grid.addWidget(self.reset_button, 0, 3)
        self.given.clicked.connect(self._on_given_clicked)
        self.reset_button.clicked.connect(self._on_reset_clicked)

    def show_value(self, value: Value, *, edited: bool, factual: Value) -> None:
        """Show a value without asking for it.

        Parameters
        ----------
        value : Value
            What the generator is given.
        edited : bool
            Whether the user changed it.
        factual : Value
            What the person is known to have; another value that was not edited has moved with age.
        """
        with QSignalBlocker(self.given):
            self.given.setChecked(value is not None)
        if self.given.property("edited") != edited:
            self.given.setProperty("edited", edited)
            restyle(self.given)
        self.reset_button.setEnabled(edited)
        moved = not edited and value != factual
        words = self._explain_moved(value, factual) if moved else self._explain(value)
        self.caption.setText(words)
        self.caption.setToolTip(words)

    def matches(self, text: str) -> bool:
        """Tell whether a text occurs in the name, the description or a level of the feature."""
        feature = self.feature
        levels = (level.label for level in feature.levels)
        words = " ".join((feature.title, feature.name, feature.description, *levels))
        return text.casefold() in words.casefold()

    def focus_editor(self) -> None:
        """Put the keyboard on the value, or on *given* where there is none."""
        editor = self._editor()
        (editor if editor.isEnabled() else self.given).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _editor(self) -> QWidget:
        raise NotImplementedError

    def _explain(self, value: Value) -> str:
        raise NotImplementedError

    def _explain_moved(self, value: Value, factual: Value) -> str:
        """Say where a value stands that has moved with age."""
        raise NotImplementedError

    def _wished_value(self) -> Value:
        raise NotImplementedError

    def _on_given_clicked(self, given: bool) -> None:
        self.value_requested.emit(self.feature.name, self._wished_value() if given else None)

    def _on_reset_clicked(self) -> None:
        self.reset_requested.emit(self.feature.name)


def about(feature: Feature) -> str:
    """Describe a feature: as its dictionary does, or by its name."""
    return feature.description or feature.title


def _given_box(feature: Feature) -> QCheckBox:
    return described(
        QCheckBox(feature.title),
        f"{feature.name}_given",
        accessible=f"{feature.title} is given",
        tooltip=f"{about(feature)}\nUntick when it is not known: "
        "the generator then takes the average of its training people",
    )
