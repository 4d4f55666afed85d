"""The parts around the slices: where they are at first, and how an arrangement is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, get_args

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtWidgets import QDockWidget, QTabWidget, QWidget

from brainviewer.session.panels import Side
from brainviewer.session.scene import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QMainWindow

Name = TypeVar("Name", bound=str)

FIRST_SIZE_PIXELS = (1840, 1100)
MINIMUM_SIZE_PIXELS = (1024, 700)
LAYOUT_VERSION = 4
# From this width on the layers have a place of their own beside the slices.
WIDE_PIXELS = 1800
# The part of the window's height that the volumes take at first.
VOLUMES_SHARE = 0.27


class Docks:
    """The parts that can be hidden: person, layers, history, volumes, features, regions.

    Parameters
    ----------
    window : QMainWindow
    side, layers, history, measures, gradients, regions : QWidget
        What the parts hold.
    """

    def __init__(
        self,
        window: QMainWindow,
        *,
        side: QWidget,
        layers: QWidget,
        history: QWidget,
        measures: QWidget,
        gradients: QWidget,
        regions: QWidget,
    ) -> None:
        self._window = window
        self.person = _dock(window, "Person", side)
        self.layers = _dock(window, "Layers", layers)
        self.history = _dock(window, "History", history)
        self.volumes = _dock(window, "Volumes", measures)
        self.features = _dock(window, "Features", gradients)
        self.regions = _dock(window, "Regions", regions)
        window.setMinimumSize(*MINIMUM_SIZE_PIXELS)
        window.resize(QSize(*FIRST_SIZE_PIXELS).boundedTo(window.screen().availableSize()))
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)

    @property
    def all(self) -> tuple[QDockWidget, ...]:
        """The parts, in the order in which menus name them."""
        return (
            self.person,
            self.layers,
            self.history,
            self.volumes,
            self.features,
            self.regions,
        )

    def reset(self) -> None:
        """Put every part where it is at the first start."""
        window, area = self._window, Qt.DockWidgetArea
        for dock in self.all:
            dock.setFloating(False)
            dock.show()
        window.addDockWidget(area.LeftDockWidgetArea, self.person)
        window.addDockWidget(area.BottomDockWidgetArea, self.volumes)
        window.addDockWidget(area.BottomDockWidgetArea, self.features)
        window.addDockWidget(area.BottomDockWidgetArea, self.regions)
        window.tabifyDockWidget(self.volumes, self.features)
        window.tabifyDockWidget(self.features, self.regions)
        if window.width() >= WIDE_PIXELS:
            window.addDockWidget(area.RightDockWidgetArea, self.layers)
        else:
            window.addDockWidget(area.LeftDockWidgetArea, self.layers)
            window.tabifyDockWidget(self.person, self.layers)
        window.tabifyDockWidget(self.layers, self.history)
        self.layers.raise_()
        self.person.raise_()
        self.volumes.raise_()
        self._resize()

    @property
    def in_front(self) -> str:
        """Which of the parts below the slices is in front, one of `PARTS`; empty for none."""
        return next(iter(self._seen(self._below)), "")

    @property
    def in_front_beside(self) -> Side:
        """Which of person, layers and history is in front, the last where two are; or none."""
        return next(reversed(self._seen(self._beside)), "")

    def bring_beside(self, name: Side) -> None:
        """Show the part that `in_front_beside` names; for an empty name, none."""
        if name:
            self.bring(self._beside[name])

    def bring_named(self, name: str) -> None:
        """Show a part by the name that `in_front` has for it; for an empty one, none."""
        if name:
            self.bring(self._below[name])

    def bring(self, dock: QDockWidget) -> None:
        """Show a part, in front of those that share its place."""
        dock.show()
        dock.raise_()

    @property
    def _below(self) -> dict[str, QDockWidget]:
        """The parts below the slices."""
        return dict(zip(PARTS[1:], (self.volumes, self.features, self.regions), strict=True))

    @property
    def _beside(self) -> dict[Side, QDockWidget]:
        """The parts beside the slices."""
        names = get_args(Side)[1:]
        return dict(zip(names, (self.person, self.layers, self.history), strict=True))

    def layout(self) -> bytes:
        """Return the arrangement and the window's place: the length of the place, then both."""
        place = bytes(self._window.saveGeometry().data())
        arrangement = bytes(self._window.saveState(LAYOUT_VERSION).data())
        return len(place).to_bytes(4, "big") + place + arrangement

    def restore(self, layout: bytes) -> None:
        """Go back to an arrangement; to that of the first start where it cannot be used."""
        end = 4 + int.from_bytes(layout[:4], "big")
        self._window.restoreGeometry(QByteArray(layout[4:end]))
        self.reset()
        self._window.restoreState(QByteArray(layout[end:]), LAYOUT_VERSION)

    def _seen(self, docks: Mapping[Name, QDockWidget]) -> list[Name]:
        """Name the parts that no other covers: Qt puts those behind a tab beside the window."""
        inside = self._window.rect()
        return [
            name
            for name, dock in docks.items()
            if dock.isVisible() and (dock.isFloating() or inside.intersects(dock.geometry()))
        ]

    def _resize(self) -> None:
        narrowest = [dock.widget().minimumWidth() for dock in (self.person, self.layers)]
        volumes = round(VOLUMES_SHARE * self._window.height())
        self._window.resizeDocks([self.person, self.layers], narrowest, Qt.Orientation.Horizontal)
        self._window.resizeDocks([self.volumes], [volumes], Qt.Orientation.Vertical)


def _dock(window: QMainWindow, title: str, widget: QWidget) -> QDockWidget:
    dock = QDockWidget(title, window)
    dock.setObjectName(f"{title.lower()}_dock")
    dock.setWidget(widget)
    # The tabs and the View menu name the parts; a title would say it again.
    dock.setTitleBarWidget(QWidget(dock))
    return dock
