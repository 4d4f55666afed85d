"""OpenGL: the format the 3D pane asks for, and whether it can be had at all."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext, QSurfaceFormat

WINDOWLESS_PLATFORMS = ("offscreen", "minimal", "minimalegl", "linuxfb", "vnc")
MIN_VERSION = (3, 2)
"""The oldest OpenGL (core profile) that VTK draws with."""


class OpenGLUnavailable(RuntimeError):  # noqa: N818
    """There is no OpenGL to draw with; the message is one sentence for the user."""


def set_surface_format() -> None:
    """Ask Qt for an OpenGL that VTK can draw with; call it before the application's first window.

    The pane is composed into its window and shares its context, so both need the same format: the
    one that pyvistaqt sets when its widget is made, which is after the window.
    """
    wanted = QSurfaceFormat()
    wanted.setRenderableType(QSurfaceFormat.RenderableType.OpenGL)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    wanted.setVersion(*MIN_VERSION)
    wanted.setSwapBehavior(QSurfaceFormat.SwapBehavior.DoubleBuffer)
    for set_bits in (wanted.setRedBufferSize, wanted.setGreenBufferSize, wanted.setBlueBufferSize):
        set_bits(8)
    wanted.setAlphaBufferSize(8)
    wanted.setDepthBufferSize(8)
    wanted.setStencilBufferSize(0)
    wanted.setSamples(0)  # VTK smooths edges in its own frame buffer
    QSurfaceFormat.setDefaultFormat(wanted)


def why_no_opengl() -> str:
    """Tell in one sentence why the 3D pane cannot be made; '' when it can."""
    if QGuiApplication.instance() is None:
        return "The 3D view needs a window, and no application is running."
    platform = QGuiApplication.platformName()
    if platform in WINDOWLESS_PLATFORMS:
        return f"The 3D view needs a screen, and Qt's platform '{platform}' has none."
    if QGuiApplication.primaryScreen() is None:
        return "The 3D view needs a screen, and none is connected."
    return _why_no_context()


def _why_no_context() -> str:
    """Make a context and a surface as the 3D pane would, and throw them away."""
    context = QOpenGLContext()
    if not context.create():
        return "The 3D view needs OpenGL, and no OpenGL driver answered."
    surface = QOffscreenSurface()
    surface.setFormat(context.format())
    surface.create()
    if not context.makeCurrent(surface):
        return "The 3D view needs OpenGL, and the OpenGL driver refused to draw."
    major, minor = context.format().version()
    context.doneCurrent()
    if (major, minor) < MIN_VERSION:
        return f"The 3D view needs OpenGL 3.2 or newer, and this machine has {major}.{minor}."
    return ""
