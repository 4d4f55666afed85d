"""A person's own scan, from the file to the person on the screen and back to the slider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QDialogButtonBox, QProgressDialog, QPushButton

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.gui.scan_dialog import NOT_AT_ALL, UNKNOWN, ScanDialog
from brainviewer.gui.verdict_dialog import REFUSED, VerdictDialog
from brainviewer.session.comparison import Against
from brainviewer.session.scene import scene_from_json
from tests.fakes import SearchingGenerator, WarpingGenerator, fake_scan
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
    assert "the scan warped to the conditions of A" in card.words.text()
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


def test_a_scan_that_is_refused_is_told_in_a_dialog_and_another_can_be_chosen(
    started, qtbot, scan_path, preparation, monkeypatch
) -> None:
    asked = []
    monkeypatch.setattr(started.scans, "ask", lambda: asked.append(True))
    ask(started, qtbot, scan_path).start.click()
    preparation.failed("the image holds two things as large as heads")
    assert (
        started.findChild(QProgressDialog, "scan_progress") is None
        or not started.findChild(QProgressDialog, "scan_progress").isVisible()
    )
    verdict = started.findChild(VerdictDialog)
    assert verdict.words.text() == "The image holds two things as large as heads"
    assert REFUSED in verdict.windowTitle()
    assert not started.viewing.is_comparing
    verdict.another.click()
    assert asked == [True]
    assert not verdict.isVisible()


def test_a_doubtful_scan_waits_for_the_user(started, qtbot, scan_path, preparation) -> None:
    before = started.session.person
    ask(started, qtbot, scan_path).start.click()
    preparation.done(replace(fake_scan(), doubts=("the voxels are 2.5 mm long", "it is odd")))
    verdict = started.findChild(VerdictDialog)
    assert "• The voxels are 2.5 mm long.\n• It is odd." in verdict.words.text()
    assert NOT_CLINICAL in verdict.words.text()
    wait_until_idle(started, qtbot)
    assert started.session.person is before
    verdict.findChild(QPushButton, "verdict_continue").click()
    wait_until_idle(started, qtbot)
    assert started.session.person.label == "sub-X"
    assert started.session.comparison.encoded.source.doubts[1] == "it is odd"


def test_a_doubtful_scan_can_be_left(started, qtbot, scan_path, preparation) -> None:
    before = started.session.person
    ask(started, qtbot, scan_path).start.click()
    preparation.done(replace(fake_scan(), doubts=("it is odd",)))
    verdict = started.findChild(VerdictDialog)
    verdict.buttons.button(QDialogButtonBox.StandardButton.Cancel).click()
    wait_until_idle(started, qtbot)
    assert started.session.person is before


@pytest.mark.parametrize(
    ("age", "sentence"),
    [(9.0, "somebody of 9 years is a child"), (90.0, "age must lie in 20-80 years")],
)
def test_an_age_that_no_generator_knows_is_refused_in_the_dialog(
    started, qtbot, scan_path, preparation, age, sentence
) -> None:
    dialog = ask(started, qtbot, scan_path)
    dialog.editors["age"].setValue(age)
    dialog.start.click()
    assert sentence in dialog.problem.text()
    assert dialog.isVisible()
    assert preparation.asked == []
    dialog.reject()


def test_a_child_of_the_dataset_is_not_taken_for_somebody_unknown(
    started, qtbot, scan_path, preparation
) -> None:
    table = scan_path.parents[2] / "participants.tsv"
    table.write_text("participant_id\tage\tsex\theight\nsub-X\t7\tF\t120\n", encoding="utf-8")
    dialog = ask(started, qtbot, scan_path)
    assert dialog.editors["age"].value() == 7.0
    assert "height must lie in" in dialog.problem.text()
    assert "counts as not known" in dialog.problem.text()
    dialog.start.click()
    assert "somebody of 7 years is a child" in dialog.problem.text()
    dialog.reject()


def test_refining_is_offered_where_the_generator_can(
    started, qtbot, scan_path, preparation, loader
) -> None:
    dialog = ask(started, qtbot, scan_path)
    assert not dialog.refine.isEnabled()
    assert dialog.refine.text() == NOT_AT_ALL
    dialog.reject()
    loader.kind = SearchingGenerator
    started.session.open_checkpoint("other")
    qtbot.waitUntil(lambda: started.session.checkpoint.name == "other")
    wait_until_idle(started, qtbot)
    dialog = ask(started, qtbot, scan_path)
    assert dialog.refine.isEnabled()
    dialog.refine.setValue(1.0)
    refined = []
    started.session.scan_refined.connect(refined.append)
    dialog.start.click()
    preparation.done(fake_scan())
    qtbot.waitUntil(lambda: bool(refined), timeout=20_000)
    wait_until_idle(started, qtbot)
    assert started.session.person.identity.key == refined[0].person.identity.key
    assert any("Refined: the error of sub-X went from" in it for it in said(started))


def said(started) -> list[str]:
    return [message.sentence for message in started.messages._waiting]


def test_a_generator_without_an_encoder_says_so(started, monkeypatch, scan_path) -> None:
    said = []
    started.scans.failed.connect(said.append)
    monkeypatch.setattr(started.session.generator, "can_encode", False)
    started.scans.open(scan_path)
    assert "has no encoder" in said[0]
