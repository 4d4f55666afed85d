"""Drawing, moving and choosing lines in a slice with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from brainviewer.gui import slice_drawing as drawing
from brainviewer.session.rulers import Ruler

if TYPE_CHECKING:
    from brainviewer.core.volume import Volume
    from brainviewer.session.display import Display
    from brainviewer.session.rulers import End, World
    from brainviewer.session.slicing import Frame

GRAB_PIXELS = 8.0
SHORTEST_PIXELS = 3.0
TICK_PIXELS = 5.0
LINE = QColor("#ffd166")
CHOSEN = QColor("#ffffff")
RIM = QColor(0, 0, 0, 170)
LABEL_PIXELS = (110.0, 22.0)
HINT = "Measuring: drag a line, or Enter; M ends"
HINT_BEGUN = "Go to the other end, then Enter"


class RulerTool:
    """What the mouse does to the lines of a slice while distances are measured.

    Parameters
    ----------
    display : Display
    """

    def __init__(self, display: Display) -> None:
        self._rulers = display.rulers
        self._pressed_at = QPointF()
        self._held: tuple[int, End] | None = None
        self._is_new = False

    @property
    def is_dragging(self) -> bool:
        """Whether an end of a line follows the mouse."""
        return self._held is not None or self._is_new

    def press(self, position: QPointF, lines: list[tuple[int, QLineF]]) -> None:
        """Take hold of an end, choose a line, or begin a new one.

        Parameters
        ----------
        position : QPointF
            In the pane.
        lines : list of (index, line)
            Those that are seen, in the pane.
        """
        self._pressed_at = position
        for index, line in reversed(lines):
            ends: tuple[tuple[End, QPointF], ...] = (("end", line.p2()), ("start", line.p1()))
            for end, place in ends:
                if _distance(place, position) <= GRAB_PIXELS:
                    self._held = index, end
                    self._rulers.choose(index)
                    return
        for index, line in reversed(lines):
            if _distance_to_line(position, line) <= GRAB_PIXELS:
                self._rulers.choose(index)
                return
        self._is_new = True

    def move(self, position: QPointF, frame: Frame, placement: drawing.Placement) -> None:
        """Take the end along, once the mouse has gone a little."""
        world = _world(frame, placement, position)
        if self._held is not None:
            self._rulers.move_end(*self._held, world)
        elif self._is_new and _distance(position, self._pressed_at) >= SHORTEST_PIXELS:
            start = _world(frame, placement, self._pressed_at)
            self._held, self._is_new = (len(self._rulers.lines), "end"), False
            self._rulers.add(Ruler(frame.plane, start, world))

    def release(self) -> None:
        """Let go."""
        self._held, self._is_new = None, False


def lines_in(
    display: Display, frame: Frame, placement: drawing.Placement
) -> list[tuple[int, QLineF]]:
    """Return the lines of a slice with their indices, in the pane."""
    reference: Volume | None = display.reference
    if reference is None:
        return []
    return [
        (
            index,
            QLineF(
                placement.to_pane(frame.point_of(line.start)),
                placement.to_pane(frame.point_of(line.end)),
            ),
        )
        for index, line in enumerate(display.rulers.lines)
        if line.is_on(frame, reference)
    ]


def draw_rulers(
    painter: QPainter, display: Display, frame: Frame, placement: drawing.Placement
) -> None:
    """Draw the lines of a slice with their lengths."""
    for index, line in lines_in(display, frame, placement):
        chosen = display.rulers.is_measuring and index == display.rulers.chosen
        strokes = [line, *_ticks(line)]
        for color, width in ((RIM, 4), (CHOSEN if chosen else LINE, 2)):
            painter.setPen(QPen(color, width))
            painter.drawLines(strokes)
        text = f"{display.rulers.lines[index].length_mm:.1f} mm"
        _write(painter, line, text)
    begun = display.rulers.begun
    if begun is not None and begun[0] is frame.plane:
        place = placement.to_pane(frame.point_of(begun[1]))
        step = QPointF(TICK_PIXELS, 0)
        for color, width in ((RIM, 4), (CHOSEN, 2)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QLineF(place - step, place + step))
            painter.drawLine(QLineF(place - step.transposed(), place + step.transposed()))


def draw_hint(painter: QPainter, pane: QRectF, *, begun: bool) -> None:
    """Say what draws a line, or ends the one that was begun."""
    place = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
    if pane.width() < drawing.NARROW_PIXELS:
        pane = pane.adjusted(0, 0, 0, -3 * drawing.LETTER_PIXELS)
    words = HINT_BEGUN if begun else HINT
    drawing.draw_text(painter, pane, place, words, drawing.CAPTION_PIXELS)


def _write(painter: QPainter, line: QLineF, text: str) -> None:
    """Write beside the end that lies further right, where the line is not."""
    right = line.p2() if line.x2() >= line.x1() else line.p1()
    width, height = LABEL_PIXELS
    room = QRectF(right.x(), right.y() - height / 2, width, height)
    place = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    drawing.draw_text(painter, room, place, text, drawing.CAPTION_PIXELS)


def _ticks(line: QLineF) -> list[QLineF]:
    """Make a short stroke across each end."""
    if line.length() == 0:
        return []
    across = line.normalVector().unitVector()
    step = QPointF(across.dx(), across.dy()) * TICK_PIXELS
    return [QLineF(end - step, end + step) for end in (line.p1(), line.p2())]


def _world(frame: Frame, placement: drawing.Placement, position: QPointF) -> World:
    x, y, z = frame.exact_world_at(placement.to_picture(position)).tolist()
    return x, y, z


def _distance(a: QPointF, b: QPointF) -> float:
    return QLineF(a, b).length()


def _distance_to_line(position: QPointF, line: QLineF) -> float:
    """Return how far a position is from the nearest point between the ends."""
    along, to = line.p2() - line.p1(), position - line.p1()
    squared = QPointF.dotProduct(along, along)
    share = QPointF.dotProduct(to, along) / squared if squared else 0.0
    return _distance(position, line.pointAt(min(max(share, 0.0), 1.0)))
