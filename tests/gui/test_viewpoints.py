"""Named 3D views, in the window and over a restart."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QInputDialog

from brainviewer.gui.app import begin, make_window
from brainviewer.gui.command_list import commands_of
from brainviewer.session.settings import Settings, read_settings, write_settings
from brainviewer.session.viewpoints import Viewpoint, Viewpoints
from tests.gui.conftest import wait_until_idle

FRONT = Viewpoint("Front", (0.0, 400.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def test_a_name_is_there_once_and_the_newest_is_last() -> None:
    kept, heard = Viewpoints(), []
    kept.changed.connect(lambda: heard.append(1))
    kept.save(FRONT)
    kept.save(Viewpoint("Top", *[(0.0, 0.0, 1.0)] * 3))
    kept.save(FRONT)
    kept.remove("nobody")
    assert [it.name for it in kept.all] == ["Top", "Front"]
    assert len(heard) == 3


def test_settings_keep_them(tmp_path) -> None:
    path = tmp_path / "settings.json"
    write_settings(Settings(viewpoints=(FRONT,)), path)
    assert read_settings(path).viewpoints == (FRONT,)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"position": [1, 2]}, {"up": [0, 0, float("inf")]}, {"up": None}]
)
def test_what_is_no_view_is_refused(wrong) -> None:
    with pytest.raises((TypeError, ValueError)):
        Viewpoint.from_json({**FRONT.to_json(), **wrong})


@pytest.mark.opengl
def test_a_view_is_saved_and_comes_back_after_a_restart(
    started, qtbot, monkeypatch, root, loader
) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("From & above", True))
    menu, pane = started.view_menu.viewpoints, started.viewing.pane_3d
    assert not menu.delete.isEnabled()
    pane.look_from("S")
    wanted = pane.look()
    menu.save.trigger()
    pane.look_from("L")
    menu.actions()[3].trigger()
    assert pane.look() == wanted
    started.close()

    following = make_window(load=loader, root=root)
    qtbot.addWidget(following)
    following.show()
    begin(following)
    wait_until_idle(following, qtbot)
    menu, pane = following.view_menu.viewpoints, following.viewing.pane_3d
    menu.actions()[3].trigger()
    assert pane.look().position == pytest.approx(wanted.position)
    assert "Saved views › From & above" in [it.title for it in commands_of([menu])]
    menu.delete.actions()[0].trigger()
    assert following.viewing.viewpoints.all == ()
    assert len(menu.actions()) == 3
    following.close()


@pytest.mark.opengl
def test_a_click_in_3d_moves_the_crosshair_and_a_recipe_keeps_the_cut(started, qtbot) -> None:
    viewing = started.viewing
    viewing.pane_3d.picked.emit((10.0, -20.0, 30.0))
    assert viewing.display.crosshair == (10.0, -20.0, 30.0)
    viewing.pane_3d.show_next_clip()
    recipe = started.scenes.recipe()
    viewing.pane_3d.show_next_clip()
    started.scenes.open(recipe)
    qtbot.waitUntil(lambda: not started.scenes.is_waiting)
    look = viewing.pane_3d.look()
    assert (look.clip, look.clip_at) == ("L", (10.0, -20.0, 30.0))
