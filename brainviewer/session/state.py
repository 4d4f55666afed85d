"""The running application without a window: what is open, who is shown, what is wished for."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from brainviewer.cohort.limits import check_age
from brainviewer.core.features import FeatureError, Value
from brainviewer.core.scenario import AGE, Scenario
from brainviewer.generators.base import HasAverage
from brainviewer.generators.checkpoint import (
    REPOSITORY_CHECKPOINTS,
    Checkpoint,
    find_checkpoints,
    load_generator,
    resolve_checkpoint,
)
from brainviewer.session.cache import CACHE_BYTES, BrainCache
from brainviewer.session.encoding import Encoded, encoding_steps
from brainviewer.session.engine import Engine, Post
from brainviewer.session.facts import Facts
from brainviewer.session.failures import sentence_for
from brainviewer.session.inbox import Inbox
from brainviewer.session.model import (
    State,
    age_of,
    carried_over,
    first_state,
    own_age,
    plain_value,
    recipe_of,
    seed_for_another,
    state_of,
)
from brainviewer.session.refining import refining_steps
from brainviewer.session.request import Person, Shown
from brainviewer.session.trajectory import Trajectory
from brainviewer.session.weights import other_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.core.recipe import Recipe
    from brainviewer.session.decoder import Decoder, LoadGenerator
    from brainviewer.session.scene import SavedPin

__all__ = ["Person", "Session", "SessionError", "Shown", "Trajectory"]

Result = TypeVar("Result")
Successor = Callable[["Decoder"], tuple[State, list[str]]]
Seeds = Callable[[], "Sequence[int]"]

QUIET_S = 0.2
SEEDS = 1_000_000
STOPPED = "drawing the person was stopped; nothing has changed"


class SessionError(RuntimeError):
    """A wish that cannot be answered now; the message says what is missing."""


class Session(Facts):
    """The state of the application; widgets show it, and wish for changes by its methods.

    All signals are emitted on the thread that owns the session. A wish that cannot be raises
    FeatureError, CheckpointError or SessionError with one sentence, and changes nothing. What goes
    wrong later, on the worker's thread, is one sentence in `failed`.

    Parameters
    ----------
    post : function, optional
        Runs a function soon on the owner's thread, from whatever thread it is called on. Without
        it the owner calls `process`, `wait_for` or `wait_idle`.
    load : function
        Loads the weights of a checkpoint.
    root : Path
        The folder of checkpoints.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    cache_bytes : int
        What the brains that are kept may take.
    quiet_s : float, s
        How long the hand must rest before the trajectory goes on.
    """

    def __init__(
        self,
        post: Post | None = None,
        *,
        load: LoadGenerator = load_generator,
        root: Path = REPOSITORY_CHECKPOINTS,
        device: str = "auto",
        cache_bytes: int = CACHE_BYTES,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._inbox = Inbox()
        self._has_own_loop = post is not None
        self._post_to_owner = post or self._inbox.post
        self._root = root
        self._closed = False
        self._undelivered: deque[None] = deque()
        super().__init__(
            Engine(self._post, BrainCache(cache_bytes), load=load, device=device, quiet_s=quiet_s),
            *find_checkpoints(root),
        )
        self._engine.failed.connect(self._on_failed)
        self._engine.moved.connect(self._on_moved)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is computed and nothing waits to be delivered."""
        return self._engine.is_idle and not self._undelivered

    def open_checkpoint(self, name_or_folder: str | Path) -> None:
        """Load another checkpoint; the present one stays in use until it is there.

        Features, edits, age, scenario and seed are kept as far as the new one knows them.
        """
        checkpoint = resolve_checkpoint(str(name_or_folder), self._root)
        self._open(checkpoint, self._successor, lambda: [seed_for_another(self._state)])

    def new_person(self, seed: int | None = None) -> None:
        """Draw another person under the present conditions; without a seed, anybody.

        Where that takes seconds, it is done behind the pictures, and the present person stays
        meanwhile.
        """
        _, decoder = self._in_use()
        wanted = secrets.randbelow(SEEDS) if seed is None else seed
        self._draw_first([wanted], partial(self._show_drawn, wanted, decoder))

    def average_person(self) -> None:
        """Show the mean brain of the present conditions, which has nothing of a person."""
        state, decoder = self._in_use()
        if not isinstance(decoder.generator, HasAverage):
            raise SessionError(f"{state.checkpoint.name} draws people, it has no average brain")
        identity = decoder.generator.average()
        self._become(replace(state, person=Person(identity, state.person.factual, identity.label)))

    def adopt_person(self, person: Person) -> None:
        """Show a person as given, such as one encoded from a scan; edits end."""
        state, _ = self._in_use()
        age = own_age(state.checkpoint, person.factual)
        new = replace(state, person=person, edits={}, age=age)
        new.check_all()
        self._become(new)

    def encode_scan(self, scan: OwnScan, factual: Conditions) -> None:
        """Show the person of a scan: find who they are for the generator, as a task.

        Parameters
        ----------
        scan : OwnScan
        factual : mapping of feature to value
            What is known of the person, with age; None or absent where it is not.

        Raises
        ------
        ScanRefusedError
            For children.
        FeatureError
            For values that the generator does not know.
        """
        state, decoder = self._in_use()
        age = factual.get(AGE)
        if isinstance(age, int | float):
            check_age(age)
        conditions = {name: factual.get(name) for name in state.checkpoint.schema.names}
        asked = replace(state, person=replace(state.person, factual=conditions), edits={})
        replace(asked, age=own_age(state.checkpoint, conditions)).check_all()
        self.start_task(
            f"Encoding {scan.name}",
            encoding_steps(scan, conditions, decoder),
            done=partial(self._on_encoded, state.checkpoint),
        )

    def refine_scan(self, seconds: float) -> None:
        """Look further for the person of the scan on the screen, as a task.

        They are shown with the features of then when they come closer to the scan; `cancel_tasks`
        leaves the person that is.

        Raises
        ------
        SessionError, GenerationError
            When no scan is shown, or the generator cannot.
        """
        state, decoder = self._in_use()
        encoded = self.comparison.encoded
        if encoded is None:
            raise SessionError("there is no scan of this person to refine")
        self.start_task(
            f"Refining {encoded.person.label}, for {seconds:g} s at most",
            refining_steps(encoded, decoder, seconds=seconds),
            done=partial(self._on_refined, state.checkpoint, encoded),
        )

    def set_age(self, years: float) -> None:
        """Ask for an age."""
        state, _ = self._in_use()
        state.check(AGE, years)
        self._become(replace(state, age=float(years)))

    def set_feature(self, name: str, value: Value) -> None:
        """Ask for a value of a feature, whatever the age; None leaves it open."""
        if name == AGE:
            self.set_age(age_of({AGE: value}))
            return
        state, _ = self._in_use()
        state.check(name, value)
        self._become(replace(state, edits={**state.edits, name: plain_value(value)}))

    def reset_feature(self, name: str) -> None:
        """Give a feature back to the person and the scenario; age goes to that of the person."""
        state, _ = self._in_use()
        if name == AGE:
            age = own_age(state.checkpoint, state.person.factual)
            self._become(replace(state, age=age))
            return
        state.check(name, None)
        edits = {other: value for other, value in state.edits.items() if other != name}
        self._become(replace(state, edits=edits))

    def reset_features(self) -> None:
        """Undo all edits; age stays."""
        self._become(replace(self._in_use()[0], edits={}))

    def make_factual(self) -> None:
        """Take the present conditions as those of the person."""
        state, _ = self._in_use()
        person = replace(state.person, factual=state.conditions)
        self._become(replace(state, person=person, edits={}))

    def set_scenario(self, scenario: Scenario) -> None:
        """Choose what the features that were not edited do while age moves."""
        self._become(replace(self._in_use()[0], scenario=scenario))

    def set_extrapolation(self, allowed: bool) -> None:
        """Allow values outside the range of the training people, or forbid them again."""
        new = replace(self._in_use()[0], extrapolate=allowed)
        new.check_all()
        self._become(new)

    def recipe(self) -> Recipe:
        """Return what the present brain is made from."""
        state, decoder = self._in_use()
        return replace(recipe_of(state), weights=decoder.weights)

    def apply_recipe(self, recipe: Recipe) -> None:
        """Ask for the brain of a recipe, with its checkpoint if that is another one."""
        state, seeds = self._state, [] if recipe.seed is None else [recipe.seed]
        if state is None or self._engine.is_loading or recipe.checkpoint != state.checkpoint.name:
            checkpoint = resolve_checkpoint(self._folder_of(recipe.checkpoint), self._root)
            self._open(checkpoint, partial(_state_of, recipe), lambda: seeds)
            return
        _, decoder = self._in_use()
        self._draw_first(seeds, partial(self._show_recipe, recipe, decoder))

    def is_in_use(self, checkpoint: Checkpoint) -> bool:
        """Tell whether a checkpoint is the one that is asked, and no other is on its way."""
        return checkpoint is self.checkpoint and not self._engine.is_loading

    def restore(self, state: State) -> None:
        """Go back to a state that was, with its checkpoint if that is another one."""
        if self.is_in_use(state.checkpoint):
            self._become(state)
        else:
            self._open(state.checkpoint, lambda _decoder: (state, []), list)

    def replace_pins(self, pins: Sequence[SavedPin]) -> None:
        """Keep these people for comparison, and no others; of the checkpoint in use only."""
        state, decoder = self._in_use()
        known = [pin.recipe for pin in pins if pin.recipe.checkpoint == state.checkpoint.name]
        missing = decoder.undrawn([it.seed for it in known if it.seed is not None])
        if missing:
            self._engine.pinning.draw(
                decoder, missing, done=partial(self._replace_pins_of, decoder, pins)
            )
            return
        kept = []
        for pin in pins:
            if pin.recipe.checkpoint != state.checkpoint.name:
                self.notice.emit(
                    f"pin {pin.name!r} is left out: it belongs to {pin.recipe.checkpoint!r}"
                )
                continue
            pinned, notices = state_of(pin.recipe, state.checkpoint, decoder)
            kept.append((pin.name, pin.visible, pinned))
            for sentence in notices:
                self.notice.emit(f"pin {pin.name!r}: {sentence}")
        self.curves.replace_pins(kept)

    def start_task(
        self, title: str, steps: Generator[float, None, Result], *, done: Callable[[Result], None]
    ) -> None:
        """Run long work, such as an export, between pictures on the worker's thread.

        Parameters
        ----------
        title : str
            What `busy_changed` says meanwhile: ``"Exporting the trajectory"``.
        steps : generator of float
            Yields the part that is done, 0 to 1, for `progress_changed`; returns the result.
        done : function
            Called with the result on the owner's thread; not when the task fails or is cancelled.
        """
        self._engine.start_task(title, steps, done=done)

    def cancel_tasks(self) -> None:
        """Stop what `start_task` began, and drawing; nothing half-written stays."""
        self._engine.cancel_tasks()
        if self._engine.stop_drawing():
            self.drawing_stopped.emit(STOPPED)

    def process(self) -> None:
        """Deliver what the worker made; only without a `post` of one's own."""
        self._inbox.process()

    def wait_for(self, holds: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
        """Deliver what the worker makes until a condition holds, or raise TimeoutError.

        Only without a `post` of one's own.
        """
        if self._has_own_loop:
            raise SessionError("a session with its own loop cannot be waited for")
        self._inbox.wait_for(holds, timeout_s=timeout_s)

    def wait_idle(self, timeout_s: float = 60.0) -> None:
        """Deliver what the worker makes until nothing is left, the trajectory included."""
        self.wait_for(lambda: self.is_idle, timeout_s=timeout_s)

    def close(self) -> None:
        """End the worker's thread; what it still makes is dropped."""
        self._closed = True
        self._engine.close()

    def _in_use(self) -> tuple[State, Decoder]:
        if self._state is None or self._engine.decoder is None:
            raise SessionError("no checkpoint is open yet; open one first")
        return self._state, self._engine.decoder

    def _become(self, new: State, *, encoded: Encoded | None = None) -> None:
        """Go over to a state: tell what changed, then ask for its brain.

        Of another person, `encoded` is the scan.
        """
        conditions = new.conditions  # may refuse, before anything has changed
        old, self._state = self._state, new
        if old is None or old.checkpoint is not new.checkpoint:
            self.checkpoint_changed.emit(new.checkpoint)
        if old is None or old.person is not new.person:
            if old is not None and old.person.identity is not new.person.identity:
                self._engine.drawing.withdraw()
                self._know_scan(encoded)
            self._engine.forget_factual()
            self.person_changed.emit(new.person)
        if old is None or old.scenario is not new.scenario:
            self.scenario_changed.emit(new.scenario)
        if old is None or old.extrapolate is not new.extrapolate:
            self.extrapolation_changed.emit(new.extrapolate)
        if old is None or old.checkpoint is not new.checkpoint or old.conditions != conditions:
            self.conditions_changed.emit(conditions)
        self._engine.follow(new)

    def _draw_first(self, seeds: Sequence[int], then: Callable[[], None]) -> None:
        """Do something once people are drawn: at once, where that takes no time."""
        state, decoder = self._in_use()
        missing = decoder.undrawn(seeds)
        if missing:
            done = partial(self._try, then)
            self._engine.draw_person(decoder, missing, state=state, done=done)
        else:
            then()

    def _try(self, then: Callable[[], None]) -> None:
        """Do what was wished for a while ago; nobody is there any more to be told by an error."""
        try:
            then()
        except FeatureError as error:
            self._on_failed(error)

    def _show_drawn(self, seed: int, decoder: Decoder) -> None:
        state, in_use = self._in_use()
        if decoder is in_use:
            identity = decoder.draw(seed)
            person = Person(identity, state.person.factual, identity.label)
            self._become(replace(state, person=person))

    def _show_recipe(self, recipe: Recipe, decoder: Decoder) -> None:
        if decoder is not self._in_use()[1]:
            return
        new, notices = _state_of(recipe, decoder)
        self._become(new)
        for sentence in notices:
            self.notice.emit(sentence)

    def _replace_pins_of(self, decoder: Decoder, pins: Sequence[SavedPin]) -> None:
        if decoder is self._in_use()[1]:
            self._try(partial(self.replace_pins, pins))

    def _open(self, checkpoint: Checkpoint, successor: Successor, seeds: Seeds) -> None:
        """Load a checkpoint, draw the people of seeds, then go over to what succeeds."""
        loaded = partial(self._on_loaded, successor=successor, seeds=seeds)
        self._engine.load(checkpoint, loaded=loaded)

    def _successor(self, decoder: Decoder) -> tuple[State, list[str]]:
        if self._state is None:
            return first_state(decoder.checkpoint, decoder), []
        return carried_over(self._state, decoder.checkpoint, decoder)

    def _folder_of(self, name: str) -> str:
        """Return the folder of a checkpoint that was opened from elsewhere, else the name."""
        known = {checkpoint.name: str(checkpoint.folder) for checkpoint in self._checkpoints}
        return known.get(name, name)

    def _post(self, function: Callable[[], None]) -> None:
        """Have the owner's thread run a function, unless the session is closed by then."""
        self._undelivered.append(None)
        self._post_to_owner(partial(self._deliver, function))

    def _deliver(self, function: Callable[[], None]) -> None:
        self._undelivered.pop()
        if not self._closed:
            function()

    def _on_loaded(self, decoder: Decoder, *, successor: Successor, seeds: Seeds) -> None:
        missing = decoder.undrawn(seeds())
        if missing:
            self._engine.opening.draw(
                decoder,
                missing,
                done=partial(self._on_loaded, decoder, successor=successor, seeds=seeds),
                given_up=partial(self._engine.give_up, decoder.checkpoint),
            )
            return
        try:
            state, notices = successor(decoder)
        except FeatureError as error:
            self._engine.give_up(decoder.checkpoint)
            self._on_failed(error)
            return
        self._engine.use(decoder)
        self._list(decoder.checkpoint)
        self.device_changed.emit(decoder.generator.device_name)
        self._become(state)
        for sentence in notices:
            self.notice.emit(sentence)

    def _list(self, checkpoint: Checkpoint) -> None:
        """Have a checkpoint in the list as it was read last, also one from elsewhere."""
        others = [other for other in self._checkpoints if other.folder != checkpoint.folder]
        self._checkpoints = sorted([*others, checkpoint], key=lambda listed: listed.name)

    def _on_encoded(self, checkpoint: Checkpoint, encoded: Encoded) -> None:
        if self._state is None or self._state.checkpoint is not checkpoint:
            self.notice.emit(
                f"{encoded.person.label} was encoded for {checkpoint.title}, which is not in use "
                f"any more; encode the scan again"
            )
            return
        self.adopt_person(encoded.person)
        self._know_scan(encoded)
        self.scan_changed.emit(encoded)

    def _know_scan(self, encoded: Encoded | None) -> None:
        for comparison in (self.comparison, self.stand_in):
            comparison.show_scan(encoded)

    def _on_refined(self, checkpoint: Checkpoint, before: Encoded, after: Encoded) -> None:
        """Show the refined person, unless somebody else has come meanwhile."""
        state = self._state
        if state is None or state.checkpoint is not checkpoint:
            return
        if self.comparison.encoded is not before:
            return
        if after is before:
            self.notice.emit(f"{before.person.label} could not be brought closer to the scan")
            return
        person = replace(state.person, identity=after.person.identity)
        self._become(replace(state, person=person), encoded=after)
        self.scan_refined.emit(after)

    def _on_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))

    def _on_moved(self, sentence: str) -> None:
        self.device_changed.emit(self.device_name)
        self.notice.emit(sentence)


def _state_of(recipe: Recipe, decoder: Decoder) -> tuple[State, list[str]]:
    """Return the state that a recipe was written in, and what should be known about it."""
    state, notices = state_of(recipe, decoder.checkpoint, decoder)
    warning = other_weights(recipe, decoder.weights)
    return state, [*notices, warning] if warning else notices
