"""What the colours of the layers stand for, in a corner of a slice."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPen

from brainviewer.gui import slice_drawing as drawing
from brainviewer.gui.wording import MINUS
from brainviewer.session.colormaps import STEPS, TWO_TAILED, premultiplied_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.session.layers import Layer

BAR_PIXELS = (74, 9)
ROW_PIXELS = 17
NUMBER_PIXELS = 46
TEXT_PIXELS = 11
MOST_ROWS = 5
# In a narrower pane, letter and convention would be below the names.
WIDE_PIXELS = 560


def legend_rows(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that need a legend, the top one first: those that are seen in colour.

    Labels have names and no scale, and the map of local change has its own bar.
    """
    return [
        layer
        for layer in reversed(layers)
        if layer.visible and layer.colormap != "gray" and layer.kind not in ("label", "change")
    ][:MOST_ROWS]


def draw_legend(painter: QPainter, layers: Sequence[Layer], pane: QRectF) -> None:
    """Draw colours, the values at their ends and names in the lower left corner.

    In a narrow pane they are above the letter and the convention, which are there too.
    """
    rows = legend_rows(layers)
    top = pane.bottom() - drawing.TEXT_INSET_PIXELS - len(rows) * ROW_PIXELS
    if pane.width() < WIDE_PIXELS:
        top -= drawing.LETTER_PIXELS + drawing.TEXT_INSET_PIXELS
    for number, layer in enumerate(rows):
        row = QRectF(pane.left(), top + number * ROW_PIXELS, pane.width(), ROW_PIXELS)
        _draw_row(painter, layer, row)


def _draw_row(painter: QPainter, layer: Layer, row: QRectF) -> None:
    width, height = BAR_PIXELS
    left = row.left() + NUMBER_PIXELS
    bar = QRectF(left, row.center().y() - height / 2, width, height)
    painter.drawImage(bar, _colours(layer.colormap))
    painter.setPen(QPen(drawing.EMPTY_TEXT, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(bar)
    low, words = ends(layer)
    before = QRectF(row.left(), row.top(), NUMBER_PIXELS + 4, row.height())
    after = QRectF(bar.right() - 4, row.top(), row.right() - bar.right() + 4, row.height())
    middle = Qt.AlignmentFlag.AlignVCenter
    right, start = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
    drawing.draw_text(painter, before, right | middle, low, TEXT_PIXELS)
    drawing.draw_text(painter, after, start | middle, words, TEXT_PIXELS)


def ends(layer: Layer) -> tuple[str, str]:
    """Say what stands before and after the bar of a layer: the values at its ends, and its name."""
    low, high = layer.window
    if layer.colormap != TWO_TAILED:
        return _number(low), f"{_number(high)}  {layer.name}"
    beyond = f", beyond ±{_number(low)}" if low > 0 else ""
    return _number(-high), f"{_number(high)}  {layer.name}{beyond}"


def _number(value: float) -> str:
    return f"{round(value, 6) + 0.0:.3g}".replace("-", MINUS)


@cache
def _colours(colormap: str) -> QImage:
    """Draw a colormap on black, as it is over the pane: one line."""
    line = np.rint(premultiplied_table(colormap, 1.0)[:, :3]).astype(np.uint8)
    return QImage(line.tobytes(), STEPS, 1, 3 * STEPS, QImage.Format.Format_RGB888).copy()
