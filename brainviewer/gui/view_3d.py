"""The 3D pane: a brain to turn by hand, or a sentence that says why there is none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPixmap,
    QResizeEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pyvistaqt import QtInteractor

from brainviewer.gui.controls import described, one_shot_timer
from brainviewer.gui.opengl import why_no_opengl
from brainviewer.gui.scene_3d import SIDE_OF, Scene3D, Side
from brainviewer.gui.view_3d_tools import View3DTools
from brainviewer.session.scene import CLIPS

if TYPE_CHECKING:
    from brainviewer.core.volume import Brain
    from brainviewer.gui.brain_surfaces import Surface
    from brainviewer.gui.scene_3d import Quality
    from brainviewer.gui.volume_presets import Mode
    from brainviewer.session.look import Paint
    from brainviewer.session.scene import Look3D
    from brainviewer.session.shown_regions import Shares
    from brainviewer.session.viewpoints import Viewpoint

REST_MS = 150
"""How long no new brain may come before the full surfaces are cut."""

CLICK_PIXELS = 4
STEP_DEGREES = 10.0
STEP_ZOOM = 1.1
STEP_SLIDE = 0.04

_KEYS: dict[str, Side] = {
    "1": "A",
    "3": "L",
    "7": "S",
    "Shift+1": "P",
    "Shift+3": "R",
    "Shift+7": "I",
    # What the keypad sends while Shift is held.
    "Shift+End": "P",
    "Shift+PgDown": "R",
    "Shift+Home": "I",
}
_TURNS = {
    Qt.Key.Key_Left: (STEP_DEGREES, 0.0),
    Qt.Key.Key_Right: (-STEP_DEGREES, 0.0),
    Qt.Key.Key_Up: (0.0, -STEP_DEGREES),
    Qt.Key.Key_Down: (0.0, STEP_DEGREES),
}
# Shares of the picture's height, to the right and up; with Shift.
_SLIDES = {
    Qt.Key.Key_Left: (-STEP_SLIDE, 0.0),
    Qt.Key.Key_Right: (STEP_SLIDE, 0.0),
    Qt.Key.Key_Up: (0.0, STEP_SLIDE),
    Qt.Key.Key_Down: (0.0, -STEP_SLIDE),
}
_ZOOMS = {
    Qt.Key.Key_Plus: STEP_ZOOM,
    Qt.Key.Key_Equal: STEP_ZOOM,
    Qt.Key.Key_Minus: 1 / STEP_ZOOM,
}
_NOT_FOR_VTK = (
    QEvent.Type.KeyPress,
    QEvent.Type.KeyRelease,
    QEvent.Type.MouseButtonDblClick,
)
_HELP = (
    "Click to move the crosshair, drag to rotate\n"
    "Middle button to pan, wheel or right button to zoom\n"
    "1, 3, 7: from the front, the left, above; with Shift from the opposite side; R: reset\n"
    "Arrow keys rotate, with Shift they move the picture, + and − zoom\n"
    "C cuts a side away, up to the crosshair"
)


class View3D(QWidget):
    """Shows the latest brain in 3D.

    Whoever holds it calls `close` before the application ends, because Qt does not close the
    children of a window that closes, and OpenGL must end while the window still lives.

    Signals
    -------
    picked : (x, y, z), world mm
        The user clicked on the brain there.
    """

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("view_3d")
        self.tools = View3DTools()
        self.scene: Scene3D | None = None
        self.interactor: QtInteractor | None = None
        self._latest: tuple[Brain, bool] | None = None
        self._wanted: Quality = "draft"
        self._crosshair = (0.0, 0.0, 0.0)
        self._pressed_at: QPointF | None = None
        self._draw_timer = one_shot_timer(self, "view_3d_draw_timer", 0)
        self._rest_timer = one_shot_timer(self, "view_3d_rest_timer", REST_MS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tools)
        reason = why_no_opengl()
        self.tools.setEnabled(not reason)
        column.addWidget(_reason_label(reason) if reason else self._make_picture(), 1)

    def show_brain(self, brain: Brain, exact: bool) -> None:
        """Show a brain soon.

        Its surfaces are coarse at first; they become fine once the brain is exact and no other
        has come for a moment. Brains that come faster than they can be drawn are passed over.
        """
        if self.scene is None:
            return
        self._latest, self._wanted = (brain, exact), "draft"
        self._rest_timer.stop()
        self._draw_soon()

    def show_at_once(self, brain: Brain) -> None:
        """Show a brain finely, before this returns."""
        if self.scene is not None:
            self._rest_timer.stop()
            self._draw_timer.stop()
            self._latest, self._wanted = (brain, True), "full"
            self._draw()

    def set_crosshair(self, world: tuple[float, float, float]) -> None:
        """Know where the crosshair is, world mm: what is cut away is cut there."""
        self._crosshair = world
        side = SIDE_OF[CLIPS[self.tools.clip_chooser.currentIndex()]]
        if self.scene is not None and side is not None:
            self.scene.clip(side, world)
            self._render()

    def show_viewpoint(self, viewpoint: Viewpoint) -> None:
        """Look at the brain from a saved view."""
        if self.scene is not None:
            self.scene.show_viewpoint(viewpoint)
            self._render()

    def picture(self) -> QPixmap | None:
        """Return a picture of what is drawn; None where nothing is or the pane is hidden."""
        if self.interactor is None or not self.isVisible():
            return None
        picture: QPixmap = self.interactor.grab()
        return picture

    def look(self) -> Look3D | None:
        """Describe how the brain is drawn; None where it cannot be."""
        return None if self.scene is None else self.scene.look()

    def show_look(self, look: Look3D) -> None:
        """Draw the brain that way."""
        if self.scene is not None:
            self.tools.show_look(look)
            self.scene.show_look(look)
            self._render()

    def show_paint(self, paint: Paint | None) -> None:
        """Paint the surfaces with a map; None leaves them plain."""
        if self.scene is not None:
            self.scene.show_paint(paint)
            self._render()

    def show_regions(self, regions: Shares) -> None:
        """Draw these regions and no others."""
        if self.scene is not None:
            self.scene.show_regions(regions)
            self._render()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came while the pane was hidden."""
        super().showEvent(event)
        if self._latest is not None:
            self._draw_soon()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Rotate, move and zoom by keyboard."""
        key = Qt.Key(event.key())
        if self.scene is None or (key not in _TURNS and key not in _ZOOMS):
            super().keyPressEvent(event)
            return
        if key in _SLIDES and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.scene.slide(*_SLIDES[key])
        elif key in _TURNS:
            self.scene.turn(*_TURNS[key])
        else:
            self.scene.zoom(_ZOOMS[key])
        self._render()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep from VTK what is for the pane and the window: keys and double clicks.

        VTK would close the picture on Q, draw wires on W, and rotate on a double click.
        """
        if isinstance(event, QMouseEvent):
            self._watch_click(event)
        elif isinstance(event, QResizeEvent) and self.scene is not None:
            self.scene.fit_directions(event.size().width(), event.size().height())
        if event.type() not in _NOT_FOR_VTK or _moves_focus(event):
            return super().eventFilter(watched, event)
        event.ignore()  # so that Qt offers it to the parents
        return True

    def closeEvent(self, event: QCloseEvent) -> None:
        """End the timers and the picture."""
        self._draw_timer.stop()
        self._rest_timer.stop()
        self._latest, self.scene = None, None
        if self.interactor is not None:
            self.interactor.removeEventFilter(self)
            self.interactor.close()
            self.interactor.setParent(None)
            self.interactor.deleteLater()
            self.interactor = None
        super().closeEvent(event)

    def _watch_click(self, event: QMouseEvent) -> None:
        """Pick where the left button is let go, unless it has dragged."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        if event.type() is QEvent.Type.MouseButtonPress:
            self._pressed_at = event.position()
        elif event.type() is QEvent.Type.MouseButtonRelease and self._pressed_at is not None:
            moved, self._pressed_at = event.position() - self._pressed_at, None
            if moved.manhattanLength() < CLICK_PIXELS:
                self._pick(event.position())

    def _pick(self, position: QPointF) -> None:
        if self.scene is None or self.interactor is None:
            return
        ratio = self.interactor.devicePixelRatioF()
        x, y = position.x() * ratio, (self.interactor.height() - 1 - position.y()) * ratio
        point = self.scene.pick(x, y)
        if point is not None:
            self.picked.emit(point)

    def _make_picture(self) -> QtInteractor:
        self.interactor = QtInteractor(self, auto_update=False, multi_samples=0)
        self.interactor.setAcceptDrops(False)
        self.interactor.installEventFilter(self)
        described(self.interactor, "view_3d_picture", accessible="Brain in 3D", tooltip="")
        self.interactor.setAccessibleDescription(_HELP)
        self.scene = Scene3D(self.interactor)
        self._connect()
        return self.interactor

    def _connect(self) -> None:
        self._draw_timer.timeout.connect(self._draw)
        self._rest_timer.timeout.connect(self._on_rest)
        self.tools.side_requested.connect(self._on_side_requested)
        self.tools.reset_requested.connect(self._on_reset_requested)
        self.tools.mode_requested.connect(self._on_mode_requested)
        self.tools.surface_toggled.connect(self._on_surface_toggled)
        self.tools.opacity_requested.connect(self._on_opacity_requested)
        self.tools.clip_requested.connect(self._on_clip_requested)
        for keys, side in _KEYS.items():
            self._add_shortcut(keys).activated.connect(
                partial(self.tools.side_requested.emit, side)
            )
        self._add_shortcut("C").activated.connect(self.tools.show_next_clip)
        self._add_shortcut("R").activated.connect(self._on_reset_requested)

    def _add_shortcut(self, keys: str) -> QShortcut:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        return shortcut

    def _draw_soon(self) -> None:
        """Ask for a drawing; many wishes before it is made are one."""
        if self.isVisible() and not self._draw_timer.isActive():
            self._draw_timer.start()

    def _draw(self) -> None:
        if self.scene is None or self._latest is None or not self.isVisible():
            return
        brain, exact = self._latest
        self.scene.show_brain(brain, quality=self._wanted)
        self.scene.plotter.renderer.SetUseFXAA(self._wanted == "full")
        self._render()
        if exact and self._wanted == "draft":
            self._rest_timer.start()

    def _render(self) -> None:
        """Let Qt paint the picture, once for all changes of this moment, if it can be seen."""
        if self.interactor is not None and self.isVisible():
            self.interactor.update()

    def _on_rest(self) -> None:
        self._wanted = "full"
        self._draw()

    def _on_side_requested(self, side: Side) -> None:
        if self.scene is not None:
            self.scene.look_from(side)
            self._render()

    def _on_reset_requested(self) -> None:
        if self.scene is not None:
            self.scene.reset()
            self._render()

    def _on_mode_requested(self, mode: Mode) -> None:
        if self.scene is not None:
            self.scene.show_mode(mode)
            self._render()

    def _on_surface_toggled(self, surface: Surface, shown: bool) -> None:
        if self.scene is not None:
            self.scene.show_surface(surface, shown)
            self._render()

    def _on_clip_requested(self, side: str) -> None:
        if self.scene is not None:
            self.scene.clip(SIDE_OF[side], self._crosshair)
            self._render()

    def _on_opacity_requested(self, opacity: float) -> None:
        if self.scene is not None:
            self.scene.set_cortex_opacity(opacity)
            self._render()


def _moves_focus(event: QEvent) -> bool:
    return isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)


def _reason_label(reason: str) -> QLabel:
    label = described(
        QLabel(f"{reason}\nThe slices and everything else work without it."),
        "view_3d_reason",
        accessible=reason,
        tooltip="",
    )
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    return label
