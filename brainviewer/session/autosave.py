"""What is on the screen, kept on the disk in case the application is killed.

Each window keeps a file of its own in one folder, and a lock beside it that the system lets go of
when the process ends, however it ends. A file whose lock is free was left by a window that crashed.
"""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from brainviewer.core.files import reason_for, remove_stale
from brainviewer.core.recipe import Recipe, RecipeError, read_recipe, write_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger(__name__)

MOST_OFFERED = 3


def autosave_folder() -> Path:
    """Return where the windows of this user keep what is on their screens."""
    return user_state_path("brainviewer", appauthor=False) / "autosave"


@dataclass(frozen=True, slots=True, eq=False)
class LeftBehind:
    """What a window that crashed had on its screen.

    It is nobody else's until it is discarded or kept for the next start.
    """

    recipe: Recipe
    path: Path
    lock: FileLock

    def discard(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)
        _let_go(self.lock)

    def keep(self) -> None:
        """Leave it for the next start."""
        self.lock.release()


class Autosave:
    """Keeps the newest recipe of one window on the disk until the window is closed.

    Its methods may be called on any thread. A disk that refuses is no error: a window works
    without, and the next `write` tries again.

    Parameters
    ----------
    folder : Path, optional
        That of all windows of this user.

    Attributes
    ----------
    problem : str
        Why the newest recipe is not kept, in words; empty when it is.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or autosave_folder()
        self._path = self._folder / f"{secrets.token_hex(8)}.json"
        self._lock = _lock_of(self._path)
        self._writing = threading.Lock()
        self._is_closed = False
        self.problem = ""
        self._claim()

    def write(self, recipe: Recipe) -> None:
        """Keep a recipe instead of the one before; nothing happens after `close`."""
        with self._writing:
            if self._is_closed or not self._claim():
                return
            try:
                write_recipe(self._path, recipe)
            except RecipeError as error:
                self._note(str(error))
            else:
                self.problem = ""

    def close(self) -> None:
        """Forget what was kept: the window ends as it should."""
        with self._writing:
            if not self._is_closed:
                self._is_closed = True
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)
                _let_go(self._lock)

    def left_behind(self) -> list[LeftBehind]:
        """Claim what windows that crashed have left, the newest first, at most three.

        Files that hold no recipe are removed, and locks of windows that never wrote one.
        """
        self._sweep()
        remove_stale(self._folder)
        found: list[LeftBehind] = []
        for path in self._others():
            lock = _lock_of(path)
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue  # its window is open
            try:
                found.append(LeftBehind(read_recipe(path), path, lock))
            except RecipeError as error:
                _LOG.warning("what was kept cannot be used: %s", error)
                path.unlink(missing_ok=True)
                _let_go(lock)
            if len(found) == MOST_OFFERED:
                break
        return found

    def _sweep(self) -> None:
        """Remove the locks that windows left which were killed before they wrote anything."""
        for path in self._folder.glob("*.lock"):
            lock = FileLock(path, thread_local=False)
            if path == Path(self._lock.lock_file) or path.with_suffix(".json").exists():
                continue
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue  # its window is open
            _let_go(lock)

    def _others(self) -> Iterator[Path]:
        try:
            paths = [it for it in self._folder.glob("*.json") if it != self._path]
            yield from sorted(paths, key=lambda it: it.stat().st_mtime, reverse=True)
        except OSError as error:
            _LOG.warning("%s cannot be read: %s", self._folder, reason_for(error))

    def _claim(self) -> bool:
        """Make the folder and hold the lock; False when the disk refuses."""
        if self._lock.is_locked:
            return True
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except OSError as error:
            self._note(reason_for(error))
            return False
        return True

    def _note(self, reason: str) -> None:
        if not self.problem:
            _LOG.warning("what is on the screen is not kept for after a crash: %s", reason)
        self.problem = reason


def _lock_of(path: Path) -> FileLock:
    # Claimed on one thread and let go of on another.
    return FileLock(path.with_suffix(".lock"), thread_local=False)


def _let_go(lock: FileLock) -> None:
    lock.release()
    try:
        Path(lock.lock_file).unlink(missing_ok=True)
    except OSError as error:
        _LOG.info("%s stays: %s", lock.lock_file, reason_for(error))
