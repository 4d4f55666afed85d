"""The picture of a slice, kept until it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QImage, QPainter

from brainviewer.gui import slice_drawing as drawing
from brainviewer.session.slicing import Frame, frame_of, render_slice

if TYPE_CHECKING:
    from brainviewer.core.space import Convention, Plane
    from brainviewer.session.display import Display
    from brainviewer.session.layers import Layer


class SliceImage:
    """What a display shows on one plane, drawn anew only when it changes."""

    def __init__(self, display: Display, plane: Plane) -> None:
        self._display = display
        self._plane = plane
        self._image = QImage()
        self._drawn: tuple[tuple[Layer, ...], int, Convention] | None = None

    @property
    def frame(self) -> Frame | None:
        """Which slice it is and where it lies; None without layers."""
        display = self._display
        if display.reference is None:
            return None
        return frame_of(display.reference, self._plane, display.crosshair, display.convention)

    def draw(self, painter: QPainter, frame: Frame, placement: drawing.Placement) -> None:
        """Draw the picture of its frame, smooth or voxel by voxel as the display says."""
        smooth = self._display.interpolation == "linear"
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        drawing.draw_image(painter, self._up_to_date(frame), frame, placement)

    def _up_to_date(self, frame: Frame) -> QImage:
        display = self._display
        wanted = (display.layers, frame.index, frame.convention)
        if wanted != self._drawn:
            picture = render_slice(
                display.layers, self._plane, display.crosshair, display.convention
            )
            self._image = drawing.image_of(picture.rgba)
            self._drawn = wanted
        return self._image
