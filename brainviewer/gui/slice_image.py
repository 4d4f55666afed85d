"""The picture of a slice, kept until it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QImage, QPainter

from brainviewer.gui import slice_drawing as drawing
from brainviewer.session.slicing import Frame, frame_of, render_slice

if TYPE_CHECKING:
    from brainviewer.core.space import Convention, Plane
    from brainviewer.core.volume import Volume
    from brainviewer.session.display import Display, World
    from brainviewer.session.layers import Layer


# Steps, so that a zoom does not draw anew each time; Qt mixes what lies between.
FACTORS = (1, 2, 4, 8)


class SliceImage:
    """What a display shows on one plane, drawn anew only when it changes."""

    def __init__(self, display: Display, plane: Plane) -> None:
        self._display = display
        self._plane = plane
        self._image = QImage()
        self._frame: Frame | None = None
        self._framed: tuple[Volume, World, Convention] | None = None
        self._drawn: tuple[tuple[Layer, ...], int, Convention, int] | None = None

    @property
    def frame(self) -> Frame | None:
        """Which slice it is and where it lies; None without layers."""
        display = self._display
        if display.reference is None:
            return None
        # A pane asks several times for each of its pictures.
        wanted = (display.reference, display.crosshair, display.convention)
        if self._frame is None or wanted != self._framed:
            self._frame = frame_of(wanted[0], self._plane, *wanted[1:])
            self._framed = wanted
        return self._frame

    def draw(self, painter: QPainter, frame: Frame, placement: drawing.Placement) -> None:
        """Draw the picture of its frame, smooth or voxel by voxel as the display says."""
        way = self._display.interpolation
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, way != "nearest")
        ratio = painter.deviceTransform().m11()  # pixels of the screen for each of the pane
        pixels = placement.scale * max(frame.pixel_mm) * ratio
        factor = _factor(pixels) if way == "cubic" else 1
        drawing.draw_image(painter, self._up_to_date(frame, factor), frame, placement)

    def _up_to_date(self, frame: Frame, factor: int) -> QImage:
        display = self._display
        wanted = (display.layers, frame.index, frame.convention, factor)
        if wanted != self._drawn:
            picture = render_slice(
                display.layers,
                self._plane,
                frame.world_at((0.0, 0.0)),
                display.convention,
                factor=factor,
            )
            self._image = drawing.image_of(picture.rgba)
            self._drawn = wanted
        return self._image


def _factor(pixels: float) -> int:
    """Choose how many pixels a voxel gets before Qt draws it over this many of the screen."""
    return next((it for it in FACTORS if it >= pixels), FACTORS[-1])
