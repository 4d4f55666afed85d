"""What the widget tests share: the fake checkpoint, and a person of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brainviewer.generators.checkpoint import Checkpoint, open_checkpoint
from brainviewer.session.request import Person
from tests.fakes import FakeGenerator, FakeLoader, write_fake_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from brainviewer.gui.main_window import MainWindow


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return open_checkpoint(write_fake_checkpoint(tmp_path / "checkpoints"))


@pytest.fixture
def person(checkpoint: Checkpoint) -> Person:
    identity = FakeGenerator(checkpoint).draw(7)
    factual = {**checkpoint.schema.typical(), "age": 50.0, "sex": "F"}
    return Person(identity, factual, identity.label)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two fake checkpoints and a broken one."""
    folder = tmp_path / "roots"
    write_fake_checkpoint(folder)
    write_fake_checkpoint(folder, "other")
    (folder / "torn").mkdir()
    return folder


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.json"
    monkeypatch.setattr("brainviewer.session.settings.settings_path", lambda: path)
    return path


@pytest.fixture
def autosave_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the windows of a test keep what is on their screens."""
    folder = tmp_path / "autosave"
    monkeypatch.setattr("brainviewer.session.autosave.autosave_folder", lambda: folder)
    return folder


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def window(
    qtbot: QtBot, root: Path, loader: FakeLoader, settings_file: Path, autosave_folder: Path
) -> Iterator[MainWindow]:
    """A window that has just appeared: nothing is loaded yet."""
    from brainviewer.gui.app import make_window

    made = make_window(load=loader, root=root)
    qtbot.addWidget(made)
    made.resize(1400, 900)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    for generator in loader.generators:
        generator.release()
    made.close()


@pytest.fixture
def started(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window whose first brain and trajectory are there."""
    from brainviewer.gui.app import begin

    begin(window)
    wait_until_idle(window, qtbot)
    return window


def give_keyboard(qtbot: QtBot, widget: QWidget) -> None:
    """Make a widget the one that keys reach.

    The window asks until it is active: an X server forgets what a window asked before it was there.
    """

    def has_it() -> bool:
        if not widget.isActiveWindow():
            widget.activateWindow()
        widget.setFocus()
        return widget.hasFocus()

    qtbot.waitUntil(has_it, timeout=20_000)


def wait_until_idle(window: MainWindow, qtbot: QtBot) -> None:
    """Wait until the session has nothing left to compute, the 3D view is there, all is drawn."""

    def is_idle() -> bool:
        session = window.session
        whole = session.trajectory is not None and session.trajectory.complete
        return whole and session.is_idle and window.viewing.pane_3d.view is not None

    qtbot.waitUntil(is_idle, timeout=90_000)
