"""Makes a movie of the window's pictures while one number goes from low to high."""

from __future__ import annotations

from functools import partial
from queue import Empty, Queue
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPixmap

from brainviewer.core.space import Plane
from brainviewer.gui import slice_drawing as drawing
from brainviewer.gui.movie_dialog import Shot
from brainviewer.session.export import ExportError
from brainviewer.session.request import Shown, measured_volumes_ml
from brainviewer.session.sweep import caption, conditions_along

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from brainviewer.core.volume import Brain
    from brainviewer.gui.movie_dialog import MovieOrder
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.movie import Movie
    from brainviewer.session.state import Session

Picture = NDArray[np.uint8]

PAUSE_S = 0.05
CAPTION_PIXELS = 17
CAPTION_HEIGHT_PIXELS = 40
_PLANES = {Shot.CORONAL: Plane.CORONAL, Shot.SAGITTAL: Plane.SAGITTAL, Shot.AXIAL: Plane.AXIAL}


class MovieMaker(QObject):
    """Shows one brain after the other and takes pictures; the person stays who they are.

    The brains are made and the pictures are encoded between the pictures on the worker's thread;
    only the drawing is done on this one.

    Parameters
    ----------
    session : Session
    viewing : ViewingArea
    post : function
        Runs a function on this thread, from whatever thread it is called on.

    Signals
    -------
    written : Path
    failed : str
        One sentence.
    """

    written = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        viewing: ViewingArea,
        post: Callable[[Callable[[], None]], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._viewing = viewing
        self._post = post
        self._film: _Film | None = None

    @property
    def is_running(self) -> bool:
        """Whether a movie is being made."""
        return self._film is not None

    def start(self, order: MovieOrder, movie: Movie) -> None:
        """Begin; *Cancel* ends it, and nothing is left then."""
        state, decoder = self._session.state, self._session.decoder
        if state is None or decoder is None or self._film is not None:
            movie.discard()
            self.failed.emit("a movie is being made already; wait, or cancel it")
            return
        self._film = _Film(state, decoder, order, movie)
        steps = self._film.steps(
            show=lambda film, frame, brain: self._post(partial(self._on_brain, film, frame, brain)),
            ended=lambda film: self._post(partial(self._on_ended, film)),
        )
        self._session.start_task("Making the movie", steps, done=self.written.emit)

    def _on_brain(self, film: _Film, frame: int, brain: Brain) -> None:
        """Draw a frame, and hand its picture to the worker."""
        if self._film is not film:
            return
        try:
            self._viewing.show_at_once(film.shown(frame, brain))
            film.give(shot_of(self._viewing, film.shot, film.words(frame)))
        except ExportError as error:
            film.give(error)

    def _on_ended(self, film: _Film) -> None:
        """Show the person's own brain again."""
        if self._film is film:
            self._film = None
            if self._session.shown is not None:
                self._viewing.show_brain(self._session.shown)


class _Film:
    """One movie in the making: what the worker does, and what it is handed."""

    def __init__(self, state: State, decoder: Decoder, order: MovieOrder, movie: Movie) -> None:
        self.shot = order.shot
        self._movie = movie
        self._state = state
        self._decoder = decoder
        self._sweep = order.sweep
        self._conditions = conditions_along(state, order.sweep)
        self._drawn: Queue[Picture | ExportError] = Queue()

    def words(self, frame: int) -> str:
        """Say what is written into the picture of a frame."""
        return caption(self._state.checkpoint.schema, self._sweep, frame)

    def shown(self, frame: int, brain: Brain) -> Shown:
        """Say what the brain of a frame is."""
        conditions, identity = self._conditions[frame], self._state.person.identity
        return Shown(brain, measured_volumes_ml(brain), conditions, identity, exact=True)

    def give(self, picture: Picture | ExportError) -> None:
        """Hand over the picture of the frame that was shown, or why there is none."""
        self._drawn.put(picture)

    def steps(
        self,
        *,
        show: Callable[[_Film, int, Brain], None],
        ended: Callable[[_Film], None],
    ) -> Generator[float, None, Path]:
        """Make every brain while the one before is drawn, and encode the pictures.

        Parameters
        ----------
        show : function of (film, frame, brain)
            Has the frame drawn; the picture comes by `give`.
        ended : function of a film
            Hears of the end, also when the steps are cancelled or fail.
        """
        count = len(self._conditions)
        try:
            for frame, conditions in enumerate(self._conditions):
                yield frame / (count + 1)
                brain = self._decoder.generate(self._state.person.identity, conditions)
                if frame:
                    yield from self._encode(frame / (count + 1))
                show(self, frame, brain)
            yield from self._encode(count / (count + 1))
            path = self._movie.finish()
            yield 1.0
            return path
        finally:
            self._movie.discard()
            ended(self)

    def _encode(self, done: float) -> Generator[float, None, None]:
        """Add the picture that is being drawn; a step is short, so that others can go between."""
        while True:
            try:
                picture = self._drawn.get(timeout=PAUSE_S)
            except Empty:
                yield done
                continue
            if isinstance(picture, ExportError):
                raise picture
            self._movie.add(picture)
            return


def shot_of(viewing: ViewingArea, shot: Shot, words: str) -> Picture:
    """Draw the whole view or one pane of it, and write words at the top.

    Returns
    -------
    (rows, columns, 3) uint8 ndarray

    Raises
    ------
    ExportError
        There is no 3D picture.
    """
    pixmap = _grabbed(viewing, shot)
    painter = QPainter(pixmap)
    pane = QRectF(0, 0, pixmap.deviceIndependentSize().width(), CAPTION_HEIGHT_PIXELS)
    place = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
    drawing.draw_text(painter, pane, place, words, CAPTION_PIXELS)
    painter.end()
    return _array_of(pixmap)


def _grabbed(viewing: ViewingArea, shot: Shot) -> QPixmap:
    if shot is Shot.VIEW:
        return viewing.stage.grab()
    if shot is Shot.BRAIN_3D:
        picture = viewing.pane_3d.picture()
        if picture is None:
            raise ExportError("there is no 3D picture to film; show the 3D view first")
        return picture
    view = viewing.ortho.slices[_PLANES[shot]]
    view.set_legend(True)
    found = view.grab()
    viewing.ortho.place_legend()
    return found


def _array_of(pixmap: QPixmap) -> Picture:
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()
