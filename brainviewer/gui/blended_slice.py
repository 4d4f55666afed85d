"""A pane with the slices of two brains in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen, QRegion

from brainviewer.gui import slice_drawing as drawing
from brainviewer.gui.slice_image import SliceImage
from brainviewer.gui.slice_view import SliceView
from brainviewer.gui.wording import MINUS
from brainviewer.session.blending import Together
from brainviewer.session.difference import (
    LESS,
    MORE,
    colored_difference,
    comparable,
    difference_on,
    full_span,
    unit_of,
)

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QImage, QMouseEvent

    from brainviewer.core.space import Plane
    from brainviewer.gui.blend import Blend
    from brainviewer.session.display import Display
    from brainviewer.session.slicing import Frame

SQUARE_MM = 20.0
GRAB_PIXELS = 7
DIVIDER = QColor("#e8eaed")
DIVIDER_RIM = QColor(0, 0, 0, 160)
HANDLE_PIXELS = 6
LEGEND_PIXELS = (150, 8)
DIMMED = 0.55  # of the brightness of A, under a difference


class BlendedSliceView(SliceView):
    """The slice of one plane at the crosshair, of two brains.

    Parameters
    ----------
    display : Display
        Of A.
    plane : Plane
    beside : Display
        Of B.
    blend : Blend
    """

    def __init__(self, display: Display, plane: Plane, *, beside: Display, blend: Blend) -> None:
        super().__init__(display, plane)
        self.setObjectName(f"blended_view_{plane.value}")
        self.setMouseTracking(True)
        self._beside = beside
        self._blend = blend
        self._other = SliceImage(beside, plane)
        self._is_moving_divider = False
        blend.changed.connect(self.update)
        beside.layers_changed.connect(self._on_beside_changed)

    def draw_picture(self, painter: QPainter, frame: Frame, placement: drawing.Placement) -> None:
        """Draw both brains the way the blend says; A alone while there is no B."""
        together, other = self._blend.together, self._other.frame
        pane = QRectF(self.rect())
        if other is None:
            super().draw_picture(painter, frame, placement)
        elif together is Together.DIFFERENCE:
            self._draw_difference(painter, frame, placement)
        elif together is Together.FLICKER:
            if self._blend.other_is_up:
                self._draw_other(painter, frame, other)
            else:
                super().draw_picture(painter, frame, placement)
            _name(painter, pane, "B" if self._blend.other_is_up else "A")
        else:
            super().draw_picture(painter, frame, placement)
            swipe = together is Together.SWIPE
            painter.save()
            painter.setClipRegion(self._swiped() if swipe else self._squares(frame, placement))
            painter.fillRect(pane, drawing.BACKGROUND)
            self._draw_other(painter, frame, other)
            painter.restore()
            if swipe:
                self._draw_divider(painter)

    # Mouse: the divider can be taken hold of

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the divider, or begin another drag."""
        if event.button() is Qt.MouseButton.LeftButton and self._is_at_divider(event.position()):
            self._is_moving_divider = True
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the divider, or go on with another drag."""
        if self._is_moving_divider:
            self._blend.set_divider(event.position().x() / max(self.width(), 1))
            return
        over = event.buttons() == Qt.MouseButton.NoButton and self._is_at_divider(event.position())
        self.setCursor(Qt.CursorShape.SplitHCursor if over else Qt.CursorShape.CrossCursor)
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of the divider, or end another drag."""
        self._is_moving_divider = False
        super().mouseReleaseEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Follow the second display no longer."""
        self._beside.layers_changed.disconnect(self._on_beside_changed, missing_ok=True)
        super().closeEvent(event)

    # Parts of the picture

    def _draw_other(self, painter: QPainter, frame: Frame, other: Frame) -> None:
        """Draw B where A's millimetres are: the grids may differ."""
        view, pane = self._beside.view(self.plane), QSizeF(self.size())
        placement = drawing.Placement.of(view, pane, self.fitted_scale(frame))
        self._other.draw(painter, other, placement)

    def _draw_difference(
        self, painter: QPainter, frame: Frame, placement: drawing.Placement
    ) -> None:
        painter.save()
        painter.setOpacity(DIMMED)
        super().draw_picture(painter, frame, placement)
        painter.restore()
        pairs = comparable(self._display.layers, self._beside.layers)
        name = self._blend.layer if self._blend.layer in pairs else next(iter(pairs), "")
        if not name:
            _name(painter, QRectF(self.rect()), "A and B have no map in common")
            return
        span = self._blend.span(name) or full_span(pairs[name][0])
        drawing.draw_image(painter, self._difference(frame, name, span), frame, placement)
        factor, unit = unit_of(pairs[name][0])
        _draw_legend(painter, self.rect(), f"{factor * span:.3g}{unit}")

    def _difference(self, frame: Frame, name: str, span: float) -> QImage:
        own, other = comparable(self._display.layers, self._beside.layers)[name]
        return drawing.image_of(colored_difference(difference_on(frame, own, other), span))

    def _swiped(self) -> QRegion:
        x = round(self._blend.divider * self.width())
        return QRegion(QRect(x, 0, self.width() - x, self.height()))

    def _squares(self, frame: Frame, placement: drawing.Placement) -> QRegion:
        """Return every other square of the picture; they keep their place in the brain."""
        width, height = frame.size_mm
        region = QRegion()
        for row in range(int(height // SQUARE_MM) + 1):
            for column in range(row % 2, int(width // SQUARE_MM) + 1, 2):
                x, y = column * SQUARE_MM - width / 2, row * SQUARE_MM - height / 2
                ends = placement.to_pane((x, y)), placement.to_pane((x + SQUARE_MM, y + SQUARE_MM))
                region += QRect(ends[0].toPoint(), ends[1].toPoint()).adjusted(0, 0, -1, -1)
        return region

    def _draw_divider(self, painter: QPainter) -> None:
        x, height = self._blend.divider * self.width(), self.height()
        handle = QPointF(x, 0.8 * height)
        for color, width in ((DIVIDER_RIM, 4), (DIVIDER, 2)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QLineF(x, 0, x, height))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(DIVIDER)
        painter.drawEllipse(handle, HANDLE_PIXELS, HANDLE_PIXELS)
        middle = Qt.AlignmentFlag.AlignVCenter
        for letter, side, alignment in (
            ("A", QRectF(0, 0, x - HANDLE_PIXELS, height), Qt.AlignmentFlag.AlignRight),
            ("B", QRectF(x + HANDLE_PIXELS, 0, self.width(), height), Qt.AlignmentFlag.AlignLeft),
        ):
            beside = QRectF(side.left(), handle.y() - 12, side.width(), 24)
            drawing.draw_text(painter, beside, alignment | middle, letter, drawing.LETTER_PIXELS)

    def _is_at_divider(self, position: QPointF) -> bool:
        if self._blend.together is not Together.SWIPE:
            return False
        return abs(position.x() - self._blend.divider * self.width()) <= GRAB_PIXELS

    def _on_beside_changed(self) -> None:
        self.update()


def _name(painter: QPainter, pane: QRectF, name: str) -> None:
    """Say whose brain it is."""
    place = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
    drawing.draw_text(painter, pane, place, name, drawing.LETTER_PIXELS)


def _draw_legend(painter: QPainter, pane: QRect, span: str) -> None:
    """Draw the colours and what they stand for."""
    width, height = LEGEND_PIXELS
    inset = drawing.TEXT_INSET_PIXELS
    bar = QRectF(pane.right() - width - inset, pane.top() + inset + 18, width, height)
    gradient = QLinearGradient(bar.topLeft(), bar.topRight())
    for place, color in ((0.0, LESS), (0.5, (0, 0, 0)), (1.0, MORE)):
        gradient.setColorAt(place, QColor(*color))
    painter.fillRect(bar, gradient)
    text = QRectF(bar.left() - inset, pane.top(), width + 2 * inset, 24)
    for alignment, words in (
        (Qt.AlignmentFlag.AlignLeft, f"{MINUS}{span}"),
        (Qt.AlignmentFlag.AlignHCenter, f"B {MINUS} A"),
        (Qt.AlignmentFlag.AlignRight, f"+{span}"),
    ):
        drawing.draw_text(
            painter,
            text,
            alignment | Qt.AlignmentFlag.AlignVCenter,
            words,
            drawing.CAPTION_PIXELS,
        )
