"""Slices under the mouse and the keyboard; what is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.gui import slice_drawing, slice_image, slice_keys, slice_view
from brainviewer.gui.slice_view import SliceView
from brainviewer.session.display import Display
from brainviewer.session.view import View
from tests.gui.conftest import give_keyboard

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

SHAPE = (40, 50, 45)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = (-40.0, -50.0, -44.0)
# A bright mark on the person's left: x < 0.
MARK_VOXEL = (8, 30, 25)
MARK_WORLD = (-24.0, 10.0, 6.0)

LEFT, MIDDLE, RIGHT = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.MiddleButton,
    Qt.MouseButton.RightButton,
)
NO_KEY = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def display() -> Display:
    data = np.full(SHAPE, 0.2, np.float32)
    data[MARK_VOXEL[0] - 2 : MARK_VOXEL[0] + 3, MARK_VOXEL[1] - 2 : MARK_VOXEL[1] + 3] = 1.0
    shown = Display()
    shown.add_image(Volume(data, AFFINE, "marked"))
    shown.set_window(0, 0.0, 1.0)
    shown.set_interpolation("nearest")
    shown.set_crosshair((20.0, -20.0, 6.0))
    return shown


@pytest.fixture
def show(qtbot: QtBot, display: Display):
    def shown(plane: Plane = Plane.AXIAL) -> SliceView:
        view = SliceView(display, plane)
        qtbot.addWidget(view)
        view.resize(400, 360)
        with qtbot.waitExposed(view):
            view.show()
        return view

    return shown


@pytest.fixture
def axial(show) -> SliceView:
    return show(Plane.AXIAL)


def drag(qtbot: QtBot, view: SliceView, button, by: tuple[int, int], keys=NO_KEY) -> None:
    start = view.rect().center()
    qtbot.mousePress(view, button, keys, start)
    qtbot.mouseMove(view, start + QPoint(*by) / 2)
    qtbot.mouseMove(view, start + QPoint(*by))
    qtbot.mouseRelease(view, button, keys, start + QPoint(*by))


def turn(view: SliceView, degrees: int, keys=NO_KEY, at: QPointF | None = None) -> None:
    where = at or QPointF(view.rect().center())
    event = QWheelEvent(
        where, view.mapToGlobal(where), QPoint(), QPoint(0, degrees),
        Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def brightest_pixel(view: SliceView) -> QPointF:
    """The middle of what is painted brighter than the rest of the brain."""
    image = view.grab().toImage()
    ratio = image.devicePixelRatio()
    gray = np.array(
        [[image.pixelColor(x, y).red() for x in range(40, image.width() - 40)]
         for y in range(40, image.height() - 40)]
    )  # fmt: skip
    rows, columns = np.nonzero(gray > 250)
    return QPointF((columns.mean() + 40.5) / ratio, (rows.mean() + 40.5) / ratio)


@pytest.mark.parametrize("convention", list(Convention))
@pytest.mark.parametrize("plane", [Plane.AXIAL, Plane.CORONAL])
def test_a_click_at_the_mark_on_the_persons_left_moves_the_crosshair_there(
    qtbot: QtBot, show, display: Display, plane: Plane, convention: Convention
) -> None:
    display.toggle_crosshair()
    display.set_convention(convention)
    display.set_crosshair(MARK_WORLD)
    view = show(plane)
    painted = brightest_pixel(view)
    on_the_right = painted.x() > view.width() / 2
    assert on_the_right == (convention is Convention.RADIOLOGICAL)
    display.set_crosshair((20.0, *MARK_WORLD[1:]))
    qtbot.mouseClick(view, LEFT, pos=painted.toPoint())
    assert display.crosshair_voxel[0] == MARK_VOXEL[0]
    assert display.crosshair[0] == MARK_WORLD[0]


def test_a_left_drag_takes_the_crosshair_along(qtbot: QtBot, axial, display: Display) -> None:
    target = axial.position_of(MARK_WORLD).toPoint()
    qtbot.mousePress(axial, LEFT, pos=axial.rect().center())
    qtbot.mouseMove(axial, target)
    assert display.crosshair_voxel == (*MARK_VOXEL[:2], 25)
    qtbot.mouseRelease(axial, LEFT, pos=target)
    qtbot.mouseMove(axial, QPoint(200, 200))
    assert display.crosshair_voxel == (*MARK_VOXEL[:2], 25)


def test_the_place_of_a_point_is_where_a_click_finds_it_at_any_zoom(
    qtbot: QtBot, axial, display: Display
) -> None:
    display.zoom_at(Plane.AXIAL, 2.3, (10.0, 5.0))
    display.pan(Plane.AXIAL, 4.0, -3.0)
    qtbot.mouseClick(axial, LEFT, pos=axial.position_of(MARK_WORLD).toPoint())
    assert display.crosshair_voxel == (*MARK_VOXEL[:2], 25)


def test_the_wheel_steps_a_slice_a_notch_and_adds_up_parts(axial, display: Display) -> None:
    turn(axial, 120)
    turn(axial, -360)
    assert display.crosshair_voxel[2] == 25 - 2
    for _ in range(4):
        turn(axial, 30)
    assert display.crosshair_voxel[2] == 25 - 1


def test_ctrl_and_wheel_zoom_at_the_pointer(axial, display: Display) -> None:
    pointer = axial.position_of(MARK_WORLD)
    turn(axial, 240, CONTROL, pointer)
    assert display.view(Plane.AXIAL).zoom == pytest.approx(1.15**2)
    after = axial.position_of(MARK_WORLD)
    assert (after.x(), after.y()) == pytest.approx((pointer.x(), pointer.y()), abs=0.01)


@pytest.mark.parametrize(("button", "keys"), [(MIDDLE, NO_KEY), (LEFT, ALT)])
def test_a_pan_moves_the_picture_with_the_pointer(
    qtbot: QtBot, axial, display: Display, button, keys
) -> None:
    before = axial.position_of(MARK_WORLD)
    crosshair = display.crosshair
    drag(qtbot, axial, button, (30, -20), keys)
    after = axial.position_of(MARK_WORLD)
    assert (after.x() - before.x(), after.y() - before.y()) == pytest.approx((30, -20), abs=0.01)
    assert display.crosshair == crosshair


def test_a_right_drag_up_zooms_in(qtbot: QtBot, axial, display: Display) -> None:
    drag(qtbot, axial, RIGHT, (0, -50))
    assert display.view(Plane.AXIAL).zoom == pytest.approx(1.01**50)


def test_shift_drag_right_is_brighter_and_up_is_more_contrast(
    qtbot: QtBot, axial, display: Display
) -> None:
    drag(qtbot, axial, LEFT, (100, 0), SHIFT)
    assert display.layers[0].window == pytest.approx((-0.25, 0.75))
    display.set_window(0, 0.0, 1.0)
    drag(qtbot, axial, LEFT, (0, -slice_view.HALVING_PIXELS), SHIFT)
    assert display.layers[0].window == pytest.approx((0.25, 0.75))


@pytest.mark.parametrize("button", [MIDDLE, RIGHT])
def test_shift_and_a_box_take_the_window_from_the_values_in_it(
    qtbot: QtBot, axial, display: Display, button
) -> None:
    zoom, mark = display.view(Plane.AXIAL).zoom, axial.position_of(MARK_WORLD).toPoint()
    qtbot.mousePress(axial, button, SHIFT, mark - QPoint(30, 30))
    qtbot.mouseMove(axial, mark)
    drawn = axial.grab().toImage().pixelColor(mark - QPoint(30, 15))
    qtbot.mouseMove(axial, mark + QPoint(30, 30))
    qtbot.mouseRelease(axial, button, SHIFT, mark + QPoint(30, 30))
    assert display.layers[0].window == pytest.approx((0.2, 1.0))
    assert drawn.red() > 200
    assert display.view(Plane.AXIAL).zoom == zoom


def test_a_box_of_equal_values_or_of_no_size_changes_nothing(
    qtbot: QtBot, axial, display: Display
) -> None:
    before = display.layers[0].window
    drag(qtbot, axial, RIGHT, (12, 12), SHIFT)
    drag(qtbot, axial, RIGHT, (1, 0), SHIFT)
    assert display.layers[0].window == before


@pytest.mark.parametrize(
    ("key", "keys", "expected"),
    [
        (Qt.Key.Key_PageUp, NO_KEY, (30, 15, 26)),
        (Qt.Key.Key_PageDown, SHIFT, (30, 15, 20)),
        (Qt.Key.Key_Up, NO_KEY, (30, 16, 25)),
        (Qt.Key.Key_Down, SHIFT, (30, 10, 25)),
        (Qt.Key.Key_Left, NO_KEY, (31, 15, 25)),
        (Qt.Key.Key_Right, SHIFT, (25, 15, 25)),
    ],
)
def test_keys_move_through_the_voxels(qtbot: QtBot, axial, display, key, keys, expected) -> None:
    assert display.crosshair_voxel == (30, 15, 25)
    qtbot.keyClick(axial, key, keys)
    assert display.crosshair_voxel == expected


@pytest.mark.parametrize(("key", "keys"), [(Qt.Key.Key_R, NO_KEY), (Qt.Key.Key_F, CONTROL)])
def test_r_and_ctrl_f_fit(qtbot: QtBot, axial, display: Display, key, keys) -> None:
    display.zoom_at(Plane.AXIAL, 3.0, (0.0, 5.0))
    qtbot.keyClick(axial, key, keys)
    assert display.view(Plane.AXIAL) == View()


def test_ctrl_j_windows_and_x_hides_the_crosshair(qtbot: QtBot, axial, display: Display) -> None:
    qtbot.keyClick(axial, Qt.Key.Key_J, CONTROL)
    assert display.layers[0].window == pytest.approx((0.2, 1.0))
    qtbot.keyClick(axial, Qt.Key.Key_X)
    assert not display.crosshair_visible


def test_plus_and_minus_zoom_about_the_crosshair(qtbot: QtBot, axial, display: Display) -> None:
    before = axial.position_of(display.crosshair)
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
        qtbot.keyClick(axial, key)
    assert display.view(Plane.SAGITTAL).zoom == pytest.approx(slice_keys.ZOOM_PER_KEY**2)
    after = axial.position_of(display.crosshair)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=0.01)
    for _ in range(2):
        qtbot.keyClick(axial, Qt.Key.Key_Minus)
    assert display.view(Plane.AXIAL).zoom == pytest.approx(1.0)


def test_ctrl_and_arrows_move_the_picture_and_not_the_crosshair(
    qtbot: QtBot, axial, display: Display
) -> None:
    crosshair, before = display.crosshair, axial.position_of(display.crosshair)
    qtbot.keyClick(axial, Qt.Key.Key_Right, CONTROL)
    qtbot.keyClick(axial, Qt.Key.Key_Up, CONTROL)
    after = axial.position_of(crosshair)
    assert display.crosshair == crosshair
    assert after.x() > before.x() + 5
    assert after.y() < before.y() - 5


def test_c_centres_the_crosshair_in_all_panes_and_o_goes_to_the_origin(
    qtbot: QtBot, show, display: Display
) -> None:
    axial, coronal = show(Plane.AXIAL), show(Plane.CORONAL)
    display.zoom(2.0)
    qtbot.keyClick(axial, Qt.Key.Key_C)
    for view in (axial, coronal):
        place = view.position_of(display.crosshair)
        assert (place.x(), place.y()) == pytest.approx((200, 180), abs=0.5)
    assert display.view(Plane.AXIAL).zoom == pytest.approx(2.0)
    qtbot.keyClick(axial, Qt.Key.Key_O)
    assert display.crosshair == (0.0, 0.0, 0.0)


def test_q_e_and_w_change_the_active_layer(qtbot: QtBot, axial, display: Display) -> None:
    display.add_image(Volume(np.ones(SHAPE, np.float32), AFFINE, "above"))
    display.set_layer(1, opacity=1.0)
    display.set_active(1)
    for key in (Qt.Key.Key_Q, Qt.Key.Key_Q, Qt.Key.Key_E, Qt.Key.Key_W):
        qtbot.keyClick(axial, key)
    assert [(it.opacity, it.visible) for it in display.layers] == [(1.0, True), (0.95, False)]
    for key in (Qt.Key.Key_E, Qt.Key.Key_E, Qt.Key.Key_W):
        qtbot.keyClick(axial, key)
    assert (display.layers[1].opacity, display.layers[1].visible) == (1.0, True)


def test_the_window_of_the_active_layer_changes(qtbot: QtBot, axial, display: Display) -> None:
    data = np.random.default_rng(0).random(SHAPE)
    display.add_image(Volume(data, AFFINE, "above"))
    display.set_window(1, 0.0, 2.0)
    display.set_active(1)
    drag(qtbot, axial, LEFT, (100, 0), SHIFT)
    assert display.layers[1].window == pytest.approx((-0.5, 1.5))
    qtbot.keyClick(axial, Qt.Key.Key_J, CONTROL)
    assert display.layers[1].window == pytest.approx(tuple(np.percentile(data, [1, 99.5])))
    assert display.layers[0].window == (0.0, 1.0)


def test_space_and_double_click_ask_for_the_whole_space(qtbot: QtBot, axial) -> None:
    with qtbot.waitSignal(axial.maximise_requested) as asked:
        qtbot.keyClick(axial, Qt.Key.Key_Space)
    assert asked.args == [Plane.AXIAL]
    with qtbot.waitSignal(axial.maximise_requested):
        qtbot.mouseDClick(axial, LEFT)


@pytest.mark.parametrize("convention", list(Convention))
@pytest.mark.parametrize("plane", list(Plane))
def test_letters_position_and_convention_are_always_written(
    monkeypatch: pytest.MonkeyPatch, show, display: Display, plane: Plane, convention: Convention
) -> None:
    written: list[tuple[str, Qt.AlignmentFlag]] = []
    monkeypatch.setattr(
        slice_drawing, "draw_text", lambda _p, _r, place, text, _s: written.append((text, place))
    )
    display.set_convention(convention)
    display.zoom_at(plane, 20.0, (0.0, 0.0))
    show(plane).grab()
    texts = [text for text, _ in written]
    left_edge = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    left_letter = next(text for text, place in written if place == left_edge)
    expected = "A" if plane is Plane.SAGITTAL else "RL"[convention is Convention.NEUROLOGICAL]
    assert left_letter == expected
    position = {"sagittal": "x = 20.0 mm", "coronal": "y = −20.0 mm", "axial": "z = 6.0 mm"}
    assert position[plane.value] in texts
    assert convention.value.capitalize() in texts


def test_a_slice_is_rendered_only_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, axial, display: Display
) -> None:
    rendered: list[int] = []
    render = slice_image.render_slice

    def counting(*arguments, **named):
        rendered.append(1)
        return render(*arguments, **named)

    monkeypatch.setattr(slice_image, "render_slice", counting)
    axial.grab()
    display.set_crosshair((2.0, 4.0, 6.0))
    display.zoom_at(Plane.AXIAL, 2.0, (0.0, 0.0))
    axial.grab()
    assert len(rendered) == 0
    display.step_slice(Plane.AXIAL, 1)
    axial.grab()
    axial.grab()
    assert len(rendered) == 1
    display.set_window(0, 0.1, 0.9)
    axial.grab()
    assert len(rendered) == 2


def test_voxels_keep_their_proportions_in_any_pane(show, display: Display) -> None:
    data = np.random.default_rng(0).random((20, 20, 10))
    while display.layers:
        display.remove_layer(0)
    display.add_image(Volume(data, np.diag([1.0, 1.0, 4.0, 1.0]), "thick"))
    view = show(Plane.CORONAL)
    for size in ((600, 250), (200, 500)):
        view.resize(*size)
        near, far = view.position_of((2, 5, 8)), view.position_of((12, 5, 18))
        assert abs(far.x() - near.x()) == pytest.approx(abs(far.y() - near.y()))


def test_the_focused_pane_has_a_ring(axial, qtbot: QtBot) -> None:
    give_keyboard(qtbot, axial)
    image = axial.grab().toImage()
    assert image.pixelColor(1, 100) == axial.palette().highlight().color()


def test_an_empty_display_takes_mouse_and_keys(qtbot: QtBot) -> None:
    view = SliceView(Display(), Plane.AXIAL)
    qtbot.addWidget(view)
    view.show()
    drag(qtbot, view, LEFT, (10, 10))
    turn(view, 120, CONTROL)
    qtbot.keyClick(view, Qt.Key.Key_J, CONTROL)
    assert view.grab().width() > 0


def test_a_closed_view_hears_nothing(axial, display: Display) -> None:
    assert len(display.layers_changed) == 1
    axial.close()
    assert [len(it) for it in (display.layers_changed, display.crosshair_changed)] == [0, 0]
    assert len(display.view_changed) == 0
    display.step_slice(Plane.AXIAL, 1)
