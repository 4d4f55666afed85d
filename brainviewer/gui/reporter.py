"""From the Report action to a page: the material, the task, the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from brainviewer.core.files import reason_for, write_text_atomically
from brainviewer.core.scenario import AGE
from brainviewer.core.space import Plane
from brainviewer.gui.export_job import whole_curves
from brainviewer.gui.pictures import pixmap_png
from brainviewer.gui.report_page import Report, report_html
from brainviewer.gui.slice_view import SliceView
from brainviewer.gui.standings import percentiles_of
from brainviewer.gui.volumes_table import volume_rows
from brainviewer.session.export import ExportError
from brainviewer.session.request import structures_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from brainviewer.gui.export_job import Material
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.display import Display
    from brainviewer.session.state import Session

SLICE_PIXELS = 480


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A report that lacks its trajectories, and what they are made from."""

    report: Report
    material: Material


def draft_report(session: Session, viewing: ViewingArea, material: Material) -> Draft:
    """Take down what a report says of the brain on the screen.

    Raises
    ------
    ExportError
        There is no brain yet.
    """
    shown, checkpoint, generator = session.shown, session.checkpoint, session.generator
    if shown is None or checkpoint is None or generator is None:
        raise ExportError("there is no brain yet; wait until the generator is loaded")
    standings = percentiles_of(shown, checkpoint)
    encoded = session.comparison.encoded
    pictures = slice_pictures(viewing.display)
    if viewing.own_scan.in_place:
        pictures = {f"The scan itself, carried: {it}": png for it, png in pictures.items()}
    brain_3d = viewing.pane_3d.picture()
    if brain_3d is not None:
        pictures["In 3D"] = pixmap_png(brain_3d)
    report = Report(
        material.recipe,
        checkpoint,
        generator.space,
        volume_rows(shown.volumes_ml, session.factual_volumes_ml, standings),
        pictures,
        b"",
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
        encoded,
        {} if encoded is None else percentiles_of(encoded.scan, checkpoint),
    )
    return Draft(report, material)


def slice_pictures(display: Display) -> dict[str, bytes]:
    """Draw the slices as the window does, at one size; by caption."""
    views = [SliceView(display, plane) for plane in Plane]
    views[0].set_legend(True)
    for view in views:
        view.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        view.resize(SLICE_PIXELS, SLICE_PIXELS)
        view.share_scale(views)
        view.show()
    pictures = {}
    for view in views:
        axis, place = _place(display, view.plane)
        caption = f"{view.plane.value.capitalize()}, {axis} = {place:.1f} mm"
        pictures[f"{caption}, {display.convention.value}"] = pixmap_png(view.grab())
    for view in views:
        view.close()
        view.deleteLater()
    return pictures


def report_steps(draft: Draft, path: Path) -> Generator[float, None, Path]:
    """Complete the trajectories, draw them, and write the page in one step.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ExportError
        The disk refuses.
    """
    material, checkpoint = draft.material, draft.report.checkpoint
    figure = b""
    if AGE in checkpoint.schema and structures_of(checkpoint):
        curves = yield from whole_curves(material)
        figure = material.draw(material.with_own_course(curves))
    page = report_html(replace(draft.report, trajectory=figure))
    try:
        write_text_atomically(path, page)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {reason_for(error)}") from error
    yield 1.0
    return path


def _place(display: Display, plane: Plane) -> tuple[str, float]:
    axis = (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL).index(plane)
    return "xyz"[axis], display.crosshair[axis]
