"""What windows keep in case they are killed: written, found, never fought about."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brainviewer.core.recipe import Recipe, read_recipe, write_recipe
from brainviewer.session.autosave import Autosave, autosave_folder

REPOSITORY = Path(__file__).parents[2]
WINDOW = """
import sys
from pathlib import Path
from brainviewer.core.recipe import read_recipe
from brainviewer.session.autosave import Autosave
kept = Autosave(Path(sys.argv[1]))
recipe = read_recipe(sys.argv[2])
while True:
    kept.write(recipe)
    print("written", flush=True)
"""


@pytest.fixture
def recipe() -> Recipe:
    conditions = {"age": 63.0}
    return Recipe("fake", "seed 7", conditions, conditions, {}, 63.0, seed=7)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "autosave"


def killed_window(folder: Path, recipe: Recipe) -> None:
    """Let a process write over and over, and kill it without a warning."""
    path = folder.parent / "given.json"
    write_recipe(path, recipe)
    process = subprocess.Popen(
        [sys.executable, "-c", WINDOW, folder, path],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    with process:
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def test_what_a_killed_window_showed_is_found_once(folder, recipe) -> None:
    killed_window(folder, recipe)
    first, second = Autosave(folder), Autosave(folder)
    (left,) = first.left_behind()
    assert left.recipe.to_json() == recipe.to_json()
    assert second.left_behind() == []  # the first window offers it already
    left.discard()
    assert second.left_behind() == []
    for window in (first, second):
        window.close()
    assert [it.name for it in folder.iterdir() if it.suffix != ".tmp"] == []


def test_what_nobody_answered_is_found_at_the_next_start(folder, recipe) -> None:
    killed_window(folder, recipe)
    first = Autosave(folder)
    (left,) = first.left_behind()
    left.keep()
    first.close()
    second = Autosave(folder)
    (again,) = second.left_behind()
    again.discard()
    second.close()


def test_a_window_that_is_open_is_left_alone(folder, recipe) -> None:
    first, second = Autosave(folder), Autosave(folder)
    first.write(recipe)
    second.write(recipe)
    assert first.left_behind() == second.left_behind() == []
    assert len(list(folder.glob("*.json"))) == 2
    first.close()
    second.close()
    assert list(folder.iterdir()) == []


def test_nothing_is_written_after_the_end(folder, recipe) -> None:
    window = Autosave(folder)
    window.close()
    window.write(recipe)
    assert list(folder.iterdir()) == []


def test_only_the_newest_three_are_offered(folder, recipe) -> None:
    folder.mkdir()
    for number in range(5):
        write_recipe(folder / f"{number}.json", recipe)
        os.utime(folder / f"{number}.json", (number, number))
    window = Autosave(folder)
    found = window.left_behind()
    assert [left.path.stem for left in found] == ["4", "3", "2"]
    for left in found:
        left.discard()
    window.close()


def test_a_lock_that_a_killed_window_left_alone_is_removed(folder, recipe) -> None:
    open_one = Autosave(folder)
    (folder / "dead.lock").touch()
    window = Autosave(folder)
    assert window.left_behind() == []
    assert len(list(folder.iterdir())) == 2  # those of the two open windows
    open_one.write(recipe)
    open_one.close()
    window.close()
    assert list(folder.iterdir()) == []


def test_a_torn_file_is_removed_and_logged(folder, caplog) -> None:
    folder.mkdir()
    (folder / "torn.json").write_text("{", encoding="utf-8")
    window = Autosave(folder)
    with caplog.at_level(logging.WARNING):
        assert window.left_behind() == []
    assert "torn.json" in caplog.text
    assert not (folder / "torn.json").exists()
    window.close()


def test_a_folder_that_cannot_be_made_is_a_warning_and_no_more(tmp_path, recipe, caplog) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    window = Autosave(tmp_path / "file" / "autosave")
    window.write(recipe)
    assert window.left_behind() == []
    window.close()
    assert "is not kept for after a crash" in caplog.text


def test_the_folder_is_the_users_own() -> None:
    assert autosave_folder().name == "autosave"
    assert "brainviewer" in str(autosave_folder())


def test_a_file_is_a_recipe_like_any_other(folder, recipe) -> None:
    window = Autosave(folder)
    window.write(recipe)
    (path,) = folder.glob("*.json")
    assert read_recipe(path).label == "seed 7"
    window.close()
