"""Volume against age for one structure: what is drawn, on any Matplotlib figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from brainviewer.core.tissues import TISSUE_NAMES
from brainviewer.session.own_point import OWN_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.collections import FillBetweenPolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.path import Path
    from numpy.typing import NDArray

    from brainviewer.core.population import Population
    from brainviewer.session.trajectory import Trajectory

FONT_POINTS = 8.5
# Around and between the axes, in inches: left, right, top, bottom, between.
_MARGINS = (0.48, 0.12, 0.26, 0.40, 0.50)
_HEADROOM = 0.06
# How many times taller than what is drawn the axes may be.
_MOST_EMPTY = 1.6
# The least range of volumes that fills the axes, mL, and as a share of the largest.
_LEAST_ML, _LEAST_SHARE = 1.0, 0.2
# How wide a letter of a title is, in inches.
_LETTER_INCHES = 0.073
_TITLE_UNIT = " / mL"


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """A brain as a point in the plot: its age in years and its volumes in mL."""

    age: float
    volumes_ml: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A curve beside that of the person in the scenario that was chosen.

    Attributes
    ----------
    trajectory : Trajectory
    color : str
        ``#rrggbb``; empty for that of the structure, then the line is dashed.
    has_spread : bool
        Whether the spread over other draws is drawn too.
    """

    trajectory: Trajectory
    color: str = ""
    has_spread: bool = False


