"""Views of the brain in 3D that the user gave a name."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Point = tuple[float, float, float]

MOST_VIEWPOINTS = 50
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Where the camera stands.

    Attributes
    ----------
    name : str
    position, focal_point : (x, y, z), world mm
        Where the camera is, and what it looks at.
    up : (x, y, z)
        What points up in its picture.
    """

    name: str
    position: Point
    focal_point: Point
    up: Point

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {key: list(it) if isinstance(it, tuple) else it for key, it in asdict(self).items()}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Viewpoint:
        """Rebuild from `to_json`.

        Raises
        ------
        KeyError, TypeError, ValueError
            When something is missing, or is not a possible value.
        """
        name = entry["name"]
        if not isinstance(name, str) or not name:
            raise TypeError(f"a view needs a name, got {name!r}")
        points = (_point(entry[key]) for key in ("position", "focal_point", "up"))
        return cls(name[:LONGEST_NAME], *points)


class Viewpoints:
    """The named views, in the order in which they were saved.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self._all: tuple[Viewpoint, ...] = ()

    @property
    def all(self) -> tuple[Viewpoint, ...]:
        """Every view, the oldest first."""
        return self._all

    def replace(self, viewpoints: Sequence[Viewpoint]) -> None:
        """Have these and no others; the last fifty."""
        kept = tuple(viewpoints[-MOST_VIEWPOINTS:])
        if kept != self._all:
            self._all = kept
            self.changed.emit()

    def save(self, viewpoint: Viewpoint) -> None:
        """Keep a view; one of the same name gives way."""
        self.replace([*self._without(viewpoint.name), viewpoint])

    def remove(self, name: str) -> None:
        """Forget a view."""
        self.replace(self._without(name))

    def _without(self, name: str) -> list[Viewpoint]:
        return [it for it in self._all if it.name != name]


def _point(value: object) -> Point:
    if not isinstance(value, list) or len(value) != 3:
        raise TypeError(f"three numbers were expected, got {value!r}")
    x, y, z = (float(it) for it in value)
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError(f"three numbers were expected, got {value!r}")
    return x, y, z
