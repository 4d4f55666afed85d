"""The brain beside the one on the screen: as given, scanned, a pin, or of another checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from brainviewer.core.features import FeatureError
from brainviewer.generators.base import DeviceError, GenerationError
from brainviewer.generators.checkpoint import Checkpoint, CheckpointError
from brainviewer.session.carrying import change_of, fine_grid, fine_steps, shown_of
from brainviewer.session.decoder import Decoder, LoadGenerator
from brainviewer.session.fine import Fine, FineWatch
from brainviewer.session.measuring import Place
from brainviewer.session.model import carried_over, nearest_age, own_age, seed_for_another
from brainviewer.session.request import Shown, key_of, measured_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.volume import Brain
    from brainviewer.session.cache import BrainCache
    from brainviewer.session.carrying import Change
    from brainviewer.session.encoding import Encoded
    from brainviewer.session.model import State
    from brainviewer.session.pins import Pin
    from brainviewer.session.request import BrainKey
    from brainviewer.session.worker import Worker

    Topic = tuple[bool, Checkpoint, BrainKey]

Post = Callable[[Callable[[], None]], None]


class Against(StrEnum):
    """What a brain is compared with."""

    FACTUAL = "factual"
    SCAN = "scan"
    CARRIED = "carried"
    PIN = "pin"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Choice:
    """What to put beside.

    Attributes
    ----------
    against : Against
    pin : int
        The number of a pin.
    own_age : bool
        Whether a pin stays at the age it was pinned at, instead of that which is looked at.
    folder : str
        That of another checkpoint, for the same person; it tells choices apart.
    checkpoint : Checkpoint or None
        The other checkpoint itself.
    """

    against: Against = Against.FACTUAL
    pin: int = 0
    own_age: bool = False
    folder: str = ""
    checkpoint: Checkpoint | None = field(default=None, compare=False)

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint) -> Choice:
        """Choose the same person in another checkpoint."""
        return cls(Against.CHECKPOINT, folder=str(checkpoint.folder), checkpoint=checkpoint)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What stands beside: a brain, or a sentence that says why there is none.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        None for a scan, which no generator made.
    shown : Shown or None
    sentence : str
    source : str
        Where the volumes of a scan are from.
    """

    checkpoint: Checkpoint | None
    shown: Shown | None = None
    sentence: str = ""
    source: str = "measured on the scan"


