"""An export as the File menu asks for it: what goes out, and the steps that write it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import reason_for, write_bytes_atomically
from brainviewer.session.encoding import scaled
from brainviewer.session.export import (
    ExportError,
    brain_export_steps,
    trajectory_export_steps,
)
from brainviewer.session.own_point import OWN_COLOR, OWN_SCAN, from_own_point, own_point_of
from brainviewer.session.region_export import region_export_steps
from brainviewer.session.tables import write_curves_csv
from brainviewer.session.warp_export import carried_export_steps, local_change_export_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from brainviewer.core.recipe import Recipe
    from brainviewer.session.bids import Destination
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.directions import Direction
    from brainviewer.session.encoding import Encoded
    from brainviewer.session.model import State
    from brainviewer.session.pins import Curve
    from brainviewer.session.request import Course
    from brainviewer.session.trajectory import Trajectory

Paths = list["Path"]


class Part(StrEnum):
    """What can be exported."""

    BRAIN = "brain"
    TABLE = "table"
    PLOT = "plot"
    SERIES = "series"
    REGIONS = "regions"
    LOCAL_CHANGE = "local_change"
    CARRIED = "carried"
    SCREENSHOT = "screenshot"


_SMALL_FILES = {
    Part.TABLE: "desc-trajectories_volumes.csv",
    Part.PLOT: "desc-trajectories_volumes.png",
    Part.SCREENSHOT: "desc-window_screenshot.png",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants, and where it goes."""

    parts: frozenset[Part]
    destination: Destination


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What an export is made from, taken when it was asked for.

    Attributes
    ----------
    decoder : Decoder
    recipe : Recipe
    course : Course
    curves : sequence of Curve
        The person's first; as far as they are known. The rest is computed when the table or the
        plot is wanted.
    measure : function of a State to the steps that compute its trajectory
    draw : function of curves to the bytes of a PNG file
    screenshot : bytes
        A PNG file.
    direction : Direction or None
        In which local change is shown.
    encoded : Encoded or None
        The person of a scan as it was encoded.
    """

    decoder: Decoder
    recipe: Recipe
    course: Course
    curves: Sequence[Curve]
    measure: Callable[[State], Generator[Trajectory, None, None]]
    draw: Callable[[Sequence[Curve]], bytes]
    screenshot: bytes
    direction: Direction | None = None
    encoded: Encoded | None = None

    def with_own_course(self, curves: Sequence[Curve]) -> list[Curve]:
        """Add the course from what was measured on the scan, where there is one."""
        point = own_point_of(self.encoded)
        if point is None or not curves or self.encoded is None:
            return list(curves)
        if curves[0].state.person.identity.key != self.encoded.person.identity.key:
            return list(curves)
        own = from_own_point(curves[0].trajectory, point)
        first = replace(curves[0], trajectory=own, pin=OWN_SCAN, color=OWN_COLOR)
        return [curves[0], first, *curves[1:]]


def export_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    """Write the parts of an order one after the other.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ExportError
        When a file exists and may not be replaced, or the disk refuses.
    """
    _check_small_files(order)
    yield 0.0
    if order.parts & {Part.TABLE, Part.PLOT}:
        whole = yield from scaled(whole_curves(material), 0.0, 0.5)
        material = replace(material, curves=material.with_own_course(whole))
    jobs = _jobs(order, material)
    written: Paths = []
    for number, job in enumerate(jobs):
        start, end = (0.5 + 0.5 * n / len(jobs) for n in (number, number + 1))
        written += yield from scaled(job, start, end)
    yield 1.0
    return written


def small_file(part: Part, destination: Destination) -> Path:
    """Return the path of a table or picture: beside the images."""
    return destination.anat / f"sub-{destination.label}_{_SMALL_FILES[part]}"


def write_picture(path: Path, content: bytes) -> None:
    """Write a picture in one step; ExportError with one sentence when the disk refuses."""
    try:
        write_bytes_atomically(path, content)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {reason_for(error)}") from error


def _check_small_files(order: Order) -> None:
    for part in order.parts & _SMALL_FILES.keys():
        path = small_file(part, order.destination)
        if path.exists() and not order.destination.overwrite:
            raise ExportError(
                f"{path} exists already; choose another folder or label, or allow it to be replaced"
            )


def whole_curves(material: Material) -> Generator[float, None, list[Curve]]:
    """Compute what is not yet known of the curves; yields the part that is done."""
    whole = list(material.curves)
    for number, curve in enumerate(whole):
        checkpoint = curve.state.checkpoint
        if curve.trajectory.complete or checkpoint is not material.decoder.checkpoint:
            continue
        for trajectory in material.measure(curve.state):
            whole[number] = replace(curve, trajectory=trajectory)
            yield (number + _known_part(trajectory)) / len(whole)
    return whole


def _known_part(trajectory: Trajectory) -> float:
    known = [np.isfinite(volumes).mean() for volumes in trajectory.volumes.values()]
    return float(np.mean(known)) if known else 1.0


def _jobs(order: Order, material: Material) -> list[Generator[float, None, Paths]]:
    make = {
        Part.BRAIN: _brain_steps,
        Part.SERIES: _series_steps,
        Part.REGIONS: _region_steps,
        Part.LOCAL_CHANGE: _local_change_steps,
        Part.CARRIED: _carried_steps,
        Part.TABLE: _table_steps,
        Part.PLOT: _plot_steps,
        Part.SCREENSHOT: _screenshot_steps,
    }
    return [steps(order, material) for part, steps in make.items() if part in order.parts]


def _brain_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    return brain_export_steps(material.decoder, material.recipe, order.destination)


def _region_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    return region_export_steps(material.decoder, material.recipe, order.destination)


def _series_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    return trajectory_export_steps(
        material.decoder,
        material.recipe,
        order.destination,
        course=material.course,
        ages=material.curves[0].trajectory.ages,
    )


def _local_change_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    if material.direction is None:
        raise ExportError("no local change is shown; choose one with View > Local change")
    return local_change_export_steps(
        material.decoder,
        material.recipe,
        order.destination,
        direction=material.direction,
        course=material.course,
    )


def _carried_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    encoded = material.encoded
    if encoded is None:
        raise ExportError("there is no scan of this person to be carried")
    return carried_export_steps(
        encoded.source,
        encoded.person,
        material.decoder,
        order.destination,
        conditions=material.recipe.conditions,
    )


def _table_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    yield 0.0
    path = _ready(Part.TABLE, order)
    write_curves_csv(path, material.curves, overwrite=order.destination.overwrite)
    return [path]


def _plot_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    yield 0.0
    path = _ready(Part.PLOT, order)
    write_picture(path, material.draw(material.curves))
    return [path]


def _screenshot_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    yield 0.0
    path = _ready(Part.SCREENSHOT, order)
    write_picture(path, material.screenshot)
    return [path]


def _ready(part: Part, order: Order) -> Path:
    """Return the path of a table or picture, in a folder that exists."""
    path = small_file(part, order.destination)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {path.parent}: {reason_for(error)}") from error
    return path
