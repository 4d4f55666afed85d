"""The slices of a lightbox: drawing them, and what mouse and keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QPainter, QPalette, QPen
from PySide6.QtWidgets import QWidget

from brainviewer.core.space import PLANE_AXIS, edge_letters
from brainviewer.gui import slice_drawing as drawing
from brainviewer.gui.legend import draw_legend
from brainviewer.gui.outline_drawing import OutlineDrawer
from brainviewer.gui.ruler_tool import draw_rulers
from brainviewer.gui.slice_image import SliceImage
from brainviewer.gui.slice_keys import do_command
from brainviewer.gui.slice_view import NOTCH_DEGREES, ZOOM_PER_NOTCH
from brainviewer.session.lightbox import Lightbox

if TYPE_CHECKING:
    from psygnal import SignalInstance
    from PySide6.QtGui import (
        QCloseEvent,
        QFocusEvent,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QWheelEvent,
    )

    from brainviewer.session.display import Display
    from brainviewer.session.slicing import Frame

TILE_MARGIN_PIXELS = 12
LETTER_PIXELS = 11
CAPTION_PIXELS = 11
# A narrower tile has no room for four letters: left and right are the ones that matter.
NARROW_PIXELS = 230

_CONTROL = Qt.KeyboardModifier.ControlModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier

LIGHTBOX_ROWS = (
    ("Lightbox", "Left click, left drag", "Move the crosshair"),
    ("Lightbox", "Wheel, Page Up, Page Down", "Scroll by a slice; with Shift by a row"),
    ("Lightbox", "Ctrl + wheel", "Zoom"),
    ("Lightbox", "Double-click, Space", "Back to three slices and 3D"),
)


class LightboxCanvas(QWidget):
    """Slices of one plane in rows and columns.

    Parameters
    ----------
    display : Display

    Signals
    -------
    changed
        Other slices are shown.
    leave_requested
        The user asks for the three slices.
    """

    changed = Signal()
    leave_requested = Signal()

    def __init__(self, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._display = display
        self.box = Lightbox()
        self._images: list[SliceImage] = []
        self._outlines: list[OutlineDrawer] = []
        self._turned = 0
        self._pressed: int | None = None
        self.setObjectName("lightbox")
        self.setAccessibleName("Lightbox of slices")
        self.setWhatsThis("\n".join(f"{keys}: {does}" for _, keys, does in LIGHTBOX_ROWS))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        for changed in self._signals:
            changed.connect(self._on_display_changed)

    def show_box(self, box: Lightbox) -> None:
        """Show these slices."""
        if box != self.box:
            self.box = box
            self._images, self._outlines = [], []
            self.update()
        self.changed.emit()

    def frames(self) -> list[Frame]:
        """Return the slices that are shown, row by row."""
        reference = self._display.reference
        if reference is None:
            return []
        return self.box.frames(reference, self._display.convention)

    def tile(self, number: int) -> QRectF:
        """Return the place of a slice."""
        row, column = divmod(number, self.box.columns)
        width, height = self.width() / self.box.columns, self.height() / self.box.rows
        return QRectF(column * width, row * height, width, height)

    def position_of(self, number: int, world: tuple[float, float, float]) -> QPointF:
        """Find where a slice shows a world point, mm."""
        frame = self.frames()[number]
        return self._placement(frame).to_pane(frame.point_of(world)) + self.tile(number).topLeft()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw every slice with its letters, and the crosshair in its own slice."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), drawing.BACKGROUND)
        frames = self.frames()
        while len(self._images) < len(frames):
            self._images.append(SliceImage(self._display, self.box.plane))
            self._outlines.append(OutlineDrawer(self._display))
        for number, frame in enumerate(frames):
            painter.save()
            tile = self.tile(number)
            painter.setClipRect(tile)
            painter.translate(tile.topLeft())
            self._draw(painter, frame, number, QRectF(0, 0, tile.width(), tile.height()))
            painter.restore()
        if self._display.legend_visible:
            draw_legend(painter, self._display.layers, QRectF(self.rect()))
        bottom_right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
        name = self._display.convention.value.capitalize()
        drawing.draw_text(painter, QRectF(self.rect()), bottom_right, name, drawing.CAPTION_PIXELS)
        if self.hasFocus():
            color = self.palette().color(QPalette.ColorRole.Highlight)
            drawing.draw_focus_ring(painter, self.rect(), color)
        painter.end()

    def _draw(self, painter: QPainter, frame: Frame, number: int, pane: QRectF) -> None:
        display, placement = self._display, self._placement(frame)
        self._images[number].draw(painter, frame, placement)
        self._outlines[number].draw(painter, frame, placement)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if number == self._crosshair_tile():
            if display.crosshair_visible:
                position = placement.to_pane(frame.point_of(display.crosshair))
                drawing.draw_crosshair(painter, position, pane)
            painter.setPen(QPen(drawing.CROSSHAIR, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(pane.adjusted(0.5, 0.5, -0.5, -0.5))
        draw_rulers(painter, display, frame, placement)
        _draw_letters(painter, frame, pane)

    def _crosshair_tile(self) -> int | None:
        """Find the slice nearest to the crosshair; None where none is within half a step."""
        display, frames = self._display, self.frames()
        index = display.crosshair_voxel[PLANE_AXIS[self.box.plane]]
        gaps = [abs(frame.index - index) for frame in frames]
        if not gaps or display.reference is None:
            return None
        nearest = gaps.index(min(gaps))
        steps = self.box.spacing_mm / 2 / frames[0].across_mm
        return nearest if gaps[nearest] <= max(steps, 0.5) else None

    def _placement(self, frame: Frame) -> drawing.Placement:
        tile = self.tile(0)
        size, margin = QSizeF(tile.width(), tile.height()), 2 * TILE_MARGIN_PIXELS
        width, height = frame.size_mm
        fitted = min(
            max(size.width() - margin, 1.0) / width, max(size.height() - margin, 1.0) / height
        )
        return drawing.Placement.of(self._display.view(self.box.plane), size, fitted)

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Put the crosshair into the slice under the mouse."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        tiles = range(len(self.frames()))
        self._pressed = next((it for it in tiles if self.tile(it).contains(event.position())), None)
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Take the crosshair along within its slice."""
        frames = self.frames()
        if self._pressed is None or self._pressed >= len(frames):
            return
        frame = frames[self._pressed]
        position = event.position() - self.tile(self._pressed).topLeft()
        self._display.set_crosshair(frame.world_at(self._placement(frame).to_picture(position)))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Let the crosshair go."""
        self._pressed = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the three slices."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.leave_requested.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll through the slices, or zoom with Ctrl."""
        event.accept()
        if event.modifiers() & _CONTROL:
            factor = ZOOM_PER_NOTCH ** (event.angleDelta().y() / NOTCH_DEGREES)
            frames = self.frames()
            if frames:
                point = frames[0].point_of(self._display.crosshair)
                self._display.zoom_at(self.box.plane, factor, point)
            return
        self._turned += event.angleDelta().y()
        steps = int(self._turned / NOTCH_DEGREES)
        self._turned -= steps * NOTCH_DEGREES
        self._scroll(steps * self._step(event.modifiers()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll, leave, or do what a letter does in a slice."""
        key, keys = Qt.Key(event.key()), event.modifiers()
        if key is Qt.Key.Key_PageUp:
            self._scroll(self._step(keys))
        elif key is Qt.Key.Key_PageDown:
            self._scroll(-self._step(keys))
        elif key is Qt.Key.Key_Space:
            self.leave_requested.emit()
        elif not do_command(self._display, self.box.plane, key, has_control=bool(keys & _CONTROL)):
            super().keyPressEvent(event)

    def _step(self, keys: Qt.KeyboardModifier) -> int:
        return self.box.columns if keys & _SHIFT else 1

    def _scroll(self, steps: int) -> None:
        reference = self._display.reference
        if reference is not None and steps:
            self.show_box(self.box.scrolled(reference, steps))

    # Focus and end

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
        display = self._display
        return (
            display.layers_changed,
            display.crosshair_changed,
            display.view_changed,
            display.rulers.changed,
            display.regions.changed,
        )

    def _on_display_changed(self) -> None:
        self.update()


def _draw_letters(painter: QPainter, frame: Frame, pane: QRectF) -> None:
    """Name the directions at the edges of a tile, and say where its slice is."""
    letters = edge_letters(frame.plane, frame.convention)
    across, down = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
    named = [
        (letters.left, across | Qt.AlignmentFlag.AlignLeft),
        (letters.right, across | Qt.AlignmentFlag.AlignRight),
    ]
    if pane.width() >= NARROW_PIXELS:
        named += [
            (letters.top, down | Qt.AlignmentFlag.AlignTop),
            (letters.bottom, down | Qt.AlignmentFlag.AlignBottom),
        ]
    for letter, place in named:
        drawing.draw_text(painter, pane, place, letter, LETTER_PIXELS)
    corner = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    drawing.draw_text(painter, pane, corner, drawing.position_text(frame), CAPTION_PIXELS)
