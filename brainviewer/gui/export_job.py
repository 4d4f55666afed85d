"""An export as the File menu asks for it: what goes out, and the steps that write it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from brainviewer.core.files import reason_for, write_bytes_atomically
from brainviewer.session.export import (
    ExportError,
    brain_export_steps,
    trajectory_export_steps,
)
from brainviewer.session.model import identity_of
from brainviewer.session.request import measured_volumes_ml
from brainviewer.session.tables import write_trajectory_csv
from brainviewer.session.trajectory import TrajectoryPlan, spread_identities, trajectory_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from brainviewer.core.recipe import Recipe
    from brainviewer.generators.base import Identity
    from brainviewer.session.bids import Destination
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.request import Course
    from brainviewer.session.trajectory import Trajectory, Volumes

Paths = list["Path"]
Result = TypeVar("Result")


class Part(StrEnum):
    """What can be exported."""

    BRAIN = "brain"
    TABLE = "table"
    PLOT = "plot"
    SERIES = "series"
    SCREENSHOT = "screenshot"


_SMALL_FILES = {
    Part.TABLE: "desc-{scenario}_volumes.csv",
    Part.PLOT: "desc-{scenario}_volumes.png",
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
    trajectory : Trajectory
        As far as it is known; the rest is computed when the table or the plot is wanted.
    draw : function of a Trajectory to the bytes of a PNG file
    screenshot : bytes
        A PNG file.
    """

    decoder: Decoder
    recipe: Recipe
    course: Course
    trajectory: Trajectory
    draw: Callable[[Trajectory], bytes]
    screenshot: bytes


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
    _check_small_files(order, material.course)
    yield 0.0
    whole = yield from _scaled(_trajectory_steps(order, material), 0.0, 0.5)
    material = replace(material, trajectory=whole)
    jobs = _jobs(order, material)
    written: Paths = []
    for number, job in enumerate(jobs):
        start, end = (0.5 + 0.5 * n / len(jobs) for n in (number, number + 1))
        written += yield from _scaled(job, start, end)
    yield 1.0
    return written


def small_file(part: Part, destination: Destination, course: Course) -> Path:
    """Return the path of a table or picture: beside the images, named after the scenario."""
    name = _SMALL_FILES[part].format(scenario=course.scenario.value)
    return destination.anat / f"sub-{destination.label}_{name}"


def write_picture(path: Path, content: bytes) -> None:
    """Write a picture in one step; ExportError with one sentence when the disk refuses."""
    try:
        write_bytes_atomically(path, content)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {reason_for(error)}") from error


def _scaled(
    steps: Generator[float, None, Result], start: float, end: float
) -> Generator[float, None, Result]:
    """Let the steps go from one fraction to another instead of from 0 to 1."""
    while True:
        try:
            yield start + (end - start) * next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def _check_small_files(order: Order, course: Course) -> None:
    for part in order.parts & _SMALL_FILES.keys():
        path = small_file(part, order.destination, course)
        if path.exists() and not order.destination.overwrite:
            raise ExportError(
                f"{path} exists already; choose another folder or label, or allow it to be replaced"
            )


def _trajectory_steps(order: Order, material: Material) -> Generator[float, None, Trajectory]:
    """Compute what is not yet known of the trajectory, where a table or plot of it is wanted."""
    trajectory = material.trajectory
    if trajectory.complete or not order.parts & {Part.TABLE, Part.PLOT}:
        return trajectory
    plan = _plan(material)

    def measure(identity: Identity, age: float) -> Volumes:
        return measured_volumes_ml(material.decoder.generate(identity, material.course.at(age)))

    whole = trajectory
    for number, whole in enumerate(trajectory_steps(plan, measure)):  # noqa: B007  the last counts
        yield number / plan.step_count
    return whole


def _plan(material: Material) -> TrajectoryPlan:
    known = material.trajectory
    return TrajectoryPlan(
        identity=identity_of(material.recipe, material.decoder),
        others=spread_identities(material.decoder.generator),
        ages=known.ages,
        start_age=material.recipe.age,
        structures=tuple(known.volumes),
        scenario=known.scenario,
    )


def _jobs(order: Order, material: Material) -> list[Generator[float, None, Paths]]:
    make = {
        Part.BRAIN: _brain_steps,
        Part.SERIES: _series_steps,
        Part.TABLE: _table_steps,
        Part.PLOT: _plot_steps,
        Part.SCREENSHOT: _screenshot_steps,
    }
    return [steps(order, material) for part, steps in make.items() if part in order.parts]


def _brain_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    return brain_export_steps(material.decoder, material.recipe, order.destination)


def _series_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    return trajectory_export_steps(
        material.decoder,
        material.recipe,
        order.destination,
        course=material.course,
        ages=material.trajectory.ages,
    )


def _table_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    yield 0.0
    path = _ready(Part.TABLE, order, material)
    write_trajectory_csv(path, material.trajectory, overwrite=order.destination.overwrite)
    return [path]


def _plot_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    yield 0.0
    path = _ready(Part.PLOT, order, material)
    write_picture(path, material.draw(material.trajectory))
    return [path]


def _screenshot_steps(order: Order, material: Material) -> Generator[float, None, Paths]:
    yield 0.0
    path = _ready(Part.SCREENSHOT, order, material)
    write_picture(path, material.screenshot)
    return [path]


def _ready(part: Part, order: Order, material: Material) -> Path:
    """Return the path of a table or picture, in a folder that exists."""
    path = small_file(part, order.destination, material.course)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {path.parent}: {reason_for(error)}") from error
    return path
