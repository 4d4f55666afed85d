"""What a user sees when something dies, is full or is broken: a sentence, and all goes on."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
import torch

from brainviewer.core.recipe import write_recipe
from brainviewer.gui.app import begin, make_window
from brainviewer.gui.export_job import Order, Part
from brainviewer.session.bids import Destination
from tests.fakes import FakeLoader
from tests.gui.conftest import wait_until_idle
from tests.session.test_disk import REASONS, refusing

if TYPE_CHECKING:
    from pathlib import Path


def grow_older(window, qtbot, age: float = 71.3) -> None:
    """Ask for another age and wait for that brain: the window works."""
    window.session.set_age(age)
    wait_until_idle(window, qtbot)
    assert window.session.shown.conditions["age"] == age
    assert window.session.shown.exact


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SystemExit(3), "the work broke off (SystemExit)"),
        (MemoryError(), "the memory of this computer is used up"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB"),
            "the memory of this computer is used up",
        ),
        (AssertionError("never"), "something unforeseen went wrong (AssertionError: never)"),
    ],
)
def test_work_that_dies_is_told_and_the_next_wish_is_granted(
    started, loader, qtbot, error, sentence
) -> None:
    loader.last.failures.append(error)
    started.session.set_age(33.3)
    qtbot.waitUntil(lambda: sentence in started.messages.sentence)
    started.messages.dismiss()
    grow_older(started, qtbot)
    assert not started.messages.isVisible()
    assert started.status.busy.text() == ""


def test_a_gpu_that_is_full_is_left_for_the_cpu_with_a_notice(
    qtbot, root, settings_file, autosave_folder
) -> None:
    loader = FakeLoader("Small GPU")
    window = make_window(load=loader, root=root)
    qtbot.addWidget(window)
    window.show()
    begin(window)
    wait_until_idle(window, qtbot)
    assert window.status.device.text() == "Device: Small GPU"
    loader.last.failures.append(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to ..."))
    grow_older(window, qtbot)
    assert window.status.device.text() == "Device: CPU"
    assert "the memory of the GPU is used up" in window.messages.sentence
    window.close()


def test_an_export_to_a_folder_that_takes_nothing_is_told(started, qtbot, tmp_path) -> None:
    folder = tmp_path / "out"
    order = Order(frozenset({Part.BRAIN, Part.TABLE}), Destination(folder, "X"))
    with refusing(errno.EROFS):
        started.exporter.start(order)
        qtbot.waitUntil(lambda: bool(started.messages.sentence))
    assert str(folder) in started.messages.sentence
    assert REASONS[errno.EROFS] in started.messages.sentence
    assert not folder.exists()
    started.messages.dismiss()
    with qtbot.waitSignal(started.exporter.written, timeout=20_000):
        started.exporter.start(order)
    grow_older(started, qtbot)


def test_that_nothing_can_be_kept_for_a_crash_is_told_once(started, qtbot) -> None:
    saver, display = started.autosaver, started.viewing.display
    with refusing(errno.ENOSPC):
        for x in (10.0, 20.0):
            display.set_crosshair((x, 0.0, 0.0))
            saver.save()
            qtbot.waitUntil(lambda: not saver._is_writing)
        assert "is not kept for a crash" in started.messages.sentence
        assert REASONS[errno.ENOSPC] in started.messages.sentence
        started.messages.dismiss()
        assert not started.messages.isVisible()
    grow_older(started, qtbot)


def broken_recipe(window, path: Path) -> None:
    write_recipe(path, window.scenes.recipe())
    entry = json.loads(path.read_text())
    entry["view"]["layers"][0]["window"] = [1, "x"]
    path.write_text(json.dumps(entry))


def huge_image(_window, path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((1024, 1024, 1024))
    header["magic"], header["vox_offset"] = b"n+1", 352
    with path.open("wb") as file:
        file.write(header.binaryblock)
        file.truncate(352 + 1024**3)


@pytest.mark.parametrize(
    ("name", "write", "sentence"),
    [
        ("r.json", broken_recipe, "the view of the recipe is malformed"),
        ("a.nii", huge_image, "more than 537 million voxels; resample it"),
        ("b.nii", lambda _window, path: path.write_bytes(b"\0" * 400), "damaged"),
        ("c.nii.gz", lambda _window, path: path.write_bytes(b"\x1f\x8b" + b"x" * 90), "damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    started, qtbot, tmp_path, name, write, sentence
) -> None:
    path = tmp_path / name
    write(started, path)
    before = started.viewing.display.layers
    started.opener.open_all([path])
    qtbot.waitUntil(lambda: sentence in started.messages.sentence)
    assert started.viewing.display.layers == before
    started.messages.dismiss()
    grow_older(started, qtbot)


def test_a_checkpoint_that_breaks_while_the_window_is_open_is_told(started, qtbot, root) -> None:
    config = root / "other" / "config.json"
    config.write_text(config.read_text().replace('"shape": [', '"shape": ["x", '))
    chooser = started.side.checkpoint.chooser
    index = next(n for n in range(chooser.count()) if "other" in chooser.itemText(n))
    chooser.setCurrentIndex(index)
    chooser.activated.emit(index)
    qtbot.waitUntil(lambda: "is broken" in started.messages.sentence)
    started.messages.dismiss()
    grow_older(started, qtbot)
