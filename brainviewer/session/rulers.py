"""Distances that were measured: straight lines in slices, with their lengths in mm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from psygnal import Signal

from brainviewer.core.space import PLANE_AXIS, Plane
from brainviewer.session.slicing import nearest_voxel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.core.volume import Volume
    from brainviewer.session.slicing import Frame

World = tuple[float, float, float]
End = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class Ruler:
    """A straight line in a slice.

    Attributes
    ----------
    plane : Plane
        Of the slice.
    start, end : (x, y, z), world mm
    """

    plane: Plane
    start: World
    end: World

    @property
    def length_mm(self) -> float:
        """How far the ends are apart in the world, whatever the grid of the image."""
        return float(np.linalg.norm(np.subtract(self.end, self.start)))

    def is_on(self, frame: Frame, reference: Volume) -> bool:
        """Tell whether a frame of a volume shows the slice that the line was drawn in."""
        if frame.plane is not self.plane:
            return False
        middle = np.add(self.start, self.end) / 2
        return nearest_voxel(reference, middle)[PLANE_AXIS[self.plane]] == frame.index


class Rulers:
    """All lines of a display, and whether dragging draws another.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self._lines: tuple[Ruler, ...] = ()
        self._chosen: int | None = None
        self._is_measuring = False
        self._begun: tuple[Plane, World] | None = None

    @property
    def begun(self) -> tuple[Plane, World] | None:
        """Where a line begins that was marked at one end only."""
        return self._begun

    @property
    def lines(self) -> tuple[Ruler, ...]:
        """The lines, in the order in which they were drawn."""
        return self._lines

    @property
    def chosen(self) -> int | None:
        """The index of the line that the next deletion takes; None where there is none."""
        return self._chosen

    @property
    def is_measuring(self) -> bool:
        """Whether a drag in a slice draws a line."""
        return self._is_measuring

    def measure(self, measuring: bool) -> None:
        """Let a drag draw lines, or move the crosshair again."""
        if measuring != self._is_measuring:
            self._is_measuring, self._begun = measuring, None
            self.changed.emit()

    def mark(self, plane: Plane, world: World) -> None:
        """Begin a line at a point, or end the one that was begun in the same plane."""
        if self._begun is None or self._begun[0] is not plane:
            self._begun = plane, world
            self.changed.emit()
            return
        start, self._begun = self._begun[1], None
        self.add(Ruler(plane, start, world))

    def add(self, line: Ruler) -> None:
        """Keep another line and choose it."""
        self._set((*self._lines, line), len(self._lines))

    def choose(self, index: int) -> None:
        """Choose a line."""
        self._set(self._lines, index)

    def move_end(self, index: int, end: End, world: World) -> None:
        """Put one end of a line elsewhere."""
        old = self._lines[index]
        new = replace(old, start=world) if end == "start" else replace(old, end=world)
        self._set((*self._lines[:index], new, *self._lines[index + 1 :]), index)

    def remove_chosen(self) -> None:
        """Delete the chosen line; the last of those that are left is chosen then."""
        if self._chosen is not None:
            left = (*self._lines[: self._chosen], *self._lines[self._chosen + 1 :])
            self.replace(left)

    def replace(self, lines: Sequence[Ruler]) -> None:
        """Have these lines and no others."""
        self._set(tuple(lines), len(lines) - 1 if lines else None)

    def as_text(self) -> str:
        """Write a line of text each, with tabs, as for a table: plane, ends and length in mm."""
        rows = ["plane\tx1\ty1\tz1\tx2\ty2\tz2\tlength_mm"]
        for line in self._lines:
            ends = "\t".join(f"{it:.1f}" for it in (*line.start, *line.end))
            rows.append(f"{line.plane.value}\t{ends}\t{line.length_mm:.1f}")
        return "\n".join(rows)

    def _set(self, lines: tuple[Ruler, ...], chosen: int | None) -> None:
        if (lines, chosen) != (self._lines, self._chosen):
            self._lines, self._chosen = lines, chosen
            self.changed.emit()
