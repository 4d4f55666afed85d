"""Measuring distances with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication

from brainviewer.core.space import Plane
from brainviewer.core.volume import Volume
from brainviewer.gui.slice_view import SliceView
from brainviewer.session.display import Display
from brainviewer.session.rulers import Ruler

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def display() -> Display:
    shown = Display()
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -40, -50, -44
    shown.add_image(Volume(np.full((40, 50, 45), 0.2, np.float32), affine, "flat"))
    shown.set_crosshair((0.0, 0.0, 0.0))
    return shown


@pytest.fixture
def axial(qtbot: QtBot, display: Display) -> SliceView:
    view = SliceView(display, Plane.AXIAL)
    qtbot.addWidget(view)
    view.resize(420, 400)
    with qtbot.waitExposed(view):
        view.show()
    return view


def drag(qtbot: QtBot, view: SliceView, start: QPointF, end: QPointF) -> None:
    a, b = start.toPoint(), end.toPoint()
    qtbot.mousePress(view, LEFT, pos=a)
    qtbot.mouseMove(view, (a + b) / 2)
    qtbot.mouseMove(view, b)
    qtbot.mouseRelease(view, LEFT, pos=b)


def draw(qtbot: QtBot, view: SliceView, a=(-20.0, 0.0, 0.0), b=(10.0, 0.0, 0.0)) -> None:
    drag(qtbot, view, view.position_of(a), view.position_of(b))


def yellow(view: SliceView) -> int:
    """Count the pixels in the colours of a line."""
    image = view.grab().toImage()
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    blue, green, red = (data[..., it].astype(int) for it in range(3))
    return int(((red > 200) & (green > 160) & (blue < 150)).sum())


def test_m_and_a_drag_measure_and_leave_the_crosshair(qtbot, axial, display) -> None:
    qtbot.keyClick(axial, Qt.Key.Key_M)
    assert display.rulers.is_measuring
    draw(qtbot, axial)
    (line,) = display.rulers.lines
    assert line.length_mm == pytest.approx(30.0, abs=0.5)
    assert line.start == pytest.approx((-20.0, 0.0, 0.0), abs=0.5)
    assert display.crosshair == (0.0, 0.0, 0.0)
    qtbot.keyClick(axial, Qt.Key.Key_Escape)
    draw(qtbot, axial)
    assert len(display.rulers.lines) == 1
    assert display.crosshair == pytest.approx((10.0, 0.0, 0.0))


def test_an_end_can_be_dragged_and_a_click_draws_nothing(qtbot, axial, display) -> None:
    display.rulers.measure(True)
    draw(qtbot, axial)
    qtbot.mouseClick(axial, LEFT, pos=QPoint(60, 60))
    drag(qtbot, axial, axial.position_of((10, 0, 0)), axial.position_of((-20, 40, 0)))
    (line,) = display.rulers.lines
    assert line.length_mm == pytest.approx(40.0, abs=0.5)


def test_a_line_is_painted_on_its_slice_alone(qtbot, axial, display) -> None:
    before = yellow(axial)
    display.rulers.add(Ruler(Plane.AXIAL, (-20.0, 6.0, 0.0), (10.0, 6.0, 0.0)))
    assert yellow(axial) > before + 100
    display.step_slice(Plane.AXIAL, 1)
    assert yellow(axial) == before


def test_a_click_on_a_line_chooses_it_and_delete_takes_it(qtbot, axial, display) -> None:
    display.rulers.measure(True)
    draw(qtbot, axial)
    draw(qtbot, axial, (-20.0, 20.0, 0.0), (10.0, 20.0, 0.0))
    qtbot.mouseClick(axial, LEFT, pos=axial.position_of((-5.0, 0.0, 0.0)).toPoint())
    assert display.rulers.chosen == 0
    qtbot.keyClick(axial, Qt.Key.Key_Delete)
    (left,) = display.rulers.lines
    assert left.start[1] == pytest.approx(20.0, abs=0.5)


def test_lines_are_copied_as_text(qtbot, axial, display) -> None:
    display.rulers.add(Ruler(Plane.AXIAL, (0.0, 0.0, 0.0), (3.0, 4.0, 0.0)))
    qtbot.keyClick(axial, Qt.Key.Key_C, CONTROL)
    assert QGuiApplication.clipboard().text().endswith("\t5.0")


def test_the_menu_measures_and_a_recipe_keeps_the_lines(started, qtbot) -> None:
    menu, rulers = started.view_menu.measure, started.viewing.display.rulers
    assert not menu.copy.isEnabled()
    menu.measure.trigger()
    view = started.viewing.ortho.slices[Plane.AXIAL]
    middle = QPointF(view.rect().center())
    drag(qtbot, view, middle, middle + QPointF(40, 30))
    assert len(rulers.lines) == 1
    lines = rulers.lines
    recipe = started.scenes.recipe()
    menu.clear_all.trigger()
    assert rulers.lines == ()
    started.scenes.open(recipe)
    qtbot.waitUntil(lambda: not started.scenes.is_waiting)
    assert rulers.lines == lines


def test_enter_measures_between_two_places_of_the_crosshair(
    qtbot: QtBot, axial: SliceView, display: Display
) -> None:
    qtbot.keyClick(axial, Qt.Key.Key_Return)
    assert display.rulers.begun is None  # not measuring yet
    qtbot.keyClick(axial, Qt.Key.Key_M)
    qtbot.keyClick(axial, Qt.Key.Key_Return)
    start = display.crosshair
    assert display.rulers.begun == (Plane.AXIAL, start)
    assert display.rulers.lines == ()
    for _ in range(5):
        qtbot.keyClick(axial, Qt.Key.Key_Right)
    qtbot.keyClick(axial, Qt.Key.Key_Return)
    (line,) = display.rulers.lines
    assert (line.start, line.end) == (start, display.crosshair)
    assert line.length_mm == pytest.approx(10.0)
    assert display.rulers.begun is None


def test_a_line_that_was_begun_is_given_up_with_the_measuring(
    qtbot: QtBot, axial: SliceView, display: Display
) -> None:
    for key in (Qt.Key.Key_M, Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_M):
        qtbot.keyClick(axial, key)
    assert display.rulers.begun is None
