"""Where the brain on the screen grows and shrinks when a feature changes; in the background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from brainviewer.core.tissues import tissue_maps
from brainviewer.core.volume import Volume
from brainviewer.generators.base import GenerationError
from brainviewer.session.decoder import no_warps
from brainviewer.session.directions import directions_of, span_of, title_of
from brainviewer.session.measuring import Place
from brainviewer.session.model import takes_no_features
from brainviewer.session.request import key_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.base import Identity
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.directions import Direction
    from brainviewer.session.model import State
    from brainviewer.session.request import BrainKey, Course
    from brainviewer.session.worker import Worker

Post = Callable[[Callable[[], None]], None]
Wanted = tuple["BrainKey", "Direction"]

NAME = "Local change"
MOST_KEPT = 16  # a map of 2 mm takes 3 MB


@dataclass(frozen=True, slots=True, eq=False)
class LocalChange:
    """How much each place of a brain grows or shrinks in a direction.

    Attributes
    ----------
    direction : Direction
    title : str
        ``"Age"``, ``"Sex: male"``.
    unit : str
        ``"% per decade"``, ``"% if male"``.
    percent : Volume or None
        On the generator's grid, float32, also outside of the brain; None where there is none.
    sentence : str
        Why there is none; empty where there is one.
    """

    direction: Direction
    title: str
    unit: str = ""
    percent: Volume | None = None
    sentence: str = ""


class LocalChangeWatch:
    """Keeps a map of local change in step with the newest state while somebody looks at it.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker

    Signals
    -------
    changed : LocalChange or None
        The map of the newest state; None when none is wanted any more.
    outdated
        What is shown belongs to an earlier state, and another is on its way.
    """

    changed = Signal(object)
    outdated = Signal()

    def __init__(self, post: Post, worker: Worker) -> None:
        self.direction: Direction | None = None
        self.change: LocalChange | None = None
        self._post = post
        self._worker = worker
        self._kept: OrderedDict[Wanted, LocalChange] = OrderedDict()
        self._state: State | None = None
        self._decoder: Decoder | None = None

    def choose(self, direction: Direction | None) -> None:
        """Map the change in a direction from now on, or none any longer."""
        if direction == self.direction:
            return
        self.direction = direction
        if direction is None:
            self._worker.cancel_background(Place.LOCAL_CHANGE)
            self._show(None)
        elif self._state is not None and self._decoder is not None:
            self.follow(self._state, self._decoder)

    def follow(self, state: State, decoder: Decoder) -> None:
        """Give the map of the brain of a state, from memory or soon."""
        self._state, self._decoder = state, decoder
        if self.direction is None:
            return
        if not decoder.deforms or self.direction not in directions_of(state.checkpoint.schema):
            self.choose(None)
            return
        wanted = _wanted(state, self.direction)
        if wanted in self._kept:
            self._worker.cancel_background(Place.LOCAL_CHANGE)
            self._kept.move_to_end(wanted)
            self._show(self._kept[wanted])
            return
        self.outdated.emit()
        self._worker.run_background(
            "Mapping the local change",
            self._work(wanted, state, decoder),
            place=Place.LOCAL_CHANGE,
        )

    def _show(self, change: LocalChange | None) -> None:
        self.change = change
        self.changed.emit(change)

    def _work(self, wanted: Wanted, state: State, decoder: Decoder) -> Generator[None, None, None]:
        direction = wanted[1]
        try:
            steps = local_change_steps(
                decoder, state.person.identity, direction, course=state.course, age=state.age
            )
            while True:
                next(steps)
                yield
        except StopIteration as end:
            change = end.value
        except GenerationError as error:
            title = title_of(direction, state.checkpoint.schema)
            change = LocalChange(direction, title, sentence=str(error))
        self._post(partial(self._on_made, wanted, change))
        yield

    def _on_made(self, wanted: Wanted, change: LocalChange) -> None:
        self._kept[wanted] = change
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if self._state is None or self.direction is None:
            return
        if _wanted(self._state, self.direction) == wanted:
            self._show(change)


def local_change_steps(
    decoder: Decoder,
    identity: Identity,
    direction: Direction,
    *,
    course: Course,
    age: float | None,
) -> Generator[float, None, LocalChange]:
    """Map the local change of a person in a direction; yields the part that is done.

    With J(a, b) the Jacobian determinant at each place of the brain at a of the way to the brain at
    b, and the ends l and h around the person p: 100 (exp(s (log J(p, h) - log J(p, l))) - 1), where
    s scales to the unit.

    Raises
    ------
    GenerationError
        When the generator makes every brain anew.
    """
    own, span = course.at(age), span_of(direction, course, age)
    yield 0.0
    up = _log_growth(decoder, identity, own, span.high)
    yield 0.5
    down = _log_growth(decoder, identity, own, span.low)
    percent = (100.0 * np.expm1(span.scale * (up - down))).astype(np.float32)
    percent.setflags(write=False)
    return LocalChange(
        direction,
        title_of(direction, course.schema),
        f"% {span.unit}",
        Volume(percent, decoder.generator.affine, NAME),
    )


def why_no_change(state: State, decoder: Decoder) -> str:
    """Say why there can be no map of local change; empty where there can be."""
    if not decoder.deforms:
        return no_warps(state.checkpoint)
    if not directions_of(state.checkpoint.schema):
        return takes_no_features(state.checkpoint)
    return ""


def inside_brain(change: Volume, brain: Brain) -> Volume:
    """Return a map with NaN where the tissue maps of a brain hold less than a twentieth."""
    inside = tissue_maps(brain).data.sum(axis=0) >= 0.05
    held = np.where(inside, change.data, np.float32(np.nan))
    return Volume(held, change.affine, change.name)


def full_change(percent: Volume) -> float:
    """Return a change that few places exceed, as a round number: 1, 2 or 5 times a power of 10."""
    known = np.abs(percent.data[np.isfinite(percent.data)])
    largest = float(np.percentile(known, 98)) if known.size else 0.0
    if largest <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    return float(power * next(n for n in (1, 2, 5, 10) if n * power >= largest))


def _log_growth(
    decoder: Decoder, identity: Identity, own: Conditions, other: Conditions
) -> FloatArray:
    """Return log J(own, other), without asking where they are the same."""
    if dict(own) == dict(other):
        return np.zeros(decoder.generator.shape, np.float32)
    return decoder.log_growth(identity, own, other)


def _wanted(state: State, direction: Direction) -> Wanted:
    key = key_of(state.checkpoint, state.person.identity, state.course, age=state.age)
    return key, direction
