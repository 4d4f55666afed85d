"""What a user takes back and does again, with the mouse and the keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from brainviewer.core.space import Convention, Plane
from brainviewer.gui.history_link import REST_MS
from tests.gui.conftest import give_keyboard, wait_until_idle

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def press(qtbot, window, key: Qt.Key, modifiers=CTRL) -> None:
    """Press keys wherever the keyboard is."""
    qtbot.keyClick(QApplication.focusWidget() or window, key, modifiers)


def undo(qtbot, window) -> None:
    press(qtbot, window, Qt.Key.Key_Z)


@pytest.fixture
def active(started, qtbot):
    """A window that has the keyboard."""
    give_keyboard(qtbot, started.side.age.slider)
    return started


def drag(qtbot, slider, to: float) -> None:
    y = slider.height() // 2
    start = slider.width() // 2
    qtbot.mousePress(slider, LEFT, pos=QPoint(start, y))
    for x in range(start, round(slider.width() * to), 5):
        qtbot.mouseMove(slider, QPoint(x, y))
    qtbot.mouseRelease(slider, LEFT, pos=QPoint(round(slider.width() * to), y))


def test_nothing_can_be_taken_back_at_first(active) -> None:
    menu = active.edit_menu
    assert (menu.undo.text(), menu.undo.isEnabled()) == ("&Undo", False)
    assert (menu.redo.text(), menu.redo.isEnabled()) == ("&Redo", False)
    assert [it.list.item(0).text() for it in [active.steps]] == ["Start"]


def test_a_drag_of_the_age_is_one_step_that_the_menu_names(active, qtbot) -> None:
    session, before = active.session, active.session.age
    drag(qtbot, active.side.age.slider, 0.9)
    wait_until_idle(active, qtbot)
    after = session.age
    assert active.edit_menu.undo.text() == f"&Undo age {before:g} to {after:g} years"
    undo(qtbot, active)
    assert session.age == before
    assert active.side.age.box.value() == pytest.approx(before)
    assert active.edit_menu.redo.text() == f"&Redo age {before:g} to {after:g} years"
    press(qtbot, active, Qt.Key.Key_Z, CTRL | SHIFT)
    assert session.age == after
    undo(qtbot, active)
    press(qtbot, active, Qt.Key.Key_Y)
    assert session.age == after


def test_what_is_done_after_the_hand_has_rested_is_another_step(active, qtbot) -> None:
    slider = active.side.age.slider
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert active.steps.list.count() == 2
    timer = active.past._rest
    assert timer.interval() == REST_MS
    qtbot.waitUntil(lambda: not timer.isActive())
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert active.steps.list.count() == 3


def test_a_drag_that_pauses_goes_on_as_the_same_step(active, qtbot, monkeypatch) -> None:
    slider = active.side.age.slider
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    held = Qt.MouseButton.LeftButton
    monkeypatch.setattr("PySide6.QtGui.QGuiApplication.mouseButtons", lambda: held)
    active.past._on_rest()
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert active.steps.list.count() == 2


def test_the_list_shows_where_one_is_and_a_click_goes_there(active, qtbot) -> None:
    session, steps = active.session, active.steps
    session.set_age(30.0)
    session.set_feature("height", 180.0)
    active.viewing.toggle_convention()
    wait_until_idle(active, qtbot)
    assert steps.list.count() == 4
    assert steps.list.item(2).text().endswith("to 180 cm")
    assert steps.list.item(3).text() == "Radiological to neurological"
    active.docks.bring(active.docks.history)
    place = steps.list.visualItemRect(steps.list.item(1)).center()
    qtbot.mouseClick(steps.list.viewport(), LEFT, pos=place)
    assert session.age == 30.0
    assert session.edits == {}
    assert active.viewing.display.convention is Convention.RADIOLOGICAL
    assert steps.list.currentRow() == 1
    steps.list.setFocus()
    qtbot.keyClick(steps.list, Qt.Key.Key_Down)
    qtbot.keyClick(steps.list, Qt.Key.Key_Return)
    assert session.edits == {"height": 180.0}


def test_a_pane_that_was_made_large_is_taken_back(active, qtbot) -> None:
    press(qtbot, active, Qt.Key.Key_3)
    axial = active.viewing.ortho.slices[Plane.AXIAL]
    assert active.viewing.ortho.maximised is axial
    assert active.edit_menu.undo.text() == "&Undo axial large"
    undo(qtbot, active)
    assert active.viewing.ortho.maximised is None


def test_an_age_that_was_typed_is_taken_back_where_it_was_typed(active, qtbot) -> None:
    box, before = active.side.age.box, active.session.age
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "61")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert active.session.age == 61.0
    undo(qtbot, active)
    assert active.session.age == before
    assert box.hasFocus()


def test_while_a_number_is_being_typed_ctrl_z_belongs_to_the_box(active, qtbot) -> None:
    box = active.side.age.box
    active.session.set_age(61.0)
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "7")
    undo(qtbot, active)
    assert active.session.age == 61.0


def test_undo_is_among_the_keys_that_f1_lists(active) -> None:
    from brainviewer.gui.help_dialog import action_rows

    active.session.set_age(30.0)
    rows = action_rows(active.menus)
    assert ("Edit", "Ctrl+Z", "Undo: Take the last change back") in rows
    assert ("Edit", "Ctrl+Shift+Z, Ctrl+Y", "Redo: Do again what was taken back") in rows


def test_a_measured_line_is_a_step_and_a_deleted_one_comes_back(active, qtbot) -> None:
    rulers, history = active.viewing.display.rulers, active.past.history
    axial = active.viewing.ortho.slices[Plane.AXIAL]
    history.seal()
    rulers.measure(True)
    y = axial.height() // 2
    qtbot.mousePress(axial, LEFT, pos=QPoint(150, y))
    for x in range(150, 220, 7):
        qtbot.mouseMove(axial, QPoint(x, y))
    qtbot.mouseRelease(axial, LEFT, pos=QPoint(220, y))
    assert len(rulers.lines) == 1
    lines = rulers.lines
    assert history.undo_text == "measure a distance"
    history.seal()
    rulers.replace([])
    assert history.undo_text == "delete a measured line"
    history.undo()
    assert rulers.lines == lines
    history.undo()
    assert rulers.lines == ()
    assert len(history.texts) == 3
