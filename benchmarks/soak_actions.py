"""What somebody does with the window for an hour, by mouse, keys and menus."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import nibabel as nib
import numpy as np
from PySide6.QtCore import QEventLoop, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from brainviewer.core.space import Plane
from brainviewer.gui.blend import Together
from brainviewer.gui.export_job import Order, Part
from brainviewer.gui.movie_dialog import MovieOrder, Shot
from brainviewer.session.bids import Destination
from brainviewer.session.colormaps import COLORMAPS
from brainviewer.session.movie import open_movie
from brainviewer.session.sweep import sweep_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from brainviewer.gui.main_window import MainWindow

Thing = TypeVar("Thing")

LEFT = Qt.MouseButton.LeftButton
LONGEST_WAIT_S = 300.0
SIDE_VOXELS = 40
MOVES = 24
SEEDS = 50


class Hands:
    """Does one thing after the other in a window, the same ones for the same seed.

    Parameters
    ----------
    window : MainWindow
        Whose first brain is there.
    folder : Path
        Where exports, recipes, movies and pages go; they replace each other.
    rng : numpy Generator
    """

    def __init__(self, window: MainWindow, folder: Path, rng: np.random.Generator) -> None:
        self.window = window
        self.failures: list[str] = []
        self._folder = folder
        self._rng = rng
        self._image = folder / "image.nii"
        nib.save(nib.Nifti1Image(_ball(), np.diag([4.0, 4.0, 4.0, 1.0])), self._image)
        window.exporter.failed.connect(self.failures.append)
        window.movies.failed.connect(self.failures.append)
        window.session.failed.connect(self.failures.append)
        window.opener.failed.connect(self.failures.append)

    @property
    def actions(self) -> tuple[Callable[[], None], ...]:
        """Everything that can be done, each of which leaves the window as it was but for people."""
        return (
            *(self.drag_age, self.drag_age, self.drag_crosshair, self.zoom, self.edit_feature),
            *(self.new_person, self.switch_checkpoint, self.change_layers, self.open_image),
            *(self.compare, self.look_at_lightbox, self.map_local_change, self.show_regions),
            *(self.turn_3d, self.draw_volume, self.pin, self.undo, self.export, self.film),
            *(self.report, self.save_and_open_recipe, self.open_dialogs, self.make_large),
        )

    def any_action(self) -> Callable[[], None]:
        """Choose something to do."""
        return self.actions[int(self._rng.integers(len(self.actions)))]

    # The person

    def drag_age(self) -> None:
        """Drag the age slider to and fro."""
        slider = self.window.side.age.slider
        if slider.isEnabled():
            self._drag(slider, across=(0.05, 0.95), down=(0.5, 0.5))

    def edit_feature(self) -> None:
        """Drag the slider of a feature, make the person factual, or take the edit back."""
        rows = [it for it in self.window.side.features.rows.values() if hasattr(it, "slider")]
        if rows:
            self._drag(self._one_of(rows).slider, across=(0.1, 0.9), down=(0.5, 0.5))
        menu = self.window.person_menu
        self._one_of([menu.reset_features, menu.make_factual]).trigger()

    def new_person(self) -> None:
        """Go over to one of some people."""
        self.window.session.new_person(int(self._rng.integers(SEEDS)))

    def switch_checkpoint(self) -> None:
        """Choose a checkpoint from the list."""
        chooser = self.window.side.checkpoint.chooser
        chooser.setCurrentIndex(int(self._rng.integers(chooser.count())))
        chooser.activated.emit(chooser.currentIndex())

    def pin(self) -> None:
        """Pin the person, look, and take the pin away."""
        session = self.window.session
        self.window.person_menu.pin.trigger()
        self.drag_age()
        self.wait_idle()
        for pin in session.curves.pins:
            session.curves.remove_pin(pin.number)

    def undo(self) -> None:
        """Take some steps back and some of them again."""
        history = self.window.past.history
        for step in (history.undo, history.undo, history.undo, history.redo):
            step()
            self.pause(0.05)

    # The pictures

    def drag_crosshair(self) -> None:
        """Drag the crosshair through a slice."""
        view = self._one_of(list(self.window.viewing.ortho.slices.values()))
        self._drag(view, across=(0.3, 0.7), down=(0.3, 0.7))

    def zoom(self) -> None:
        """Zoom in and out with the wheel, and fit again."""
        view = self.window.viewing.ortho.slices[Plane.AXIAL]
        for notches in (1, 1, 1, -1):
            _wheel(view, notches)
            self.pause(0.02)
        self.window.view_menu.fit.trigger()

    def change_layers(self) -> None:
        """Change colours, opacity, interpolation and visibility of a layer, and undo that."""
        display = self.window.viewing.display
        before = self.window.viewing.look()
        if display.layers:
            number = int(self._rng.integers(len(display.layers)))
            display.set_layer(number, visible=True, opacity=0.6)
            display.set_layer(number, colormap=self._one_of(list(COLORMAPS)))
            self.window.viewing.show_next_interpolation()
            self.pause(0.1)
            self.window.viewing.show_look(before)
        self.window.viewing.toggle_convention()

    def open_image(self) -> None:
        """Open an image and take its layer away."""
        display = self.window.viewing.display
        self.window.opener.open_all([self._image])
        self.wait(lambda: not self.window.opener.is_reading)
        self.pause(0.05)
        for number in reversed(range(len(display.layers))):
            if not display.layers[number].generated:
                display.remove_layer(number)

    def compare(self) -> None:
        """Put the person as given beside, look in every way, and leave."""
        viewing = self.window.viewing
        viewing.show_compare(True)
        self.wait_idle()
        for together in Together:
            viewing.compare.blend.set_together(together)
            self.pause(0.05)
        self.drag_age()
        self.wait_idle()
        viewing.compare.blend.set_together(Together.SIDE_BY_SIDE)
        viewing.show_compare(False)

    def look_at_lightbox(self) -> None:
        """Look at many slices and leave."""
        self.window.viewing.show_lightbox(True)
        self.pause(0.1)
        self.window.viewing.show_lightbox(False)

    def map_local_change(self) -> None:
        """Show where the brain changes, and no longer."""
        action = self.window.view_menu.local_change
        if action.isEnabled():
            action.trigger()
            self.wait_idle()
            if action.isChecked():
                action.trigger()

    def show_regions(self) -> None:
        """Show the regions tab, tick a region, look, and take the tick away."""
        docks, session = self.window.docks, self.window.session
        self.window.view_menu.regions.trigger()
        self.wait_idle()
        found = session.regions.regions
        if found is not None and found.rows:
            name = self._one_of([row.name for row in found.rows])
            self.window.viewing.display.regions.show(name, True)
            self.wait_idle()
            self.window.viewing.display.regions.show(name, False)
        docks.bring(docks.volumes)

    def turn_3d(self) -> None:
        """Look at the brain from all sides, and cut some away."""
        pane = self.window.viewing.pane_3d
        for side in "LRAPSI":
            pane.look_from(side)
            self.pause(0.02)
        for _ in range(7):  # six sides, then none again
            pane.show_next_clip()
            self.pause(0.02)

    def draw_volume(self) -> None:
        """Draw the brain as a volume and as surfaces again."""
        for mode in ("Volume", "Surfaces"):
            self.window.viewing.pane_3d.show_mode(mode)
            self.pause(0.2)

    def make_large(self) -> None:
        """Give a slice the whole space, then let all share it again."""
        for plane in Plane:
            self.window.viewing.toggle_large(plane)
            self.pause(0.02)
        self.window.viewing.restore_panes()

    # Files

    def export(self) -> None:
        """Export the brain, the table, the plot and a picture."""
        parts = frozenset({Part.BRAIN, Part.TABLE, Part.PLOT, Part.SCREENSHOT})
        destination = Destination(self._folder / "export", "soak", overwrite=True)
        self.wait_idle()
        self.window.exporter.start(Order(parts, destination))
        self.wait_idle()

    def film(self) -> None:
        """Make a short movie of the whole view."""
        state = self.window.session.state
        if state is None or not state.takes_features:
            return
        self.wait_idle()
        order = MovieOrder(sweep_of(state, count=3), Shot.VIEW, 10, ".gif")
        movie = open_movie(self._folder / "movie.gif", 10, overwrite=True)
        self.window.movies.start(order, movie)
        self.wait(lambda: not self.window.movies.is_running)

    def report(self) -> None:
        """Write the page about the person."""
        self.wait_idle()
        with _answering(self._folder / "report.html"):
            self.window.file_menu.report.trigger()
        self.wait_idle()

    def save_and_open_recipe(self) -> None:
        """Save what is on the screen, change it, and open it again."""
        path = self._folder / "recipe.json"
        with _answering(path):
            self.window.file_menu.save_recipe.trigger()
        self.new_person()
        self.wait_idle()
        self.window.opener.open_all([path])
        self.wait(lambda: not self.window.opener.is_reading)

    def open_dialogs(self) -> None:
        """Open every dialog and the list of commands, and close them."""
        window = self.window
        menus = (window.help_menu.keys, window.help_menu.card, window.help_menu.about)
        for action in (*menus, window.file_menu.export, window.file_menu.movie):
            if action.isEnabled():
                action.trigger()
                self.pause(0.05)
        for dialog in window.findChildren(QDialog):
            dialog.close()
        window.commands.toggle()
        self.pause(0.05)
        window.commands.toggle()

    # Waiting

    def wait_idle(self) -> None:
        """Run Qt's loop until nothing is left to compute."""
        session = self.window.session
        self.wait(lambda: session.is_idle and not self.window.scenes.is_waiting)

    def wait(self, holds: Callable[[], bool]) -> None:
        """Run Qt's loop until something holds."""
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing happened for {LONGEST_WAIT_S:.0f} s")
            self.pause(0.01)

    def pause(self, seconds: float) -> None:
        """Run Qt's loop for a moment."""
        loop = QEventLoop()
        QTimer.singleShot(int(1000 * seconds), loop.quit)
        loop.exec()

    def _drag(
        self, widget: QWidget, *, across: tuple[float, float], down: tuple[float, float]
    ) -> None:
        """Press, move about between shares of width and height, and let go."""
        places = [self._place(widget, across, down) for _ in range(MOVES)]
        QTest.mousePress(widget, LEFT, pos=places[0])
        for place in places:
            QTest.mouseMove(widget, place)
            self.pause(0.016)
        QTest.mouseRelease(widget, LEFT, pos=places[-1])

    def _place(
        self, widget: QWidget, across: tuple[float, float], down: tuple[float, float]
    ) -> QPoint:
        x, y = self._rng.uniform(*across), self._rng.uniform(*down)
        return QPoint(int(widget.width() * x), int(widget.height() * y))

    def _one_of(self, things: list[Thing]) -> Thing:
        return things[int(self._rng.integers(len(things)))]


def _ball() -> np.ndarray:
    places = np.indices((SIDE_VOXELS,) * 3) - SIDE_VOXELS / 2
    return (1000 * np.exp(-(places**2).sum(axis=0) / 200)).astype(np.int16)


def _wheel(view: QWidget, notches: int) -> None:
    middle = QPointF(view.rect().center())
    event = QWheelEvent(
        middle, view.mapToGlobal(middle), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


@contextmanager
def _answering(path: Path) -> Iterator[None]:
    """Answer what the system's dialog for files would ask."""
    asked = QFileDialog.getSaveFileName
    QFileDialog.getSaveFileName = lambda *_: (str(path), "")  # type: ignore[method-assign]
    try:
        yield
    finally:
        QFileDialog.getSaveFileName = asked  # type: ignore[method-assign]
