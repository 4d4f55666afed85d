"""Sex, scenario, person and checkpoint: the small controls of the left side."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from brainviewer.core.features import Feature, Kind, Level, fit_schema
from brainviewer.core.scenario import Scenario
from brainviewer.generators.base import Identity
from brainviewer.gui.checkpoint_panel import CardDialog, CheckpointPanel
from brainviewer.gui.person_panel import PersonPanel
from brainviewer.gui.scenario_box import ScenarioBox
from brainviewer.gui.sex_buttons import SexButtons

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def sex_buttons(qtbot):
    levels = (Level("F", "female"), Level("M", "male"), Level("X", "other"))
    schema = fit_schema([Feature("sex", Kind.LEVELS, levels=levels)], [{"sex": "F"}, {"sex": "M"}])
    widget = SexButtons()
    qtbot.addWidget(widget)
    widget.show_feature(schema["sex"])
    return widget


def test_a_sex_nobody_had_in_training_cannot_be_chosen(sex_buttons) -> None:
    assert [b.isEnabled() for b in sex_buttons.buttons] == [True, True, False]
    assert [b.text() for b in sex_buttons.buttons] == ["Female", "Male", "Other"]


def test_pressing_a_sex_asks_for_its_code(sex_buttons, qtbot) -> None:
    with qtbot.waitSignal(sex_buttons.sex_requested) as asked:
        qtbot.mouseClick(sex_buttons.buttons[1], LEFT)
    assert asked.args == ["M"]


def test_showing_a_sex_asks_for_nothing_and_none_releases_all(sex_buttons, qtbot) -> None:
    with qtbot.assertNotEmitted(sex_buttons.sex_requested):
        sex_buttons.show_value("F")
        assert [b.isChecked() for b in sex_buttons.buttons] == [True, False, False]
        sex_buttons.show_value(None)
    assert not any(b.isChecked() for b in sex_buttons.buttons)


def test_another_schema_replaces_the_buttons(sex_buttons, checkpoint) -> None:
    sex_buttons.show_feature(checkpoint.schema["sex"])
    assert [b.objectName() for b in sex_buttons.buttons] == ["sex_F", "sex_M"]


def test_the_scenario_can_be_chosen_with_the_mouse_and_shown_silently(qtbot) -> None:
    widget = ScenarioBox()
    qtbot.addWidget(widget)
    with qtbot.assertNotEmitted(widget.scenario_requested):
        widget.show_scenario(Scenario.IDEAL)
    button = widget.findChild(object, "scenario_regressed")
    with qtbot.waitSignal(widget.scenario_requested) as asked:
        button.click()
    assert asked.args == [Scenario.REGRESSED]


@pytest.fixture
def person_panel(qtbot, person, checkpoint):
    widget = PersonPanel()
    qtbot.addWidget(widget)
    widget.show_person(person, checkpoint.schema)
    return widget


def test_a_person_is_named_with_what_is_factual(person_panel) -> None:
    assert person_panel.seed_box.value() == 7
    assert person_panel.label.text() == "seed 7: factually 50.0 years, female"


def test_a_typed_seed_asks_for_its_person(person_panel, qtbot) -> None:
    asked = []
    person_panel.seed_requested.connect(asked.append)
    person_panel.seed_box.selectAll()
    qtbot.keyClicks(person_panel.seed_box, "41")
    qtbot.keyClick(person_panel.seed_box, Qt.Key.Key_Return)
    assert asked == [41]


def test_a_person_from_a_scan_has_no_seed(person_panel, person, checkpoint, qtbot) -> None:
    scanned = replace(person, identity=Identity(np.zeros(8, np.float32), "sub-01"), label="sub-01")
    with qtbot.assertNotEmitted(person_panel.seed_requested):
        person_panel.show_person(scanned, checkpoint.schema)
    assert person_panel.seed_box.text() == "no seed"


def test_the_buttons_of_the_person_ask(person_panel, qtbot) -> None:
    with qtbot.waitSignal(person_panel.new_person_requested):
        person_panel.new_button.click()
    with qtbot.waitSignal(person_panel.factual_requested):
        person_panel.factual_button.click()


@pytest.fixture
def checkpoint_panel(qtbot, checkpoint):
    widget = CheckpointPanel()
    qtbot.addWidget(widget)
    other = replace(checkpoint, name="other", title="Another")
    widget.show_checkpoints([checkpoint, other], {"torn": "torn has no config.json"})
    return widget


def test_a_broken_checkpoint_is_listed_greyed_with_its_sentence(checkpoint_panel) -> None:
    chooser = checkpoint_panel.chooser
    index = chooser.findText("torn (cannot be used)")
    assert chooser.itemData(index, Qt.ItemDataRole.ToolTipRole) == "torn has no config.json"
    assert not chooser.model().index(index, 0).flags() & Qt.ItemFlag.ItemIsEnabled


def test_nothing_is_chosen_before_a_checkpoint_is_open(checkpoint_panel) -> None:
    assert checkpoint_panel.chooser.currentIndex() == -1
    assert not checkpoint_panel.card_button.isEnabled()


def test_choosing_a_checkpoint_asks_for_it_by_folder(checkpoint_panel, checkpoint, qtbot) -> None:
    checkpoint_panel.show_checkpoint(checkpoint)
    with qtbot.waitSignal(checkpoint_panel.checkpoint_requested) as asked:
        qtbot.keyClick(checkpoint_panel.chooser, Qt.Key.Key_Down)
        checkpoint_panel.chooser.activated.emit(1)
    assert asked.args == [str(checkpoint.folder)]


def test_a_checkpoint_from_elsewhere_joins_the_list(checkpoint_panel, checkpoint, tmp_path) -> None:
    foreign = replace(checkpoint, name="foreign", title="From elsewhere", folder=tmp_path / "f")
    checkpoint_panel.show_checkpoint(foreign)
    assert checkpoint_panel.chooser.currentText() == "From elsewhere"


def test_the_card_is_shown_as_text(qtbot, checkpoint) -> None:
    dialog = CardDialog(checkpoint)
    qtbot.addWidget(dialog)
    assert "An ellipsoid." in dialog.findChild(object, "card_text").toPlainText()
