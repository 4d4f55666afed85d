"""What a user does with a 4D image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from brainviewer.core.recipe import read_recipe, write_recipe
from brainviewer.gui import frame_reader
from brainviewer.gui.image_dialog import ImageDialog
from tests.gui.conftest import wait_until_idle
from tests.gui.test_accessibility import complaints

if TYPE_CHECKING:
    from pathlib import Path

    from brainviewer.gui.main_window import MainWindow

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
FRAMES = 6


def write_series(path: Path) -> Path:
    """Write frames whose values are around 100 times their number."""
    noise = np.random.default_rng(0).random((20, 22, 24, 1), np.float32)
    values = 100 * np.arange(FRAMES, dtype=np.float32) + noise
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = -80.0
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


@pytest.fixture
def series(tmp_path) -> Path:
    return write_series(tmp_path / "bold.nii.gz")


@pytest.fixture
def opened(started, series, qtbot) -> MainWindow:
    """A window with a 4D image on top."""
    with qtbot.waitSignal(started.opener.image_opened, timeout=30_000):
        started.opener.open_all([series])
    return started


def top(window: MainWindow):
    return window.viewing.display.layers[-1]


def value_at(window: MainWindow) -> float:
    return window.viewing.display.values_at_crosshair()[-1].value


def test_the_keys_in_a_slice_step_through_the_frames(opened, qtbot) -> None:
    pane = next(iter(opened.viewing.ortho.slices.values()))
    assert "by comma and period" in opened.messages.sentence
    for _ in range(3):
        qtbot.keyClick(pane, Qt.Key.Key_Period)
    qtbot.keyClick(pane, Qt.Key.Key_Comma)
    qtbot.waitUntil(lambda: top(opened).frame == 2)
    assert 200 <= value_at(opened) < 201
    assert "bold [2] 20" in opened.viewing.cursor_bar.values.text()
    assert "bold [2]: " not in opened.viewing.cursor_bar.as_text()


def test_the_box_and_the_slider_of_the_layer_choose_a_frame(opened, qtbot) -> None:
    line = opened.viewing.layers.rows[-1].frame
    assert (line.box.text(), line.caption.text()) == ("0 / 5", "Frame")
    line.box.setValue(4)
    assert line.caption.text() == "Reading"
    qtbot.waitUntil(lambda: top(opened).frame == 4)
    assert (line.slider.value(), line.caption.text()) == (4, "Frame")
    line.slider.setValue(1)
    qtbot.waitUntil(lambda: top(opened).frame == 1)
    assert (line.box.value(), value_at(opened) // 100) == (1, 1)
    assert all(row.frame is None for row in opened.viewing.layers.rows[:-1])


def test_only_the_newest_of_many_wishes_is_read(opened, qtbot, monkeypatch) -> None:
    read, whole = [], frame_reader.FrameFile.read
    monkeypatch.setattr(
        frame_reader.FrameFile, "read", lambda self, it: read.append(it) or whole(self, it)
    )
    line = opened.viewing.layers.rows[-1].frame
    for frame in (1, 2, 3, 4, 5):
        line.slider.setValue(frame)
    qtbot.waitUntil(lambda: top(opened).frame == 5)
    assert read == [1, 5]


def test_the_menu_is_for_4d_images_only(opened, qtbot) -> None:
    menu = opened.view_menu.layer
    assert menu.later.isEnabled()
    menu.later.trigger()
    qtbot.waitUntil(lambda: top(opened).frame == 1)
    menu.earlier.trigger()
    qtbot.waitUntil(lambda: top(opened).frame == 0)
    opened.viewing.display.remove_layer(len(opened.viewing.display.layers) - 1)
    assert not menu.later.isEnabled()
    assert opened.frames.sources == ()


def test_undo_takes_back_what_was_changed_and_not_the_frame(opened, qtbot) -> None:
    count = len(opened.past.history.texts)
    opened.view_menu.layer.later.trigger()
    qtbot.waitUntil(lambda: top(opened).frame == 1)
    assert len(opened.past.history.texts) == count
    opened.viewing.layers.rows[-1].opacity.setValue(40)
    opened.view_menu.layer.later.trigger()
    qtbot.waitUntil(lambda: top(opened).frame == 2)
    opened.edit_menu.undo.trigger()
    assert (top(opened).opacity, top(opened).frame) == (1.0, 2)


def test_a_recipe_brings_the_frame_back(opened, qtbot, tmp_path) -> None:
    opened.viewing.layers.rows[-1].frame.box.setValue(3)
    qtbot.waitUntil(lambda: top(opened).frame == 3)
    path = tmp_path / "recipe.json"
    write_recipe(path, opened.scenes.recipe())
    opened.viewing.display.remove_layer(len(opened.viewing.display.layers) - 1)
    opened.scenes.open(read_recipe(path))
    qtbot.waitUntil(lambda: top(opened).frame == 3)
    qtbot.waitUntil(lambda: not opened.scenes.is_waiting)
    assert value_at(opened) // 100 == 3
    wait_until_idle(opened, qtbot)


def test_a_file_that_is_gone_is_a_sentence_and_the_frame_stays(opened, series, qtbot) -> None:
    opened.messages.dismiss()
    series.unlink()
    opened.view_menu.layer.later.trigger()
    qtbot.waitUntil(lambda: "no such file" in opened.messages.sentence)
    assert (top(opened).frame, opened.viewing.display.frames.is_waiting) == (0, False)
    assert opened.viewing.layers.rows[-1].frame.box.value() == 0


def test_the_next_layer_is_a_key_away_and_named(opened, qtbot) -> None:
    opened.activateWindow()
    opened.side.age.slider.setFocus()
    qtbot.waitUntil(opened.side.age.slider.hasFocus)
    for key, name in ((Qt.Key.Key_Up, "WM"), (Qt.Key.Key_Down, "Tissue contrast"),
                      (Qt.Key.Key_Down, "bold")):  # fmt: skip
        qtbot.keyClick(QApplication.focusWidget(), key, CTRL | SHIFT)
        active = opened.viewing.display.layers[opened.viewing.display.active]
        assert active.name == name
        assert opened.status.currentMessage() == f"Active layer: {name}"


def test_the_information_on_an_image_can_be_read_and_copied(opened, series, qtbot) -> None:
    row = opened.viewing.layers.rows[-1]
    assert [it.text() for it in row.actions()] == ["&Information…", "&Remove"]
    opened.view_menu.layer.later.trigger()
    qtbot.waitUntil(lambda: top(opened).frame == 1)
    row.information.click()
    qtbot.waitUntil(lambda: opened.findChild(ImageDialog) is not None)
    dialog = opened.findChild(ImageDialog)
    assert complaints(dialog) == []
    assert "8 × 8 × 8 mm" in dialog.text.toPlainText()
    dialog.copy_button.click()
    copied = QApplication.clipboard().text()
    assert copied.startswith(f"File\t{series}\nValues, frame 1\t100 to 101, mean 100.5\n")
    dialog.close()


def test_maps_of_the_brain_have_no_file_to_tell_about(opened) -> None:
    menu = opened.view_menu.layer
    assert menu.information.isEnabled()
    assert [row.information.isVisibleTo(row) for row in opened.viewing.layers.rows] == [
        *[False] * 4,
        True,
    ]
    opened.viewing.display.remove_layer(len(opened.viewing.display.layers) - 1)
    assert not menu.information.isEnabled()
