"""Many slices of one plane in rows and columns: which ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.space import PLANE_AXIS, Convention, Plane
from brainviewer.core.volume import voxel_spacing
from brainviewer.session.slicing import Frame

if TYPE_CHECKING:
    from brainviewer.core.volume import Volume

TILES_RANGE = (1, 12)
SPACING_RANGE_MM = (0.1, 100.0)
# The outer slices of a volume show no brain.
MARGIN = 0.12


@dataclass(frozen=True, slots=True)
class Lightbox:
    """Slices of one plane, from left, posterior or inferior to the other side.

    Attributes
    ----------
    plane : Plane
    rows, columns : int in `TILES_RANGE`
    spacing_mm : float in `SPACING_RANGE_MM`
        From one slice to the next.
    start_mm : float
        How far the first slice lies behind the first one of the volume.

    Raises
    ------
    ValueError
        A number is outside its range.
    """

    plane: Plane = Plane.AXIAL
    rows: int = 4
    columns: int = 6
    spacing_mm: float = 5.0
    start_mm: float = 0.0

    def __post_init__(self) -> None:
        low, high = TILES_RANGE
        for name, count in (("rows", self.rows), ("columns", self.columns)):
            if not low <= count <= high:
                raise ValueError(f"{name} of a lightbox must lie in {low}-{high}, got {count}")
        near, far = SPACING_RANGE_MM
        if not near <= self.spacing_mm <= far or not np.isfinite(self.start_mm):
            raise ValueError(f"slices lie {near:g}-{far:g} mm apart, got {self.spacing_mm:g} mm")

    @property
    def count(self) -> int:
        """How many slices there is room for."""
        return self.rows * self.columns

    def frames(self, volume: Volume, convention: Convention) -> list[Frame]:
        """Return the slices that lie in a volume, row by row; fewer at its end."""
        axis = PLANE_AXIS[self.plane]
        places = (self.start_mm + self.spacing_mm * np.arange(self.count)) / _step_mm(self, volume)
        indices = [int(it) for it in np.floor(places + 0.5) if it < volume.shape[axis]]
        return [
            Frame(self.plane, convention, volume.shape, volume.affine, index) for index in indices
        ]

    def scrolled(self, volume: Volume, steps: int) -> Lightbox:
        """Go some slices on or back; the first one stays in the volume."""
        last_mm = (volume.shape[PLANE_AXIS[self.plane]] - 1) * _step_mm(self, volume)
        start = min(max(self.start_mm + steps * self.spacing_mm, 0.0), last_mm)
        return replace(self, start_mm=start)

    def covering(self, volume: Volume) -> Lightbox:
        """Spread the slices over the volume, without its margins."""
        size_mm = (volume.shape[PLANE_AXIS[self.plane]] - 1) * _step_mm(self, volume)
        inside_mm = size_mm * (1 - 2 * MARGIN)
        spacing = np.clip(inside_mm / max(self.count - 1, 1), *SPACING_RANGE_MM)
        # One slice alone is the middle one.
        start = size_mm * MARGIN if self.count > 1 else size_mm / 2
        return replace(self, spacing_mm=round(float(spacing), 1), start_mm=float(start))


def _step_mm(box: Lightbox, volume: Volume) -> float:
    return float(voxel_spacing(volume.affine)[PLANE_AXIS[box.plane]])
