"""An own scan in the window: the row above the slices, the scan in place of the model, a report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt

from brainviewer.core.nifti import write_volume
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.volume import Brain, Volume
from brainviewer.generators.base import GenerationError
from brainviewer.gui.report_page import report_html
from brainviewer.gui.scan_bar import MODEL, SCAN
from brainviewer.gui.scan_dialog import ScanDialog
from brainviewer.session.carrying import fine_grid, image_of
from brainviewer.session.comparison import Against, Choice
from brainviewer.session.own_point import from_own_point
from tests.fakes import WarpingGenerator, fake_scan
from tests.gui.conftest import wait_until_idle

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {"age": 44.0, "sex": "F", "height": 171.0}


def scan_with_image(doubts=()):
    scan = fake_scan()
    image = scan.maps.data.max(axis=0, keepdims=True)
    channels = (*scan.maps.channels, "T1w")
    maps = Brain(channels, np.concatenate([scan.maps.data, image]), scan.maps.affine)
    return replace(scan, maps=maps, doubts=doubts)


@pytest.fixture
def encoded(started, qtbot, loader):
    """A window with the person of a scan, of a generator that warps."""
    loader.kind = WarpingGenerator
    started.session.open_checkpoint("other")
    qtbot.waitUntil(lambda: started.session.checkpoint.name == "other")
    wait_until_idle(started, qtbot)
    started.session.encode_scan(scan_with_image(("the voxels are 2.5 mm long",)), KNOWN)
    qtbot.waitUntil(lambda: started.session.comparison.encoded is not None)
    wait_until_idle(started, qtbot)
    return started.session.comparison.encoded


def contrast(started) -> np.ndarray:
    """What the lowest layer of the slices holds."""
    return started.viewing.display.layers[0].volume.data


def layer(started, name: str) -> np.ndarray:
    layers = {it.name: it for it in started.viewing.display.layers}
    return layers[name].volume.data


def show_scan(started, qtbot) -> None:
    button = started.viewing.scan_bar.buttons[SCAN]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_until_idle(started, qtbot)


def test_without_a_scan_there_is_no_row(started) -> None:
    assert not started.viewing.scan_bar.isVisible()


def test_the_row_says_how_near_the_model_is_what_is_unusual_and_what_this_is_not(
    started, encoded
) -> None:
    bar = started.viewing.scan_bar
    assert bar.isVisible()
    assert f"overlap with the model's tissues {1 - encoded.likeness.error:.2f}" in bar.words.text()
    assert "unusual: the voxels are 2.5 mm long" in bar.words.text()
    assert (bar.warning.text(), bar.warning.toolTip()) == ("No clinical device", NOT_CLINICAL)
    assert bar.buttons[MODEL].isChecked()


def test_the_scan_takes_the_place_of_the_model_and_follows_age(started, qtbot, encoded) -> None:
    model = contrast(started).copy()
    show_scan(started, qtbot)
    own = contrast(started)
    image = image_of(encoded.source, fine_grid(started.session.generator)).data
    np.testing.assert_allclose(own, image * 0.92 / 0.75, rtol=1e-4, atol=1e-6)
    assert own.shape == tuple(2 * n for n in model.shape)
    started.session.set_age(64.0)  # 0.2 mm a year: what is here was 4 mm in front
    wait_until_idle(started, qtbot)
    white = encoded.source.maps.volume("WM").data
    expected = 0.6 * white[:, :-1] + 0.4 * white[:, 1:]
    carried = started.session.stand_in.compared.shown.brain
    np.testing.assert_allclose(carried.volume("WM").data[:, :-1], expected, atol=1e-5)
    assert layer(started, "WM").shape == own.shape
    assert np.abs(contrast(started) - own).max() > 0.1


def test_volumes_and_surfaces_are_those_of_the_scan_in_place(started, qtbot, encoded) -> None:
    table, pane = started.measures.volumes, started.viewing.pane_3d
    model = table.tsv()
    show_scan(started, qtbot)
    started.session.set_age(64.0)
    wait_until_idle(started, qtbot)
    carried = started.session.stand_in.compared.shown
    rows = {it.structure: it for it in table._rows}
    assert {name: it.now_ml for name, it in rows.items()} == carried.volumes_ml
    assert {name: it.factual_ml for name, it in rows.items()} == encoded.scan.volumes_ml
    assert table.caption.text() == "Own scan, carried: Now 64.0, factual 44.0 years"
    if pane.view is not None:
        started.viewing.show_compare(comparing=False)  # which has no 3D view
        qtbot.waitUntil(lambda: pane.view.scene._brain is carried.brain)
    qtbot.mouseClick(started.viewing.scan_bar.buttons[MODEL], Qt.MouseButton.LeftButton)
    assert table.tsv() != model
    assert {it.structure: it.now_ml for it in table._rows} == started.session.shown.volumes_ml
    assert table.caption.text() == "Now 64.0, factual 44.0 years"


def test_the_model_comes_back(started, qtbot, encoded) -> None:
    model = contrast(started).copy()
    show_scan(started, qtbot)
    qtbot.mouseClick(started.viewing.scan_bar.buttons[MODEL], Qt.MouseButton.LeftButton)
    np.testing.assert_array_equal(contrast(started), model)
    assert started.session.stand_in.choice is None


def test_the_carried_scan_is_side_a_and_the_scan_itself_side_b(started, qtbot, encoded) -> None:
    started.viewing.show_compare(comparing=True)
    compare = started.viewing.compare
    compare.choose(Choice(Against.SCAN))
    show_scan(started, qtbot)
    started.session.set_age(70.0)
    wait_until_idle(started, qtbot)
    assert "70.0 years, the scan warped" in compare.own_card.words.text()
    assert "measured on the scan" in compare.other_card.words.text()
    beside = compare.beside.layers[0].volume.data
    assert np.abs(contrast(started) - beside).max() > 0.1
    started.session.set_age(44.0)
    wait_until_idle(started, qtbot)
    other = {it.name: it for it in compare.beside.layers}
    np.testing.assert_allclose(layer(started, "WM"), other["WM"].volume.data, atol=1e-6)


def test_the_carried_scan_is_not_compared_with_itself(started, qtbot, encoded) -> None:
    compare = started.viewing.compare
    assert started.viewing.is_comparing
    assert started.session.comparison.choice == Choice(Against.CARRIED)
    show_scan(started, qtbot)
    assert started.session.comparison.choice == Choice(Against.SCAN)
    assert compare.other_card.chooser.currentText() == "The scan itself"


def test_what_is_unusual_about_a_scan_can_be_read_where_there_is_little_room(
    started, qtbot, encoded
) -> None:
    words = started.viewing.scan_bar.words
    started.viewing.scan_bar.setFixedWidth(700)
    qtbot.waitUntil(lambda: words.height() >= words.heightForWidth(words.width()) > 0)
    assert words.wordWrap()


def test_the_row_says_of_which_age_the_scan_in_the_slices_is(started, qtbot, encoded) -> None:
    bar, session = started.viewing.scan_bar, started.session
    assert not bar.carried.isVisible()
    show_scan(started, qtbot)
    assert (bar.carried.isVisible(), bar.carried.text()) == (True, "44.0 years")
    session.set_age(64.0)
    assert bar.carried.text() == "on its way, still 44.0 years"
    wait_until_idle(started, qtbot)
    assert bar.carried.text() == "64.0 years"
    qtbot.mouseClick(bar.buttons[MODEL], Qt.MouseButton.LeftButton)
    assert not bar.carried.isVisible()


def test_a_scan_that_cannot_be_carried_gives_the_model_back_and_says_why(
    started, qtbot, encoded, monkeypatch
) -> None:
    started.viewing.show_compare(comparing=True)
    show_scan(started, qtbot)

    def cannot(*_asked):
        raise GenerationError("there is no way to these conditions")

    monkeypatch.setattr(started.session.generator, "displacement", cannot)
    started.session.set_age(64.0)
    wait_until_idle(started, qtbot)
    assert "measured on the scan" not in started.viewing.compare.own_card.words.text()
    assert started.viewing.scan_bar.buttons[MODEL].isChecked()
    shown = started.session.shown.brain
    np.testing.assert_allclose(layer(started, "WM"), shown.volume("WM").data)
    said = [message.sentence for message in started.messages._waiting]
    assert any("no way to these conditions" in sentence for sentence in said)


def test_somebody_else_ends_it(started, qtbot, encoded) -> None:
    show_scan(started, qtbot)
    started.session.new_person(3)
    wait_until_idle(started, qtbot)
    assert not started.viewing.scan_bar.isVisible()
    assert not started.viewing.own_scan.in_place
    shown = started.session.shown.brain
    np.testing.assert_allclose(layer(started, "WM"), shown.volume("WM").data)


def test_the_trajectory_begins_at_the_scan(started, qtbot, encoded) -> None:
    panel = started.measures.trajectory
    assert panel.own.isVisible()
    axes = {it.structure: it for it in panel.plot._all}
    assert axes["GM"]._own_scan.get_xdata()[0] == 44.0
    assert axes["GM"]._own_scan.get_ydata()[0] == pytest.approx(encoded.scan.volumes_ml["GM"])
    own = from_own_point(started.session.trajectory, started.session.own_point)
    np.testing.assert_allclose(panel._own.volumes["GM"], own.volumes["GM"])
    panel.own.click()
    qtbot.waitUntil(lambda: not len(axes["GM"]._own_scan.get_xdata()))
    started.session.new_person(3)
    assert not panel.own.isVisible()


def test_a_report_tells_of_the_scan(started, qtbot, encoded) -> None:
    page = report_html(started.exporter.draft().report)
    assert "<h2>The scan</h2>" in page
    assert "the scan sub-X_T1w" in page
    assert "Unusual: the voxels are 2.5 mm long" in page
    assert f"{encoded.scan.volumes_ml['GM']:.1f}" in page
    assert "The scan itself, carried" not in page
    show_scan(started, qtbot)
    assert "The scan itself, carried" in report_html(started.exporter.draft().report)


def head_file(folder) -> Path:
    """A file that may be the scan of a head: a noisy ball of 80 mm."""
    i, j, k = np.indices((60, 70, 60)) - np.array([30, 35, 30]).reshape(3, 1, 1, 1)
    ball = (np.sqrt(i**2 + j**2 + k**2) < 27).astype(np.float32)
    noise = np.random.default_rng(0).normal(100, 20, ball.shape).astype(np.float32)
    path = folder / "head.nii.gz"
    write_volume(path, Volume(ball * noise, np.diag([3 - 0.1, 2.9, 2.9, 1.0])))
    return path


def test_a_head_that_is_opened_may_become_an_own_scan(started, qtbot, tmp_path) -> None:
    started.opener.open_all([head_file(tmp_path)])
    qtbot.waitUntil(lambda: "can be made a person" in started.messages.sentence)
    assert [it.name for it in started.viewing.display.layers][-1] == "head"
    qtbot.mouseClick(started.messages.answer_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(started.findChildren(ScanDialog)))
    started.findChild(ScanDialog).reject()


def test_the_file_of_a_scan_does_not_cover_its_brain(started, qtbot, tmp_path) -> None:
    path = head_file(tmp_path)
    started.opener.open_all([path])
    qtbot.waitUntil(lambda: started.viewing.display.layers[-1].name == "head")
    started.scans._path = path
    started.scans._encode(KNOWN, fake_scan("head"))
    qtbot.waitUntil(lambda: started.session.comparison.encoded is not None)
    visible = {it.name: it.visible for it in started.viewing.display.layers}
    assert visible["Tissue contrast"]
    assert not visible["head"]
    assert not visible["head (2)"]


def test_labels_are_not_suggested_as_a_scan(started, qtbot, tmp_path) -> None:
    path = tmp_path / "labels.nii.gz"
    write_volume(path, Volume(np.ones((60, 70, 60), np.uint8), np.diag([2.9, 2.9, 2.9, 1.0])))
    started.opener.open_all([path])
    qtbot.waitUntil(lambda: started.viewing.display.layers[-1].name == "labels")
    assert started.messages.sentence == ""
