"""Movies from the window and without one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.recipe import write_recipe
from brainviewer.gui.filming import film_steps
from brainviewer.gui.movie_dialog import SERIES, MovieDialog, Shot
from tests.gui.conftest import wait_until_idle

if TYPE_CHECKING:
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dialog(started, qtbot) -> MovieDialog:
    started.file_menu.movie.trigger()
    (found,) = started.findChildren(MovieDialog)
    qtbot.waitUntil(found.isVisible)
    return found


def make(dialog: MovieDialog, qtbot) -> None:
    qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)


def say_yes(monkeypatch, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))


def choose(dialog: MovieDialog, *, kind: str, shot: Shot, frames: int) -> None:
    dialog.kind.setCurrentIndex(dialog.kind.findData(kind))
    dialog.shot.setCurrentIndex(list(Shot).index(shot))
    dialog.frames.setValue(frames)


def test_a_gif_of_one_pane_grows_older(dialog, started, qtbot, monkeypatch, tmp_path) -> None:
    path = tmp_path / "m.gif"
    say_yes(monkeypatch, path)
    choose(dialog, kind=".gif", shot=Shot.AXIAL, frames=4)
    session, steps = started.session, started.past.history.texts
    before = session.shown
    with qtbot.waitSignal(started.movies.written, timeout=20_000):
        make(dialog, qtbot)
    with Image.open(path) as gif:
        assert gif.n_frames == 4
        assert gif.info["comment"].decode() == NOT_CLINICAL
        first = np.asarray(gif.convert("RGB"), int)
        gif.seek(3)
        assert np.abs(np.asarray(gif.convert("RGB"), int) - first).max() > 50
    wait_until_idle(started, qtbot)
    assert session.shown is before
    shown = {it.name: it.volume.data for it in started.viewing.display.layers}
    assert np.array_equal(shown["WM"], before.brain.volume("WM").data)
    assert started.past.history.texts == steps
    assert [it.name for it in tmp_path.glob("*.gif")] == ["m.gif"]


@pytest.mark.opengl
def test_an_mp4_of_the_whole_view_has_the_3d_brain(
    dialog, started, qtbot, monkeypatch, tmp_path
) -> None:
    path = tmp_path / "m.mp4"
    say_yes(monkeypatch, path)
    choose(dialog, kind=".mp4", shot=Shot.VIEW, frames=3)
    stage = started.viewing.stage
    width, height = (it - it % 2 for it in (stage.width(), stage.height()))
    with qtbot.waitSignal(started.movies.written, timeout=20_000):
        make(dialog, qtbot)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    program = imageio_ffmpeg.get_ffmpeg_exe()
    done = subprocess.run([program, "-i", path, *raw], capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(3, height, width, 3)
    brain_3d = frames[:, 3 * height // 4, 3 * width // 4].astype(int)
    assert brain_3d.sum(axis=1).min() > 150


def test_a_4d_image_has_a_frame_a_value(dialog, started, qtbot, monkeypatch, tmp_path) -> None:
    say_yes(monkeypatch, tmp_path / "out")
    choose(dialog, kind=SERIES, shot=Shot.VIEW, frames=3)
    assert not dialog.shot.isEnabled()
    with qtbot.waitSignal(started.exporter.written, timeout=20_000):
        make(dialog, qtbot)
    names = [it.name for it in (tmp_path / "out").rglob("*.nii.gz")]
    assert "sub-seed1_label-GM_desc-sweepage_probseg.nii.gz" in names


def test_cancel_leaves_nothing_and_shows_the_person_again(
    dialog, started, qtbot, monkeypatch, tmp_path
) -> None:
    folder = tmp_path / "movies"
    folder.mkdir()
    say_yes(monkeypatch, folder / "m.mp4")
    choose(dialog, kind=".mp4", shot=Shot.CORONAL, frames=600)
    make(dialog, qtbot)
    qtbot.waitUntil(lambda: started.status.cancel_button.isVisible(), timeout=20_000)
    qtbot.mouseClick(started.status.cancel_button, LEFT)
    qtbot.waitUntil(lambda: not started.movies.is_running, timeout=20_000)
    wait_until_idle(started, qtbot)
    qtbot.waitUntil(lambda: not list(folder.iterdir()))


def test_the_dialog_says_what_cannot_be(dialog) -> None:
    dialog.first.setValue(3.0)
    assert "age must lie in" in dialog.problem.text()
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled()
    dialog.feature.setCurrentIndex(1)
    assert dialog.problem.text() == ""
    assert dialog.first.suffix() == " cm"


def test_the_window_can_be_closed_while_it_films(
    dialog, started, qtbot, monkeypatch, tmp_path
) -> None:
    folder = tmp_path / "movies"
    folder.mkdir()
    say_yes(monkeypatch, folder / "m.mp4")
    choose(dialog, kind=".mp4", shot=Shot.AXIAL, frames=300)
    make(dialog, qtbot)
    qtbot.waitUntil(lambda: started.movies.is_running)
    qtbot.wait(300)
    started.close()
    assert list(folder.iterdir()) == []


def test_a_recipe_is_filmed_without_a_window(started, loader, root, tmp_path) -> None:
    recipe = tmp_path / "recipe.json"
    write_recipe(recipe, started.session.recipe())
    steps = film_steps(
        recipe,
        tmp_path / "m.gif",
        feature="height",
        ends=(None, None),
        frames=2,
        rate_hz=4,
        shot=Shot.AXIAL,
        size=(900, 700),
        load=loader,
        root=root,
    )
    assert list(steps) == [0.5, 1.0]
    with Image.open(tmp_path / "m.gif") as gif:
        assert gif.n_frames == 2
