"""Zoom and pan of a plane's picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from brainviewer.session.slicing import Point

ZOOM_RANGE = (0.5, 40.0)


@dataclass(frozen=True, slots=True)
class View:
    """How a plane is looked at.

    Attributes
    ----------
    zoom : float
        1 is the largest scale, common to all planes, at which each picture fits into its pane.
    centre : (x, y), mm from the middle of the picture
        What lies in the middle of the pane.
    """

    zoom: float = 1.0
    centre: Point = (0.0, 0.0)

    def zoomed(self, factor: float, point: Point) -> View:
        """Zoom so that a place in the picture, mm from its middle, stays where it is.

        With centre c and zoom z a place p is shown at (p - c) z from the middle of the pane, so
        that it stays if the new centre is p - (p - c) z / z'.
        """
        zoom = float(np.clip(self.zoom * factor, *ZOOM_RANGE))
        x, y = (p - (p - c) * self.zoom / zoom for p, c in zip(point, self.centre, strict=True))
        return View(zoom, (x, y))

    def panned(self, dx: float, dy: float) -> View:
        """Push the picture by mm to the right and down."""
        x, y = self.centre
        return replace(self, centre=(x - dx, y - dy))

    def mirrored(self) -> View:
        """Keep what is in the middle of the pane when the picture is mirrored left to right."""
        x, y = self.centre
        return replace(self, centre=(-x, y))

    def within(self, size_mm: tuple[float, float]) -> View:
        """Keep some of a picture of a width and height, mm, in the middle of the pane."""
        x, y = (
            min(max(it, -size / 2), size / 2) for it, size in zip(self.centre, size_mm, strict=True)
        )
        return replace(self, centre=(x, y))
