import gc
import weakref

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from brainviewer.core.volume import Brain
from brainviewer.gui.brain_surfaces import Surface
from brainviewer.gui.scene_3d import VIEWS
from brainviewer.gui.view_3d import View3D
from brainviewer.gui.volume_presets import Mode
from tests.gui.conftest import give_keyboard

opengl = pytest.mark.opengl


def cube(half: int = 6) -> Brain:
    data = np.zeros((3, 20, 20, 20), dtype=np.float32)
    inside = slice(10 - half, 10 + half)
    data[1, inside, inside, inside] = 1
    return Brain(("WM", "GM", "CSF"), data, np.diag([4.0, 4, 4, 1]))


class Recorder:
    """Notes what a scene is given, and lets it through."""

    def __init__(self, view: View3D, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[tuple[Brain, str]] = []
        self._pass_on = view.scene.show_brain
        monkeypatch.setattr(view.scene, "show_brain", self.note)

    def note(self, brain: Brain, *, quality: str) -> None:
        self.shown.append((brain, quality))
        self._pass_on(brain, quality=quality)


@pytest.fixture
def view(qtbot):
    it = View3D()
    qtbot.addWidget(it)
    it.resize(620, 300)
    with qtbot.waitExposed(it):
        it.show()
    return it


@pytest.fixture
def recorder(view, monkeypatch):
    return Recorder(view, monkeypatch)


def camera_direction(view: View3D) -> list[float]:
    """Where the camera stands, as a unit vector in RAS+."""
    camera = view.scene.plotter.camera
    return [-it for it in camera.GetDirectionOfProjection()]


@opengl
def test_only_the_latest_of_many_brains_is_drawn(view, recorder, qtbot):
    brains = [cube(half) for half in (3, 4, 5, 6)]
    for brain in brains:
        view.show_brain(brain, exact=False)
    qtbot.waitUntil(lambda: bool(recorder.shown))
    assert recorder.shown == [(brains[-1], "draft")]


@opengl
def test_an_exact_brain_is_drawn_coarsely_at_once_and_finely_at_rest(view, recorder, qtbot):
    brain = cube()
    view.show_brain(brain, exact=True)
    qtbot.waitUntil(lambda: len(recorder.shown) == 2)
    assert recorder.shown == [(brain, "draft"), (brain, "full")]


@opengl
def test_an_inexact_brain_stays_coarse(view, recorder, qtbot):
    view.show_brain(cube(), exact=False)
    qtbot.waitUntil(lambda: bool(recorder.shown))
    assert not view.findChild(QTimer, "view_3d_rest_timer").isActive()


@opengl
def test_a_new_brain_puts_the_fine_drawing_off(view, recorder, qtbot):
    view.show_brain(cube(), exact=True)
    qtbot.waitUntil(lambda: len(recorder.shown) == 1)
    rest = view.findChild(QTimer, "view_3d_rest_timer")
    assert rest.isActive()
    view.show_brain(cube(4), exact=False)
    assert not rest.isActive()


@opengl
def test_nothing_is_drawn_while_hidden_and_the_latest_when_shown_again(view, recorder, qtbot):
    view.hide()
    view.show_brain(cube(4), exact=False)
    latest = cube(5)
    view.show_brain(latest, exact=False)
    qtbot.wait(20)
    assert recorder.shown == []
    view.show()
    qtbot.waitUntil(lambda: bool(recorder.shown))
    assert recorder.shown == [(latest, "draft")]


@opengl
def test_the_window_shows_the_brain(view, qtbot):
    empty = view.interactor.grabFramebuffer()
    view.show_brain(cube(), exact=True)
    qtbot.waitUntil(lambda: view.interactor.grabFramebuffer() != empty)


@opengl
@pytest.mark.parametrize("side", VIEWS)
def test_a_button_looks_from_its_side(view, qtbot, side):
    qtbot.mouseClick(view.tools.side_buttons[side], Qt.MouseButton.LeftButton)
    assert camera_direction(view) == pytest.approx(VIEWS[side][0], abs=1e-6)


@opengl
@pytest.mark.parametrize(
    ("key", "modifier", "side"),
    [
        (Qt.Key.Key_1, Qt.KeyboardModifier.NoModifier, "A"),
        (Qt.Key.Key_3, Qt.KeyboardModifier.NoModifier, "L"),
        (Qt.Key.Key_7, Qt.KeyboardModifier.NoModifier, "S"),
        (Qt.Key.Key_1, Qt.KeyboardModifier.ShiftModifier, "P"),
        (Qt.Key.Key_3, Qt.KeyboardModifier.ShiftModifier, "R"),
        (Qt.Key.Key_7, Qt.KeyboardModifier.ShiftModifier, "I"),
        (Qt.Key.Key_1, Qt.KeyboardModifier.KeypadModifier, "A"),
        (Qt.Key.Key_3, Qt.KeyboardModifier.KeypadModifier, "L"),
        (Qt.Key.Key_7, Qt.KeyboardModifier.KeypadModifier, "S"),
        (
            Qt.Key.Key_End,
            Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier,
            "P",
        ),
    ],
)
def test_a_key_looks_from_its_side(view, qtbot, key, modifier, side):
    give_keyboard(qtbot, view.interactor)
    qtbot.keyClick(view.interactor, key, modifier)
    assert camera_direction(view) == pytest.approx(VIEWS[side][0], abs=1e-6)


@opengl
def test_r_resets_and_arrows_turn_and_plus_zooms(view, qtbot):
    give_keyboard(qtbot, view.interactor)
    home, distance = camera_direction(view), view.scene.plotter.camera.distance
    qtbot.keyClick(view.interactor, Qt.Key.Key_Left)
    qtbot.keyClick(view.interactor, Qt.Key.Key_Plus)
    assert camera_direction(view) != pytest.approx(home, abs=0.05)
    assert view.scene.plotter.camera.distance < distance
    qtbot.keyClick(view.interactor, Qt.Key.Key_R)
    assert camera_direction(view) == pytest.approx(home, abs=1e-6)


@opengl
@pytest.mark.parametrize("key", [Qt.Key.Key_Q, Qt.Key.Key_W, Qt.Key.Key_P, Qt.Key.Key_E])
def test_the_keys_of_vtk_do_nothing_and_reach_the_window(qtbot, key, monkeypatch):
    heard = []
    window = QWidget()
    qtbot.addWidget(window)
    monkeypatch.setattr(window, "keyPressEvent", lambda event: heard.append(event.key()))
    view = View3D()
    QVBoxLayout(window).addWidget(view)
    with qtbot.waitExposed(window):
        window.show()
    qtbot.keyClick(view.interactor, key)
    assert heard == [key]
    assert not view.interactor._closed
    view.close()


@opengl
def test_a_double_click_reaches_the_window_and_does_not_turn_the_brain(qtbot, monkeypatch):
    clicked = []
    window = QWidget()
    qtbot.addWidget(window)
    monkeypatch.setattr(window, "mouseDoubleClickEvent", clicked.append)
    view = View3D()
    QVBoxLayout(window).addWidget(view)
    with qtbot.waitExposed(window):
        window.show()
    before = camera_direction(view)
    qtbot.mouseDClick(view.interactor, Qt.MouseButton.LeftButton)
    qtbot.mouseMove(view.interactor, QPoint(5, 5))
    assert len(clicked) == 1
    assert camera_direction(view) == pytest.approx(before)
    view.close()


@opengl
def test_tab_leaves_the_picture(view, qtbot):
    give_keyboard(qtbot, view.interactor)
    qtbot.keyClick(view.interactor, Qt.Key.Key_Tab)
    assert not view.interactor.hasFocus()


@opengl
def test_dragging_turns_the_brain(view, qtbot):
    view.show_brain(cube(), exact=True)
    before = camera_direction(view)
    picture, middle = view.interactor, view.interactor.rect().center()
    qtbot.mousePress(picture, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(picture, middle + QPoint(60, 0))
    qtbot.mouseRelease(picture, Qt.MouseButton.LeftButton, pos=middle + QPoint(60, 0))
    assert camera_direction(view) != pytest.approx(before, abs=0.05)


@opengl
def test_files_dropped_on_the_picture_reach_the_window(view):
    assert not view.interactor.acceptDrops()


@opengl
def test_the_tools_say_what_is_drawn(view):
    tools, actors = view.tools, view.scene._actors
    view.scene.show_brain(cube())
    tools.opacity_slider.setValue(40)
    assert actors[Surface.CORTEX].prop.opacity == pytest.approx(0.4)
    assert tools.opacity_label.text() == "40 %"
    tools.surface_boxes[Surface.WHITE_MATTER].setChecked(True)
    assert actors[Surface.WHITE_MATTER].GetVisibility()
    tools.surface_boxes[Surface.CORTEX].setChecked(False)
    assert not actors[Surface.CORTEX].GetVisibility()
    tools.mode_chooser.setCurrentIndex(1)
    assert view.scene.mode is Mode.VOLUME
    assert not tools.opacity_slider.isEnabled()


@opengl
def test_every_control_can_be_reached_found_and_understood(view):
    tools = view.tools
    controls = [
        *tools.side_buttons.values(),
        tools.reset_button,
        tools.mode_chooser,
        tools.clip_chooser,
        *tools.surface_boxes.values(),
        tools.opacity_slider,
    ]
    for control in controls:
        assert control.objectName()
        assert control.accessibleName()
        assert control.toolTip()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_without_opengl_a_sentence_says_why(qtbot, monkeypatch):
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "offscreen")
    view = View3D()
    qtbot.addWidget(view)
    view.show()
    assert "'offscreen'" in view.findChild(QLabel, "view_3d_reason").text()
    assert not view.tools.isEnabled()
    view.show_brain(cube(), exact=True)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.interactor is None


@opengl
def test_nothing_is_left_after_closing(qtbot):
    view = View3D()
    with qtbot.waitExposed(view):
        view.show()
    view.show_brain(cube(), exact=True)
    qtbot.wait(20)
    window = view.scene.plotter.render_window
    left = [weakref.ref(it) for it in (view, view.interactor, view.scene)]
    timers = view.findChildren(QTimer)
    view.close()
    assert not any(timer.isActive() for timer in timers)
    assert not window.HasObserver("WindowMakeCurrentEvent")
    view.deleteLater()
    del view, timers, window
    qtbot.waitUntil(
        lambda: not gc.collect() and not [ref for ref in left if ref() is not None], timeout=30_000
    )


@opengl
def test_closing_twice_and_a_late_brain_do_no_harm(view, qtbot):
    view.close()
    view.close()
    view.show_brain(cube(), exact=True)
    view.tools.reset_button.click()
    qtbot.wait(20)
    assert view.interactor is None


@opengl
def test_a_click_picks_a_place_of_the_surface_and_a_drag_does_not(view, qtbot):
    view.show_at_once(cube())
    view.scene.look_from("L")
    view.interactor.grabFramebuffer()
    middle, picked = view.interactor.rect().center(), []
    view.picked.connect(picked.append)
    qtbot.mouseClick(view.interactor, Qt.MouseButton.LeftButton, pos=middle)
    (point,) = picked
    assert point == pytest.approx((14.0, 38.0, 38.0), abs=2.5)  # the cube's left face is x = 14
    qtbot.mouseClick(view.interactor, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    qtbot.mousePress(view.interactor, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(view.interactor, middle + QPoint(30, 0))
    qtbot.mouseRelease(view.interactor, Qt.MouseButton.LeftButton, pos=middle + QPoint(30, 0))
    assert len(picked) == 1


@opengl
def test_c_cuts_a_side_away_and_the_cut_follows_the_crosshair(view, qtbot):
    view.show_at_once(cube())
    give_keyboard(qtbot, view.interactor)
    view.set_crosshair((38.0, 38.0, 38.0))
    whole = view.interactor.grabFramebuffer()
    qtbot.keyClick(view.interactor, Qt.Key.Key_C)
    assert view.look().clip == "L"
    assert view.tools.clip_chooser.currentText() == "Cut left"
    half = view.interactor.grabFramebuffer()
    assert half != whole
    view.set_crosshair((26.0, 38.0, 38.0))
    assert view.look().clip_at == (26.0, 38.0, 38.0)
    assert view.interactor.grabFramebuffer() != half
    for _ in range(6):
        qtbot.keyClick(view.interactor, Qt.Key.Key_C)
    assert view.look().clip == ""
    assert view.interactor.grabFramebuffer() == whole
