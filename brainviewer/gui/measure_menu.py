"""The menu of distances."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QMenu, QWidget

from brainviewer.gui.menus import make_action
from brainviewer.gui.slice_keys import copy_rulers

if TYPE_CHECKING:
    from brainviewer.session.rulers import Rulers


class MeasureMenu(QMenu):
    """Draws, deletes and copies lines.

    Parameters
    ----------
    parent : QWidget
    rulers : Rulers
    """

    def __init__(self, parent: QWidget, rulers: Rulers) -> None:
        super().__init__("&Measure", parent)
        self._rulers = rulers
        self.measure = make_action(
            self, "&Distance", "Ctrl+M", "A left drag in a slice draws a line (M in a slice)"
        )
        self.measure.setCheckable(True)
        self.remove = make_action(
            self, "Delete &line", "", "Delete the chosen line (Delete in a slice)"
        )
        self.clear_all = make_action(self, "Delete &all lines", "", "Delete every line")
        self.copy = make_action(
            self, "&Copy lengths", "", "Copy all lines as text, in mm (Ctrl+C in a slice)"
        )
        self.measure.toggled.connect(rulers.measure)
        self.remove.triggered.connect(rulers.remove_chosen)
        self.clear_all.triggered.connect(partial(rulers.replace, ()))
        self.copy.triggered.connect(partial(copy_rulers, rulers))
        self.show_rulers()

    def show_rulers(self) -> None:
        """Tick and offer what holds."""
        with QSignalBlocker(self.measure):
            self.measure.setChecked(self._rulers.is_measuring)
        for action in (self.remove, self.clear_all, self.copy):
            action.setEnabled(bool(self._rulers.lines))
