"""A pane with the slice of one plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QWidget

from brainviewer.gui import slice_drawing as drawing
from brainviewer.gui.legend import draw_legend
from brainviewer.gui.outline_drawing import OutlineDrawer
from brainviewer.gui.ruler_tool import RulerTool, draw_hint, draw_rulers, lines_in
from brainviewer.gui.slice_image import SliceImage
from brainviewer.gui.slice_keys import do_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psygnal import SignalInstance
    from PySide6.QtGui import (
        QCloseEvent,
        QFocusEvent,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QResizeEvent,
        QWheelEvent,
    )

    from brainviewer.core.space import Plane
    from brainviewer.session.display import Display
    from brainviewer.session.slicing import Frame

Drag = Literal["crosshair", "pan", "zoom", "window", "region", "ruler"]

NOTCH_DEGREES = 120
ZOOM_PER_NOTCH = 1.15
ZOOM_PER_PIXEL = 1.01
FAST_STEPS = 5
MINIMUM_PIXELS = 160
# A smaller box is a slip of the hand.
BOX_PIXELS = 4
# Dragging this far up halves the width of the window.
HALVING_PIXELS = 150

_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CONTROL = Qt.KeyboardModifier.ControlModifier
_ALT = Qt.KeyboardModifier.AltModifier

_ARROWS = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}
_PAGES = {Qt.Key.Key_PageUp: 1, Qt.Key.Key_PageDown: -1}

# Where, which keys or mouse, and what they do: as in the help.
MOUSE_ROWS = (
    ("Slices", "Left drag", "Move the crosshair"),
    ("Slices", "Wheel, Page Up, Page Down", "Next and previous slice; keys with Shift: five"),
    ("Slices", "Arrow keys", "Move the crosshair by a voxel; with Shift: five"),
    ("Slices", "Ctrl + wheel", "Zoom at the pointer; the other slices at the crosshair"),
    ("Slices", "Right drag, plus, minus", "Zoom; keys at the crosshair"),
    ("Slices", "Middle drag, Alt + left drag, Ctrl + arrow keys", "Move the picture"),
    ("Slices", "C, O", "Crosshair into the middle of the panes; crosshair to 0, 0, 0 mm"),
    ("Slices", "Shift + left drag", "Active layer: right brighter, up more contrast"),
    ("Slices", "Shift + right or middle drag", "Active layer: contrast from the values in a box"),
    ("Slices", "R, Ctrl + F", "Fit the pictures into their panes, at one scale"),
    ("Slices", "Ctrl + J", "Active layer: brightness and contrast from the image itself"),
    ("Slices", "W; Q, E", "Active layer: show or hide; fainter, stronger"),
    ("Slices", "Comma, period", "4D image: previous and next frame"),
    ("Slices", "X", "Crosshair on or off"),
    ("Slices", "M, Ctrl + M", "Measure: a left drag draws a line, or moves the end of one"),
    ("Slices", "Enter while measuring", "A line begins at the crosshair; again: it ends there"),
    ("Slices", "Delete, Ctrl + C", "Delete the chosen line; copy all lines with their lengths"),
    ("Slices", "Double-click, Space", "One pane large, or all four"),
)


class SliceView(QWidget):
    """The slice of one plane at the crosshair.

    Parameters
    ----------
    display : Display
    plane : Plane

    Signals
    -------
    maximise_requested : Plane
        The user asks for the whole space for this pane, or to give it back.
    """

    maximise_requested = Signal(object)

    def __init__(self, display: Display, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._display = display
        self.plane = plane
        self._image = SliceImage(display, plane)
        self._drag: Drag | None = None
        self._pressed_at = self._last_at = QPointF()
        self._window_at_press = (0.0, 1.0)
        self._ruler_tool = RulerTool(display)
        self._outlines = OutlineDrawer(display)
        self._turned = 0
        self._sharing: tuple[SliceView, ...] = (self,)
        self._has_legend = False
        self.setObjectName(f"slice_view_{plane.value}")
        self.setAccessibleName(f"{plane.value.capitalize()} slice")
        # No tooltip, which would cover what is looked at: the help is one Shift + F1 away.
        self.setWhatsThis("\n".join(f"{keys}: {does}" for _, keys, does in MOUSE_ROWS))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(MINIMUM_PIXELS, MINIMUM_PIXELS)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        for changed in self._signals:
            changed.connect(self._on_display_changed)

    @property
    def frame(self) -> Frame | None:
        """Which slice is shown and where it lies; None without layers."""
        return self._image.frame

    def position_of(self, world: tuple[float, float, float]) -> QPointF:
        """Find where a world point, mm, is shown in this widget; its middle without layers."""
        frame = self.frame
        if frame is None:
            return QRectF(self.rect()).center()
        return self._placement(frame).to_pane(frame.point_of(world))

    def share_scale(self, views: Sequence[SliceView]) -> None:
        """Show a millimetre as large as all of these views can that are not hidden."""
        self._sharing = (self, *(view for view in views if view is not self))
        self.update()

    def set_legend(self, has_legend: bool) -> None:
        """Say in this pane what the colours of the layers stand for, while the display wants it."""
        if has_legend != self._has_legend:
            self._has_legend = has_legend
            self.update()

    def sizeHint(self) -> QSize:
        """Ask for a comfortable size."""
        return QSize(420, 380)

    # Painting

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw all views of this scale anew."""
        super().resizeEvent(event)
        for view in self._sharing:
            view.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slice and what is written around it."""
        pane = QRectF(self.rect())
        painter = QPainter(self)
        painter.fillRect(pane, drawing.BACKGROUND)
        frame = self.frame
        if frame is None:
            painter.setPen(drawing.EMPTY_TEXT)
            painter.drawText(pane, Qt.AlignmentFlag.AlignCenter, "No brain yet")
        else:
            self._draw(painter, frame, pane)
        if self.hasFocus():
            color = self.palette().color(QPalette.ColorRole.Highlight)
            drawing.draw_focus_ring(painter, self.rect(), color)
        painter.end()

    def _draw(self, painter: QPainter, frame: Frame, pane: QRectF) -> None:
        display, placement = self._display, self._placement(frame)
        self.draw_picture(painter, frame, placement)
        self._outlines.draw(painter, frame, placement)
        if display.crosshair_visible:
            position = placement.to_pane(frame.point_of(display.crosshair))
            drawing.draw_crosshair(painter, position, pane)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_rulers(painter, display, frame, placement)
        if self._drag == "region":
            drawing.draw_box(painter, QRectF(self._pressed_at, self._last_at).normalized())
        if display.rulers.is_measuring:
            draw_hint(painter, pane, begun=display.rulers.begun is not None)
        if self._has_legend and display.legend_visible and not display.rulers.is_measuring:
            draw_legend(painter, display.layers, pane)
        drawing.draw_letters(painter, frame, pane)
        drawing.draw_captions(painter, frame, pane)

    def draw_picture(self, painter: QPainter, frame: Frame, placement: drawing.Placement) -> None:
        """Draw what is under crosshair and letters."""
        self._image.draw(painter, frame, placement)

    def fitted_scale(self, frame: Frame) -> float:
        """Find the scale, pixels per mm, at which all views of this scale show theirs whole."""
        return min(
            drawing.fitted_scale(other, QSizeF(view.size()))
            for view in self._sharing
            if view is self or not view.isHidden()
            for other in [view.frame or frame]
        )

    def _placement(self, frame: Frame) -> drawing.Placement:
        view, pane = self._display.view(self.plane), QSizeF(self.size())
        return drawing.Placement.of(view, pane, self.fitted_scale(frame))

    def _on_display_changed(self) -> None:
        self.update()

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag: which one depends on the button and the keys held."""
        drag, frame = _drag_of(event), self.frame
        if drag is None or frame is None or self._drag is not None:
            return
        if drag == "crosshair" and self._display.rulers.is_measuring:
            drag = "ruler"
            lines = lines_in(self._display, frame, self._placement(frame))
            self._ruler_tool.press(event.position(), lines)
        self._drag = drag
        self._pressed_at = self._last_at = event.position()
        self._window_at_press = self._display.layers[self._display.active].window
        if drag == "crosshair":
            self._move_crosshair(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the drag."""
        frame, here = self.frame, event.position()
        if self._drag is None or frame is None:
            return
        moved, self._last_at = here - self._last_at, here
        if self._drag == "crosshair":
            self._move_crosshair(here)
        elif self._drag == "pan":
            scale = self._placement(frame).scale
            self._display.pan(self.plane, moved.x() / scale, moved.y() / scale)
        elif self._drag == "zoom":
            self._zoom(ZOOM_PER_PIXEL ** -moved.y(), self._pressed_at)
        elif self._drag == "region":
            self.update()
        elif self._drag == "ruler":
            self._ruler_tool.move(here, frame, self._placement(frame))
        else:
            self._set_window(here - self._pressed_at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag when the last button is let go."""
        if event.buttons() == Qt.MouseButton.NoButton:
            drag, self._drag = self._drag, None
            self._ruler_tool.release()
            if drag == "region":
                self._set_window_from_box()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the whole space, or to give it back."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.maximise_requested.emit(self.plane)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Go to another slice, or zoom with Ctrl."""
        event.accept()
        if event.modifiers() & _CONTROL:
            notches = event.angleDelta().y() / NOTCH_DEGREES
            self._zoom(ZOOM_PER_NOTCH**notches, event.position())
            return
        # Fine wheels and touchpads send parts of a notch.
        self._turned += event.angleDelta().y()
        steps = int(self._turned / NOTCH_DEGREES)
        self._turned -= steps * NOTCH_DEGREES
        if steps:
            self._display.step_slice(self.plane, steps)

    def _move_crosshair(self, position: QPointF) -> None:
        frame = self.frame
        if frame is not None:
            self._display.set_crosshair(frame.world_at(self._placement(frame).to_picture(position)))

    def _zoom(self, factor: float, position: QPointF) -> None:
        frame = self.frame
        if frame is not None:
            point = self._placement(frame).to_picture(position)
            self._display.zoom_at(self.plane, factor, point)

    def _set_window_from_box(self) -> None:
        self.update()
        frame, display = self.frame, self._display
        if frame is None or (self._last_at - self._pressed_at).manhattanLength() < BOX_PIXELS:
            return
        a, b = (self._placement(frame).to_picture(it) for it in (self._pressed_at, self._last_at))
        display.window_from_box(display.active, frame, a, b)

    def _set_window(self, moved: QPointF) -> None:
        low, high = self._window_at_press
        width = (high - low) * 2 ** (moved.y() / HALVING_PIXELS)
        level = (low + high) / 2 - (high - low) * moved.x() / max(self.width(), 1)
        ends = level - width / 2, level + width / 2
        self._display.set_window(self._display.active, *ends)

    # Keyboard and focus

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, fit, or ask for the whole space; leave other keys to the window."""
        key = Qt.Key(event.key())
        control = bool(event.modifiers() & _CONTROL)
        steps = FAST_STEPS if event.modifiers() & _SHIFT else 1
        if key in _ARROWS and not control:
            rows, columns = _ARROWS[key]
            self._display.move_voxel(self.plane, rows * steps, columns * steps)
        elif key in _PAGES:
            self._display.step_slice(self.plane, _PAGES[key] * steps)
        elif key is Qt.Key.Key_Space:
            self.maximise_requested.emit(self.plane)
        elif not do_command(self._display, self.plane, key, has_control=control):
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus ring."""
        super().focusOutEvent(event)
        self.update()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Follow the display no longer."""
        for changed in self._signals:
            changed.disconnect(self._on_display_changed, missing_ok=True)
        super().closeEvent(event)

    @property
    def _signals(self) -> tuple[SignalInstance, ...]:
        """What makes the view draw anew."""
        display = self._display
        return (
            display.layers_changed,
            display.crosshair_changed,
            display.view_changed,
            display.rulers.changed,
            display.regions.changed,
        )


def _drag_of(event: QMouseEvent) -> Drag | None:
    """Tell which drag a pressed button begins."""
    keys = event.modifiers()
    if event.button() is Qt.MouseButton.MiddleButton:
        return "region" if keys & _SHIFT else "pan"
    if event.button() is Qt.MouseButton.RightButton:
        return "region" if keys & _SHIFT else "zoom"
    if event.button() is not Qt.MouseButton.LeftButton:
        return None
    if keys & _SHIFT:
        return "window"
    return "pan" if keys & _ALT else "crosshair"
