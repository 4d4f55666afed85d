"""Figures of an evaluation, drawn without a screen."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brainviewer.core.files import write_atomically
from brainviewer.core.population import EVERYONE
from brainviewer.core.scenario import Scenario
from brainviewer.core.space import (
    PLANE_AXIS,
    Convention,
    Plane,
    edge_letters,
    slice_plane,
    world_to_voxel,
)
from brainviewer.core.tissues import TISSUE_NAMES, TISSUES
from brainviewer.evaluation.regions import MIDDLE, SMALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from brainviewer.core.population import Population
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.evaluation.ageing import Courses
    from brainviewer.evaluation.regions import RegionScores
    from brainviewer.evaluation.scores import Array

DPI = 130
GENERATOR_COLOUR = "#4477aa"
# Added up by partial volume: white matter light, grey matter grey, CSF blue.
TISSUE_RGB = np.array([[0.95, 0.95, 0.90], [0.55, 0.52, 0.50], [0.15, 0.35, 0.75]])
CUT_MM = (4.0, -18.0, 16.0)  # through the lateral ventricles
SMOOTHING_SHARE = 0.02
LOG_COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False)
class MontageBrain:
    """One brain of a montage: what it is, and its tissue maps (3, I, J, K) or image (1, ...)."""

    label: str
    maps: FloatArray


def plot_predictions(
    true_ml: Array, predictions: Mapping[str, Array], *, errors_ml: Mapping[str, Array]
) -> Figure:
    """Plot predicted against true volumes of the test people, a panel a tissue.

    Parameters
    ----------
    true_ml : (N, 3) ndarray, mL
    predictions : mapping of label to (N, 3) ndarray, mL
        The first is drawn solid, the others hollow.
    errors_ml : mapping of label to (3,) ndarray, mL
        Mean absolute errors, for the legend.
    """
    figure = new_figure(12.0, 4.2)
    for index, tissue in enumerate(TISSUES):
        axes = figure.add_subplot(1, len(TISSUES), index + 1)
        everything = np.concatenate(
            [true_ml[:, index], *(p[:, index] for p in predictions.values())]
        )
        ends = (float(everything.min()), float(everything.max()))
        axes.plot(ends, ends, color="0.6", linewidth=1, label="identity")
        for place, (label, predicted) in enumerate(predictions.items()):
            axes.scatter(
                true_ml[:, index],
                predicted[:, index],
                s=22,
                facecolors="none" if place else GENERATOR_COLOUR,
                edgecolors="0.4" if place else GENERATOR_COLOUR,
                label=f"{label}: MAE {errors_ml[label][index]:.1f} mL",
            )
        axes.set_title(TISSUE_NAMES[tissue])
        axes.set_xlabel("measured (mL)")
        axes.set_ylabel("predicted from features (mL)")
        axes.legend(fontsize="small")
    return figure


def plot_trajectories(courses: Courses, population: Population, observed: Array) -> Figure:
    """Plot how the generator ages people over the percentiles of its training people.

    Parameters
    ----------
    observed : (N, 4) ndarray
        Age in years and the volumes in mL of the real test people.
    """
    figure = new_figure(12.0, 4.2)
    for index, tissue in enumerate(TISSUES):
        axes = figure.add_subplot(1, len(TISSUES), index + 1)
        band = population.band(tissue, EVERYONE, courses.ages)
        axes.fill_between(courses.ages, band[0], band[4], color="0.92", label="training, 5-95 %")
        axes.fill_between(courses.ages, band[1], band[3], color="0.82", label="training, 25-75 %")
        axes.plot(courses.ages, band[2], color="0.5", linewidth=1)
        axes.scatter(
            observed[:, 0], observed[:, index + 1], s=10, color="0.25", label="test people"
        )
        _draw_courses(axes, courses, index)
        axes.set_title(TISSUE_NAMES[tissue])
        axes.set_xlabel("age (years)")
        axes.set_ylabel("volume (mL)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize="small")
    return figure


def plot_regions(scores: RegionScores) -> Figure:
    """Plot the effects of age and of sex on each region, made against real."""
    panels = {
        "age_r": ("correlation with age", "all_age_r"),
        "sex_d": ("Cohen's d, women - men", "all_sex_r"),
    }
    figure = new_figure(9.0, 4.4)
    for place, (name, (effect, agreement)) in enumerate(panels.items()):
        real, made = (scores.regions[f"{kind}_{name}"] for kind in ("real", "made"))
        axes = figure.add_subplot(1, len(panels), place + 1)
        ends = (float(min(real.min(), made.min())), float(max(real.max(), made.max())))
        axes.plot(ends, ends, color="0.6", linewidth=1)
        axes.scatter(real, made, s=18, color=GENERATOR_COLOUR)
        axes.set_title(f"r = {scores.summary[agreement].value:.3f} over {len(real)} regions")
        axes.set_xlabel(f"{effect}, real people")
        axes.set_ylabel(f"{effect}, generated")
    return figure


def plot_region_sizes(scores: RegionScores) -> Figure:
    """Plot how far each region of made brains departs from real ones against how large it is."""
    figure = new_figure(5.6, 4.4)
    axes = figure.add_subplot()
    apart = np.abs(scores.regions["d"])
    for bound in (SMALL, MIDDLE):
        axes.axhline(bound, color="0.6", linewidth=1)
    axes.scatter(scores.regions["real_ml"], apart, s=18, color=GENERATOR_COLOUR)
    axes.set_xscale("log")
    relation = scores.summary["size_r"].value
    axes.set_title(f"r = {relation:.3f} with log volume over {len(apart)} regions")
    axes.set_xlabel("volume, real test people (mL)")
    axes.set_ylabel("|Cohen's d|, made against real")
    return figure


def plot_montage(rows: Sequence[Sequence[MontageBrain]], affine: Affine) -> Figure:
    """Show brains in three planes through the lateral ventricles, left on the left.

    Parameters
    ----------
    rows : as many brains in each
    """
    columns = len(Plane) * len(rows[0])
    figure = new_figure(1.5 * columns, 1.8 * len(rows))
    shape = np.array(rows[0][0].maps.shape[1:])
    centre = np.clip(np.rint(world_to_voxel(affine, CUT_MM)), 0, shape - 1).astype(int)
    panels = ((brain, plane) for row in rows for brain in row for plane in Plane)
    for number, (brain, plane) in enumerate(panels):
        axes = figure.add_subplot(len(rows), columns, number + 1)
        draw_slice(axes, brain.maps, plane, int(centre[PLANE_AXIS[plane]]))
        if plane is Plane.CORONAL:
            axes.set_title(brain.label, fontsize="small")
    return figure


def plot_training_log(path: Path) -> Figure:
    """Plot every number of a training log, with its running mean.

    Parameters
    ----------
    path : Path
        Lines of step, name, value.

    Raises
    ------
    ValueError
        When the file is not such a log or has no line.
    """
    series = read_log(path)
    rows = math.ceil(len(series) / LOG_COLUMNS)
    figure = new_figure(3.2 * LOG_COLUMNS, 2.4 * rows)
    for number, (name, points) in enumerate(series.items()):
        axes = figure.add_subplot(rows, LOG_COLUMNS, number + 1)
        axes.plot(points[:, 0], points[:, 1], color="0.8", linewidth=0.8)
        axes.plot(points[:, 0], _running_mean(points[:, 1]), color=GENERATOR_COLOUR)
        axes.set_title(name.replace("_", " "), fontsize="small")
        axes.set_xlabel("step", fontsize="small")
        axes.tick_params(labelsize="small")
    return figure


def read_log(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read a training log: dict of name -> (N, 2) float64 ndarray of step and value."""
    series: dict[str, list[tuple[float, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for step, name, value in csv.reader(file):
                series.setdefault(name, []).append((float(step), float(value)))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path.name} is not a training log of step, name, value: {error}"
        ) from error
    if not series:
        raise ValueError(f"{path.name} has no line yet; train first")
    return {name: np.array(points) for name, points in series.items()}


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; an existing one is never lost half-way."""
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=DPI))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, on a canvas without a screen."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_courses(axes: Axes, courses: Courses, index: int) -> None:
    ideal = courses.volumes_ml[Scenario.IDEAL][:, :, index]
    regressed = courses.volumes_ml[Scenario.REGRESSED][:, :, index]
    label = "ideal, each"
    for course in ideal:
        axes.plot(
            courses.ages, course, color=GENERATOR_COLOUR, linewidth=0.5, alpha=0.4, label=label
        )
        label = "_"  # one entry in the legend for all
    for line, course, label in (
        ("-", ideal.mean(axis=0), "ideal, mean"),
        ("--", regressed.mean(axis=0), "regressed, mean"),
    ):
        axes.plot(courses.ages, course, line, color=GENERATOR_COLOUR, linewidth=2.5, label=label)


def draw_slice(axes: Axes, maps: FloatArray, plane: Plane, index: int) -> None:
    """Draw one plane of tissue maps (3, I, J, K) in colour, or of an image (1, ...) in grey.

    The letters of its sides are in it.
    """
    convention = Convention.NEUROLOGICAL
    shares = [slice_plane(own, plane, index, convention=convention) for own in maps]
    colours = TISSUE_RGB if len(maps) == len(TISSUES) else np.ones((len(maps), 3))
    picture = np.einsum("crw,cv->rwv", np.stack(shares), colours).clip(0.0, 1.0)
    letters = edge_letters(plane, convention)
    axes.imshow(picture, interpolation="nearest")
    for letter, x, side in ((letters.left, 0.02, "left"), (letters.right, 0.98, "right")):
        axes.text(
            x,
            0.5,
            letter,
            color="white",
            fontsize="x-small",
            horizontalalignment=side,
            transform=axes.transAxes,
        )
    axes.set_xticks([])
    axes.set_yticks([])


def _running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over 2 % of the points around each, fewer at the ends."""
    width = max(1, round(len(values) * SMOOTHING_SHARE))
    window = np.ones(width)
    counts = np.convolve(np.ones(len(values)), window, mode="same")
    return np.asarray(np.convolve(values, window, mode="same") / counts)