class TrajectoryAxes:
    """The artists of one structure.

    Axes, numbers and the population rarely change and are dear to draw; the `curves` are drawn over
    a kept picture of them, and the `markers` over one of both.

    Parameters
    ----------
    figure : Figure
    structure : str
    colors : mapping
        Of a `Theme`.
    """

    def __init__(self, figure: Figure, structure: str, colors: Mapping[str, str]) -> None:
        self.structure = structure
        self.axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        self._dress(colors)
        own, text = colors.get(structure, colors["accent"]), colors["text"]
        self._own = own
        self._beside: list[tuple[FillBetweenPolyCollection, Line2D]] = []
        nothing: list[float] = []
        self._wide = self.axes.fill_between(nothing, nothing, nothing, fc=text, alpha=0.10, lw=0)
        self._middle = self.axes.fill_between(nothing, nothing, nothing, fc=text, alpha=0.13, lw=0)
        (self._median,) = self.axes.plot([], [], color=text, alpha=0.55, lw=1)
        self._spread = self.axes.fill_between(nothing, nothing, nothing, fc=own, alpha=0.28, lw=0)
        (self._person,) = self.axes.plot([], [], color=own, lw=2.4, solid_capstyle="round")
        (self._factual,) = self.axes.plot([], [], "o", mfc="none", mec=text, mew=1.3, ms=7)
        (self._own_scan,) = self.axes.plot([], [], "D", mfc=OWN_COLOR, mec=text, ms=6)
        self._hover = self.axes.axvline(0, color=text, lw=0.8, ls=":", visible=False)
        self._line = self.axes.axvline(0, color=text, lw=1.3)
        (self._dot,) = self.axes.plot([], [], "o", mfc=own, mec=text, ms=6.5)
        for artist in (*self.curves, *self.markers):
            artist.set_animated(True)

    @property
    def curves(self) -> tuple[Artist, ...]:
        """What changes with the person, the lowest first."""
        bands, lines = ([pair[n] for pair in self._beside] for n in (0, 1))
        return *bands, self._spread, *lines, self._person, self._factual, self._own_scan

    @property
    def markers(self) -> tuple[Artist, ...]:
        """What follows the hand, the lowest first."""
        return self._hover, self._line, self._dot

    def show_population(self, population: Population, sex: str, ages: NDArray[np.float64]) -> None:
        """Show the 5th to 95th and 25th to 75th percentile and the median of a sex."""
        try:
            band = population.band(self.structure, sex, ages)
        except KeyError:
            band = np.full((5, len(ages)), np.nan)
        self._wide.set_data(ages, band[0], band[4])
        self._middle.set_data(ages, band[1], band[3])
        self._median.set_data(ages, band[2])

    def show_trajectory(self, trajectory: Trajectory | None) -> None:
        """Show the known part of a person's curve and of the spread over draws."""
        if trajectory is None:
            self._person.set_data([], [])
            self._spread.set_data([], [], [])
            return
        self._person.set_data(*_known(trajectory, self.structure))
        ages, spread = _known_spread(trajectory, self.structure)
        self._spread.set_data(ages, spread[0], spread[2])

    def show_beside(self, curves: Sequence[Beside]) -> None:
        """Show the known parts of other curves, thin, and dashed in the structure's colour."""
        while len(self._beside) < len(curves):
            self._beside.append(self._thin_curve())
        for number, (band, line) in enumerate(self._beside):
            shown = number < len(curves) and self.structure in curves[number].trajectory.volumes
            if not shown:
                line.set_data([], [])
                band.set_data([], [], [])
                continue
            curve = curves[number]
            line.set_data(*_known(curve.trajectory, self.structure))
            line.set_color(curve.color or self._own)
            line.set_linestyle("-" if curve.color else (0, (4, 2.5)))
            band.set_facecolor(curve.color or self._own)
            ages, spread = _known_spread(curve.trajectory, self.structure)
            if curve.has_spread:
                band.set_data(ages, spread[0], spread[2])
            else:
                band.set_data([], [], [])

    def show_factual(self, factual: Marked | None) -> None:
        """Mark the person as given with a ring."""
        point = _point(factual, self.structure)
        self._factual.set_data(*point)

    def show_own_point(self, own: Marked | None) -> None:
        """Mark what was measured on the person's scan with a diamond."""
        self._own_scan.set_data(*_point(own, self.structure))

    def show_age(self, age: float) -> None:
        """Put the marker at an age in years."""
        self._line.set_xdata([age, age])

    def show_now(self, now: Marked | None) -> None:
        """Put the dot at the brain that is on the screen.

        A structure that is not measured in every brain that is shown has its dot on the curve.
        """
        if now is None or self.structure in now.volumes_ml:
            self._dot.set_data(*_point(now, self.structure))
        else:
            self._dot.set_data(*self._on_curve(now))

    def show_hover(self, age: float | None) -> None:
        """Show a line under the pointer, or none."""
        self._hover.set_visible(age is not None)
        if age is not None:
            self._hover.set_xdata([age, age])

    def hide_marker(self) -> None:
        """Leave out what follows the hand, for a picture on paper."""
        self._line.set_visible(False)
        self._dot.set_visible(False)

    def fit(self, low_age: float, high_age: float) -> bool:
        """Show the whole range of ages, and all that is drawn at its volumes.

        Returns
        -------
        bool
            Whether the axes changed: they stay while everything fits and nearly fills them, so
            that a curve that is being filled in does not shake.
        """
        before = (self.axes.get_xlim(), self.axes.get_ylim())
        self.axes.set_xlim(low_age, high_age)
        low, high = self._volume_range()
        bottom, top = self.axes.get_ylim()
        if low < bottom or high > top or top - bottom > _MOST_EMPTY * (high - low):
            room = _HEADROOM * (high - low)
            self.axes.set_ylim(low - room, high + room)
        return before != (self.axes.get_xlim(), self.axes.get_ylim())

    def name_within(self, inches: float) -> None:
        """Write as much of the title as there is room for."""
        name = TISSUE_NAMES.get(self.structure, self.structure)
        letters = max(inches / _LETTER_INCHES - len(_TITLE_UNIT), 4.0)
        shown = name if len(name) <= letters else f"{name[: int(letters) - 1].rstrip()}…"
        self._title.set_text(f"{shown[:1].upper()}{shown[1:]}{_TITLE_UNIT}")

    def _on_curve(self, now: Marked) -> tuple[list[float], list[float]]:
        """Return where the person's curve is at the age of a brain; nowhere where it is not."""
        ages, volumes = (np.asarray(it, dtype=float) for it in self._person.get_data())
        if not len(ages) or np.isnan(now.age):
            return [], []
        return [now.age], [float(np.interp(now.age, ages, volumes))]

    def _thin_curve(self) -> tuple[FillBetweenPolyCollection, Line2D]:
        band = self.axes.fill_between([], [], [], fc=self._own, alpha=0.16, lw=0)
        (line,) = self.axes.plot([], [], color=self._own, lw=1.3)
        for artist in (band, line):
            artist.set_animated(True)
        return band, line

    def _volume_range(self) -> tuple[float, float]:
        bands = [self._wide, self._spread, *(band for band, _ in self._beside)]
        lines = [self._person, self._factual, self._own_scan, *(line for _, line in self._beside)]
        drawn = [
            *(_heights(path) for it in bands for path in it.get_paths()),
            *(np.asarray(it.get_ydata(), dtype=float) for it in lines),
        ]
        values = np.concatenate(drawn)
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0, 1.0
        low, high = float(values.min()), float(values.max())
        missing = min(_LEAST_ML, _LEAST_SHARE * high) - (high - low)
        return (low, high) if missing <= 0 else (low - missing / 2, high + missing / 2)

    def _dress(self, colors: Mapping[str, str]) -> None:
        axes, muted = self.axes, colors["muted"]
        axes.set_facecolor("none")
        own = colors.get(self.structure, colors["accent"])
        self._title = axes.set_title("", loc="left", color=own, fontsize=FONT_POINTS + 0.5, pad=4)
        self.name_within(np.inf)
        axes.tick_params(colors=muted, labelsize=FONT_POINTS, length=3)
        axes.set_xlabel("Age / years", color=muted, fontsize=FONT_POINTS, labelpad=2)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(visible=True, axis="y", color=colors["line"], lw=0.6)
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(colors["line"])