class Comparison:
    """Keeps the second brain in step with the newest state while one is wanted.

    A generator of another checkpoint is loaded when it is needed, one at a time, and let go of
    when it is not.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker
    cache : BrainCache
    load : function
        Loads the weights of a checkpoint.
    device : str
    rest_s : float, s
        How long the hand must rest for the fine brain.
    on_moved : function
        Called with a sentence after the second generator had to move to the CPU.
    place, fine_place : Place
        Of the background.
    """

    changed = Signal(Compared)

    def __init__(
        self,
        post: Post,
        worker: Worker,
        cache: BrainCache,
        *,
        load: LoadGenerator,
        device: str,
        rest_s: float,
        on_moved: Callable[[str], None],
        place: Place = Place.COMPARED,
        fine_place: Place = Place.FINE_COMPARED,
    ) -> None:
        self.fine = FineWatch(post, worker, rest_s=rest_s, place=fine_place)
        self._place = place
        self.choice: Choice | None = None
        self.compared: Compared | None = None
        self._post = post
        self._worker = worker
        self._cache = cache
        self._load = partial(Decoder, load=load, device=device, on_moved=on_moved)
        self._second: Decoder | None = None
        self._state: State | None = None
        self._decoder: Decoder | None = None
        self._pins: tuple[Pin, ...] = ()
        self._encoded: Encoded | None = None
        self._shown_topic: Topic | None = None

    @property
    def scan(self) -> Shown | None:
        """The tissue maps of the scan that the person on the screen was encoded from."""
        return None if self._encoded is None else self._encoded.scan

    @property
    def fine_brain(self) -> Brain | None:
        """What stands beside on a finer grid; None where there is none yet, or never.

        A brain is made anew there; of a scan the image is taken from its own voxels.
        """
        shown = None if self.compared is None else self.compared.shown
        return None if shown is None else self.fine.of(shown)

    @property
    def encoded(self) -> Encoded | None:
        """The person of the scan as it was encoded."""
        return self._encoded

    @property
    def scans(self) -> tuple[Against, ...]:
        """The ways in which the scan can be put beside: as it is, and carried.

        Carried comes first where it is warped, which is the better picture of the two.
        """
        if self._encoded is None:
            return ()
        warps = self._decoder is not None and self._decoder.deforms
        return (Against.CARRIED, Against.SCAN) if warps else (Against.SCAN, Against.CARRIED)

    def choose(self, choice: Choice | None) -> None:
        """Put something beside the brain on the screen, or nothing any more.

        The person as given stands in for a scan or a pin that is gone and for the checkpoint in
        use.
        """
        self.choice = choice if choice is None or self._is_there(choice) else Choice()
        self.compared = self._shown_topic = None
        self.fine.leave()  # under the same conditions a scan and its person are two brains
        if self.choice is None:
            self._worker.cancel_background(self._place)
            self._let_go()
        elif self._state is not None and self._decoder is not None:
            self._ask(self.choice, self._state, self._decoder)

    def show_pins(self, pins: tuple[Pin, ...]) -> None:
        """Know the pins there are."""
        self._pins = pins
        if self.choice is not None and not self._is_there(self.choice):
            self.choose(self.choice)

    def show_scan(self, encoded: Encoded | None) -> None:
        """Know the scan of the person on the screen, or that there is none."""
        self._encoded = encoded
        if self.choice is not None and self.choice.against in (Against.SCAN, Against.CARRIED):
            self.choose(self.choice)

    def follow(self, state: State, decoder: Decoder) -> None:
        """Show beside what belongs to a state."""
        self._state, self._decoder = state, decoder
        if self.choice is not None and not self._is_there(self.choice):
            self.choose(self.choice)
        elif self.choice is not None:
            self._ask(self.choice, state, decoder)

    def _is_there(self, choice: Choice) -> bool:
        if choice.against in (Against.SCAN, Against.CARRIED):
            return choice.against in self.scans
        if choice.against is Against.PIN:
            return choice.pin in {pin.number for pin in self._pins}
        in_use = self._decoder.checkpoint.folder if self._decoder is not None else None
        return choice.checkpoint is None or choice.checkpoint.folder != in_use

    def _ask(self, choice: Choice, state: State, decoder: Decoder) -> None:
        self._ask_fine(choice, state, decoder)
        if choice.against is Against.SCAN:
            self._let_go()
            if self.compared is None or self.compared.shown is not self.scan:
                self._worker.cancel_background(self._place)
                self._show(Compared(None, self.scan))
            if self.fine_brain is None and self._encoded is not None:
                self._worker.run_background(
                    "Showing the scan's own voxels",
                    self._work_scan(self._encoded, decoder),
                    place=self._place,
                )
            return
        beside = self._beside(choice, state)
        checkpoint = choice.checkpoint or beside.checkpoint
        topic = _topic(choice, checkpoint, beside)
        if topic == self._shown_topic and not self._lacks_fine_scan(choice):
            self._worker.cancel_background(self._place)
            return
        if choice.against is Against.CARRIED and self._encoded is not None:
            self._let_go()
            self._worker.run_background(
                "Carrying the scan",
                self._work_carried(topic, beside, self._encoded, decoder),
                place=self._place,
            )
            return
        if checkpoint.folder == decoder.checkpoint.folder:
            self._let_go()
            self._show_from_memory(beside)
        self._worker.run_background(
            "Making the brain to compare with",
            self._work(topic, beside, checkpoint, decoder),
            place=self._place,
        )

    def _lacks_fine_scan(self, choice: Choice) -> bool:
        """Tell whether a carried scan is there, and its own voxels are still to be shown."""
        there = self.compared is not None and self.compared.shown is not None
        return choice.against is Against.CARRIED and there and self.fine_brain is None

    def _ask_fine(self, choice: Choice, state: State, decoder: Decoder) -> None:
        """Make a second brain of the generator in use fine too; others have one grid."""
        if choice.against in (Against.SCAN, Against.CARRIED):
            return  # theirs is no brain of the generator
        made = choice.against in (Against.FACTUAL, Against.PIN)
        beside = self._beside(choice, state) if made else None
        if beside is not None and beside.checkpoint.folder == decoder.checkpoint.folder:
            self.fine.follow(beside, decoder)
        else:
            self.fine.leave()

    def _beside(self, choice: Choice, state: State) -> State:
        """Return the state whose brain is wanted; another checkpoint draws the person anew."""
        if choice.against is Against.FACTUAL:
            age = own_age(state.checkpoint, state.person.factual)
            return replace(state, edits={}, age=age)
        if choice.against is Against.PIN:
            pinned = next(pin.state for pin in self._pins if pin.number == choice.pin)
            if choice.own_age:
                return pinned
            age = nearest_age(pinned.checkpoint, state.age)
            return replace(pinned, age=pinned.age if age is None else age)
        return state

    def _let_go(self) -> None:
        self._second = None

    def _show_from_memory(self, beside: State) -> None:
        key = key_of(beside.checkpoint, beside.person.identity, beside.course, age=beside.age)
        near = self._cache.nearest(key, within_years=0.5)
        if near is not None:
            conditions = beside.course.at(near.key.age)
            identity = beside.person.identity
            shown = Shown(near.brain(), near.volumes_ml, conditions, identity, exact=False)
            self._show(Compared(beside.checkpoint, shown))

    # On the worker's thread

    def _work(
        self, topic: Topic, beside: State, checkpoint: Checkpoint, decoder: Decoder
    ) -> Generator[None, None, None]:
        try:
            if checkpoint.folder != decoder.checkpoint.folder:
                decoder = self._decoder_of(checkpoint)
                yield
                for _ in decoder.drawing_steps(seed_for_another(beside)):
                    yield
            compared = Compared(checkpoint, _made(beside, decoder))
        except (CheckpointError, DeviceError, FeatureError, GenerationError) as error:
            compared = Compared(checkpoint, sentence=str(error))
        self._post(partial(self._on_made, topic, compared))
        yield

    def _work_carried(
        self, topic: Topic, beside: State, encoded: Encoded, decoder: Decoder
    ) -> Generator[None, None, None]:
        scan, person = encoded.source, encoded.person
        try:
            conditions = beside.conditions
            change = change_of(person, decoder, conditions)
            shown = shown_of(change.brain(scan, decoder.generator), person, conditions)
        except (FeatureError, GenerationError) as error:
            self._post(partial(self._on_made, topic, Compared(None, sentence=str(error))))
            return
        source = f"the scan {change.words} to the conditions of A"
        self._post(partial(self._on_made, topic, Compared(None, shown, source=source)))
        yield
        yield from self._work_fine(scan, shown, change, decoder)

    def _work_scan(self, encoded: Encoded, decoder: Decoder) -> Generator[None, None, None]:
        yield from self._work_fine(encoded.source, encoded.scan, None, decoder)

    def _work_fine(
        self, scan: OwnScan, shown: Shown, change: Change | None, decoder: Decoder
    ) -> Generator[None, None, None]:
        brain = yield from fine_steps(scan, shown.brain, change, fine_grid(decoder.generator))
        self._post(partial(self._on_fine, Fine(brain, shown.identity, shown.conditions)))

    def _decoder_of(self, checkpoint: Checkpoint) -> Decoder:
        second = self._second
        if second is None or second.checkpoint.folder != checkpoint.folder:
            self._second = second = None  # one at a time: the old one goes before the new one comes
            second = self._second = self._load(checkpoint)
            self._post(self._on_loaded)
        return second

    # On the owner's thread

    def _on_loaded(self) -> None:
        """Let go of a generator that came when nobody wanted it any more."""
        if self.choice is None:
            self._let_go()

    def _on_made(self, topic: Topic, compared: Compared) -> None:
        if self.choice is None or self._state is None:
            return
        if self.choice.against is Against.SCAN:
            return  # chosen while this was made
        beside = self._beside(self.choice, self._state)
        checkpoint = self.choice.checkpoint or beside.checkpoint
        if topic == _topic(self.choice, checkpoint, beside):
            self._shown_topic = topic
            self._show(compared)

    def _on_fine(self, fine: Fine) -> None:
        shown = None if self.compared is None else self.compared.shown
        if shown is not None and fine.is_of(shown.identity, shown.conditions):
            self.fine.take(fine)

    def _show(self, compared: Compared) -> None:
        self.compared = compared
        self.changed.emit(compared)


def _topic(choice: Choice, checkpoint: Checkpoint, beside: State) -> Topic:
    """Return what the second brain depends on."""
    key = key_of(beside.checkpoint, beside.person.identity, beside.course, age=beside.age)
    return choice.against is Against.CARRIED, checkpoint, key


def _made(state: State, decoder: Decoder) -> Shown:
    """Make the brain of a state; with a decoder of another checkpoint, what it keeps of it."""
    if state.checkpoint.folder != decoder.checkpoint.folder:
        state, _ = carried_over(state, decoder.checkpoint, decoder)
    conditions, identity = state.conditions, state.person.identity
    brain = decoder.generate(identity, conditions)
    return Shown(brain, measured_volumes_ml(brain), conditions, identity, exact=True)
