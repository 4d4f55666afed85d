"""The curves over age: of the person in both scenarios, and of the pins; made in the background."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from brainviewer.session.measuring import (
    Place,
    measured_steps,
    measured_topic,
    other_scenario,
    region_steps,
)
from brainviewer.session.model import own_age
from brainviewer.session.pins import Curve, Pin, proposed_name
from brainviewer.session.request import key_of, structures_of
from brainviewer.session.trajectory import Trajectory, named_volumes

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from brainviewer.session.cache import BrainCache
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.worker import Worker

    Steps = Generator[Trajectory, None, None]

Post = Callable[[Callable[[], None]], None]
Accept = Callable[[Trajectory], None]


class Curves:
    """The trajectories that belong to the newest state, and the pins.

    Its methods and signals belong to the owner's thread; brains are made on the worker's.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker
    cache : BrainCache
    """

    changed = Signal(Trajectory)
    other_changed = Signal(Trajectory)
    pins_changed = Signal(tuple)
    factual_regions_changed = Signal(dict)

    def __init__(self, post: Post, worker: Worker, cache: BrainCache) -> None:
        self.trajectory: Trajectory | None = None
        self.other: Trajectory | None = None
        self.pins: tuple[Pin, ...] = ()
        self.factual_regions: Mapping[str, float] = {}
        self._regions: tuple[str, ...] = ()
        self._post = post
        self._worker = worker
        self._cache = cache
        self._state: State | None = None
        self._decoder: Decoder | None = None
        self._pinned = 0

    def follow(self, state: State, decoder: Decoder) -> None:
        """Compute the curves that a state has, unless they are on their way already."""
        old, self._state, self._decoder = self._state, state, decoder
        is_new = old is None or measured_topic(old) != measured_topic(state)
        is_other_new = old is None or _other_topic(old) != _other_topic(state)
        if old is None or old.checkpoint is not state.checkpoint:
            self._set_pins([_on_checkpoint_of(pin, state) for pin in self.pins])
        if is_new:
            self._restart(state, decoder)
        if is_new or is_other_new:
            self._restart_others(state, decoder)
        if old is None or old.person is not state.person:
            self._restart_factual(state, decoder)

    def measure_regions(self, names: Sequence[str]) -> None:
        """Measure these regions over age too, and no others.

        Those that the generator in use does not know are left out, until one is that does.
        """
        before, self._regions = self.regions, tuple(names)
        if self._state is None or self._decoder is None or self.regions == before:
            return
        self._restart(self._state, self._decoder)
        self._restart_others(self._state, self._decoder)
        self._restart_factual(self._state, self._decoder)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are measured over age beside the tissues."""
        known = () if self._decoder is None else self._decoder.regions
        return tuple(name for name in self._regions if name in known)

    def all(self) -> list[Curve]:
        """Return the person's curve in the scenario that is chosen, in the other, and the pins'."""
        if self._state is None or self.trajectory is None or self.other is None:
            return []
        return [
            Curve(self._state, self.trajectory),
            Curve(other_scenario(self._state), self.other),
            *(
                Curve(pin.state, pin.trajectory, pin.name, pin.color, pin.visible)
                for pin in self.pins
            ),
        ]

    def steps_of(self, state: State) -> Steps:
        """Compute the trajectory of a state on the worker's thread, from what is known already."""
        if self._decoder is None or self._decoder.checkpoint is not state.checkpoint:
            raise ValueError(f"checkpoint {state.checkpoint.name} is not in use")
        keep = self._cache.offer
        return measured_steps(state, self._decoder, self._cache, keep=keep, regions=self.regions)

    # Pins

    def pin(self, name: str = "") -> None:
        """Keep the person, edits and scenario of now for comparison."""
        state, trajectory = self._state, self.trajectory
        if state is None or trajectory is None or self._decoder is None:
            return
        self._pinned += 1
        pin = Pin(self._pinned, name.strip() or proposed_name(state), state, trajectory)
        self._set_pins([*self.pins, pin])
        self._restart_others(state, self._decoder)

    def rename_pin(self, number: int, name: str) -> None:
        """Call a pin otherwise; an empty name gives it back the proposed one."""
        self._change(
            number, lambda pin: replace(pin, name=name.strip() or proposed_name(pin.state))
        )

    def show_pin(self, number: int, visible: bool) -> None:
        """Draw a pin, or leave it out."""
        self._change(number, lambda pin: replace(pin, visible=visible))

    def remove_pin(self, number: int) -> None:
        """Forget a pin."""
        self._set_pins([pin for pin in self.pins if pin.number != number])

    def replace_pins(self, pins: Sequence[tuple[str, bool, State]]) -> None:
        """Pin (name, visible, state) of the checkpoint in use instead of the pins there are."""
        if self._state is None or self._decoder is None or not (pins or self.pins):
            return
        made = [
            Pin(self._pinned + number, name, state, next(self.steps_of(state)), visible)
            for number, (name, visible, state) in enumerate(pins, 1)
        ]
        self._pinned += len(made)
        self._set_pins(made)
        self._restart_others(self._state, self._decoder)

    def restore_pins(self, pins: Sequence[Pin]) -> None:
        """Go back to the pins that were; what is known of their trajectories by now is kept."""
        known = {pin.number: pin.trajectory for pin in self.pins}
        wanted = [replace(it, trajectory=known.get(it.number, it.trajectory)) for it in pins]
        if [_seen(pin) for pin in wanted] == [_seen(pin) for pin in self.pins]:
            return
        self._set_pins(wanted)
        if self._state is not None and self._decoder is not None:
            self._restart_others(self._state, self._decoder)

    def _change(self, number: int, change: Callable[[Pin], Pin]) -> None:
        self._set_pins([change(pin) if pin.number == number else pin for pin in self.pins])

    def _set_pins(self, pins: Sequence[Pin]) -> None:
        self.pins = tuple(pins)
        self.pins_changed.emit(self.pins)

    # The background

    def _restart(self, state: State, decoder: Decoder) -> None:
        steps = measured_steps(
            state, decoder, self._cache, keep=self._cache.put, regions=self.regions
        )
        self._on_trajectory(state, next(steps))
        has_volumes = bool(structures_of(state.checkpoint))
        self._worker.run_background(
            "Measuring the trajectory" if has_volumes else "Making the brains of other ages",
            self._work([(steps, partial(self._on_trajectory, state))]),
            place=Place.TRAJECTORY,
        )

    def _restart_others(self, state: State, decoder: Decoder) -> None:
        """Go on with the other scenario and with the pins, in this order, to measure them."""
        jobs: list[tuple[Steps, Accept]] = []
        other = other_scenario(state)
        steps = self.steps_of(other)
        self._on_other(other, next(steps))
        if not structures_of(state.checkpoint):
            self._worker.cancel_background(Place.OTHER_TRAJECTORIES)
            return
        jobs.append((steps, partial(self._on_other, other)))
        jobs += [
            (self.steps_of(pin.state), partial(self._on_pin, pin.number))
            for pin in self.pins
            if pin.state.checkpoint is decoder.checkpoint and not self._is_whole(pin)
        ]
        self._worker.run_background(
            "Measuring the other trajectories", self._work(jobs), place=Place.OTHER_TRAJECTORIES
        )

    def _is_whole(self, pin: Pin) -> bool:
        """Whether all that is measured now is known of a pin."""
        wanted = {*structures_of(pin.state.checkpoint), *self.regions}
        return pin.trajectory.complete and set(pin.trajectory.volumes) == wanted

    def _restart_factual(self, state: State, decoder: Decoder) -> None:
        """Measure the regions of the person as given."""
        self._on_factual(state, {})
        if self.regions:
            self._worker.run_background(
                "Measuring the regions",
                self._work_factual(state, decoder, self.regions),
                place=Place.FACTUAL_REGIONS,
            )
        else:
            self._worker.cancel_background(Place.FACTUAL_REGIONS)

    def _work_factual(
        self, state: State, decoder: Decoder, names: Sequence[str]
    ) -> Generator[None, None, None]:
        person, course = state.person, replace(state, edits={}).course
        age = own_age(state.checkpoint, person.factual)
        key = key_of(state.checkpoint, person.identity, course, age=age)
        found = yield from region_steps(
            key, person.identity, person.factual, decoder=decoder, cache=self._cache
        )
        volumes = named_volumes(found, decoder.regions, names)
        self._post(partial(self._on_factual, state, volumes))
        yield

    def _work(self, jobs: Sequence[tuple[Steps, Accept]]) -> Generator[None, None, None]:
        """Take a step of each in turn, so that all curves come before the spread of any."""
        waiting = deque(jobs)
        while waiting:
            steps, accept = waiting.popleft()
            trajectory = next(steps, None)
            if trajectory is not None:
                waiting.append((steps, accept))
                self._post(partial(accept, trajectory))
                yield

    def _on_trajectory(self, state: State, trajectory: Trajectory) -> None:
        current = self._state is not None and measured_topic(self._state) == measured_topic(state)
        if current and trajectory is not self.trajectory:
            self.trajectory = trajectory
            self.changed.emit(trajectory)

    def _on_other(self, other: State, trajectory: Trajectory) -> None:
        current = self._state is not None and _other_topic(self._state) == measured_topic(other)
        if current and trajectory is not self.other:
            self.other = trajectory
            self.other_changed.emit(trajectory)

    def _on_factual(self, state: State, volumes_ml: dict[str, float]) -> None:
        current = self._state is not None and self._state.person is state.person
        if current and volumes_ml != self.factual_regions:
            self.factual_regions = volumes_ml
            self.factual_regions_changed.emit(volumes_ml)

    def _on_pin(self, number: int, trajectory: Trajectory) -> None:
        known = {pin.number: pin.trajectory for pin in self.pins}
        if number in known and known[number] is not trajectory:
            self._change(number, lambda pin: replace(pin, trajectory=trajectory))


def _seen(pin: Pin) -> tuple[int, str, bool]:
    return pin.number, pin.name, pin.visible


def _other_topic(state: State) -> tuple[object, str, str]:
    return measured_topic(other_scenario(state))


def _on_checkpoint_of(pin: Pin, state: State) -> Pin:
    """Go on with a pin whose checkpoint is opened again, which makes it another one."""
    known, opened = pin.state.checkpoint, state.checkpoint
    if known is opened or known.folder != opened.folder:
        return pin
    return replace(pin, state=replace(pin.state, checkpoint=opened))
