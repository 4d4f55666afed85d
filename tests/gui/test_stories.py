"""What a user does with the window, with the mouse and the keyboard, from start to close."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from brainviewer.core.nifti import read_volume
from brainviewer.core.recipe import read_recipe
from brainviewer.core.scenario import Scenario
from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.gui.app import begin, make_window
from brainviewer.gui.error_hook import ErrorHook
from brainviewer.gui.export_job import Part
from brainviewer.session.settings import Settings, read_settings
from tests.fakes import write_fake_checkpoint
from tests.gui.conftest import wait_until_idle

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

LEFT = Qt.MouseButton.LeftButton


def pixels(widget: QWidget) -> np.ndarray:
    image = widget.grab().toImage()
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1).copy()


def axial(window) -> QWidget:
    return window.viewing.ortho.slices[Plane.AXIAL]


def test_the_window_is_there_before_the_generator_and_then_shows_its_brain(
    window, loader, qtbot
) -> None:
    assert window.isVisible()
    assert loader.loads == []
    empty = pixels(axial(window))
    begin(window)
    wait_until_idle(window, qtbot)
    assert not np.array_equal(pixels(axial(window)), empty)
    assert window.status.exactness.text() == "Exact"
    assert window.status.device.text() == "Device: CPU"
    assert window.windowTitle() == "seed 1 — BrainViewer"
    assert window.viewing.pane_3d.view is not None


def test_dragging_the_age_slider_ages_the_brain_and_ends_on_the_exact_one(started, qtbot) -> None:
    slider, session = started.side.age.slider, started.session
    young, shown = pixels(axial(started)), []
    session.brain_changed.connect(shown.append)
    y = slider.height() // 2
    qtbot.mousePress(slider, LEFT, pos=QPoint(slider.width() // 2, y))
    for x in range(slider.width() // 2, slider.width() - 2, 6):
        qtbot.mouseMove(slider, QPoint(x, y))
    qtbot.mouseMove(slider, QPoint(slider.width() - 2, y))
    qtbot.mouseRelease(slider, LEFT, pos=QPoint(slider.width() - 2, y))
    assert session.age == 80.0
    assert not shown[0].exact  # from the cache, at once
    wait_until_idle(started, qtbot)
    assert shown[-1].exact
    assert shown[-1].conditions["age"] == 80.0
    assert len(shown) > 5
    assert not np.array_equal(pixels(axial(started)), young)
    assert started.measures.volumes.caption.text().startswith("Now 80.0")


def test_the_marker_in_the_plot_drags_the_age_too(started, qtbot) -> None:
    plot = started.measures.trajectory.plot
    qtbot.mouseClick(plot, LEFT, pos=QPoint(plot.width() // 5, plot.height() // 2))
    assert started.session.age != started.session.person.factual["age"]
    assert started.side.age.box.value() == pytest.approx(started.session.age, abs=0.05)


def test_a_feature_is_edited_and_taken_back_by_keyboard(started, qtbot) -> None:
    row, session = started.side.features.rows["height"], started.session
    before = dict(session.shown.volumes_ml)
    row.slider.setFocus()
    qtbot.keyClick(row.slider, Qt.Key.Key_PageUp)
    wait_until_idle(started, qtbot)
    assert session.edits["height"] > session.person.factual["height"]
    assert session.shown.volumes_ml["GM"] > before["GM"]
    qtbot.keyClick(row.reset_button, Qt.Key.Key_Space)
    wait_until_idle(started, qtbot)
    assert session.shown.volumes_ml == before


def test_a_new_person_is_somebody_else_under_the_same_conditions(started, qtbot) -> None:
    session = started.session
    before, conditions = session.person.identity.key, session.conditions
    started.person_menu.new_person.trigger()
    wait_until_idle(started, qtbot)
    assert session.person.identity.key != before
    assert session.conditions == conditions
    assert started.side.person.seed_box.value() == session.person.identity.seed


def test_in_the_regressed_scenario_features_move_with_age(started, qtbot) -> None:
    qtbot.mouseClick(
        started.side.scenario.findChild(object, "scenario_regressed"), LEFT, pos=QPoint(8, 8)
    )
    assert started.session.scenario is Scenario.REGRESSED
    qtbot.keyClick(started.side.age.slider, Qt.Key.Key_End)
    assert started.side.features.rows["occupation"].chooser.currentText() == "retired"
    wait_until_idle(started, qtbot)
    assert started.session.trajectory.scenario is Scenario.REGRESSED


def test_an_export_is_written_by_the_dialog_and_read_back(started, qtbot, tmp_path) -> None:
    started.session.set_age(70.0)
    wait_until_idle(started, qtbot)
    dialog = started.exporter.ask()
    for part in Part:
        dialog.boxes[part].setChecked(dialog.boxes[part].isEnabled())
    dialog.folder.setText(str(tmp_path / "out"))
    with qtbot.waitSignal(started.exporter.written, timeout=20_000) as said:
        qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    folder = tmp_path / "out" / "sub-seed1" / "anat"
    assert str(folder) in said.args[0]
    assert str(folder) in started.messages.sentence
    grey = read_volume(folder / "sub-seed1_label-GM_desc-counterfactual_probseg.nii.gz")
    shown = started.session.shown.brain
    assert np.array_equal(grey.data, shown.volume("GM").data)
    for name in ("desc-trajectories_volumes.png", "desc-window_screenshot.png"):
        assert (folder / f"sub-seed1_{name}").read_bytes().startswith(b"\x89PNG")
    recipe = read_recipe(folder / "sub-seed1_desc-counterfactual_dseg.json")
    assert recipe.age == 70.0


def test_an_export_can_be_cancelled_and_leaves_nothing(started, loader, qtbot, tmp_path) -> None:
    dialog = started.exporter.ask()
    dialog.boxes[Part.SERIES].setChecked(True)
    dialog.boxes[Part.BRAIN].setChecked(False)
    dialog.boxes[Part.TABLE].setChecked(False)
    dialog.folder.setText(str(tmp_path / "out"))
    loader.last.hold()
    qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    qtbot.waitUntil(started.status.cancel_button.isVisible)
    assert started.status.busy.text() == "Exporting"
    started.status.cancel_button.click()
    loader.last.release()
    qtbot.waitUntil(lambda: started.session.is_idle)
    assert not list(tmp_path.glob("out/**/*.nii.gz"))
    assert not started.status.cancel_button.isVisible()


def test_a_bad_image_is_a_sentence_in_the_window(started, qtbot, tmp_path) -> None:
    bad = tmp_path / "torn.nii.gz"
    bad.write_bytes(b"\x1f\x8b not gzip")
    started.opener.open_all([bad])
    qtbot.waitUntil(lambda: bool(started.messages.sentence))
    assert "torn.nii.gz" in started.messages.sentence
    assert started.messages.isVisible()
    assert read_settings().recent_files == ()


def write_image(path: Path) -> Path:
    image = nib.Nifti1Image(np.random.default_rng(0).random((20, 20, 20), np.float32), np.eye(4))
    image.set_sform(np.eye(4), 1)
    nib.save(image, path)
    return path


def drop(window, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        LEFT,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def test_a_dropped_image_becomes_a_layer_and_a_recent_file(started, qtbot, tmp_path) -> None:
    path = write_image(tmp_path / "scan.nii.gz")
    drop(started, path)
    qtbot.waitUntil(lambda: started.viewing.display.layers[-1].name == "scan")
    assert [action.data() for action in started.file_menu.recent.actions()] == [str(path)]
    started.close()
    assert read_settings().recent_files == (str(path),)


def test_a_dropped_recipe_brings_its_brain(started, qtbot, tmp_path) -> None:
    recipe = replace(started.session.recipe(), seed=42, label="seed 42")
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.to_json()))
    drop(started, path)
    qtbot.waitUntil(lambda: started.session.person.identity.seed == 42)
    assert started.side.person.seed_box.value() == 42


def test_the_sides_are_changed_from_the_menu_and_said_below(started) -> None:
    display = started.viewing.display
    before = pixels(axial(started))
    assert display.convention is Convention.RADIOLOGICAL
    started.view_menu.radiological.trigger()
    assert display.convention is Convention.NEUROLOGICAL
    assert started.status.convention.text().startswith("Neurological")
    assert not np.array_equal(pixels(axial(started)), before)
    started.status.convention.click()
    assert started.view_menu.radiological.isChecked()


def test_a_pane_is_made_large_and_small_again(started) -> None:
    actions = {action.text(): action for action in started.view_menu.actions()}
    panes = {a.text(): a for a in actions["&Large pane"].menu().actions()}
    panes["&Axial"].trigger()
    assert started.viewing.ortho.maximised is axial(started)
    panes["A&ll four"].trigger()
    assert started.viewing.ortho.maximised is None


def test_what_nobody_caught_is_a_sentence(started, monkeypatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    hook = ErrorHook(started.messages.show_error)
    hook.install()
    sys.excepthook(RuntimeError, RuntimeError("the wheel came off"), None)
    hook.remove()
    assert "the wheel came off" in started.messages.sentence


def test_the_window_remembers_its_arrangement(window, qtbot, root, loader, settings_file) -> None:
    begin(window, checkpoint="other")
    wait_until_idle(window, qtbot)
    window.docks.volumes.hide()
    window.close()
    again = make_window(load=loader, root=root)
    qtbot.addWidget(again)
    again.show()
    assert not again.docks.volumes.isVisible()
    begin(again)
    qtbot.waitUntil(lambda: again.session.checkpoint is not None)
    assert again.session.checkpoint.name == "other"
    again.view_menu.reset_layout.trigger()
    assert again.docks.volumes.isVisible()
    again.close()


def test_settings_of_another_program_do_not_stop_the_start(qtbot, root, loader, settings_file):
    from brainviewer.gui.bridge import Bridge
    from brainviewer.gui.main_window import MainWindow
    from brainviewer.session.state import Session

    bridge = Bridge()
    session = Session(bridge.post, load=loader, root=root)
    window = MainWindow(session, bridge, Settings(layout=b"\x00\x00\x00\x04nonsense"))
    qtbot.addWidget(window)
    window.show()
    assert window.docks.volumes.isVisible()
    window.close()


def test_without_checkpoints_the_window_says_what_to_do(qtbot, tmp_path, settings_file) -> None:
    window = make_window(root=tmp_path / "nothing")
    qtbot.addWidget(window)
    window.show()
    begin(window)
    assert "Open checkpoint folder" in window.messages.sentence
    assert not window.file_menu.export.isEnabled()
    window.close()


def test_closing_ends_every_thread_and_timer(started, qtbot) -> None:
    started.session.set_age(33.0)
    started.close()
    started.close()
    names = [thread.name for thread in threading.enumerate()]
    assert "brainviewer-worker" not in names


def test_the_features_panel_follows_the_person_and_leads_to_the_editors(
    started, loader, qtbot
) -> None:
    assert loader.last.differentiated == []
    started.view_menu.gradients.trigger()
    bars = started.gradients.bars
    qtbot.waitUntil(lambda: bars.rowCount() > 0)
    assert started.focusWidget() is bars
    row = bars.keys.index("education")
    bars.setCurrentCell(row, 0)
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    assert started.focusWidget() is started.side.features.rows["education"].chooser
    for name, control in (
        ("age", started.side.age.slider),
        ("sex", started.side.sex.buttons[0]),
    ):
        bars.chosen.emit(name)
        assert started.focusWidget() is control
    started.session.set_feature("height", 181.0)
    wait_until_idle(started, qtbot)
    assert loader.last.differentiated[-1]["height"] == 181.0
    with qtbot.waitSignal(started.docks.features.visibilityChanged):
        started.docks.volumes.raise_()
    count = len(loader.last.differentiated)
    started.session.set_feature("height", 160.0)
    wait_until_idle(started, qtbot)
    assert len(loader.last.differentiated) == count


def test_a_bar_leads_to_its_editor_also_from_behind_the_layers(started, qtbot) -> None:
    # On a wide screen the layers have a place of their own.
    started.tabifyDockWidget(started.docks.person, started.docks.layers)
    started.docks.person.raise_()
    with qtbot.waitSignal(started.docks.person.visibilityChanged):
        started.docks.layers.raise_()
    with qtbot.waitSignal(started.docks.person.visibilityChanged) as shown:
        started.gradients.feature_requested.emit("height")
    assert shown.args == [True]
    assert started.focusWidget() is started.side.features.rows["height"].slider


def test_labels_of_an_open_image_are_structures_of_the_features_tab(started, qtbot) -> None:
    started.view_menu.gradients.trigger()
    wait_until_idle(started, qtbot)
    labels = np.zeros(started.session.generator.shape, np.int16)
    labels[:8], labels[8:] = 4, 43
    started.viewing.display.add_image(Volume(labels, started.session.generator.affine, "atlas"))
    chooser = started.gradients.structures
    place = chooser.findText("Label 43 of atlas")
    assert place > 0
    chooser.setCurrentIndex(place)
    wait_until_idle(started, qtbot)
    assert started.gradients.bars.rowCount() == len(started.session.checkpoint.schema.columns)
    started.viewing.display.remove_layer(len(started.viewing.display.layers) - 1)
    assert chooser.findText("Label 43 of atlas") < 0
    assert chooser.currentText() == "White matter"


def test_gradients_are_saved_as_a_table(started, qtbot, tmp_path, monkeypatch) -> None:
    path = tmp_path / "features.csv"
    asked = []

    def answer(*arguments):
        asked.append(arguments)
        return str(path), ""

    monkeypatch.setattr("brainviewer.gui.exporter.QFileDialog.getSaveFileName", answer)
    started.exporter.save_gradients()
    assert asked == []  # there is nothing to save yet
    started.view_menu.gradients.trigger()
    qtbot.waitUntil(lambda: started.gradients.bars.rowCount() > 0)
    started.gradients.save_button.click()
    lines = path.read_text().splitlines()
    assert lines[0] == "structure,feature,level,ml_per_sd,ml_per_unit,unit"
    assert len(lines) == 1 + len(started.session.gradients.gradients.rows)
    assert str(path) in started.messages.sentence


def test_a_generator_without_features_is_drawn_from_exported_and_left_again(
    started, root, qtbot, tmp_path
) -> None:
    write_fake_checkpoint(root, "bare", features=())
    started.session.set_feature("height", 181.0)
    crosshair = (10.0, -20.0, 30.0)
    started.viewing.display.set_crosshair(crosshair)
    started.session.open_checkpoint("bare")
    wait_until_idle(started, qtbot)
    assert not started.person_menu.reset_features.isEnabled()
    before = pixels(axial(started))
    started.person_menu.new_person.trigger()
    wait_until_idle(started, qtbot)
    assert not np.array_equal(pixels(axial(started)), before)
    dialog = started.exporter.ask()
    dialog.folder.setText(str(tmp_path / "out"))
    with qtbot.waitSignal(started.exporter.written, timeout=20_000):
        qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    assert list(tmp_path.glob("out/*/anat/*_probseg.nii.gz"))
    started.session.open_checkpoint("fake")
    wait_until_idle(started, qtbot)
    assert dict(started.session.edits) == {"height": 181.0}
    assert started.person_menu.reset_features.isEnabled()
    assert started.viewing.display.crosshair == crosshair


def test_pins_are_made_from_menu_and_panel_renamed_hidden_and_removed(started, qtbot) -> None:
    panel, curves = started.measures.trajectory, started.session.curves
    started.person_menu.pin.trigger()
    started.session.set_feature("height", 181.0)
    qtbot.mouseClick(panel.pin_button, LEFT)
    assert [pin.name for pin in curves.pins] == [
        "seed 1, ideal",
        "seed 1, height 181 cm, ideal",
    ]
    tall = panel.pins.chips[2]
    tall.name.selectAll()
    qtbot.keyClicks(tall.name, "tall")
    qtbot.keyClick(tall.name, Qt.Key.Key_Return)
    tall.eye.click()
    assert [(pin.name, pin.visible) for pin in curves.pins][1] == ("tall", False)
    qtbot.mouseClick(panel.pins.chips[1].remove, LEFT)
    assert [pin.name for pin in curves.pins] == ["tall"]
    wait_until_idle(started, qtbot)
    assert curves.pins[0].trajectory.complete


def test_two_brains_are_compared_and_one_again(started, qtbot) -> None:
    compare, bar = started.viewing.compare, started.viewing.cursor_bar
    started.session.set_age(79.0)
    started.view_menu.compare.trigger()
    wait_until_idle(started, qtbot)
    assert compare.isVisible()
    assert not started.viewing.ortho.isVisible()
    assert not started.view_menu.large_3d.isEnabled()
    assert "|" in bar.values.text()
    own, other = (it.slices[Plane.AXIAL] for it in (compare.own, compare.other))
    assert not np.array_equal(pixels(own), pixels(other))
    started.viewing.toggle_large(Plane.AXIAL)
    assert compare.own.maximised is own
    started.viewing.restore_panes()
    assert compare.own.maximised is None
    started.view_menu.compare.trigger()
    assert started.viewing.ortho.isVisible()
    assert started.session.comparison.choice is None
    assert "|" not in bar.values.text()


def test_a_checkpoint_of_another_grid_keeps_features_age_and_crosshair(
    started, root, qtbot
) -> None:
    affine = np.diag([12.0, 12.0, 12.0, 1.0])
    affine[:3, 3] = [-90.0, -120.0, -84.0]
    write_fake_checkpoint(root, "coarse", shape=(15, 18, 14), affine=affine)
    session, display = started.session, started.viewing.display
    session.set_feature("height", 181.0)
    session.set_age(66.5)
    display.set_crosshair((13.0, -21.0, 34.0))
    display.set_layer(1, visible=True)
    display.zoom_at(Plane.AXIAL, 2.0, (0.0, 0.0))
    wait_until_idle(started, qtbot)
    session.open_checkpoint("coarse")
    wait_until_idle(started, qtbot)
    assert display.reference.shape == (15, 18, 14)
    assert display.crosshair == (13.0, -21.0, 34.0)
    assert display.layers[1].visible
    assert display.view(Plane.AXIAL).zoom == 2.0
    assert dict(session.edits) == {"height": 181.0}
    assert session.age == 66.5
    assert started.side.age.box.value() == 66.5
    session.open_checkpoint("fake")
    wait_until_idle(started, qtbot)
    assert display.crosshair == (13.0, -21.0, 34.0)


def test_every_control_has_a_name_and_a_tooltip(started) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QSlider

    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider)
    controls = [
        widget
        for kind in kinds
        for part in (
            started.side,
            started.measures,
            started.gradients,
            started.viewing.compare,
            started.status,
            started.messages,
        )
        for widget in part.findChildren(kind)
        if not widget.objectName().startswith("qt_")
    ]
    nameless = [
        (type(it).__name__, it.objectName())
        for it in controls
        if not (it.objectName() and it.accessibleName() and it.toolTip())
    ]
    assert nameless == []


def test_mnemonics_lead_to_one_place_each(started) -> None:
    from PySide6.QtWidgets import QAbstractButton, QLabel

    texts = [menu.title() for menu in started.menus]
    for part in (started.side, started.status):
        texts += [it.text() for it in part.findChildren(QAbstractButton)]
        texts += [it.text() for it in part.findChildren(QLabel) if it.buddy() is not None]
    letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert sorted(letters) == sorted(set(letters))


def test_the_help_lists_every_action_with_its_keys(started, qtbot) -> None:
    started.help_menu.keys.trigger()
    dialog = next(it for it in QApplication.topLevelWidgets() if it.objectName() == "help_dialog")
    words = [
        dialog.shown.index(row, column).data()
        for row in range(dialog.shown.rowCount())
        for column in range(3)
    ]
    assert {"Ctrl+E", "Shift + left drag", "Ctrl+L"} <= set(words)
    dialog.close()
