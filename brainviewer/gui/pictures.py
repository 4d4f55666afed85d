"""Pictures of the trajectories and of widgets, as the bytes of a PNG file."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImageWriter

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.scenario import AGE
from brainviewer.gui.theme import load_theme
from brainviewer.gui.trajectory_axes import (
    FONT_POINTS,
    Beside,
    Marked,
    TrajectoryAxes,
    place_side_by_side,
)
from brainviewer.session.own_point import OWN_SCAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPixmap

    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.pins import Curve
    from brainviewer.session.trajectory import Trajectory

WARNING = "Warning"  # a keyword of the PNG standard
SIZE_INCHES = (10.0, 3.0)  # of a row
COLUMNS = 4
DOTS_PER_INCH = 200
KEY_COLUMNS = 4
KEY_ROW_INCHES = 0.22


def curves_png(
    curves: Sequence[Curve], checkpoint: Checkpoint, *, sex: str, factual: Marked | None
) -> bytes:
    """Draw the visible curves for paper: the first one strong, with its spread.

    Parameters
    ----------
    curves, checkpoint, sex, factual
        See `trajectory_png`.
    """
    first, *others = [curve for curve in curves if curve.visible]
    return trajectory_png(
        first.trajectory, checkpoint, sex=sex, factual=factual, others=tuple(others)
    )


def trajectory_png(
    trajectory: Trajectory,
    checkpoint: Checkpoint,
    *,
    sex: str,
    factual: Marked | None,
    others: Sequence[Curve] = (),
) -> bytes:
    """Draw the trajectories for paper: white, 10 x 3 inches a row of four, 200 dots an inch.

    Parameters
    ----------
    trajectory : Trajectory
    checkpoint : Checkpoint
        Its training people stand behind the curves.
    sex : str
        The level whose people they are; ``"all"`` for everyone.
    factual : Marked or None
        The person as given.
    others : sequence of Curve
        Drawn thin; the key above the axes names them.
    """
    colors = {**load_theme("light").colors}
    wide, tall = SIZE_INCHES
    tall *= math.ceil(len(trajectory.volumes) / COLUMNS)
    figure = Figure(figsize=(wide, tall), dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    known = checkpoint.schema[AGE].fitted
    ages = np.arange(np.ceil(known.low), known.high)
    axes = [TrajectoryAxes(figure, name, colors) for name in trajectory.volumes]
    for it in axes:
        it.show_population(checkpoint.population, sex, ages)
        it.show_trajectory(trajectory)
        it.show_beside(
            [
                Beside(curve.trajectory, curve.color, has_spread=curve.pin == OWN_SCAN)
                for curve in others
            ]
        )
        it.show_factual(factual)
        it.hide_marker()
        it.fit(known.low, known.high)
    key_inches = math.ceil(len(others) / KEY_COLUMNS) * KEY_ROW_INCHES
    figure.set_size_inches(wide, tall + key_inches)
    place_side_by_side(figure, axes, below_inches=key_inches, columns=COLUMNS)
    if others:
        _write_key(figure, others)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={WARNING: NOT_CLINICAL})
    return file.getvalue()


def _write_key(figure: Figure, others: Sequence[Curve]) -> None:
    """Name the thin curves in a line below the axes."""
    handles = [
        Line2D([], [], color=curve.color or "0.3", ls="-" if curve.color else "--", lw=1.3)
        for curve in others
    ]
    names = [curve.pin or f"{curve.trajectory.scenario.value} scenario" for curve in others]
    figure.legend(
        handles,
        names,
        loc="lower left",
        ncols=KEY_COLUMNS,
        fontsize=FONT_POINTS - 1,
        frameon=False,
        borderaxespad=0.2,
    )


def pixmap_png(pixmap: QPixmap) -> bytes:
    """Return a picture of a widget as the bytes of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, QByteArray(b"png"))
    writer.setText(WARNING, NOT_CLINICAL)
    writer.write(pixmap.toImage())
    return bytes(buffer.data().data())
