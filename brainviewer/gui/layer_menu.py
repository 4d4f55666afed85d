"""The menu of the active layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from brainviewer.gui.menus import make_action

if TYPE_CHECKING:
    from brainviewer.session.display import Display


class LayerMenu(QMenu):
    """Goes to another layer, or to another frame of one.

    Parameters
    ----------
    parent : QWidget
    display : Display

    Signals
    -------
    chosen : str
        The name of the layer that has become active.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget, display: Display) -> None:
        super().__init__("Acti&ve layer", parent)
        self._display = display
        self.above = make_action(
            self,
            "&Next layer",
            "Ctrl+Shift+Up",
            "Make the layer above the active one; after the top one the lowest",
        )
        self.below = make_action(
            self,
            "&Previous layer",
            "Ctrl+Shift+Down",
            "Make the layer below the active one; after the lowest the top one",
        )
        self.addSeparator()
        self.later = make_action(
            self,
            "Next &frame",
            "Ctrl+.",
            "Of the active 4D image or the top one (. in a slice)",
        )
        self.earlier = make_action(
            self,
            "Previous f&rame",
            "Ctrl+,",
            "Of the active 4D image or the top one (, in a slice)",
        )
        self.addSeparator()
        self.information = make_action(
            self,
            "&Image information…",
            "Ctrl+Shift+I",
            "What the file of the active image, or of the top one, says: sizes, codes, values",
        )
        self.above.triggered.connect(partial(self._step, 1))
        self.below.triggered.connect(partial(self._step, -1))
        self.later.triggered.connect(partial(display.step_frame, 1))
        self.earlier.triggered.connect(partial(display.step_frame, -1))
        self.show_layers()

    def show_layers(self) -> None:
        """Offer what can be done with the layers there are."""
        for action in (self.above, self.below):
            action.setEnabled(len(self._display.layers) > 1)
        self.information.setEnabled(self._display.image is not None)
        for action in (self.later, self.earlier):
            action.setEnabled(self._display.series is not None)

    def _step(self, steps: int) -> None:
        self._display.step_active(steps)
        self.chosen.emit(self._display.layers[self._display.active].name)
