"""Three slices and a fourth pane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from brainviewer.core.space import Plane
from brainviewer.gui.slice_view import SliceView

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QCloseEvent

    from brainviewer.session.display import Display

GAP_PIXELS = 2
_PLACES = {Plane.CORONAL: (0, 0), Plane.SAGITTAL: (0, 1), Plane.AXIAL: (1, 0)}
_FOURTH_PLACE = (1, 1)


class OrthoView(QWidget):
    """Coronal and sagittal slice over the axial one and a fourth pane; one can be made large.

    A millimetre is as large in all slices, so that they can be compared.

    Parameters
    ----------
    display : Display
    fourth : QWidget
        Where it has a signal ``maximise_requested``, it asks with that to be made large.
    make : function
        Makes the view of a plane.
    has_legend : bool
        Whether one of the slices says what the colours of the layers stand for.

    Signals
    -------
    maximised_changed
        Another pane has the whole space, or all share it again.
    """

    maximised_changed = Signal()

    def __init__(
        self,
        display: Display,
        fourth: QWidget,
        parent: QWidget | None = None,
        *,
        make: Callable[[Display, Plane], SliceView] = SliceView,
        has_legend: bool = True,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("ortho_view")
        self.slices = {plane: make(display, plane) for plane in _PLACES}
        self.fourth = fourth
        self._maximised: QWidget | None = None
        self._has_legend = has_legend
        self._lay_out()
        views = list(self.slices.values())
        for view in views:
            view.share_scale(views)
            view.maximise_requested.connect(self._on_maximise_requested)
        wish = getattr(fourth, "maximise_requested", None)
        if wish is not None:
            wish.connect(self._on_fourth_maximise_requested)

    @property
    def panes(self) -> tuple[QWidget, ...]:
        """The panes: coronal, sagittal, axial, fourth."""
        return *self.slices.values(), self.fourth

    @property
    def maximised(self) -> QWidget | None:
        """The pane that has the whole space; None while all share it."""
        return self._maximised

    def toggle_maximised(self, pane: QWidget) -> None:
        """Give a pane the whole space, or let all share it again."""
        self._show(None if self._maximised is pane else pane)

    def maximise(self, pane: QWidget | None) -> None:
        """Give a pane the whole space; None lets all share it."""
        if pane is not self._maximised:
            self._show(pane)

    def restore(self) -> None:
        """Let all panes share the space."""
        self._show(None)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the panes, which do not hear of it otherwise."""
        for pane in self.panes:
            pane.close()
        super().closeEvent(event)

    def _show(self, maximised: QWidget | None) -> None:
        self._maximised = maximised
        for pane in self.panes:
            pane.setVisible(maximised is None or pane is maximised)
        for cell in range(2):
            self._grid.setRowStretch(cell, self._stretch(cell, along=0))
            self._grid.setColumnStretch(cell, self._stretch(cell, along=1))
        self.place_legend()
        if maximised is not None:
            maximised.setFocus()
        self.maximised_changed.emit()

    def place_legend(self) -> None:
        """Have the first slice that is seen say what the colours stand for, and no other."""
        first = next(iter(self.slices.values()))
        place = first if self._maximised is None else self._maximised
        for view in self.slices.values():
            view.set_legend(self._has_legend and view is place)

    def _stretch(self, cell: int, *, along: int) -> int:
        """Give room to a row (along 0) or column (1) that shows a pane."""
        shown = [place for pane, place in self._places() if pane is self._maximised]
        return int(not shown or shown[0][along] == cell)

    def _places(self) -> list[tuple[QWidget, tuple[int, int]]]:
        return [
            *zip(self.slices.values(), _PLACES.values(), strict=True),
            (self.fourth, _FOURTH_PLACE),
        ]

    def _lay_out(self) -> None:
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_PIXELS)
        for pane, (row, column) in self._places():
            self._grid.addWidget(pane, row, column)
        self._show(None)

    def _on_maximise_requested(self, plane: Plane) -> None:
        self.toggle_maximised(self.slices[plane])

    def _on_fourth_maximise_requested(self) -> None:
        self.toggle_maximised(self.fourth)
