"""From a state to pictures: the cache at once, the generator after, all the rest behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from psygnal import Signal

from brainviewer.session.comparison import Comparison
from brainviewer.session.curves import Curves
from brainviewer.session.decoder import Decoder, LoadGenerator
from brainviewer.session.drawing import Drawing
from brainviewer.session.fine import FineWatch
from brainviewer.session.gradients import GradientWatch
from brainviewer.session.local_change import LocalChangeWatch
from brainviewer.session.measuring import Place, factual_brain
from brainviewer.session.region_map import RegionMapWatch
from brainviewer.session.regions import RegionWatch
from brainviewer.session.request import Request, Shown, measured_volumes_ml
from brainviewer.session.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from brainviewer.core.features import Conditions
    from brainviewer.generators.base import Identity
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.cache import BrainCache, Cached
    from brainviewer.session.model import State

NEAR_YEARS = 1.5
# How many times longer the hand must rest for the fine brain than for all else that can wait.
FINE_RESTS = 4

Result = TypeVar("Result")
Post = Callable[[Callable[[], None]], None]


class Engine:
    """Keeps what is shown in step with the newest state.

    It is used on the owner's thread; the methods named ``_work_*`` run on the worker's, and hand
    what they made to the owner by `post`.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    cache : BrainCache
    load : function
        Loads the weights of a checkpoint.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    quiet_s : float, s
        How long no new state must have come before the background goes on.
    """

    brain_changed = Signal(Shown)
    factual_changed = Signal(Shown)
    busy_changed = Signal(str)
    progress_changed = Signal(float)
    failed = Signal(Exception)
    moved = Signal(str)

    def __init__(
        self, post: Post, cache: BrainCache, *, load: LoadGenerator, device: str, quiet_s: float
    ) -> None:
        self.decoder: Decoder | None = None
        self.shown: Shown | None = None
        self.factual: Shown | None = None
        self._post = post
        self._load = load
        self._device = device
        self._cache = cache
        self._quiet_s = quiet_s
        self._worker = Worker(
            lambda error: post(partial(self.failed.emit, error)),
            lambda title: post(partial(self.busy_changed.emit, title)),
            quiet_s=quiet_s,
        )
        self.opening = Drawing(post, self._worker, Place.OPENING)
        self.drawing = Drawing(post, self._worker, Place.PERSON)
        self.pinning = Drawing(post, self._worker, Place.PINNED)
        for drawing in self._drawings:
            drawing.progress_changed.connect(self.progress_changed.emit)
        self.drawing.unveiled.connect(self._on_unveiled)
        self.curves = Curves(post, self._worker, cache)
        self.gradients = GradientWatch(post, self._worker, cache)
        self.regions = RegionWatch(post, self._worker)
        self.region_map = RegionMapWatch(post, self._worker)
        self.local_change = LocalChangeWatch(post, self._worker)
        rest_s = FINE_RESTS * quiet_s
        self.fine = FineWatch(post, self._worker, rest_s=rest_s)
        compare = partial(
            Comparison,
            post,
            self._worker,
            cache,
            load=load,
            device=device,
            rest_s=rest_s,
            on_moved=self._work_moved,
        )
        self.comparison = compare()
        self.stand_in = compare(place=Place.SCAN, fine_place=Place.FINE_SCAN)
        self.curves.pins_changed.connect(self.comparison.show_pins)
        self._state: State | None = None
        self._loading: Checkpoint | None = None
        self._is_reading = False
        self._number = 0
        self._shown_number = 0
        self._unmoved = 0

    @property
    def is_idle(self) -> bool:
        """Whether the worker has nothing left to do."""
        return self._worker.is_idle

    @property
    def is_loading(self) -> bool:
        """Whether another checkpoint is on its way."""
        return self._loading is not None

    def load(self, checkpoint: Checkpoint, *, loaded: Callable[[Decoder], None]) -> None:
        """Load a checkpoint; until it is in use, or given up, the present one stays."""
        self.opening.withdraw()
        self._loading = checkpoint
        self._is_reading = True
        self._worker.submit(
            f"Loading {checkpoint.title}", partial(self._work_load, checkpoint, loaded)
        )

    def use(self, decoder: Decoder) -> None:
        """Ask this generator from now on; the next `follow` brings a state for it."""
        if self.decoder is not None:
            self._cache.forget(self.decoder.checkpoint)
        self.decoder = decoder
        self._loading = None
        self.drawing.withdraw()
        self.pinning.withdraw()

    def give_up(self, checkpoint: Checkpoint) -> None:
        """Stay with the present checkpoint: the one on its way cannot come, or may not."""
        if self._loading is checkpoint:
            self._loading = None
            self._is_reading = False
            if self._state is not None:
                self.follow(self._state)

    def forget_factual(self) -> None:
        """Forget the factual brain: the person is another one now."""
        self.factual = None

    def follow(self, state: State) -> None:
        """Show what a state asks for."""
        self._state = state
        self._number += 1
        request = Request(
            self._number, state.checkpoint, state.person.identity, state.course, state.age
        )
        self._ask(request, state)
        if self.decoder is not None and not self.is_loading:
            self._follow_behind(state, self.decoder)

    def start_task(
        self, title: str, steps: Generator[float, None, Result], *, done: Callable[[Result], None]
    ) -> None:
        """Run long work between pictures; see `Session.start_task`."""
        self._worker.add_task(title, self._work_task(steps, done))

    def cancel_tasks(self) -> None:
        """Stop all tasks after the step that runs."""
        self._worker.cancel_tasks()

    def draw_person(
        self, decoder: Decoder, seeds: Sequence[int], *, state: State, done: Callable[[], None]
    ) -> None:
        """Draw people who take the place of the present one.

        Where that can be looked at, they are shown on the way under the state's conditions, unless
        the present brain is moved meanwhile.
        """
        look = partial(_unveiled, decoder, state.conditions)
        self._unmoved = self._number
        self.drawing.draw(decoder, seeds, done=done, given_up=self._show_again, look=look)

    def stop_drawing(self) -> bool:
        """Draw nobody any more; False when nobody was being drawn."""
        stopped = [drawing.stop() for drawing in self._drawings]
        return any(stopped)

    @property
    def _drawings(self) -> tuple[Drawing, ...]:
        return self.opening, self.drawing, self.pinning

    def close(self) -> None:
        """End the worker's thread."""
        self._worker.close()

    def _ask(self, request: Request, state: State) -> None:
        """Show at once what the cache has, and have the rest made."""
        if self.is_shown(state):
            self._shown_number = request.number
            self._offer_as_factual(state)
            if not self._is_reading:
                self._worker.withdraw()
            return
        near = self._cache.nearest(request.key, within_years=NEAR_YEARS)
        if near is not None:
            self._show(request.number, _stand_in(near, request))
        if self.decoder is None or self._is_reading:
            return  # in the waiting place is the loading of a checkpoint, which brings its state
        at_hand = near is not None and near.key == request.key
        # What looks the same already is made exact only when the hand rests.
        self._worker.submit(
            "Making the brain",
            partial(self._work_picture, self.decoder, request),
            delay_s=self._quiet_s if at_hand else 0.0,
        )

    def is_shown(self, state: State) -> bool:
        """Tell whether the brain on the screen is the generator's own for a state."""
        shown = self.shown
        return (
            shown is not None
            and shown.exact
            and shown.identity is state.person.identity
            and dict(shown.conditions) == state.conditions
        )

    def _show(self, number: int, shown: Shown) -> None:
        self._shown_number = number
        self.shown = shown
        self.brain_changed.emit(shown)

    def _offer_as_factual(self, state: State) -> None:
        if self.shown is not None and dict(self.shown.conditions) == dict(state.person.factual):
            self._on_factual(state, self.shown)

    def _follow_behind(self, state: State, decoder: Decoder) -> None:
        """Have all that can wait follow too."""
        if self.factual is None:
            self._worker.run_background(
                "Making the factual brain", self._work_factual(state, decoder), place=Place.FACTUAL
            )
        self.stand_in.follow(state, decoder)
        self.comparison.follow(state, decoder)
        self.local_change.follow(state, decoder)
        self.fine.follow(state, decoder)
        self.gradients.follow(state, decoder)
        self.regions.follow(state, decoder)
        self.region_map.follow(state, decoder)
        self.curves.follow(state, decoder)

    # On the worker's thread

    def _work_load(self, checkpoint: Checkpoint, loaded: Callable[[Decoder], None]) -> None:
        try:
            decoder = Decoder(
                checkpoint, self._load, device=self._device, on_moved=self._work_moved
            )
        except (Exception, SystemExit):
            self._post(partial(self.give_up, checkpoint))
            raise
        self._post(partial(self._on_loaded, decoder, loaded))

    def _work_picture(self, decoder: Decoder, request: Request) -> None:
        conditions = request.course.at(request.age)
        brain = decoder.generate(request.identity, conditions)
        volumes = measured_volumes_ml(brain)
        self._cache.put(request.key, brain, volumes)
        shown = Shown(brain, volumes, conditions, request.identity, exact=True)
        self._post(partial(self._on_picture, request, shown))

    def _work_factual(self, state: State, decoder: Decoder) -> Generator[None, None, None]:
        self._post(partial(self._on_factual, state, factual_brain(state, decoder)))
        yield

    def _work_task(
        self, steps: Generator[float, None, Result], done: Callable[[Result], None]
    ) -> Generator[None, None, None]:
        part = 0.0
        try:
            while True:
                part = next(steps)
                self._post(partial(self.progress_changed.emit, part))
                yield
        except StopIteration as end:
            self._post(partial(done, end.value))
        finally:
            steps.close()
            if part < 1:  # it ended, failed or was cancelled before it said so itself
                self._post(partial(self.progress_changed.emit, 1.0))

    def _work_moved(self, sentence: str) -> None:
        self._post(partial(self.moved.emit, sentence))

    # What the worker made arrives on the owner's thread

    def _on_loaded(self, decoder: Decoder, loaded: Callable[[Decoder], None]) -> None:
        if self._loading is decoder.checkpoint:
            self._is_reading = False
            loaded(decoder)

    def _on_picture(self, request: Request, shown: Shown) -> None:
        """Show an answer unless it is for somebody else, or something newer is on the screen."""
        state = self._state
        if state is None or request.number < self._shown_number:
            return
        if (request.checkpoint, request.identity) != (state.checkpoint, state.person.identity):
            return
        newest = request.number == self._number
        self._show(request.number, shown if newest else replace(shown, exact=False))
        if newest:
            self._offer_as_factual(state)

    def _on_unveiled(self, shown: Shown) -> None:
        if self._number == self._unmoved:
            self._show(self._shown_number, shown)

    def _show_again(self) -> None:
        """Show the present person after others who were not drawn to the end."""
        if self._state is not None:
            self.follow(self._state)

    def _on_factual(self, state: State, shown: Shown) -> None:
        if self.factual is None and self._is_current_person(state):
            self.factual = shown
            self.factual_changed.emit(shown)

    def _is_current_person(self, state: State) -> bool:
        return self._state is not None and self._state.person is state.person


def _unveiled(decoder: Decoder, conditions: Conditions, so_far: Identity) -> Shown:
    brain = decoder.generate(so_far, conditions)
    return Shown(brain, measured_volumes_ml(brain), conditions, so_far, exact=False)


def _stand_in(near: Cached, request: Request) -> Shown:
    conditions = request.course.at(near.key.age)
    return Shown(near.brain(), near.volumes_ml, conditions, request.identity, exact=False)
