"""The brain on the screen on a finer grid, once the hand rests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from brainviewer.core.volume import Brain, voxel_spacing
from brainviewer.generators.base import GenerationError, MakesFine
from brainviewer.session.measuring import Place

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.core.features import Conditions
    from brainviewer.generators.base import Identity, Space
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.export import Maker
    from brainviewer.session.model import State
    from brainviewer.session.request import Shown
    from brainviewer.session.worker import Worker

Post = Callable[[Callable[[], None]], None]

SPACING_TOLERANCE_MM = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Fine:
    """A brain on the fine grid, and whose it is."""

    brain: Brain
    identity: Identity
    conditions: Conditions

    def is_of(self, identity: Identity, conditions: Conditions) -> bool:
        """Tell whether it is the brain of an identity under conditions."""
        return self.identity is identity and dict(self.conditions) == dict(conditions)


class FineWatch:
    """Makes the brain of the newest state on the fine grid, where the generator has one.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker
    rest_s : float, s
        How long the hand must rest before.
    place : Place
        Its place in the background.

    Signals
    -------
    changed : Fine
    """

    changed = Signal(Fine)

    def __init__(
        self, post: Post, worker: Worker, *, rest_s: float, place: Place = Place.FINE
    ) -> None:
        self._rest_s = rest_s
        self._place = place
        self._post = post
        self._worker = worker
        self._fine: Fine | None = None  # one alone: at 1 mm it takes 70 MB
        self._state: State | None = None

    def of(self, shown: Shown) -> Brain | None:
        """Return the fine brain of one that is shown; None where there is none yet."""
        fine = self._fine
        if fine is None or not shown.exact or not fine.is_of(shown.identity, shown.conditions):
            return None
        return fine.brain

    def follow(self, state: State, decoder: Decoder) -> None:
        """Make the fine brain of a state when there is nothing better to do."""
        self._state = state
        if not decoder.makes_fine or self._is_there(state):
            self._worker.cancel_background(self._place)
            return
        self._worker.run_background(
            "Making the fine brain",
            self._work(state, decoder),
            place=self._place,
            delay_s=self._rest_s,
        )

    def take(self, fine: Fine) -> None:
        """Keep a fine brain that was made elsewhere."""
        self._fine = fine
        self.changed.emit(fine)

    def leave(self) -> None:
        """Follow nobody until the next state, and keep nothing."""
        self._state = self._fine = None
        self._worker.cancel_background(self._place)

    def _is_there(self, state: State) -> bool:
        fine = self._fine
        return fine is not None and fine.is_of(state.person.identity, state.conditions)

    def _work(self, state: State, decoder: Decoder) -> Generator[None, None, None]:
        identity, conditions = state.person.identity, state.conditions
        steps = decoder.fine_steps(identity, conditions)
        while True:
            try:
                next(steps)
                yield
            except StopIteration as end:
                self._post(partial(self._on_made, Fine(end.value, identity, conditions)))
                return

    def _on_made(self, fine: Fine) -> None:
        state = self._state
        if state is not None and fine.is_of(state.person.identity, state.conditions):
            self.take(fine)


@dataclass(frozen=True, slots=True)
class FineMaker:
    """Makes the fine brains of a generator where others make its usual ones."""

    decoder: Decoder

    @property
    def channels(self) -> tuple[str, ...]:
        """The maps it makes."""
        return self.decoder.channels

    @property
    def space(self) -> Space:
        """``"native"`` or ``"template"``."""
        return self.decoder.space

    def draw(self, seed: int) -> Identity:
        """Draw a person."""
        return self.decoder.draw(seed)

    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Make a brain on the fine grid."""
        steps = self.decoder.fine_steps(identity, conditions)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                brain: Brain = end.value
                return brain


def maker_at(decoder: Decoder, spacing_mm: float | None) -> Maker:
    """Return what makes a generator's brains at a spacing; None for its usual one.

    Raises
    ------
    GenerationError
        When the generator makes none at this spacing; the sentence has those it does.
    """
    generator = decoder.generator
    usual = float(np.mean(voxel_spacing(generator.affine)))
    if spacing_mm is None or abs(spacing_mm - usual) < SPACING_TOLERANCE_MM:
        return decoder
    fine = generator.fine_affine if isinstance(generator, MakesFine) else None
    spacings = [usual] if fine is None else [usual, float(np.mean(voxel_spacing(fine)))]
    if abs(spacing_mm - spacings[-1]) < SPACING_TOLERANCE_MM:
        return FineMaker(decoder)
    raise GenerationError(
        f"{generator.name} makes brains at {' or '.join(f'{it:g}' for it in spacings)} mm, "
        f"got {spacing_mm:g}"
    )
