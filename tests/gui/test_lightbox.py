"""The lightbox under mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from brainviewer.core.space import Plane
from brainviewer.core.volume import Volume
from brainviewer.gui import slice_drawing
from brainviewer.gui.lightbox_view import LightboxView
from brainviewer.session.display import Display
from brainviewer.session.lightbox import Lightbox

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def display() -> Display:
    shown = Display()
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -40, -50, -44
    data = np.random.default_rng(0).random((40, 50, 45), dtype=np.float32)
    shown.add_image(Volume(data, affine, "noise"))
    return shown


@pytest.fixture
def view(qtbot: QtBot, display: Display) -> LightboxView:
    it = LightboxView(display)
    qtbot.addWidget(it)
    it.resize(700, 500)
    with qtbot.waitExposed(it):
        it.show()
    it.show_box(Lightbox(Plane.AXIAL, 3, 4, spacing_mm=6.0, start_mm=8.0))
    return it


def turn(view: LightboxView, degrees: int) -> None:
    where = QPointF(view.canvas.rect().center())
    event = QWheelEvent(
        where, view.canvas.mapToGlobal(where), QPoint(), QPoint(0, degrees),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view.canvas, event)


def test_a_click_moves_the_crosshair_into_its_slice(view, display, qtbot) -> None:
    canvas = view.canvas
    target = canvas.position_of(6, (-14.0, 20.0, 0.0)).toPoint()
    qtbot.mouseClick(canvas, LEFT, pos=target)
    x, y, z = display.crosshair
    assert (x, y) == pytest.approx((-14.0, 20.0), abs=1.5)
    assert z == -44 + 8 + 6 * 6


def test_a_drag_stays_in_the_slice_where_it_began(view, display, qtbot) -> None:
    canvas = view.canvas
    qtbot.mousePress(canvas, LEFT, pos=canvas.tile(1).center().toPoint())
    z = display.crosshair[2]
    qtbot.mouseMove(canvas, canvas.tile(7).center().toPoint())
    assert display.crosshair[2] == z
    qtbot.mouseRelease(canvas, LEFT)


def test_wheel_and_page_keys_scroll(view, qtbot) -> None:
    turn(view, 240)
    assert view.box.start_mm == 20.0
    turn(view, -120)
    assert view.box.start_mm == 14.0
    qtbot.keyClick(view.canvas, Qt.Key.Key_PageUp, SHIFT)
    assert view.box.start_mm == 14.0 + 4 * 6.0


def test_the_controls_say_and_change_what_is_shown(view, display) -> None:
    assert (view.rows.value(), view.columns.value(), view.spacing.value()) == (3, 4, 6.0)
    view.columns.setValue(6)
    assert view.box.columns == 6
    view.plane.setCurrentIndex(0)
    view.plane.activated.emit(0)
    assert view.box.plane is Plane.SAGITTAL
    assert len(view.canvas.frames()) == 18
    for control in (view.plane, view.rows, view.columns, view.spacing, view.whole):
        assert control.objectName()
        assert control.accessibleName()
        assert control.toolTip()


def test_every_slice_has_its_place_and_letters(view, monkeypatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(
        slice_drawing, "draw_text", lambda _p, _r, _place, text, _s: written.append(text)
    )
    view.canvas.grab()
    frames = view.canvas.frames()
    assert written.count("R") == written.count("L") == len(frames) == 12
    assert "z = −36.0 mm" in written
    assert written.count("Radiological") == 1


def test_an_overlay_is_seen_in_every_slice(view, display) -> None:
    before = view.canvas.grab().toImage()
    over = Volume(np.ones((40, 50, 45), np.float32), display.reference.affine, "over")
    display.add_image(over)
    display.set_layer(1, colormap="hot", window=(0.0, 1.5))
    after = view.canvas.grab().toImage()
    for number in range(12):
        place = view.canvas.tile(number).center().toPoint()
        assert before.pixelColor(place) != after.pixelColor(place)


def test_the_menu_shows_it_and_a_recipe_keeps_it(started, qtbot) -> None:
    action, viewing = started.view_menu.lightbox, started.viewing
    action.trigger()
    assert viewing.is_lightbox
    assert viewing.lightbox.canvas.isVisible()
    viewing.lightbox.rows.setValue(2)
    recipe, box = started.scenes.recipe(), viewing.lightbox.box
    qtbot.keyClick(viewing.lightbox.canvas, Qt.Key.Key_Space)
    assert not viewing.is_lightbox
    assert not action.isChecked()
    viewing.lightbox.rows.setValue(5)
    started.scenes.open(recipe)
    qtbot.waitUntil(lambda: not started.scenes.is_waiting)
    assert viewing.is_lightbox
    assert viewing.lightbox.box == box


def test_comparing_and_the_lightbox_take_each_others_place(started) -> None:
    menu, viewing = started.view_menu, started.viewing
    menu.compare.trigger()
    menu.lightbox.trigger()
    assert viewing.is_lightbox
    assert not menu.compare.isChecked()
    menu.compare.trigger()
    assert viewing.is_comparing
    assert not menu.lightbox.isChecked()
