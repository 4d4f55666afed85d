"""The whole window in a file: saved, dropped, drawn without a screen."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from brainviewer.core.recipe import read_recipe, write_recipe
from brainviewer.core.space import Convention, Plane
from brainviewer.gui.app import begin, make_window
from brainviewer.gui.render import render_recipe
from brainviewer.session.blending import Blending, Together
from brainviewer.session.comparison import Against, Choice
from tests.fakes import FakeLoader
from tests.gui.conftest import give_keyboard, wait_until_idle
from tests.gui.test_stories import drop, write_image

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def scan(tmp_path):
    return write_image(tmp_path / "scan.nii.gz")


@pytest.fixture
def dressed(started, qtbot, scan):
    """A window in which nothing is as at first."""
    window, display = started, started.viewing.display
    drop(window, scan)
    qtbot.waitUntil(lambda: display.layers[-1].name == "scan")
    wait_until_idle(window, qtbot)
    names = [layer.name for layer in display.layers]
    display.set_layer(names.index("scan"), opacity=0.4, colormap="viridis", window=(0.2, 0.9))
    display.move_layer(names.index("scan"), 1)
    display.set_layer([it.name for it in display.layers].index("GM"), visible=True, opacity=0.7)
    display.set_active(1)
    display.set_crosshair((20.0, -30.0, 10.0))
    window.viewing.show_crosshair(False)
    window.viewing.toggle_convention()
    display.zoom_at(Plane.AXIAL, 2.0, (10.0, 10.0))
    window.viewing.pane_3d.show_mode("Volume")
    window.viewing.pane_3d.look_from("S")
    window.session.curves.pin("before")
    window.session.set_age(70.0)
    window.viewing.toggle_large(Plane.AXIAL)
    wait_until_idle(window, qtbot)
    return window


@pytest.fixture
def saved(dressed, qtbot, tmp_path, monkeypatch):
    """The file that Ctrl+S writes."""
    path = tmp_path / "recipe.json"
    monkeypatch.setattr(
        "brainviewer.gui.exporter.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    give_keyboard(qtbot, dressed.side.age.slider)
    qtbot.keyClick(dressed.focusWidget(), Qt.Key.Key_S, CTRL)
    assert path.exists()
    return path


def view_of(window) -> dict:
    """What a view says, without the parts of a pin's recipe and of a camera that are rounded."""
    entry = window.scenes.recipe().to_json()["view"]
    for point in ("position", "focal_point", "up"):
        if entry["brain_3d"] is not None:
            entry["brain_3d"][point] = [round(it, 3) for it in entry["brain_3d"][point]]
    return entry


def undo_everything(window) -> None:
    display = window.viewing.display
    window.past.history.go(0)
    display.fit()
    display.set_active(0)
    display.set_crosshair((0.0, 0.0, 0.0))
    window.viewing.show_crosshair(True)
    window.viewing.pane_3d.show_mode("Surfaces")
    window.viewing.pane_3d.look_from("L")


def test_a_recipe_that_is_dropped_brings_the_whole_window_back(dressed, saved, qtbot) -> None:
    wanted = view_of(dressed)
    undo_everything(dressed)
    wait_until_idle(dressed, qtbot)
    display = dressed.viewing.display
    assert display.convention is Convention.RADIOLOGICAL
    assert [layer.name for layer in display.layers if not layer.generated] == []
    drop(dressed, saved)
    qtbot.waitUntil(lambda: dressed.session.age == 70.0)
    qtbot.waitUntil(lambda: not dressed.scenes.is_waiting)
    wait_until_idle(dressed, qtbot)
    assert view_of(dressed) == wanted
    assert [layer.name for layer in display.layers][1] == "scan"
    assert display.active == 1
    assert dressed.viewing.ortho.maximised is dressed.viewing.ortho.slices[Plane.AXIAL]
    assert [pin.name for pin in dressed.session.curves.pins] == ["before"]
    assert dressed.messages.sentence in ("", f"Saved {saved}")


def test_the_picture_without_a_screen_shows_the_same_scene(
    dressed, saved, root, qtbot, tmp_path
) -> None:
    seen: list[dict] = []
    render_recipe(
        saved,
        tmp_path / "picture.png",
        load=FakeLoader(),
        root=root,
        arrange=lambda window: seen.append(view_of(window)),
    )
    qtbot.waitUntil(lambda: (tmp_path / "picture.png").exists())
    drawn = QImage(str(tmp_path / "picture.png"))
    assert (drawn.width(), drawn.height()) == (dressed.width(), dressed.height())
    wanted = view_of(dressed)
    assert [it["name"] for it in wanted["layers"]][1] == "scan"
    assert seen[0]["planes"] == wanted["planes"]
    for key in ("crosshair_mm", "crosshair_visible", "convention", "large", "brain_3d", "pins"):
        assert seen[0][key] == wanted[key], key


