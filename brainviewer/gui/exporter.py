"""From the Export action to files: the dialog, the material, the task, the notice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from brainviewer.core.recipe import RecipeError
from brainviewer.core.scenario import AGE, EVERYONE, SEX
from brainviewer.gui.export_dialog import ExportDialog
from brainviewer.gui.export_job import Material, Order, Part, export_steps, write_picture
from brainviewer.gui.pictures import curves_png, pixmap_png
from brainviewer.gui.reporter import draft_report, report_steps
from brainviewer.gui.trajectory_axes import Marked
from brainviewer.session.bids import Destination, subject_label
from brainviewer.session.comparison import Against
from brainviewer.session.export import ExportError, series_export_steps, sweep_series
from brainviewer.session.model import course_of
from brainviewer.session.movie import open_movie
from brainviewer.session.recipe_files import as_in, save_recipe
from brainviewer.session.tables import write_saliency_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainviewer.core.features import Value
    from brainviewer.core.recipe import Recipe
    from brainviewer.gui.reporter import Draft
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.movie import Movie
    from brainviewer.session.pins import Curve
    from brainviewer.session.state import Session
    from brainviewer.session.sweep import Sweep


class Exporter(QObject):
    """Writes what the window shows.

    Parameters
    ----------
    session : Session
    window : QWidget
    viewing : ViewingArea
        Whose slices a report shows.
    recipe : function
        Returns the recipe of what is shown, with its view.

    Signals
    -------
    written : str
        A sentence that says what and where.
    failed : str
        One sentence.
    """

    written = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        window: QWidget,
        *,
        viewing: ViewingArea,
        recipe: Callable[[], Recipe],
    ) -> None:
        super().__init__(window)
        self._session = session
        self._viewing = viewing
        self._recipe = recipe
        self._window = window
        self._folder = Path(_documents())

    def ask(self) -> ExportDialog | None:
        """Open the dialog; None while there is no brain to export."""
        decoder, person = self._session.decoder, self._session.person
        if decoder is None or person is None:
            return None
        dialog = ExportDialog(
            decoder.channels,
            has_ages=AGE in person.factual,
            label=subject_label(person.label),
            folder=self._folder,
            without=self._without(),
            parent=self._window,
        )
        dialog.ordered.connect(self.start)
        dialog.open()
        return dialog

    def start(self, order: Order) -> None:
        """Begin an export; it runs between the pictures and can be cancelled."""
        material, self._folder = self._material(), order.destination.folder
        material = replace(material, recipe=as_in(order.destination.anat, material.recipe))
        self._session.start_task(
            "Exporting", export_steps(order, material), done=partial(self._on_exported, order)
        )

    def save_screenshot(self) -> None:
        """Ask where to, and save a picture of the window."""
        picture = pixmap_png(self._window.grab())
        name = self._ask_name("Save screenshot", "brainviewer.png", "Pictures (*.png)")
        if name is not None:
            self._write(partial(write_picture, name, picture), name)

    def save_recipe(self) -> None:
        """Ask where to, and save what the brain is made from."""
        recipe = self._recipe()
        proposal = f"{self._label(recipe)}.json"
        name = self._ask_name("Save recipe", proposal, "Recipes (*.json)")
        if name is not None:
            self._write(partial(save_recipe, name, recipe), name)

    def save_gradients(self) -> None:
        """Ask where to, and save what each feature does to each volume."""
        gradients, recipe = self._session.gradients.gradients, self._session.recipe()
        if gradients is None or not gradients.rows:
            return
        proposal = f"{self._label(recipe)}_features.csv"
        name = self._ask_name("Save gradients", proposal, "Tables (*.csv)")
        if name is not None:
            # The dialog has asked whether a file that exists may go.
            write = partial(write_saliency_csv, name, gradients.rows, overwrite=True)
            self._write(write, name)

    def save_report(self) -> None:
        """Ask where to, and write a page about the person; it runs between the pictures."""
        recipe = self._recipe()
        name = self._ask_name("Save report", f"{self._label(recipe)}.html", "Pages (*.html)")
        if name is None:
            return
        try:
            draft = self.draft()
        except ExportError as error:
            self.failed.emit(str(error))
        else:
            steps = report_steps(draft, name)
            self._session.start_task("Writing the report", steps, done=self.show_written)

    def ask_movie(self, name: str, kind: str, rate_hz: int) -> Movie | None:
        """Ask where a movie of a feature goes to; None where it goes nowhere."""
        proposal = f"{subject_label(self._session.recipe().label)}_{name}{kind}"
        path = self._ask_name("Save movie", proposal, f"Movies (*{kind})")
        if path is None:
            return None
        try:
            # The dialog has asked whether a file that exists may go.
            return open_movie(path, rate_hz, overwrite=True)
        except ExportError as error:
            self.failed.emit(str(error))
            return None

    def save_series(self, sweep: Sweep) -> None:
        """Ask where to, and write the brains of a sweep as 4D images with sidecars."""
        state, decoder = self._session.state, self._session.decoder
        folder = QFileDialog.getExistingDirectory(self._window, "Export to", str(self._folder))
        if not folder or state is None or decoder is None:
            return
        self._folder = Path(folder)
        recipe = self._recipe()
        destination = Destination(self._folder, subject_label(recipe.label))
        recipe = as_in(destination.anat, recipe)
        series = sweep_series(state, sweep)
        self._session.start_task(
            "Exporting",
            series_export_steps(decoder, recipe, destination, series=series),
            done=partial(self._on_exported, Order(frozenset({Part.SERIES}), destination)),
        )

    def show_written(self, path: Path) -> None:
        """Say that a file is there."""
        self.written.emit(f"Saved {path}")

    def draft(self) -> Draft:
        """Take down what a report says of the brain on the screen."""
        return draft_report(self._session, self._viewing, self._material())

    def _label(self, recipe: Recipe) -> str:
        """Call a file after the person, and after the age where there is one."""
        age = f"_{recipe.age:g}years" if AGE in recipe.conditions else ""
        return f"{subject_label(recipe.label)}{age}"

    def _without(self) -> dict[Part, str]:
        """Say what there is not to be exported now, and why."""
        without = {}
        decoder = self._session.decoder
        if decoder is not None and not decoder.regions:
            without[Part.REGIONS] = decoder.why_no_regions()
        if self._session.local_change.direction is None:
            without[Part.LOCAL_CHANGE] = "No local change is shown (View > Local change)"
        if Against.CARRIED not in self._session.comparison.scans:
            without[Part.CARRIED] = "No own scan is shown (File > Open own scan)"
        return without

    def _material(self) -> Material:
        session = self._session
        decoder, checkpoint, curves = session.decoder, session.checkpoint, session.curves.all()
        if decoder is None or checkpoint is None or not curves:
            raise ExportError("there is no brain yet; wait until the generator is loaded")
        recipe = self._recipe()
        return Material(
            decoder=decoder,
            recipe=recipe,
            course=course_of(recipe, checkpoint),
            curves=curves,
            measure=session.curves.steps_of,
            draw=self._draw(),
            screenshot=pixmap_png(self._window.grab()),
            direction=session.local_change.direction,
            encoded=session.comparison.encoded,
        )

    def _draw(self) -> Callable[[Sequence[Curve]], bytes]:
        """Keep what the plot needs as it is now."""
        session = self._session
        sex = session.conditions.get(SEX)
        factual, checkpoint = session.factual, session.checkpoint
        if checkpoint is None:
            raise ExportError("there is no checkpoint open")
        age = None if factual is None else factual.conditions.get(AGE)
        marked = None if factual is None else _marked(age, factual.volumes_ml)
        return partial(
            curves_png,
            checkpoint=checkpoint,
            sex=sex if isinstance(sex, str) else EVERYONE,
            factual=marked,
        )

    def _ask_name(self, title: str, proposal: str, kinds: str) -> Path | None:
        name, _ = QFileDialog.getSaveFileName(
            self._window, title, str(self._folder / proposal), kinds
        )
        if not name:
            return None
        self._folder = Path(name).parent
        return Path(name)

    def _write(self, write: Callable[[], None], path: Path) -> None:
        try:
            write()
        except (ExportError, RecipeError) as error:
            self.failed.emit(str(error))
        else:
            self.show_written(path)

    def _on_exported(self, order: Order, paths: list[Path]) -> None:
        count = f"{len(paths)} file{'' if len(paths) == 1 else 's'}"
        self.written.emit(f"Exported {count} to {order.destination.anat}")


def _marked(age: Value, volumes_ml: Mapping[str, float]) -> Marked | None:
    return Marked(float(age), volumes_ml) if isinstance(age, int | float) else None


def _documents() -> str:
    kind = QStandardPaths.StandardLocation.DocumentsLocation
    return QStandardPaths.writableLocation(kind) or str(Path.home())
