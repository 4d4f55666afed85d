"""The paper's figures: brains side by side (Fig. 2), and the future of one person (Fig. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainviewer.core.scenario import Scenario
from brainviewer.core.space import PLANE_AXIS, Plane
from brainviewer.core.tissues import TISSUE_NAMES, TISSUES
from brainviewer.evaluation.figures import draw_slice, new_figure
from brainviewer.evaluation.future import fit_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brainviewer.evaluation.figures import MontageBrain
    from brainviewer.evaluation.future import Future
    from brainviewer.evaluation.scores import Array

WIDTH_INCHES = 1.7
TITLE_INCHES = 0.4
SHOWN = ("WM", "GM")  # as in the paper
COLOURS = {Scenario.IDEAL: "#4477aa", Scenario.REGRESSED: "#cc6677"}


def plot_side_by_side(brains: Sequence[MontageBrain]) -> Figure:
    """Show brains beside each other, each cut through the centre of the grid in three planes.

    Parameters
    ----------
    brains : on one grid
    """
    i, j, k = brains[0].maps.shape[1:]
    heights = [k / j, k / i, j / i]  # of a sagittal, a coronal and an axial slice a width
    figure = new_figure(WIDTH_INCHES * len(brains), WIDTH_INCHES * sum(heights) + TITLE_INCHES)
    grid = figure.add_gridspec(len(Plane), len(brains), height_ratios=heights)
    for row, plane in enumerate((Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)):
        for column, brain in enumerate(brains):
            axes = figure.add_subplot(grid[row, column])
            draw_slice(axes, brain.maps, plane, brain.maps.shape[PLANE_AXIS[plane] + 1] // 2)
            if row == 0:
                axes.set_title(brain.label, fontsize="small")
    return figure


def plot_futures(futures: Mapping[str, Future]) -> Figure:
    """Plot the WM and GM volumes of one person to come, a row a system.

    Points are brains; the lines are linear regressions on them with their 95 % bands.

    Parameters
    ----------
    futures : mapping of system to Future
    """
    figure = new_figure(10.0, 3.4 * len(futures))
    for row, (system, future) in enumerate(futures.items()):
        for column, tissue in enumerate(SHOWN):
            axes = figure.add_subplot(len(futures), len(SHOWN), row * len(SHOWN) + column + 1)
            for scenario, volumes in future.courses.volumes_ml.items():
                own = volumes[0, :, TISSUES.index(tissue)]
                _draw_line(axes, future.courses.ages, own, scenario)
            axes.set_title(f"{system}: {TISSUE_NAMES[tissue]}\n{future.person}", fontsize="small")
            axes.set_xlabel("age (years)")
            axes.set_ylabel("volume (mL)")
            axes.legend(fontsize="small")
    return figure


def _draw_line(axes: Axes, ages: Array, volumes: Array, scenario: Scenario) -> None:
    colour = COLOURS[scenario]
    line, half = fit_line(ages, volumes, ages)
    axes.scatter(ages, volumes, s=10, color=colour)
    axes.plot(ages, line, color=colour, label=f"{scenario.value}, regression and 95 % band")
    axes.fill_between(ages, line - half, line + half, color=colour, alpha=0.2, linewidth=0)
