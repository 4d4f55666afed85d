"""The View menu: how things are looked at, and which parts of the window are there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QActionGroup, QKeySequence
from PySide6.QtWidgets import QDockWidget, QMenu, QWidget

from brainviewer.core.space import Convention, Plane
from brainviewer.gui.icons import set_icon
from brainviewer.gui.layer_menu import LayerMenu
from brainviewer.gui.measure_menu import MeasureMenu
from brainviewer.gui.menus import make_action
from brainviewer.gui.slice_keys import zoom_in, zoom_out
from brainviewer.gui.viewpoint_menu import ViewpointMenu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.layers import Interpolation

_SIDES = {
    "L": "From the &left",
    "R": "From the &right",
    "A": "From the &front",
    "P": "From the &back",
    "S": "From &above",
    "I": "From b&elow",
}
_INTERPOLATIONS: dict[Interpolation, tuple[str, str]] = {
    "nearest": ("&Nearest", "Show each voxel as it is"),
    "linear": ("&Linear", "Mix neighbouring voxels by their distances"),
    "cubic": ("&Cubic", "A smooth curve through the voxels; it can overshoot at edges"),
}
_MODES = {
    "Surfaces": "&Surfaces",
    "Volume": "&Volume of the image",
    "Glass": "&Glass",
    "Tissues": "&Tissues in colour",
    "White matter": "&White matter",
    "Grey matter": "Gre&y matter",
    "CSF": "&CSF",
}


class ViewMenu(QMenu):
    """Changes the display, the panes and the docks.

    Parameters
    ----------
    parent : QWidget
    viewing : ViewingArea
    docks : sequence of QDockWidget
        The parts that can be hidden.
    """

    def __init__(self, parent: QWidget, viewing: ViewingArea, docks: Sequence[QDockWidget]) -> None:
        super().__init__("&View", parent)
        self._viewing = viewing
        self._make_display_actions()
        self.addSeparator()
        self.compare = _checkable(
            make_action(
                self,
                "&Compare",
                "Ctrl+B",
                "Put another brain beside: as given, a pin, a checkpoint",
            )
        )
        self.compare.toggled.connect(viewing.show_compare)
        self.next_way = make_action(
            self,
            "&Next way to compare",
            "Ctrl+Shift+B",
            "Side by side, difference, swipe, checkerboard, flicker",
        )
        self.next_way.triggered.connect(viewing.compare.show_next)
        self.local_change = _checkable(
            make_action(
                self,
                "Local chan&ge",
                "Ctrl+D",
                "Show where the brain grows and shrinks along age or another feature",
            )
        )
        self.lightbox = _checkable(
            make_action(self, "Light&box", "Ctrl+T", "Many slices of one plane beside each other")
        )
        self.lightbox.toggled.connect(viewing.show_lightbox)
        self.measure = MeasureMenu(self, viewing.display.rulers)
        self.addMenu(self.measure)
        self.layer = LayerMenu(self, viewing.display)
        self.addMenu(self.layer)
        self._make_interpolation_menu()
        self._make_panes_menu()
        self._make_3d_menu()
        self.addSeparator()
        for dock in docks:
            action = dock.toggleViewAction()
            action.setToolTip(f"Show or hide the part with the {dock.windowTitle().lower()}")
            self.addAction(action)
        self.gradients = make_action(
            self, "What the features &do", "Ctrl+G", "Show the gradients of the volumes, by feature"
        )
        self.regions = make_action(
            self, "&Regions", "Ctrl+Shift+G", "Show how large each region is, now and in fact"
        )
        self.full_screen = _checkable(
            make_action(self, "F&ull screen", "F11", "Give the window the whole screen")
        )
        self.reset_layout = make_action(
            self, "Reset la&yout", "Ctrl+Shift+L", "Put every part back to its first place"
        )
        viewing.changed.connect(self.show_display)
        self.show_display()

    def show_display(self) -> None:
        """Tick what holds."""
        display = self._viewing.display
        for action, holds in (
            (self.radiological, display.convention is Convention.RADIOLOGICAL),
            (self.crosshair, display.crosshair_visible),
            (self.legend, display.legend_visible),
            (self.compare, self._viewing.is_comparing),
            (self.lightbox, self._viewing.is_lightbox),
        ):
            with QSignalBlocker(action):
                action.setChecked(holds)
        self.measure.show_rulers()
        self.layer.show_layers()
        self.viewpoints.show_viewpoints()
        self.interpolations[display.interpolation].setChecked(True)
        self.large_pane.setEnabled(not self._viewing.is_lightbox)
        self.large_3d.setEnabled(not self._viewing.is_comparing)
        self.next_way.setEnabled(self._viewing.is_comparing)

    def _make_display_actions(self) -> None:
        viewing = self._viewing
        self.radiological = _checkable(
            make_action(
                self,
                "&Radiological",
                "Ctrl+L",
                "The person's left is on the right of the screen, as if seen from the feet",
            )
        )
        self.crosshair = _checkable(
            make_action(self, "Cross&hair", "Ctrl+H", "Draw the crosshair (X in a slice)")
        )
        self.legend = _checkable(
            make_action(
                self,
                "Colour lege&nd",
                "Ctrl+Shift+H",
                "Say in a slice which values the colours of the layers stand for",
            )
        )
        self.fit = make_action(self, "&Fit", "Ctrl+F", "Show the slices whole (R in a slice)")
        self.zoom_in = make_action(
            self, "Zoom in", "Ctrl++", "Show the slices larger (plus in a slice)"
        )
        self.zoom_out = make_action(
            self, "Zoom out", "Ctrl+-", "Show the slices smaller (minus in a slice)"
        )
        self.centre = make_action(
            self,
            "Centre on the crosshair",
            "",
            "Crosshair into the middle of each pane (C there)",
        )
        self.auto_window = make_action(
            self, "&Auto window", "Ctrl+J", "Brightness and contrast from the image itself"
        )
        self.near_window = make_action(
            self,
            "&Window around the crosshair",
            "Ctrl+Shift+J",
            "Brightness and contrast from the values within 20 mm",
        )
        set_icon(self.fit, "fit")
        self.radiological.toggled.connect(viewing.show_radiological)
        self.crosshair.toggled.connect(viewing.show_crosshair)
        self.legend.toggled.connect(viewing.display.show_legend)
        self.fit.triggered.connect(viewing.display.fit)
        self.zoom_in.setShortcuts([QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")])
        self.zoom_in.triggered.connect(partial(zoom_in, viewing.display))
        self.zoom_out.triggered.connect(partial(zoom_out, viewing.display))
        self.centre.triggered.connect(viewing.display.centre)
        self.auto_window.triggered.connect(viewing.auto_window)
        self.near_window.triggered.connect(viewing.window_around_crosshair)

    def _make_interpolation_menu(self) -> None:
        display = self._viewing.display
        menu = self.addMenu("&Interpolation")
        self.interpolations: dict[Interpolation, QAction] = {}
        ways = QActionGroup(menu)
        for way, (text, explanation) in _INTERPOLATIONS.items():
            action = _checkable(make_action(menu, text, "", explanation))
            action.triggered.connect(partial(display.set_interpolation, way))
            self.interpolations[way] = ways.addAction(action)
        menu.addSeparator()
        self.next_interpolation = make_action(
            menu, "Ne&xt interpolation", "Ctrl+I", "Nearest, linear, cubic, and nearest again"
        )
        self.next_interpolation.triggered.connect(self._viewing.show_next_interpolation)

    def _make_panes_menu(self) -> None:
        viewing = self._viewing
        menu = self.large_pane = self.addMenu("&Large pane")
        explanation = "Give this pane the whole space, or take it back"
        planes = {"&Coronal": Plane.CORONAL, "&Sagittal": Plane.SAGITTAL, "&Axial": Plane.AXIAL}
        for number, (name, plane) in enumerate(planes.items(), 1):
            action = make_action(menu, name, f"Ctrl+{number}", explanation)
            action.triggered.connect(partial(viewing.toggle_large, plane))
        self.large_3d = make_action(menu, "&3D", "Ctrl+4", explanation)
        self.large_3d.triggered.connect(
            partial(viewing.ortho.toggle_maximised, viewing.ortho.fourth)
        )
        every = make_action(menu, "A&ll four", "Ctrl+0", "Let all panes share the space")
        every.triggered.connect(viewing.restore_panes)

    def _make_3d_menu(self) -> None:
        pane = self._viewing.pane_3d
        menu = self.addMenu("&3D view")
        for name, text in _MODES.items():
            action = make_action(menu, text, "", f"Draw the brain in 3D that way: {name}")
            action.triggered.connect(partial(pane.show_mode, name))
        menu.addSeparator()
        for side, text in _SIDES.items():
            action = make_action(menu, text, "", "Turn the brain")
            action.triggered.connect(partial(pane.look_from, side))
        menu.addSeparator()
        clip = make_action(
            menu,
            "&Cut the next side away",
            "",
            "Up to the crosshair; after the last none (C in 3D)",
        )
        clip.triggered.connect(pane.show_next_clip)
        self.viewpoints = ViewpointMenu(menu, pane, self._viewing.viewpoints)
        menu.addMenu(self.viewpoints)


def _checkable(action: QAction) -> QAction:
    action.setCheckable(True)
    return action
