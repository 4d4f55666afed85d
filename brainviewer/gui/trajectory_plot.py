"""The canvas with the trajectories: tissues side by side, a marker that can be dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from brainviewer.core.scenario import EVERYONE
from brainviewer.gui.controls import one_shot_timer
from brainviewer.gui.theme import load_theme, readable
from brainviewer.gui.trajectory_axes import TrajectoryAxes, place_side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import Event, MouseEvent
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QPaintEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

    from brainviewer.core.population import Population
    from brainviewer.gui.theme import Theme
    from brainviewer.gui.trajectory_axes import Beside, Marked
    from brainviewer.session.trajectory import Trajectory

REDRAW_INTERVAL_MS = 60
AGE_STEP_YEARS = 0.1
PAGE_YEARS = 1.0
POPULATION_STEP_YEARS = 1.0
_KEYS_YEARS = {
    Qt.Key.Key_Left: -AGE_STEP_YEARS,
    Qt.Key.Key_Right: AGE_STEP_YEARS,
    Qt.Key.Key_PageDown: -PAGE_YEARS,
    Qt.Key.Key_PageUp: PAGE_YEARS,
}


class TrajectoryPlot(FigureCanvasQTAgg):
    """Shows volumes against age, and asks for the age at which it is pressed or dragged.

    Curves are drawn at most once in `REDRAW_INTERVAL_MS`, over a kept picture of the axes and the
    population, as is the marker.

    Signals
    -------
    age_requested : float, years
    pointed_at : float, years
        The age under the pointer; NaN when it has left.
    """

    age_requested = Signal(float)
    pointed_at = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._theme = load_theme("dark")
        self._all: list[TrajectoryAxes] = []
        self._hidden: frozenset[str] = frozenset()
        self._range = (0.0, 100.0)
        self._colors: dict[str, str] = {}
        self._population: tuple[Population, str] | None = None
        self._drawn_population: tuple[Population, str] | None = None
        self._trajectory: Trajectory | None = None
        self._beside: tuple[Beside, ...] = ()
        self._factual: Marked | None = None
        self._own_point: Marked | None = None
        self._now: Marked | None = None
        self._age = 0.0
        self._kept_axes: object = None
        self._kept_curves: object = None
        self._markers_moved = False
        self._dragging: TrajectoryAxes | None = None
        super().__init__(Figure())  # type: ignore[no-untyped-call]
        self.setParent(parent)
        self.setObjectName("trajectory_plot")
        self.setAccessibleName("Volumes against age")
        self.setToolTip("Press or drag to set the age; arrow keys: 0.1 years, Page keys: 1 year")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._timer = one_shot_timer(self, "trajectory_redraw", REDRAW_INTERVAL_MS)
        self._timer.timeout.connect(self._redraw)
        self._listen()
        self._make_axes(())

    def show_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        if theme is not self._theme:
            self._theme = theme
            self._make_axes([it.structure for it in self._all])

    def show_structures(
        self,
        structures: Sequence[str],
        ages: tuple[float, float],
        colors: Mapping[str, str] | None = None,
    ) -> None:
        """Make axes for structures, over the ages of the training people of a checkpoint.

        Parameters
        ----------
        structures : sequence of str
        ages : (float, float), years
        colors : mapping of structure to ``#rrggbb``, optional
            Of structures for which the theme has none.
        """
        self._range = ages
        self._colors = dict(colors or {})
        self._trajectory = None
        self._make_axes(structures)

    def show_population(self, population: Population, sex: str | None) -> None:
        """Show the training people of a sex behind the curves; everyone's when it is unknown."""
        wanted = (population, sex or EVERYONE)
        if self._population is None or self._population != wanted:
            self._population = wanted
            self._redraw_soon()

    def show_trajectory(self, trajectory: Trajectory | None) -> None:
        """Show a person's curve, as far as it is known."""
        self._trajectory = trajectory
        self._redraw_soon()

    def show_beside(self, curves: Sequence[Beside]) -> None:
        """Show other curves beside that of the person."""
        self._beside = tuple(curves)
        self._redraw_soon()

    def show_factual(self, factual: Marked | None) -> None:
        """Mark the person as given."""
        self._factual = factual
        self._redraw_soon()

    def show_own_point(self, own: Marked | None) -> None:
        """Mark what was measured on the person's scan."""
        self._own_point = own
        self._redraw_soon()

    def show_age(self, age: float) -> None:
        """Move the marker to an age in years."""
        self._age = age
        for it in self._shown:
            it.show_age(age)
        self._move_markers()

    def show_now(self, now: Marked | None) -> None:
        """Move the dot to the brain that is on the screen."""
        self._now = now
        for it in self._shown:
            it.show_now(now)
        self._move_markers()

    def show_only(self, structures: Sequence[str]) -> None:
        """Leave out the axes of all other structures."""
        self._hidden = frozenset(it.structure for it in self._all) - frozenset(structures)
        self._arrange()

    @property
    def _shown(self) -> list[TrajectoryAxes]:
        return [it for it in self._all if it.structure not in self._hidden]

    def _listen(self) -> None:
        self.mpl_connect("draw_event", self._on_drawn)
        self.mpl_connect("button_press_event", self._on_pressed)
        self.mpl_connect("motion_notify_event", self._on_moved)
        self.mpl_connect("button_release_event", self._on_released)
        self.mpl_connect("figure_leave_event", self._on_left)

    def _make_axes(self, structures: Sequence[str]) -> None:
        own = {name: readable(color, self._theme) for name, color in self._colors.items()}
        colors = {**self._theme.colors, **own}
        self.figure.clear()
        self.figure.set_facecolor(colors["panel"])
        self._all = [TrajectoryAxes(self.figure, name, colors) for name in structures]
        self._arrange()

    def _arrange(self) -> None:
        self._kept_axes = None
        self._drawn_population = None
        for it in self._all:
            it.axes.set_visible(it.structure not in self._hidden)
        place_side_by_side(self.figure, self._shown)
        self._redraw_soon()

    def _redraw_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _redraw(self) -> None:
        """Show what was asked for; draw the axes again only where they have changed."""
        low, high = self._range
        ages = np.arange(np.ceil(low), high, POPULATION_STEP_YEARS)
        stale = self._kept_axes is None
        for it in self._shown:
            if self._population is not self._drawn_population and self._population is not None:
                it.show_population(*self._population, ages)
                stale = True
            it.show_trajectory(self._trajectory)
            it.show_beside(self._beside)
            it.show_factual(self._factual)
            it.show_own_point(self._own_point)
            it.show_now(self._now)
            it.show_age(self._age)
            stale |= it.fit(low, high)
        self._drawn_population = self._population
        self._kept_curves = None
        if stale:
            self._kept_axes = None
            self.draw_idle()  # type: ignore[no-untyped-call]
        else:
            self._move_markers()

    def _on_drawn(self, _event: Event) -> None:
        """Keep the axes that were drawn; the curves over them are drawn when Qt paints."""
        self._kept_axes = self.copy_from_bbox(self.figure.bbox)  # type: ignore[no-untyped-call]
        self._kept_curves = None
        self._markers_moved = True

    def _move_markers(self) -> None:
        """Have Qt paint soon; many moves before it does are one."""
        self._markers_moved = True
        self.update()

    def _draw_over_axes(self) -> None:
        if self._kept_axes is None or not self._markers_moved:
            return
        self._markers_moved = False
        if self._kept_curves is None:
            self.restore_region(self._kept_axes)  # type: ignore[no-untyped-call]
            for it in self._shown:
                _draw(it.axes, it.curves)
            self._kept_curves = self.copy_from_bbox(self.figure.bbox)  # type: ignore[no-untyped-call]
        self.restore_region(self._kept_curves)  # type: ignore[no-untyped-call]
        for it in self._shown:
            _draw(it.axes, it.markers)

    def _on_pressed(self, event: MouseEvent) -> None:
        if event.button == 1:
            self._dragging = next((it for it in self._shown if it.axes is event.inaxes), None)
            self._request_age(event)

    def _on_moved(self, event: MouseEvent) -> None:
        self._request_age(event)
        self._show_hover(None if self._dragging else event.xdata)

    def _on_released(self, _event: MouseEvent) -> None:
        self._dragging = None

    def _on_left(self, _event: Event) -> None:
        self._show_hover(None)

    def _request_age(self, event: MouseEvent) -> None:
        if self._dragging is None:
            return
        age = self._dragging.axes.transData.inverted().transform((event.x, event.y))[0]
        self._request(float(age))

    def _request(self, age: float) -> None:
        inside = min(max(age, self._range[0]), self._range[1])
        self.age_requested.emit(round(inside / AGE_STEP_YEARS) * AGE_STEP_YEARS)

    def _show_hover(self, age: float | None) -> None:
        for it in self._shown:
            it.show_hover(age)
        self._move_markers()
        self.pointed_at.emit(float("nan") if age is None else age)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the age with the arrow and page keys."""
        step = _KEYS_YEARS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)  # type: ignore[no-untyped-call]
        else:
            self._request(self._age + step)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the room for the numbers when the size changes."""
        super().resizeEvent(event)  # type: ignore[no-untyped-call]
        self._kept_axes = None
        place_side_by_side(self.figure, self._shown)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the plot, and a frame when the keyboard is on it."""
        self._draw_idle()  # type: ignore[no-untyped-call]  # axes that wait to be drawn come first
        self._draw_over_axes()
        super().paintEvent(event)  # type: ignore[no-untyped-call]
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(QPen(QColor(self._theme.colors["accent"]), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
            painter.end()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the frame."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the frame."""
        super().focusOutEvent(event)
        self.update()


def _draw(axes: Axes, artists: Iterable[Artist]) -> None:
    for artist in artists:
        axes.draw_artist(artist)
