"""Tables for other programs: the trajectory and the saliency as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import reason_for, write_text_atomically
from brainviewer.session.export import ExportError
from brainviewer.session.trajectory import SPREAD_PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.core.saliency import SaliencyRow
    from brainviewer.session.pins import Curve
    from brainviewer.session.trajectory import Trajectory

SALIENCY_COLUMNS = ("structure", "feature", "level", "ml_per_sd", "ml_per_unit", "unit")


def write_trajectory_csv(path: Path, trajectory: Trajectory, *, overwrite: bool = False) -> None:
    """Write a trajectory: a row an age, volumes and spread in mL, empty where not computed.

    Raises
    ------
    ExportError
        When the file exists and may not be replaced, or the disk refuses.
    """
    _write(path, trajectory_rows(trajectory), overwrite=overwrite)


def write_curves_csv(path: Path, curves: Sequence[Curve], *, overwrite: bool = False) -> None:
    """Write several trajectories: a row a curve and age, with the pin's name and the scenario.

    The column *pin* is empty for the person on the screen.

    Raises
    ------
    ExportError
        When the file exists and may not be replaced, or the disk refuses.
    """
    _write(path, curves_rows(curves), overwrite=overwrite)


def curves_rows(curves: Sequence[Curve]) -> list[list[str]]:
    """Return the rows of the table, header first; empty where a curve has no such structure."""
    tables = [trajectory_rows(curve.trajectory) for curve in curves]
    header = list(dict.fromkeys(name for table in tables for name in table[0]))
    rows = [["pin", "scenario", *header]]
    for curve, (names, *table) in zip(curves, tables, strict=True):
        for row in table:
            cells = dict(zip(names, row, strict=True))
            scenario = curve.trajectory.scenario.value
            rows.append([curve.pin, scenario, *(cells.get(name, "") for name in header)])
    return rows


def trajectory_rows(trajectory: Trajectory) -> list[list[str]]:
    """Return the rows of the table, header first."""
    columns = [trajectory.ages]
    header = ["age_years"]
    for structure, volumes in trajectory.volumes.items():
        name = structure.replace(" ", "_")
        header += [f"{name}_ml", *(f"{name}_p{p:02d}_ml" for p in SPREAD_PERCENTILES)]
        columns += [volumes, *trajectory.spread[structure]]
    rows = np.stack(columns, axis=1)
    return [header, *([f"{row[0]:g}", *map(_cell, row[1:])] for row in rows)]


def write_saliency_csv(path: Path, rows: Sequence[SaliencyRow], *, overwrite: bool = False) -> None:
    """Write saliency: a row a structure and feature.

    Raises
    ------
    ExportError
        When the file exists and may not be replaced, or the disk refuses.
    """
    table = [
        [r.structure, r.feature, r.level, _cell(r.ml_per_sd), f"{r.ml_per_unit:.4g}", r.unit]
        for r in rows
    ]
    _write(path, [list(SALIENCY_COLUMNS), *table], overwrite=overwrite)


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _write(path: Path, rows: list[list[str]], *, overwrite: bool) -> None:
    path = Path(path)
    if path.exists() and not overwrite:
        raise ExportError(f"{path} exists already; choose another name, or allow it to be replaced")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        write_text_atomically(path, text.getvalue())
    except OSError as error:
        raise ExportError(f"cannot write {path}: {reason_for(error)}") from error
