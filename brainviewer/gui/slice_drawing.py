"""Drawing a slice: where the picture lies in its pane, and what is written around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QStaticText

from brainviewer.core.space import edge_letters
from brainviewer.gui.wording import MINUS

if TYPE_CHECKING:
    from PySide6.QtCore import QRect

    from brainviewer.session.slicing import Frame, Point, Rgba
    from brainviewer.session.view import View

# Pictures are read against black in both themes, as on a light box.
BACKGROUND = QColor("#000000")
TEXT = QColor("#e8eaed")
RIM = QColor(0, 0, 0)
RIM_OFFSETS = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
CROSSHAIR = QColor(126, 231, 135)
CROSSHAIR_RIM = QColor(0, 0, 0, 110)
EMPTY_TEXT = QColor("#a9b1ba")
FOCUS_RING_PIXELS = 2
# Room for the letters beside a picture that is fitted into its pane.
MARGIN_PIXELS = 8
TEXT_INSET_PIXELS = 8
CROSSHAIR_GAP_PIXELS = 9.0
LETTER_PIXELS = 17
CAPTION_PIXELS = 13
# Narrower panes have no room for the captions beside the letters: they go below and above.
NARROW_PIXELS = 260


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in its pane, in the pane's logical pixels.

    Attributes
    ----------
    middle : QPointF
        Of the pane.
    scale : float, pixels per mm
    centre : (x, y), mm from the middle of the picture
        What is shown in the middle of the pane.
    """

    middle: QPointF
    scale: float
    centre: Point

    @classmethod
    def of(cls, view: View, pane: QSizeF, fitted: float) -> Placement:
        """Zoom and pan a picture that is fitted into a pane at a scale, pixels per mm."""
        middle = QPointF(pane.width() / 2, pane.height() / 2)
        return cls(middle, fitted * view.zoom, view.centre)

    def to_pane(self, point: Point) -> QPointF:
        """Find where a place in the picture, mm from its middle, is in the pane."""
        x, y = point[0] - self.centre[0], point[1] - self.centre[1]
        return QPointF(self.middle.x() + self.scale * x, self.middle.y() + self.scale * y)

    def to_picture(self, position: QPointF) -> Point:
        """Find the place in the picture, mm from its middle, at a position in the pane."""
        offset = (position - self.middle) / self.scale
        return offset.x() + self.centre[0], offset.y() + self.centre[1]


def fitted_scale(frame: Frame, pane: QSizeF) -> float:
    """Find the largest scale, pixels per mm, at which a picture fits into a pane."""
    width, height = frame.size_mm
    return min(
        max(pane.width() - 2 * MARGIN_PIXELS, 1.0) / width,
        max(pane.height() - 2 * MARGIN_PIXELS, 1.0) / height,
    )


def image_of(rgba: Rgba) -> QImage:
    """Make an image with memory of its own, in the format that Qt draws fastest.

    Parameters
    ----------
    rgba : (rows, columns, 4) uint8 ndarray
        Colours are multiplied with alpha; contiguous.
    """
    rows, columns, channels = rgba.shape
    kind = QImage.Format.Format_RGBA8888_Premultiplied
    image = QImage(rgba.data, columns, rows, columns * channels, kind)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def draw_image(painter: QPainter, image: QImage, frame: Frame, placement: Placement) -> None:
    """Draw the picture in its true proportions."""
    width, height = frame.size_mm
    scale = placement.scale
    corner = placement.to_pane((-width / 2, -height / 2))
    painter.drawImage(QRectF(corner, QSizeF(width * scale, height * scale)), image)


def draw_crosshair(painter: QPainter, position: QPointF, pane: QRectF) -> None:
    """Draw lines through a position, with a gap that leaves what is there to be seen."""
    x, y, gap = position.x(), position.y(), CROSSHAIR_GAP_PIXELS
    lines = [
        QLineF(pane.left(), y, x - gap, y),
        QLineF(x + gap, y, pane.right(), y),
        QLineF(x, pane.top(), x, y - gap),
        QLineF(x, y + gap, x, pane.bottom()),
    ]
    for color, width in ((CROSSHAIR_RIM, 3), (CROSSHAIR, 1)):
        painter.setPen(QPen(color, width))
        painter.drawLines(lines)


def draw_box(painter: QPainter, box: QRectF) -> None:
    """Draw the outline of a region."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for color, width in ((CROSSHAIR_RIM, 3), (TEXT, 1)):
        painter.setPen(QPen(color, width))
        painter.drawRect(box.translated(0.5, 0.5))


def draw_letters(painter: QPainter, frame: Frame, pane: QRectF) -> None:
    """Name the directions at the edges of the pane."""
    letters = edge_letters(frame.plane, frame.convention)
    across, down = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
    for letter, alignment in (
        (letters.left, across | Qt.AlignmentFlag.AlignLeft),
        (letters.right, across | Qt.AlignmentFlag.AlignRight),
        (letters.top, down | Qt.AlignmentFlag.AlignTop),
        (letters.bottom, down | Qt.AlignmentFlag.AlignBottom),
    ):
        draw_text(painter, pane, alignment, letter, LETTER_PIXELS)


def draw_captions(painter: QPainter, frame: Frame, pane: QRectF) -> None:
    """Write where the slice is and on which side the person's left is.

    Also on sagittal slices, which look the same in both conventions: none must be in doubt.
    """
    if pane.width() < NARROW_PIXELS:
        pane = pane.adjusted(0, LETTER_PIXELS, 0, -LETTER_PIXELS)
    bottom_right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
    for place, text in (
        (Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, position_text(frame)),
        (bottom_right, frame.convention.value.capitalize()),
    ):
        draw_text(painter, pane, place, text, CAPTION_PIXELS)


def draw_focus_ring(painter: QPainter, pane: QRect, color: QColor) -> None:
    """Draw a line around the pane that hears the keys."""
    pen = QPen(color, FOCUS_RING_PIXELS)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.setPen(pen)
    inset = FOCUS_RING_PIXELS // 2
    painter.drawRect(pane.adjusted(inset, inset, -inset, -inset))


def draw_text(
    painter: QPainter, pane: QRectF, alignment: Qt.AlignmentFlag, text: str, pixels: int
) -> None:
    """Write light text with a dark rim, legible on bright and on dark."""
    font = QFont(painter.font())
    font.setPixelSize(pixels)
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    inset = TEXT_INSET_PIXELS
    inner = pane.adjusted(inset, inset / 2, -inset, -inset / 2)
    corner = painter.boundingRect(inner, int(alignment), text).topLeft()
    # Laid out once and drawn nine times: words are much of what a scrolled slice costs.
    written = QStaticText(text)
    written.setTextFormat(Qt.TextFormat.PlainText)
    painter.setPen(RIM)
    for dx, dy in RIM_OFFSETS:
        painter.drawStaticText(corner + QPointF(dx, dy), written)
    painter.setPen(TEXT)
    painter.drawStaticText(corner, written)


def position_text(frame: Frame) -> str:
    """Write where the slice is: ``z = −12.0 mm``."""
    axis = {"sagittal": "x", "coronal": "y", "axial": "z"}[frame.plane.value]
    position = round(frame.position_mm, 1) + 0.0  # no minus before a zero
    return f"{axis} = {position:.1f} mm".replace("-", MINUS)
