"""A window that is killed, and the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from brainviewer.core.recipe import read_recipe, write_recipe
from brainviewer.core.space import Convention
from brainviewer.gui.app import begin, make_window
from tests.gui.conftest import wait_until_idle

if TYPE_CHECKING:
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


@pytest.fixture
def crashed(started, qtbot, autosave_folder) -> Path:
    """What a window left that was killed while it showed somebody at 70."""
    started.session.set_age(70.0)
    started.viewing.toggle_convention()
    wait_until_idle(started, qtbot)
    path = autosave_folder / "crashed.json"
    write_recipe(path, started.scenes.recipe())
    started.close()
    assert kept(autosave_folder) == [path]
    return path


@pytest.fixture
def following(crashed, qtbot, root, loader):
    """The window that is opened next."""
    window = make_window(load=loader, root=root)
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    begin(window)
    wait_until_idle(window, qtbot)
    yield window
    window.close()


def test_the_scene_is_written_when_it_has_changed_and_only_then(
    started, qtbot, autosave_folder
) -> None:
    saver = started.autosaver

    def is_settled() -> bool:
        was_writing = saver._is_writing
        saver.save()
        return not was_writing and not saver._is_writing

    qtbot.waitUntil(is_settled)  # the camera of the 3D view finds its place last
    (path,) = kept(autosave_folder)
    before = path.stat().st_mtime_ns
    started.viewing.display.set_crosshair((10.0, 0.0, 0.0))
    saver.save()
    qtbot.waitUntil(lambda: path.stat().st_mtime_ns > before)
    assert read_recipe(path).view["crosshair_mm"] == [10.0, 0.0, 0.0]
    qtbot.waitUntil(lambda: not saver._is_writing)
    started.close()
    assert list(autosave_folder.iterdir()) == []


def test_after_a_crash_the_next_window_offers_the_scene_and_brings_it(
    following, crashed, qtbot
) -> None:
    messages = following.messages
    assert messages.sentence == (
        "BrainViewer ended unexpectedly the last time; it showed seed 1 at 70.0 years."
    )
    assert messages.answer_button.isVisible()
    assert following.session.age != 70.0
    qtbot.mouseClick(messages.answer_button, LEFT)
    wait_until_idle(following, qtbot)
    assert following.session.age == 70.0
    assert following.viewing.display.convention is Convention.NEUROLOGICAL
    assert not messages.isVisible()
    assert not crashed.exists()


def test_an_offer_that_is_dismissed_is_gone(following, crashed, qtbot) -> None:
    qtbot.keyClick(following.messages.close_button, Qt.Key.Key_Space)
    assert not crashed.exists()
    assert not following.messages.isVisible()
    assert following.session.age != 70.0


def test_an_offer_that_nobody_answered_comes_again(following, crashed) -> None:
    following.close()
    assert crashed.exists()


def test_an_error_after_an_offer_has_no_button(following, qtbot) -> None:
    following.messages.show_error("something")
    following.messages.dismiss()
    assert following.messages.sentence == "something"
    assert not following.messages.answer_button.isVisible()
