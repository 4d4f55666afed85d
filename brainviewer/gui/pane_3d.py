"""The fourth pane: it becomes the 3D view once the first slices are on the screen."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from brainviewer.gui.controls import one_shot_timer
from brainviewer.gui.opengl import why_no_opengl
from brainviewer.session.failures import sentence_for

if TYPE_CHECKING:
    from types import ModuleType

    from PySide6.QtGui import QCloseEvent, QMouseEvent, QPixmap

    from brainviewer.gui.background import Background
    from brainviewer.gui.view_3d import View3D
    from brainviewer.session.look import Paint
    from brainviewer.session.request import Shown
    from brainviewer.session.scene import Look3D
    from brainviewer.session.shown_regions import Shares
    from brainviewer.session.viewpoints import Viewpoint

OWN_WINDOW_PLATFORMS = ("xcb", "windows")
VIEW_MODULE = "brainviewer.gui.view_3d"
# While the hand drags, the slices go before the 3D view.
INTERVAL_MS = 150
NOTHING_YET = "The generated brain will be shown here in 3D"
COMING = "The 3D view is on its way"


class Pane3D(QWidget):
    """Shows a sentence, and then the brain in 3D.

    VTK takes a second to import: that is done on a thread, after the first brain has come.

    Parameters
    ----------
    background : Background

    Signals
    -------
    maximise_requested
        The user asks for the whole space for this pane, or to give it back.
    picked : (x, y, z), world mm
        The user clicked on the brain there.
    """

    maximise_requested = Signal()
    picked = Signal(object)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pane_3d")
        self._background = background
        self._latest: Shown | None = None
        self._is_asked_for = False
        self._is_closed = False
        self.view: View3D | None = None
        self._wanted_look: Look3D | None = None
        self._paint: Paint | None = None
        self._regions: Shares = ()
        self._crosshair = (0.0, 0.0, 0.0)
        self.label = QLabel(NOTHING_YET)
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.label.setWordWrap(True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.label, 1)
        self._timer = one_shot_timer(self, "pane_3d_timer", INTERVAL_MS)
        self._timer.timeout.connect(self._show_latest)
        self._prepare_window()

    def show_brain(self, shown: Shown) -> None:
        """Show a brain, now or when the view is there."""
        self._latest = shown
        if self.view is not None:
            if not self._timer.isActive():
                self._show_latest()
        elif not self._is_asked_for:
            self._is_asked_for = True
            self.show_sentence(COMING)
            self._background.run(_import_view, done=self._on_imported, failed=self._on_failed)

    def show_at_once(self, shown: Shown) -> None:
        """Show a brain before this returns, where the view is there."""
        if self.view is not None:
            self._latest = None
            self.view.show_at_once(shown.brain)

    def keep_still(self) -> None:
        """Never become the live view, which needs a screen; `show_picture` fills the pane."""
        self._is_asked_for = True

    def picture(self) -> QPixmap | None:
        """Return a picture of what is drawn; None where nothing is."""
        if self.view is None:
            return self.label.pixmap() if not self.label.pixmap().isNull() else None
        return self.view.picture()

    def show_picture(self, picture: QPixmap) -> None:
        """Show a picture of the brain instead of the live view."""
        self.label.setPixmap(picture)

    def show_sentence(self, sentence: str) -> None:
        """Say why there is no 3D view."""
        self.label.setText(sentence)

    def show_mode(self, name: str) -> None:
        """Draw the brain in another way, one of `MODES_3D`."""
        if self.view is not None:
            self.view.tools.mode_chooser.setCurrentText(name)

    def look(self) -> Look3D | None:
        """Describe how the brain is drawn; None where it is not."""
        return self._wanted_look if self.view is None else self.view.look()

    def show_look(self, look: Look3D) -> None:
        """Draw the brain that way, now or when the view is there."""
        self._wanted_look = look
        if self.view is not None:
            self.view.show_look(look)

    @property
    def paint(self) -> Paint | None:
        """What the surfaces are painted with."""
        return self._paint

    def show_paint(self, paint: Paint | None) -> None:
        """Paint the surfaces with a map, now or when the view is there; None leaves them plain."""
        self._paint = paint
        if self.view is not None:
            self.view.show_paint(paint)

    @property
    def regions(self) -> Shares:
        """The regions that are drawn in colours of their own."""
        return self._regions

    def show_regions(self, regions: Shares) -> None:
        """Draw these regions and no others, now or when the view is there."""
        self._regions = regions
        if self.view is not None:
            self.view.show_regions(regions)

    def let_see_inside(self) -> None:
        """Make an opaque cortex see-through."""
        if self.view is not None:
            self.view.tools.let_see_inside()

    def set_crosshair(self, world: tuple[float, float, float]) -> None:
        """Know where the crosshair is, world mm."""
        self._crosshair = world
        if self.view is not None:
            self.view.set_crosshair(world)

    def show_viewpoint(self, viewpoint: Viewpoint) -> None:
        """Look at the brain from a saved view."""
        if self.view is not None:
            self.view.show_viewpoint(viewpoint)

    def show_next_clip(self) -> None:
        """Cut the next side of the brain away, after the last none."""
        if self.view is not None:
            self.view.tools.show_next_clip()

    def look_from(self, side: str) -> None:
        """Look from one of L R A P S I."""
        if self.view is not None:
            self.view.tools.side_requested.emit(side)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the whole space, or to give it back."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.maximise_requested.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the view, which does not hear of it otherwise."""
        self._is_closed = True
        self._timer.stop()
        if self.view is not None:
            self.view.close()
        super().closeEvent(event)

    def _prepare_window(self) -> None:
        """Keep OpenGL out of the rest of the window where the system can, or let it in at once.

        Where a part of a window is drawn by OpenGL, Qt composes all of it so: without a graphics
        card, every move of a slice would cost the pixels of the whole window. A system's window of
        its own for the pane leaves the rest alone. Elsewhere the window is made for OpenGL from the
        start, since Qt would make it anew for the view.
        """
        if QGuiApplication.platformName() in OWN_WINDOW_PLATFORMS:
            self.setAttribute(Qt.WidgetAttribute.WA_DontCreateNativeAncestors)
            self.setAttribute(Qt.WidgetAttribute.WA_NativeWindow)
        elif not why_no_opengl():
            QOpenGLWidget(self).resize(0, 0)

    def _on_imported(self, module: ModuleType) -> None:
        if self._is_closed:
            return
        self.view = module.View3D()
        self.view.picked.connect(self.picked)
        self.view.set_crosshair(self._crosshair)
        self.label.hide()
        self._column.addWidget(self.view, 1)
        self.view.show_paint(self._paint)
        self._show_latest()
        self.view.show_regions(self._regions)
        if self._wanted_look is not None:
            self.view.show_look(self._wanted_look)

    def _show_latest(self) -> None:
        """Hand the newest brain to the view, and rest before the next one."""
        if self.view is not None and self._latest is not None:
            self.view.show_brain(self._latest.brain, self._latest.exact)
            self._latest = None
            self._timer.start()

    def _on_failed(self, error: Exception) -> None:
        self.show_sentence(f"The 3D view cannot be shown: {sentence_for(error)}")


def _import_view() -> ModuleType:
    return import_module(VIEW_MODULE)
