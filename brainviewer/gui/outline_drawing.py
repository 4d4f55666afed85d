"""The borders of regions over a slice, kept until they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from brainviewer.session.outlines import outlines_on

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brainviewer.gui.slice_drawing import Placement
    from brainviewer.session.display import Display
    from brainviewer.session.slicing import Frame

Lines = list[tuple[str, "NDArray[np.float64]"]]

RIM = QColor(0, 0, 0, 150)
RIM_PIXELS, LINE_PIXELS = 3.4, 1.6


class OutlineDrawer:
    """Draws the regions that a display shows on one slice."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._lines: Lines = []
        self._drawn: tuple[object, ...] = ()

    def draw(self, painter: QPainter, frame: Frame, placement: Placement) -> None:
        """Draw the borders of its frame."""
        lines = self._up_to_date(frame)
        if not lines:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        polygons = [(color, _in_pane(line, placement)) for color, line in lines]
        for _, polygon in polygons:
            painter.setPen(QPen(RIM, RIM_PIXELS))
            painter.drawPolyline(polygon)
        for color, polygon in polygons:
            painter.setPen(QPen(QColor(color), LINE_PIXELS))
            painter.drawPolyline(polygon)
        painter.restore()

    def _up_to_date(self, frame: Frame) -> Lines:
        regions = self._display.regions.visible
        grid = (frame.plane, frame.convention, frame.index, frame.shape, frame.affine.tobytes())
        wanted = (*grid, regions)
        if wanted != self._drawn:
            self._drawn = wanted
            self._lines = [
                (region.color, line)
                for region, share in regions
                for line in outlines_on(frame, share)
            ]
        return self._lines


def _in_pane(line: NDArray[np.float64], placement: Placement) -> QPolygonF:
    return QPolygonF([QPointF(placement.to_pane((x, y))) for x, y in line.tolist()])