def place_side_by_side(
    figure: Figure,
    axes: Sequence[TrajectoryAxes],
    *,
    below_inches: float = 0.0,
    columns: int | None = None,
) -> None:
    """Give the axes equal places, with room in inches for the numbers at their edges.

    Parameters
    ----------
    below_inches : float, inches
        What is kept free below all axes.
    columns : int or None
        How many are side by side; all of them without.
    """
    if not axes:
        return
    width, height = figure.get_size_inches()
    left, right, top, bottom, between = _MARGINS
    columns = len(axes) if columns is None else min(columns, len(axes))
    rows = -(-len(axes) // columns)
    own = max((width - left - right - between * (columns - 1)) / columns, 0.1)
    tall = max((height - below_inches) / rows - top - bottom, 0.1)
    for number, it in enumerate(axes):
        row, column = divmod(number, columns)
        start = left + column * (own + between)
        base = below_inches + (rows - 1 - row) * (top + tall + bottom) + bottom
        it.axes.set_position((start / width, base / height, own / width, tall / height))
        it.name_within(own + between / 2)


def _known(
    trajectory: Trajectory, structure: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ages at which a volume is known, and the volumes."""
    volumes = trajectory.volumes[structure]
    known = np.isfinite(volumes)
    return trajectory.ages[known], volumes[known]


def _known_spread(
    trajectory: Trajectory, structure: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ages (N,) at which the spread is known, and the spread (3, N)."""
    spread = trajectory.spread.get(structure, np.full((3, len(trajectory.ages)), np.nan))
    whole = np.isfinite(spread).all(axis=0)
    return trajectory.ages[whole], spread[:, whole]


def _heights(path: Path) -> NDArray[np.float64]:
    return np.asarray(path.vertices, dtype=np.float64)[:, 1]


def _point(marked: Marked | None, structure: str) -> tuple[list[float], list[float]]:
    if marked is None or structure not in marked.volumes_ml:
        return [], []
    return [marked.age], [marked.volumes_ml[structure]]