def test_a_comparison_and_a_chosen_label_come_back(dressed, qtbot, tmp_path) -> None:
    window, path = dressed, tmp_path / "recipe.json"
    window.viewing.restore_panes()
    window.view_menu.gradients.trigger()
    qtbot.waitUntil(lambda: window.gradients.structures.count() > 2)
    window.gradients.choose("Cerebrospinal fluid")
    window.view_menu.compare.trigger()
    number = window.session.curves.pins[0].number
    window.viewing.compare.choose(Choice(Against.PIN, pin=number, own_age=True))
    blend = window.viewing.compare.blend
    blend.set_together(Together.DIFFERENCE)
    blend.set_layer("GM")
    blend.set_span("GM", 0.2)
    wanted = blend.blending
    write_recipe(path, window.scenes.recipe())
    window.view_menu.compare.trigger()
    window.gradients.structures.setCurrentIndex(0)
    window.docks.bring(window.docks.volumes)
    blend.show(Blending())
    drop(window, path)
    qtbot.waitUntil(lambda: window.viewing.is_comparing)
    choice = window.session.comparison.choice
    assert (choice.against, choice.own_age) == (Against.PIN, True)
    assert window.view_menu.compare.isChecked()
    assert window.gradients.structures.currentText() == "Cerebrospinal fluid"
    assert blend.blending == wanted
    assert window.viewing.compare.bar.buttons[Together.DIFFERENCE].isChecked()
    qtbot.waitUntil(lambda: window.docks.in_front == "features")
    wait_until_idle(window, qtbot)


def test_the_parts_around_the_slices_come_back(dressed, qtbot, tmp_path) -> None:
    window, path = dressed, tmp_path / "recipe.json"
    trajectory = window.measures.trajectory
    window.docks.bring(window.docks.layers)
    trajectory.toggles["GM"].setChecked(False)
    trajectory.other.setChecked(False)
    trajectory.spreads.setChecked(True)
    window.gradients.show_own_units(True)
    window.regions.order_by("size")
    qtbot.waitUntil(lambda: window.docks.in_front_beside == "layers")
    wanted = window.scenes.recipe().view["panels"]
    write_recipe(path, window.scenes.recipe())
    window.docks.bring(window.docks.person)
    trajectory.leave_out(())
    trajectory.other.setChecked(True)
    trajectory.spreads.setChecked(False)
    window.gradients.show_own_units(False)
    window.regions.order_by("change")
    drop(window, path)
    qtbot.waitUntil(lambda: window.docks.in_front_beside == "layers")
    assert window.scenes.recipe().view["panels"] == wanted
    assert wanted["unplotted"] == ["GM"]
    assert not trajectory.toggles["GM"].isChecked()
    assert trajectory.toggles["WM"].isChecked()
    wait_until_idle(window, qtbot)


def test_the_large_pane_of_a_comparison_comes_back(dressed, qtbot, tmp_path) -> None:
    window, path = dressed, tmp_path / "recipe.json"
    compare = window.viewing.compare
    window.view_menu.compare.trigger()
    assert compare.large is Plane.AXIAL  # as it was before
    window.viewing.toggle_large(Plane.CORONAL)
    write_recipe(path, window.scenes.recipe())
    window.viewing.restore_panes()
    window.view_menu.compare.trigger()
    assert window.viewing.ortho.maximised is None
    drop(window, path)
    qtbot.waitUntil(lambda: window.viewing.is_comparing)
    assert compare.large is Plane.CORONAL
    assert compare.other.maximised is compare.other.slices[Plane.CORONAL]
    assert compare.both.maximised is compare.both.slices[Plane.CORONAL]
    wait_until_idle(window, qtbot)


def test_a_broken_view_is_a_sentence_and_changes_nothing(started, qtbot, tmp_path) -> None:
    entry = started.scenes.recipe().to_json()
    entry["view"]["convention"] = "upside down"
    path = tmp_path / "bent.json"
    path.write_text(json.dumps(entry), encoding="utf-8")
    before = started.session.recipe().to_json()
    drop(started, path)
    qtbot.waitUntil(lambda: bool(started.messages.sentence))
    assert "upside down" in started.messages.sentence
    assert started.session.recipe().to_json() == before


def test_an_image_that_is_gone_is_named_and_the_rest_is_shown(dressed, saved, scan, qtbot) -> None:
    scan.unlink()
    undo_everything(dressed)
    dressed.messages.dismiss()
    drop(dressed, saved)
    qtbot.waitUntil(lambda: "scan.nii.gz" in dressed.messages.sentence)
    wait_until_idle(dressed, qtbot)
    assert dressed.session.age == 70.0
    assert dressed.viewing.display.convention is Convention.NEUROLOGICAL


def test_a_picture_of_a_recipe_whose_image_is_gone_is_refused(
    dressed, saved, scan, root, tmp_path
) -> None:
    scan.unlink()
    with pytest.raises(RuntimeError, match=r"scan\.nii\.gz"):
        render_recipe(saved, tmp_path / "picture.png", load=FakeLoader(), root=root)


def test_a_recipe_without_a_view_leaves_the_view_alone(dressed, qtbot, tmp_path) -> None:
    path = tmp_path / "bare.json"
    write_recipe(path, dressed.session.recipe())
    assert read_recipe(path).view is None
    wanted = view_of(dressed)
    drop(dressed, path)
    wait_until_idle(dressed, qtbot)
    assert view_of(dressed) == wanted


def test_the_next_start_looks_as_one_liked_it(started, qtbot, root, loader) -> None:
    display = started.viewing.display
    started.view_menu.radiological.trigger()
    started.view_menu.interpolations["cubic"].trigger()
    started.view_menu.crosshair.trigger()
    display.zoom_at(Plane.AXIAL, 2.0, (0.0, 0.0))
    started.close()
    following = make_window(load=loader, root=root)
    qtbot.addWidget(following)
    following.show()
    begin(following)
    wait_until_idle(following, qtbot)
    display = following.viewing.display
    assert display.convention is Convention.NEUROLOGICAL
    assert {layer.interpolation for layer in display.layers} == {"cubic"}
    assert not display.crosshair_visible
    assert [display.view(plane).zoom for plane in Plane] == [2.0, 2.0, 2.0]
    assert following.view_menu.interpolations["cubic"].isChecked()
    assert following.past.history.texts == ("Start",)
    following.close()
