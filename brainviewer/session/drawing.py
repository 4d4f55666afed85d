"""People of a generator that takes seconds to draw one: drawn behind the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from brainviewer.session.decoder import Decoder
    from brainviewer.session.measuring import Place
    from brainviewer.session.worker import Worker

TITLE = "Drawing the person"
DONE = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """Who is to be drawn, and what follows."""

    decoder: Decoder
    seeds: Sequence[int]
    done: Callable[[], None]
    given_up: Callable[[], None]


class Drawing:
    """Has a decoder draw people, so that they are at hand when they are asked for.

    A newer order takes the place of the one that runs. It is used on the owner's thread.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker
    place : Place
        Of the background.
    """

    progress_changed = Signal(float)

    def __init__(
        self, post: Callable[[Callable[[], None]], None], worker: Worker, place: Place
    ) -> None:
        self._post = post
        self._worker = worker
        self._place = place
        self._order: _Order | None = None

    @property
    def is_going_on(self) -> bool:
        """Whether people are being drawn."""
        return self._order is not None

    def draw(
        self,
        decoder: Decoder,
        seeds: Sequence[int],
        *,
        done: Callable[[], None],
        given_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Draw the people of seeds.

        Parameters
        ----------
        done : function
            Called when `Decoder.draw` has all of them at hand.
        given_up : function
            Called instead when the drawing fails or is stopped, not when a newer order replaces it.
        """
        self._order = _Order(decoder, seeds, done, given_up)
        self._worker.run_background(TITLE, self._work(self._order), place=self._place)

    def withdraw(self) -> None:
        """Forget the order, if there is one."""
        if self._order is not None:
            self._order = None
            self._worker.cancel_background(self._place)
            self.progress_changed.emit(DONE)

    def stop(self) -> bool:
        """Give the order up; False when there is none."""
        order = self._order
        self.withdraw()
        if order is not None:
            order.given_up()
        return order is not None

    # On the worker's thread

    def _work(self, order: _Order) -> Generator[None, None, None]:
        try:
            for number, seed in enumerate(order.seeds):
                for part in order.decoder.drawing_steps(seed):
                    self._post(partial(self._on_part, order, (number + part) / len(order.seeds)))
                    yield
        except (Exception, SystemExit):
            self._post(partial(self._on_failed, order))
            raise
        self._post(partial(self._on_done, order))

    # On the owner's thread

    def _on_part(self, order: _Order, part: float) -> None:
        if self._order is order:
            self.progress_changed.emit(part)

    def _on_failed(self, order: _Order) -> None:
        if self._order is order:
            self.stop()

    def _on_done(self, order: _Order) -> None:
        if self._order is order:
            self._order = None
            self.progress_changed.emit(DONE)
            order.done()
