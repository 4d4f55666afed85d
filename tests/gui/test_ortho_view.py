"""The four panes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QWidget

from brainviewer.core.space import Plane
from brainviewer.core.volume import Volume
from brainviewer.gui import slice_drawing
from brainviewer.gui.ortho_view import OrthoView
from brainviewer.session.display import Display

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from brainviewer.gui.slice_view import SliceView


class Fourth(QWidget):
    maximise_requested = Signal()


@pytest.fixture
def display() -> Display:
    shown = Display()
    shown.add_image(Volume(np.random.default_rng(0).random((20, 21, 22)), np.eye(4), "scan"))
    return shown


@pytest.fixture
def ortho(qtbot: QtBot, display: Display) -> OrthoView:
    view = OrthoView(display, Fourth())
    qtbot.addWidget(view)
    view.resize(800, 600)
    with qtbot.waitExposed(view):
        view.show()
    return view


def places(view: OrthoView) -> dict[str, tuple[bool, bool]]:
    """(in the left half, in the upper half) of each pane."""
    middle = view.rect().center()
    names = [*(plane.value for plane in view.slices), "fourth"]
    return {
        name: (pane.x() < middle.x(), pane.y() < middle.y())
        for name, pane in zip(names, view.panes, strict=True)
    }


def test_coronal_and_sagittal_stand_over_axial_and_the_fourth(ortho: OrthoView) -> None:
    assert places(ortho) == {
        "coronal": (True, True),
        "sagittal": (False, True),
        "axial": (True, False),
        "fourth": (False, False),
    }


def test_all_panes_are_equally_large(ortho: OrthoView) -> None:
    widths, heights = zip(*((it.width(), it.height()) for it in ortho.panes), strict=True)
    assert max(widths) - min(widths) <= 1
    assert max(heights) - min(heights) <= 1


@pytest.mark.parametrize("plane", list(Plane))
def test_space_makes_a_pane_large_and_all_four_again(qtbot: QtBot, ortho, plane: Plane) -> None:
    view = ortho.slices[plane]
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert [pane for pane in ortho.panes if pane.isVisible()] == [view]
    qtbot.waitUntil(lambda: view.size() == ortho.size())
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert all(pane.isVisible() for pane in ortho.panes)
    assert ortho.maximised is None


def test_a_double_click_makes_a_pane_large(qtbot: QtBot, ortho: OrthoView) -> None:
    qtbot.mouseDClick(ortho.slices[Plane.SAGITTAL], Qt.MouseButton.LeftButton)
    assert ortho.maximised is ortho.slices[Plane.SAGITTAL]
    ortho.restore()
    assert ortho.maximised is None


def test_the_fourth_pane_can_ask_too(ortho: OrthoView) -> None:
    ortho.fourth.maximise_requested.emit()
    assert ortho.maximised is ortho.fourth


def test_a_click_in_one_pane_moves_the_slices_of_the_others(
    qtbot: QtBot, ortho: OrthoView, display: Display
) -> None:
    axial = ortho.slices[Plane.AXIAL]
    before = {plane: view.frame.index for plane, view in ortho.slices.items()}
    target = axial.position_of((4.0, 5.0, display.crosshair[2])).toPoint()
    qtbot.mouseClick(axial, Qt.MouseButton.LeftButton, pos=QPoint(target))
    after = {plane: view.frame.index for plane, view in ortho.slices.items()}
    assert after == {**before, Plane.SAGITTAL: 4, Plane.CORONAL: 5}


def pixels_per_mm(view: SliceView, display: Display) -> float:
    """Measured along z or, in the axial picture, along y."""
    x, y, z = display.crosshair
    ahead = (x, y + 1.0, z) if view.plane is Plane.AXIAL else (x, y, z + 1.0)
    return view.position_of((x, y, z)).y() - view.position_of(ahead).y()


@pytest.fixture
def tall(display: Display) -> Display:
    """An image of 60 x 20 x 90 mm."""
    display.remove_layer(0)
    display.add_image(Volume(np.ones((30, 10, 45)), np.diag([2.0, 2.0, 2.0, 1.0]), "tall"))
    return display


def test_all_slices_have_the_largest_scale_at_which_all_fit(ortho: OrthoView, tall) -> None:
    room = 2 * slice_drawing.MARGIN_PIXELS
    pane = ortho.slices[Plane.CORONAL]
    largest = min((pane.width() - room) / 60, (pane.height() - room) / 90)
    scales = [pixels_per_mm(view, tall) for view in ortho.slices.values()]
    assert scales == pytest.approx([largest] * 3, rel=0.01)


def test_a_large_pane_fits_alone_and_shares_the_scale_again_after(ortho, tall, qtbot) -> None:
    axial = ortho.slices[Plane.AXIAL]
    shared = pixels_per_mm(axial, tall)
    ortho.toggle_maximised(axial)
    qtbot.waitUntil(lambda: axial.size() == ortho.size())
    room = 2 * slice_drawing.MARGIN_PIXELS
    alone = min((axial.width() - room) / 60, (axial.height() - room) / 20)
    assert pixels_per_mm(axial, tall) == pytest.approx(alone)
    ortho.restore()
    qtbot.waitUntil(lambda: pixels_per_mm(axial, tall) == pytest.approx(shared))


def test_a_zoom_in_one_pane_is_a_zoom_in_all(ortho: OrthoView, tall: Display) -> None:
    before = pixels_per_mm(ortho.slices[Plane.SAGITTAL], tall)
    tall.zoom_at(Plane.AXIAL, 3.0, (5.0, 5.0))
    scales = [pixels_per_mm(view, tall) for view in ortho.slices.values()]
    assert scales == pytest.approx([3 * before] * 3)


class PaintCount(QObject):
    painted = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.painted += event.type() is QEvent.Type.Paint
        return False


def test_a_pane_of_another_size_has_the_others_drawn_anew(ortho, tall, qtbot) -> None:
    count, axial = PaintCount(), ortho.slices[Plane.AXIAL]
    qtbot.wait(1)
    axial.installEventFilter(count)
    ortho.slices[Plane.CORONAL].resize(200, 200)
    qtbot.waitUntil(lambda: count.painted > 0)


def test_the_panes_leave_room_in_a_small_window(ortho: OrthoView) -> None:
    assert ortho.minimumSizeHint().width() <= 700
    assert ortho.minimumSizeHint().height() <= 450


def test_closing_ends_all_panes(ortho: OrthoView, display: Display) -> None:
    assert len(display.layers_changed) == 3
    ortho.close()
    signals = (display.layers_changed, display.crosshair_changed, display.view_changed)
    assert [len(it) for it in signals] == [0, 0, 0]
