"""The regions that a user wants to see, in slices and in 3D, each in a colour of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from brainviewer.core.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.session.region_map import RegionMap

    World = tuple[float, float, float]

# Okabe and Ito's colours, brightened for black: they keep apart in all common kinds of colour
# blindness.
COLORS = (
    "#f0e442",
    "#56b4e9",
    "#e69f00",
    "#2fc49a",
    "#e987c0",
    "#ff7a3c",
    "#b9a5ff",
    "#ffffff",
)


@dataclass(frozen=True, slots=True)
class ShownRegion:
    """A region and its colour as ``#rrggbb``."""

    name: str
    color: str


Shares = tuple[tuple[ShownRegion, Volume], ...]


class ShownRegions:
    """The choice, and the map of the brain that is shown; None while there is none.

    A region that the present brain has not stays chosen: the next one may have it.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self._map: RegionMap | None = None
        self._chosen: tuple[ShownRegion, ...] = ()
        self._shares: dict[str, Volume] = {}

    @property
    def chosen(self) -> tuple[ShownRegion, ...]:
        """The regions, in the order in which they were chosen."""
        return self._chosen

    @property
    def visible(self) -> Shares:
        """The chosen regions that the brain has, each with its `RegionMap.share`."""
        known = () if self._map is None else self._map.names
        return tuple((it, self._share(it.name)) for it in self._chosen if it.name in known)

    def name_at(self, world: World) -> str:
        """Return the region at a point, world mm; empty where there is none or no map."""
        return "" if self._map is None else self._map.name_at(world)

    def color_of(self, name: str) -> str:
        """Return the colour of a region; empty where it is not chosen."""
        return next((it.color for it in self._chosen if it.name == name), "")

    def show_map(self, found: RegionMap | None) -> None:
        """Know the regions of another brain."""
        if found is not self._map:
            self._map = found
            self._shares.clear()
            self.changed.emit()

    def show(self, name: str, shown: bool) -> None:
        """Show a region in the first colour that is free, or show it no longer."""
        if shown == bool(self.color_of(name)):
            return
        if not shown:
            self.replace([it for it in self._chosen if it.name != name])
            return
        taken = [it.color for it in self._chosen]
        color = min(COLORS, key=taken.count)
        self.replace([*self._chosen, ShownRegion(name, color)])

    def replace(self, chosen: Sequence[ShownRegion]) -> None:
        """Show these regions and no others."""
        if tuple(chosen) != self._chosen:
            self._chosen = tuple(chosen)
            self.changed.emit()

    def _share(self, name: str) -> Volume:
        if self._map is not None and name not in self._shares:
            self._shares[name] = self._map.share(name)
        return self._shares[name]
