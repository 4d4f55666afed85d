import json

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtWidgets import QWidget

from brainviewer.gui.bridge import Bridge
from brainviewer.gui.file_opener import FileOpener


@pytest.fixture
def opener(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    return FileOpener(Bridge(window), window)


def write_image(path, *, shape=(4, 5, 6), code: int = 1):
    image = nib.Nifti1Image(np.ones(shape, np.uint8), np.eye(4))
    image.set_sform(np.eye(4), code)
    image.set_qform(np.eye(4), code)
    nib.save(image, path)
    return path


def test_an_image_is_read_away_from_the_window(opener, qtbot, tmp_path) -> None:
    path = write_image(tmp_path / "a.nii.gz")
    said, opened = [], []
    opener.reading.connect(said.append)
    opener.opened.connect(opened.append)
    with qtbot.waitSignal(opener.image_opened) as asked:
        opener.open_all([path])
    assert (asked.args[0].volume.shape, asked.args[0].warnings) == ((4, 5, 6), [])
    assert opened == [str(path)]
    assert said == ["Reading a.nii.gz", ""]


def test_a_name_from_the_terminal_is_found_from_everywhere(
    opener, qtbot, tmp_path, monkeypatch
) -> None:
    path = write_image(tmp_path / "a.nii.gz")
    monkeypatch.chdir(tmp_path)
    with qtbot.waitSignal(opener.image_opened) as asked:
        opener.open_all(["a.nii.gz"])
    assert asked.args[0].path == path


def test_what_a_picture_cannot_show_is_said(opener, qtbot, tmp_path) -> None:
    path = write_image(tmp_path / "a.nii", shape=(4, 5, 6, 3), code=0)
    with qtbot.waitSignal(opener.image_opened) as asked:
        opener.open_all([path])
    first, second = asked.args[0].warnings
    assert "left and right" in first
    assert "3 frames" in second


def write_labels(path):
    data = np.zeros((12, 12, 12), np.uint8)
    data[3:9, 3:9, 3:9] = 17
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path


def test_the_table_of_labels_beside_an_image_is_read(opener, qtbot, tmp_path) -> None:
    path = write_labels(tmp_path / "aseg.nii.gz")
    (tmp_path / "aseg.lut.txt").write_text("17 Left-Hippocampus 220 216 20 0\n")
    with qtbot.waitSignal(opener.image_opened) as asked:
        opener.open_all([path])
    assert asked.args[0].labels.names == {17: "Left-Hippocampus"}


def test_a_damaged_table_is_said_and_the_labels_are_shown(opener, qtbot, tmp_path) -> None:
    path = write_labels(tmp_path / "aseg.nii.gz")
    (tmp_path / "aseg.lut.txt").write_text("Hippocampus")
    with qtbot.waitSignal(opener.image_opened) as asked:
        opener.open_all([path])
    assert "aseg.lut.txt" in asked.args[0].warnings[0]
    assert asked.args[0].labels is None


def test_a_bad_image_is_one_sentence(opener, qtbot, tmp_path) -> None:
    (tmp_path / "bad.nii").write_bytes(b"not an image")
    with qtbot.waitSignal(opener.failed) as asked, qtbot.assertNotEmitted(opener.opened):
        opener.open_all([tmp_path / "bad.nii"])
    assert "bad.nii" in asked.args[0]


def test_a_folder_is_a_checkpoint(opener, qtbot, tmp_path) -> None:
    with qtbot.waitSignal(opener.checkpoint_chosen) as asked:
        opener.open_all([tmp_path])
    assert asked.args == [str(tmp_path)]


def test_json_is_read_as_a_recipe(opener, qtbot, tmp_path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    with qtbot.waitSignal(opener.failed) as asked:
        opener.open_all([tmp_path / "other.json"])
    assert "recipe" in asked.args[0]
