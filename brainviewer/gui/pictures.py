"""Pictures of the trajectories and of widgets, as the bytes of a PNG file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PySide6.QtCore import QBuffer, QIODevice

from brainviewer.core.scenario import AGE
from brainviewer.gui.theme import load_theme
from brainviewer.gui.trajectory_axes import Marked, TrajectoryAxes, place_side_by_side

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap

    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.trajectory import Trajectory

SIZE_INCHES = (10.0, 3.0)
DOTS_PER_INCH = 200


def trajectory_png(
    trajectory: Trajectory, checkpoint: Checkpoint, *, sex: str, factual: Marked | None
) -> bytes:
    """Draw the trajectories for paper: white, 10 x 3 inches, 200 dots an inch.

    Parameters
    ----------
    trajectory : Trajectory
    checkpoint : Checkpoint
        Its training people stand behind the curves.
    sex : str
        The level whose people they are; ``"all"`` for everyone.
    factual : Marked or None
        The person as given.
    """
    colors = {**load_theme("light").colors}
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    known = checkpoint.schema[AGE].fitted
    ages = np.arange(np.ceil(known.low), known.high)
    axes = [TrajectoryAxes(figure, name, colors) for name in trajectory.volumes]
    for it in axes:
        it.show_population(checkpoint.population, sex, ages)
        it.show_trajectory(trajectory)
        it.show_factual(factual)
        it.hide_marker()
        it.fit(known.low, known.high)
    place_side_by_side(figure, axes)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def pixmap_png(pixmap: QPixmap) -> bytes:
    """Return a picture of a widget as the bytes of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    pixmap.save(buffer, "PNG")
    return bytes(buffer.data().data())
