"""The fourth pane: a window of its own for OpenGL, so that the slices need none."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QSurface
from PySide6.QtWidgets import QApplication

from brainviewer.gui.pane_3d import OWN_WINDOW_PLATFORMS
from tests.gui.conftest import give_keyboard

RASTER, OPENGL = QSurface.SurfaceType.RasterSurface, QSurface.SurfaceType.OpenGLSurface


@pytest.fixture
def apart(started):
    """A window with its 3D view, on a system where the pane has a window of its own."""
    if QGuiApplication.platformName() not in OWN_WINDOW_PLATFORMS:
        pytest.skip(f"the pane has no window of its own on {QGuiApplication.platformName()}")
    return started


@pytest.mark.opengl
def test_the_rest_of_the_window_is_drawn_without_opengl(apart) -> None:
    pane = apart.viewing.pane_3d
    assert pane.view is not None
    assert apart.windowHandle().surfaceType() is RASTER
    assert pane.windowHandle().surfaceType() is OPENGL


@pytest.mark.opengl
def test_a_picture_of_the_window_has_the_brain_in_it(apart, qtbot) -> None:
    pane = apart.viewing.pane_3d
    middle = pane.mapTo(apart, QPoint(pane.width() // 2, 3 * pane.height() // 5))

    def is_drawn() -> bool:
        return apart.grab().toImage().pixelColor(middle).lightness() > 100

    qtbot.waitUntil(is_drawn, timeout=10_000)


@pytest.mark.opengl
def test_what_lies_over_the_window_lies_over_the_pane_too(apart, qtbot) -> None:
    palette = apart.commands
    give_keyboard(qtbot, apart.side.age.slider)
    palette.toggle()
    pane = apart.viewing.pane_3d
    corner = palette.mapTo(apart, palette.rect().bottomRight() - QPoint(30, 30))
    assert pane.geometry().contains(pane.parentWidget().mapFrom(apart, corner))
    qtbot.waitUntil(palette.search.hasFocus)
    there = apart.mapToGlobal(corner)
    qtbot.waitUntil(lambda: palette.isAncestorOf(QApplication.widgetAt(there)), timeout=20_000)
    qtbot.keyClick(palette.search, Qt.Key.Key_Escape)
    assert not palette.isVisible()


@pytest.mark.opengl
def test_a_double_click_makes_the_pane_large_and_small_again(apart, qtbot) -> None:
    ortho, pane = apart.viewing.ortho, apart.viewing.pane_3d
    for maximised in (pane, None):
        qtbot.mouseDClick(pane.view.interactor, Qt.MouseButton.LeftButton)
        assert ortho.maximised is maximised
