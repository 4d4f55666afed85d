"""A person's own scan, from the file to the person on the screen and back to the slider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QProgressDialog

from brainviewer.gui.scan_dialog import UNKNOWN, ScanDialog
from brainviewer.session.comparison import Against
from brainviewer.session.scene import scene_from_json
from tests.fakes import WarpingGenerator, fake_scan
from tests.gui.conftest import wait_until_idle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLE = "participant_id\tage\tsex\theight\nsub-X\t44.0\tF\t171\nsub-Y\t30\tM\tn/a\n"


class HeldPreparation:
    """Prepares nothing until the test says so."""

    def __init__(self) -> None:
        self.asked: list[Path] = []
        self.cancelled = 0

    def start(self, path: Path, *, on_stage, done, failed) -> None:
        self.asked.append(path)
        self.on_stage: Callable[[int], None] = on_stage
        self.done, self.failed = done, failed

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def scan_path(tmp_path) -> Path:
    folder = tmp_path / "bids"
    (folder / "sub-X" / "anat").mkdir(parents=True)
    (folder / "participants.tsv").write_text(TABLE, encoding="utf-8")
    path = folder / "sub-X" / "anat" / "sub-X_T1w.nii.gz"
    path.touch()
    return path


@pytest.fixture
def preparation(started) -> HeldPreparation:
    held = HeldPreparation()
    started.scans._preparation = held
    return held


def ask(started, qtbot, path: Path) -> ScanDialog:
    started.scans.open(path)
    qtbot.waitUntil(lambda: bool(started.findChildren(ScanDialog)))
    return started.findChild(ScanDialog)


def test_the_dialog_knows_what_the_dataset_says(started, qtbot, scan_path) -> None:
    dialog = ask(started, qtbot, scan_path)
    assert dialog.conditions() == {"age": 44.0, "sex": "F", "height": 171.0}
    assert dialog.editors["education"].currentText() == UNKNOWN
    dialog.reject()


def test_age_and_sex_must_be_said(started, qtbot, tmp_path, preparation) -> None:
    dialog = ask(started, qtbot, tmp_path / "mine.nii.gz")
    dialog.start.click()
    assert dialog.problem.text() == "say the person's age and sex; the rest may be unknown"
    assert preparation.asked == []
    dialog.editors["age"].setValue(44.0)
    dialog.editors["sex"].setCurrentIndex(1)
    dialog.start.click()
    assert preparation.asked == [tmp_path / "mine.nii.gz"]


def test_a_scan_becomes_a_person_beside_the_scan_and_grows_older(
    started, qtbot, scan_path, preparation
) -> None:
    ask(started, qtbot, scan_path).start.click()
    progress = started.findChild(QProgressDialog, "scan_progress")
    preparation.on_stage(3)
    assert progress.value() == 3
    assert progress.labelText().startswith("Aligning to the template")
    layers = len(started.viewing.display.layers)
    preparation.done(fake_scan())
    wait_until_idle(started, qtbot)
    session, compare = started.session, started.viewing.compare
    assert started.windowTitle() == "sub-X — BrainViewer"
    assert started.viewing.is_comparing
    assert session.comparison.choice.against is Against.SCAN
    assert compare.other_card.chooser.currentText() == "The scan itself"
    assert "measured on the scan" in compare.other_card.words.text()
    scan_layer = started.viewing.display.layers[-1]
    assert len(started.viewing.display.layers) == layers + 1
    assert (scan_layer.name, scan_layer.visible) == ("sub-X_T1w", False)
    assert "as the generator rebuilds it" in started.messages.label.text()
    session.set_age(75.0)
    wait_until_idle(started, qtbot)
    assert session.shown.identity.label == "sub-X"
    assert session.shown.conditions["age"] == 75.0


def test_where_brains_are_warps_the_scan_itself_is_carried_along(
    started, qtbot, scan_path, preparation, loader
) -> None:
    loader.kind = WarpingGenerator
    started.session.open_checkpoint("other")
    qtbot.waitUntil(lambda: started.session.checkpoint.name == "other")
    wait_until_idle(started, qtbot)
    ask(started, qtbot, scan_path).start.click()
    preparation.done(fake_scan())
    wait_until_idle(started, qtbot)
    card = started.viewing.compare.other_card
    assert card.chooser.currentText() == "The scan carried"
    assert "carried to the conditions of A" in card.words.text()
    assert "carried along when age or features change" in started.messages.label.text()
    started.session.set_age(75.0)
    wait_until_idle(started, qtbot)
    assert "75.0 years" in card.words.text()


def test_a_recipe_saved_beside_a_scan_can_be_opened(started, qtbot, scan_path, preparation) -> None:
    ask(started, qtbot, scan_path).start.click()
    preparation.done(fake_scan())
    wait_until_idle(started, qtbot)
    view = started.scenes.recipe().view
    assert scene_from_json(view).beside == "factual"
    assert "sub-X_T1w" not in [layer["name"] for layer in view["layers"]]


def test_stopping_leaves_the_person_that_was(started, qtbot, scan_path, preparation) -> None:
    before = started.session.person
    ask(started, qtbot, scan_path).start.click()
    started.findChild(QProgressDialog, "scan_progress").canceled.emit()
    assert preparation.cancelled == 1
    assert started.session.person is before


def test_a_scan_that_cannot_be_prepared_is_said_in_the_window(
    started, qtbot, scan_path, preparation
) -> None:
    said = []
    started.scans.failed.connect(said.append)
    ask(started, qtbot, scan_path).start.click()
    preparation.failed("the brain that was found has 90 mL")
    assert said == ["the brain that was found has 90 mL"]
    assert not started.viewing.is_comparing


def test_a_generator_without_an_encoder_says_so(started, monkeypatch, scan_path) -> None:
    said = []
    started.scans.failed.connect(said.append)
    monkeypatch.setattr(started.session.generator, "can_encode", False)
    started.scans.open(scan_path)
    assert "has no encoder" in said[0]
