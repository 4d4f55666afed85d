import pytest
from PySide6.QtGui import QGuiApplication, QOpenGLContext, QSurfaceFormat

from brainviewer.gui.opengl import set_surface_format, why_no_opengl


@pytest.fixture
def default_format():
    before = QSurfaceFormat.defaultFormat()
    yield
    QSurfaceFormat.setDefaultFormat(before)


@pytest.mark.opengl
def test_a_display_with_a_driver_has_opengl(qapp):
    assert why_no_opengl() == ""


@pytest.mark.parametrize("platform", ["offscreen", "minimal"])
def test_a_platform_without_windows_is_named_in_one_sentence(qapp, monkeypatch, platform):
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: platform)
    reason = why_no_opengl()
    assert f"'{platform}'" in reason
    assert reason.count(".") == 1


def test_a_driver_that_does_not_answer_is_named(qapp, monkeypatch):
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "xcb")
    monkeypatch.setattr(QOpenGLContext, "create", lambda self: False)
    assert why_no_opengl() == "The 3D view needs OpenGL, and no OpenGL driver answered."


@pytest.mark.opengl
def test_a_context_that_cannot_be_used_is_named(qapp, monkeypatch):
    monkeypatch.setattr(QOpenGLContext, "makeCurrent", lambda self, surface: False)
    assert "refused" in why_no_opengl()


def test_the_format_is_the_one_vtk_draws_with(default_format):
    set_surface_format()
    wanted = QSurfaceFormat.defaultFormat()
    assert wanted.version() == (3, 2)
    assert wanted.profile() is QSurfaceFormat.OpenGLContextProfile.CoreProfile
    assert wanted.samples() == 0


@pytest.mark.opengl
def test_the_format_is_that_of_pyvistaqt_so_that_window_and_pane_share_a_context(default_format):
    from pyvistaqt.rwi import _default_format

    set_surface_format()
    assert QSurfaceFormat.defaultFormat() == _default_format()
