"""Starting the window: the window first, then the generator, then the files."""

from __future__ import annotations

import logging
import signal
import sys
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from platformdirs import user_log_path
from PySide6.QtWidgets import QApplication

import brainviewer
from brainviewer.generators.checkpoint import REPOSITORY_CHECKPOINTS, load_generator
from brainviewer.gui.bridge import Bridge
from brainviewer.gui.error_hook import ErrorHook
from brainviewer.gui.main_window import MainWindow
from brainviewer.gui.opengl import set_surface_format
from brainviewer.gui.screen import check_screen
from brainviewer.gui.theme import ThemeFollower
from brainviewer.session.autosave import Autosave
from brainviewer.session.model import first_choice
from brainviewer.session.recipe_files import open_recipe
from brainviewer.session.settings import read_settings
from brainviewer.session.state import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brainviewer.session.decoder import LoadGenerator

LOG_BYTES = 2**20
NO_CHECKPOINT = (
    "there is no checkpoint yet; open the folder of one with File > Open checkpoint folder, "
    "or train one with `brainviewer train`"
)


def run(
    files: Sequence[Path],
    *,
    checkpoint: str | None = None,
    recipe: Path | None = None,
    device: str = "auto",
) -> int:
    """Open the window and stay until it is closed.

    Parameters
    ----------
    files : sequence of Path
        Images to show beside the brain.
    checkpoint : str, optional
        A name or folder; otherwise the one that was used last, or the first.
    recipe : Path, optional
        The brain to start with.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    NoScreenError
        Where no window can be opened.
    """
    check_screen()
    _log_to_file()
    app = make_application()
    window = make_window(device=device)
    hook = ErrorHook(window.messages.show_error)
    hook.install()
    try:
        window.show()
        begin(window, checkpoint=checkpoint, recipe=recipe, files=files)
        return app.exec()
    finally:
        hook.remove()
        window.close()


def make_application() -> QApplication:
    """Make the application, dressed; or dress the one that is there."""
    set_surface_format()
    # Python's Ctrl+C ends the window, which Qt's loop would otherwise sleep through.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setApplicationName("BrainViewer")
    app.setApplicationVersion(brainviewer.__version__)
    app.setDesktopFileName("brainviewer")
    ThemeFollower(app)
    return app


def make_window(
    *,
    device: str = "auto",
    load: LoadGenerator = load_generator,
    root: Path = REPOSITORY_CHECKPOINTS,
) -> MainWindow:
    """Make a window on a session of its own; nothing is loaded yet.

    Parameters
    ----------
    device, load, root
        As for `Session`.
    """
    bridge = Bridge()
    session = Session(bridge.post, load=load, root=root, device=device)
    return MainWindow(session, bridge, read_settings(), autosave=Autosave())


def begin(
    window: MainWindow,
    *,
    checkpoint: str | None = None,
    recipe: Path | None = None,
    files: Sequence[Path] = (),
) -> None:
    """Ask for the first brain, which comes while the window is already there."""
    session, link = window.session, window.link
    if recipe is not None:
        link.wish(_apply, window, recipe)
    else:
        wanted = checkpoint or _first_choice(window)
        if wanted:
            link.wish(session.open_checkpoint, wanted)
        else:
            window.messages.show_error(_why_none(session))
    window.opener.open_all(files)
    if window.autosaver is not None:
        window.autosaver.offer()


def _apply(window: MainWindow, path: Path) -> None:
    window.scenes.open(open_recipe(path))


def _first_choice(window: MainWindow) -> str:
    """Return the checkpoint that was used last, if it is still there, or a good one to begin."""
    checkpoints, last = window.session.checkpoints, window.settings.last_checkpoint
    if last in [str(checkpoint.folder) for checkpoint in checkpoints]:
        return last
    return str(first_choice(checkpoints).folder) if checkpoints else ""


def _why_none(session: Session) -> str:
    """Say why there is no generator to begin with, and what to do."""
    broken = next(iter(session.problems.values()), "")
    return broken or NO_CHECKPOINT


def _log_to_file() -> None:
    folder = user_log_path("brainviewer", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(folder / "brainviewer.log", maxBytes=LOG_BYTES, backupCount=1)
    except OSError as error:
        logging.getLogger(__name__).warning("no log can be written to %s: %s", folder, error)
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.INFO)
    logger = logging.getLogger("brainviewer")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
