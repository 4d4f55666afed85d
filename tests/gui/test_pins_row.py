from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from brainviewer.core.scenario import Scenario
from brainviewer.gui.pins_row import PinsRow
from brainviewer.session.model import State
from brainviewer.session.pins import Pin
from brainviewer.session.trajectory import Trajectory

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def pins(checkpoint, person) -> list[Pin]:
    state = State(checkpoint, person, {}, 50.0)
    nothing = Trajectory(np.empty(0), {}, {}, Scenario.IDEAL, complete=True)
    return [Pin(number, f"pin {number}", state, nothing) for number in (1, 2)]


@pytest.fixture
def row(qtbot, pins) -> PinsRow:
    widget = PinsRow()
    qtbot.addWidget(widget)
    widget.show_pins(pins)
    widget.show()
    return widget


def test_without_pins_it_takes_no_room(row) -> None:
    row.show_pins([])
    assert row.isHidden()
    assert row.chips == {}


def test_each_pin_has_eye_name_and_a_way_to_go(row, qtbot) -> None:
    chip = row.chips[2]
    assert chip.name.text() == "pin 2"
    with qtbot.waitSignal(row.visible_requested) as hidden:
        chip.eye.click()
    with qtbot.waitSignal(row.remove_requested) as removed:
        qtbot.mouseClick(chip.remove, LEFT)
    assert hidden.args == [2, False]
    assert removed.args == [2]


def test_a_pin_is_renamed_with_enter(row, qtbot) -> None:
    chip = row.chips[1]
    chip.name.selectAll()
    qtbot.keyClicks(chip.name, "tall")
    with qtbot.waitSignal(row.rename_requested) as renamed:
        qtbot.keyClick(chip.name, Qt.Key.Key_Return)
    assert renamed.args == [1, "tall"]


def test_a_name_that_is_being_typed_is_left_alone(row, pins, qtbot) -> None:
    chip = row.chips[1]
    qtbot.keyClicks(chip.name, "x")
    row.show_pins([replace(pin, name="other") for pin in pins])
    assert "x" in chip.name.text()
    assert row.chips[2].name.text() == "other"


def test_what_is_shown_again_keeps_its_widgets(row, pins) -> None:
    before = dict(row.chips)
    row.show_pins([replace(pin, visible=False) for pin in pins])
    assert row.chips == before
    assert not row.chips[1].eye.isChecked()


def test_showing_asks_for_nothing(row, pins) -> None:
    asked = []
    for wish in (row.visible_requested, row.rename_requested):
        wish.connect(lambda *arguments: asked.append(arguments))
    row.show_pins([replace(pin, visible=False, name="z") for pin in pins])
    assert asked == []
