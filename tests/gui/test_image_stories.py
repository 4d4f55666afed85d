"""What a user does with a generator of T1 images: the window without volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QDialogButtonBox

from brainviewer.core.space import Plane
from brainviewer.gui.app import begin, make_window
from brainviewer.gui.export_job import Part
from brainviewer.session.comparison import Choice
from brainviewer.session.state import STOPPED
from tests.fakes import FakeLoader, write_fake_checkpoint
from tests.gui.conftest import wait_until_idle
from tests.tiny import SHAPE
from tests.tiny_brainsynth import publish_tiny_brainsynth, write_pictured_cohort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brainviewer.gui.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder with a BrainSynth of its own people."""
    folder = tmp_path_factory.mktemp("roots")
    publish_tiny_brainsynth(folder / "brainsynth", write_pictured_cohort(folder.parent / "people"))
    return folder


@pytest.fixture
def images(qtbot, root, settings_file, autosave_folder) -> Iterator[MainWindow]:
    """A window that shows the first person of the BrainSynth."""
    made = make_window(root=root, device="cpu")
    qtbot.addWidget(made)
    made.resize(1400, 900)
    made.show()
    begin(made)
    qtbot.waitUntil(lambda: made.session.shown is not None, timeout=30_000)
    wait_until_idle(made, qtbot)
    yield made
    made.close()


def test_an_image_is_shown_in_grey_and_what_needs_volumes_says_why_not(images, qtbot) -> None:
    (layer,) = images.viewing.display.layers
    assert (layer.name, layer.colormap, layer.kind) == ("T1w", "gray", "intensity")
    assert images.measures.trajectory.nothing.isVisible()
    assert "without tissue maps" in images.measures.trajectory.nothing.text()
    assert not images.measures.volumes.table.isVisible()
    assert not images.measures.volumes.copy_button.isEnabled()
    images.view_menu.gradients.trigger()
    qtbot.waitUntil(lambda: "without tissue maps" in images.gradients.nothing.text())
    assert images.session.shown.volumes_ml == {}


def test_dragging_age_changes_the_image_and_ends_on_the_exact_one(images, qtbot) -> None:
    slider, session = images.side.age.slider, images.session
    before = session.shown.brain.data
    y = slider.height() // 2
    qtbot.mousePress(slider, LEFT, pos=QPoint(slider.width() // 2, y))
    for x in range(slider.width() // 2, slider.width() - 2, 8):
        qtbot.mouseMove(slider, QPoint(x, y))
    qtbot.mouseRelease(slider, LEFT, pos=QPoint(slider.width() - 2, y))
    wait_until_idle(images, qtbot)
    assert session.shown.exact
    assert session.shown.conditions["age"] == session.age > session.person.factual["age"]
    assert np.abs(session.shown.brain.data - before).max() > 0.01


def test_another_person_is_drawn_and_the_seed_box_follows(images, qtbot) -> None:
    qtbot.mouseClick(images.side.person.new_button, LEFT)
    qtbot.waitUntil(lambda: images.session.person.label != "seed 1", timeout=30_000)
    wait_until_idle(images, qtbot)
    assert images.side.person.seed_box.value() == images.session.person.identity.seed
    assert images.session.shown.identity is images.session.person.identity


def test_the_average_brain_is_one_click_and_can_be_taken_back(images, qtbot) -> None:
    button, session = images.side.person.average_button, images.session
    assert button.isVisible()
    qtbot.mouseClick(button, LEFT)
    wait_until_idle(images, qtbot)
    assert session.shown.identity.label == "average"
    assert images.side.person.seed_box.text() == "no seed"
    assert images.windowTitle() == "average — BrainViewer"
    images.edit_menu.undo.trigger()
    wait_until_idle(images, qtbot)
    assert session.shown.identity.label == "seed 1"


def test_the_difference_between_two_ages_is_a_map(images, qtbot) -> None:
    images.session.set_age(75.0)
    wait_until_idle(images, qtbot)
    images.view_menu.compare.trigger()
    images.session.comparison.choose(Choice())
    qtbot.waitUntil(lambda: images.session.comparison.compared is not None, timeout=30_000)
    compare = images.viewing.compare
    qtbot.mouseClick(compare.findChild(object, "compare_difference"), LEFT)
    chooser = compare.findChild(object, "compare_layer")
    assert chooser.currentText() == "T1w"
    image = images.viewing.ortho.slices[Plane.AXIAL].grab().toImage()
    colours = {image.pixelColor(x, y).hue() for x in range(0, image.width(), 3)
               for y in range(0, image.height(), 3)}  # fmt: skip
    assert colours - {-1}  # something is neither black, grey nor white


def test_the_image_and_its_series_are_exported(images, qtbot, tmp_path) -> None:
    images.session.set_age(75.0)
    wait_until_idle(images, qtbot)
    dialog = images.exporter.ask()
    for part in (Part.TABLE, Part.PLOT):
        assert not dialog.boxes[part].isEnabled()
    qtbot.mouseClick(dialog.boxes[Part.SERIES], LEFT, pos=QPoint(10, 10))
    dialog.folder.setText(str(tmp_path))
    with qtbot.waitSignal(images.exporter.written, timeout=60_000):
        qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    (one,) = tmp_path.glob("sub-*/anat/*counterfactual_T1w.nii.gz")
    np.testing.assert_array_equal(
        np.asarray(nib.load(one).dataobj), images.session.shown.brain.data[0]
    )
    (series,) = tmp_path.glob("sub-*/anat/*ideal_T1w.nii.gz")
    assert nib.load(series).shape[:3] == SHAPE


# While a person is drawn


@pytest.fixture
def slow(qtbot, tmp_path, settings_file, autosave_folder) -> Iterator[tuple]:
    """A window with a generator that draws slowly, and its loader."""
    folder, loader = tmp_path / "roots", FakeLoader()
    write_fake_checkpoint(folder, "slow")
    made = make_window(load=loader, root=folder)
    qtbot.addWidget(made)
    made.resize(1400, 900)
    made.show()
    begin(made)
    wait_until_idle(made, qtbot)
    yield made, loader.last
    loader.last.release()
    made.close()


def test_drawing_shows_how_far_it_is_and_can_be_cancelled(slow, qtbot) -> None:
    window, generator = slow
    generator.hold_drawing()
    window.side.person.seed_box.setValue(7)
    qtbot.waitUntil(window.status.progress.isVisible)
    assert window.side.person.label.text().startswith("seed 1:")
    assert window.side.person.seed_box.value() == 7
    qtbot.mouseClick(window.status.cancel_button, LEFT)
    assert not window.status.progress.isVisible()
    assert window.messages.label.text() == STOPPED
    assert window.side.person.seed_box.value() == 1


def test_a_generator_without_a_mean_brain_offers_none(slow) -> None:
    window, _ = slow
    assert not window.side.person.average_button.isVisible()
    assert not window.person_menu.average.isEnabled()
