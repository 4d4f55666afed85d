"""People of a generator that takes seconds to draw one: drawn behind the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from brainviewer.generators.base import Identity
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.measuring import Place
    from brainviewer.session.request import Shown
    from brainviewer.session.worker import Worker

Look = Callable[["Identity"], "Shown"]

TITLE = "Drawing the person"
DONE = 1.0
BETWEEN_LOOKS = 0.15  # of the drawing: each look takes as long as a brain


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """Who is to be drawn, and what follows."""

    decoder: Decoder
    seeds: Sequence[int]
    done: Callable[[], None]
    given_up: Callable[[], None]
    look: Look | None


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

    Signals
    -------
    progress_changed : float, 0 to 1
    unveiled : Shown
        The person as far as they are drawn.
    """

    progress_changed = Signal(float)
    unveiled = Signal(object)

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
        look: Look | None = None,
    ) -> None:
        """Draw the people of seeds.

        Parameters
        ----------
        done : function
            Called when `Decoder.draw` has all of them at hand.
        given_up : function
            Called instead when the drawing fails or is stopped, not when a newer order replaces it.
        look : function or None
            Makes the brain of who is there so far, on the worker's thread; of generators that can
            be looked at while they draw.
        """
        self._order = _Order(decoder, seeds, done, given_up, look)
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
                for part in self._parts(order, seed):
                    self._post(partial(self._on_part, order, (number + part) / len(order.seeds)))
                    yield
        except (Exception, SystemExit):
            self._post(partial(self._on_failed, order))
            raise
        self._post(partial(self._on_done, order))

    def _parts(self, order: _Order, seed: int) -> Iterator[float]:
        """Draw a person, and show them now and then where that can be."""
        if order.look is None or not order.decoder.unveils:
            yield from order.decoder.drawing_steps(seed)
            return
        seen = 0.0
        for part, so_far in order.decoder.unveiling_steps(seed):
            if seen + BETWEEN_LOOKS <= part < DONE:
                seen = part
                self._post(partial(self._on_unveiled, order, order.look(so_far)))
            yield part

    # On the owner's thread

    def _on_unveiled(self, order: _Order, shown: Shown) -> None:
        if self._order is order:
            self.unveiled.emit(shown)

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
