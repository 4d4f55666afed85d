"""The window's picture of a recipe, and the report on its person, without a screen."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QApplication

from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import (
    REPOSITORY_CHECKPOINTS,
    load_generator,
    resolve_checkpoint,
)
from brainviewer.gui.bridge import Bridge
from brainviewer.gui.export_job import write_picture
from brainviewer.gui.main_window import MainWindow
from brainviewer.gui.opengl import OpenGLUnavailable
from brainviewer.gui.pictures import pixmap_png
from brainviewer.gui.reporter import report_steps
from brainviewer.gui.theme import ThemeFollower
from brainviewer.session.comparison import Against, Choice
from brainviewer.session.recipe_files import open_recipe
from brainviewer.session.scene import scene_from_json
from brainviewer.session.settings import Settings
from brainviewer.session.state import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from brainviewer.core.recipe import Recipe
    from brainviewer.core.volume import Brain
    from brainviewer.gui.pane_3d import Pane3D
    from brainviewer.session.decoder import LoadGenerator
    from brainviewer.session.request import Shown

SIZE_PIXELS = (1600, 1000)
CHECK_INTERVAL_MS = 20
LONGEST_WAIT_S = 600.0


def render_recipe(
    recipe: Path,
    out: Path,
    *,
    size: tuple[int, int] | None = None,
    device: str = "auto",
    load: LoadGenerator = load_generator,
    root: Path = REPOSITORY_CHECKPOINTS,
    beside: str = "",
    arrange: Callable[[MainWindow], None] | None = None,
) -> Path:
    """Draw what the window would show of a recipe.

    Parameters
    ----------
    recipe : Path
        A saved recipe, or the sidecar of an export.
    out : Path
        The PNG file to write.
    size : (width, height), pixels, optional
        Of the window; as large as that of the recipe without it.
    device, load, root
        As for `Session`.
    beside : str
        What to compare with: ``"factual"``, the person as given, or a checkpoint's name or folder.
    arrange : function of the window, optional
        Called once the brain is there, such as to bring another part to the front.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    RecipeError, CheckpointError, FeatureError
        The recipe cannot be read, or its brain cannot be asked for.
    GenerationError
        The brain cannot be made.
    ExportError
        The picture cannot be written.
    """
    with drawn_window(
        recipe, size=size, device=device, load=load, root=root, beside=beside, arrange=arrange
    ) as window:
        write_picture(out, pixmap_png(window.grab()))
    return out


def report_recipe(
    recipe: Path,
    out: Path,
    *,
    device: str = "auto",
    load: LoadGenerator = load_generator,
    root: Path = REPOSITORY_CHECKPOINTS,
) -> Path:
    """Write a page about the person of a recipe.

    Parameters
    ----------
    recipe : Path
        A saved recipe, or the sidecar of an export.
    out : Path
        The HTML file to write.
    device, load, root
        As for `Session`.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    RecipeError, CheckpointError, FeatureError, GenerationError, ExportError
        As for `render_recipe`.
    """
    with drawn_window(recipe, device=device, load=load, root=root) as window:
        for _ in report_steps(window.exporter.draft(), out):
            pass
    return out


@contextmanager
def drawn_window(
    recipe: Path,
    *,
    device: str,
    load: LoadGenerator,
    root: Path,
    size: tuple[int, int] | None = None,
    beside: str = "",
    arrange: Callable[[MainWindow], None] | None = None,
) -> Iterator[MainWindow]:
    """Open a window that shows all of a recipe, and close it afterwards."""
    wanted = open_recipe(recipe)
    choice = _choice_of(beside, root)
    app = _application()
    ThemeFollower(app)
    bridge = Bridge()
    session = Session(bridge.post, load=load, root=root, device=device)
    window = MainWindow(session, bridge, Settings(), save=_forget)
    window.viewing.pane_3d.keep_still()
    failures: list[str] = []
    session.failed.connect(failures.append)
    try:
        window.resize(*(size or _size_of(wanted)))
        window.docks.reset()
        window.show()
        session.notice.connect(_tell)
        window.opener.failed.connect(failures.append)
        window.frames.failed.connect(failures.append)
        window.scenes.open(wanted)
        _wait_for(lambda: bool(failures) or session.shown is not None)
        if choice is not None and not failures:
            window.view_menu.compare.trigger()
            window.viewing.compare.choose(choice)
        if arrange is not None:
            arrange(window)
        _wait_for(lambda: bool(failures) or (_is_complete(session) and not _waits(window)))
        if failures:
            raise GenerationError(failures[0])
        fill_3d(window, window.session.shown)
        window.setFocus()
        yield window
    finally:
        window.close()
        window.deleteLater()


def _size_of(recipe: Recipe) -> tuple[int, int]:
    """Return how large the window of a recipe was."""
    scene = None if recipe.view is None else scene_from_json(recipe.view)
    return SIZE_PIXELS if scene is None or scene.window_pixels is None else scene.window_pixels


def _choice_of(beside: str, root: Path) -> Choice | None:
    if beside in ("", Against.FACTUAL):
        return Choice() if beside else None
    return Choice.of_checkpoint(resolve_checkpoint(beside, root))


def _application() -> QApplication:
    """Return the application that runs, or make one that needs no screen."""
    app = QApplication.instance()
    if isinstance(app, QApplication):
        return app
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    return QApplication(sys.argv[:1])


def _tell(sentence: str) -> None:
    """Say on stderr what the picture does not show."""
    sys.stderr.write(f"{sentence}\n")


def _waits(window: MainWindow) -> bool:
    return window.scenes.is_waiting


def _is_complete(session: Session) -> bool:
    trajectory, shown = session.trajectory, session.shown
    whole = trajectory is not None and trajectory.complete
    return whole and shown is not None and shown.exact and session.is_idle


def _wait_for(holds: Callable[[], bool]) -> None:
    """Let Qt work until a condition holds.

    Raises
    ------
    TimeoutError
        When it does not within ten minutes.
    """
    loop, timer, end = QEventLoop(), QTimer(), time.monotonic() + LONGEST_WAIT_S
    timer.setInterval(CHECK_INTERVAL_MS)
    timer.timeout.connect(loop.quit)
    timer.start()
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"the picture was not complete after {LONGEST_WAIT_S:g} s")
        loop.exec()
    timer.stop()


def _brain_picture(brain: Brain, pane: Pane3D) -> QPixmap:
    """Draw a brain in 3D as a pane would; OpenGLUnavailable where that cannot be."""
    from brainviewer.gui.scene_3d import render_brain_3d

    found = render_brain_3d(
        brain,
        (pane.width(), pane.height()),
        look=pane.look(),
        paint=pane.paint,
        regions=pane.regions,
    )
    picture = np.ascontiguousarray(found)
    height, width, _ = picture.shape
    image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())


def fill_3d(window: MainWindow, shown: Shown | None) -> None:
    """Put a picture of a brain into the 3D pane, or the reason why there is none."""
    pane = window.viewing.pane_3d
    if shown is None:
        return
    try:
        pane.show_picture(_brain_picture(shown.brain, pane))
    except (OpenGLUnavailable, RuntimeError) as error:
        pane.show_sentence(str(error))


def _forget(_settings: Settings) -> None:
    """Leave the user's settings alone."""
