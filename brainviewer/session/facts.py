"""What widgets read of a session and hear from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from psygnal import Signal

from brainviewer.core.scenario import Scenario
from brainviewer.generators.base import HasAverage
from brainviewer.generators.checkpoint import Checkpoint
from brainviewer.session.encoding import Encoded
from brainviewer.session.own_point import OwnPoint, own_point_of
from brainviewer.session.request import Person, Shown
from brainviewer.session.trajectory import Trajectory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.core.features import Conditions, Value
    from brainviewer.core.volume import Brain
    from brainviewer.generators.base import Generator
    from brainviewer.session.comparison import Comparison
    from brainviewer.session.curves import Curves
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.engine import Engine
    from brainviewer.session.fine import FineWatch
    from brainviewer.session.gradients import GradientWatch
    from brainviewer.session.local_change import LocalChangeWatch
    from brainviewer.session.model import State
    from brainviewer.session.region_map import RegionMapWatch
    from brainviewer.session.regions import RegionWatch


class Facts:
    """The facts of a session and the signals that tell of their changes.

    Parameters
    ----------
    engine : Engine
    checkpoints : list of Checkpoint
    problems : mapping of folder name to sentence
    """

    checkpoint_changed = Signal(Checkpoint)
    person_changed = Signal(Person)
    conditions_changed = Signal(dict)
    scenario_changed = Signal(Scenario)
    extrapolation_changed = Signal(bool)
    brain_changed = Signal(Shown)
    factual_changed = Signal(Shown)
    trajectory_changed = Signal(Trajectory)
    scan_changed = Signal(Encoded)
    scan_refined = Signal(Encoded)
    device_changed = Signal(str)
    busy_changed = Signal(str)
    progress_changed = Signal(float)
    drawing_stopped = Signal(str)
    failed = Signal(str)
    notice = Signal(str)

    def __init__(
        self, engine: Engine, checkpoints: list[Checkpoint], problems: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._checkpoints = checkpoints
        self._problems = problems
        self._state: State | None = None
        self._relay()

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that can be opened, by name."""
        return list(self._checkpoints)

    @property
    def problems(self) -> Mapping[str, str]:
        """For each folder that is no usable checkpoint, the sentence that says why."""
        return dict(self._problems)

    @property
    def state(self) -> State | None:
        """All that the brain depends on; None before a checkpoint is loaded."""
        return self._state

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint in use; None before the first one is loaded."""
        return self._state.checkpoint if self._state else None

    @property
    def generator(self) -> Generator | None:
        """The generator in use; None before the first one is loaded."""
        return self._engine.decoder.generator if self._engine.decoder else None

    @property
    def decoder(self) -> Decoder | None:
        """The generator as tasks should use it: it moves to the CPU when the GPU is full."""
        return self._engine.decoder

    @property
    def has_average(self) -> bool:
        """Whether the generator in use knows the mean brain of an age and sex."""
        return isinstance(self.generator, HasAverage)

    @property
    def person(self) -> Person | None:
        """Whose brain is asked for; None before a checkpoint is loaded."""
        return self._state.person if self._state else None

    @property
    def edits(self) -> Conditions:
        """What the user changed of the person, without age."""
        return dict(self._state.edits) if self._state else {}

    @property
    def age(self) -> float:
        """The age that is asked for in years; NaN where there is none."""
        state = self._state
        return math.nan if state is None or state.age is None else state.age

    @property
    def scenario(self) -> Scenario:
        """What the features that were not edited do while age moves."""
        return self._state.scenario if self._state else Scenario.IDEAL

    @property
    def extrapolate(self) -> bool:
        """Whether values outside the range of the training people are allowed."""
        return self._state is not None and self._state.extrapolate

    @property
    def conditions(self) -> dict[str, Value]:
        """What the generator is asked for; empty before a checkpoint is loaded."""
        return self._state.conditions if self._state else {}

    @property
    def shown(self) -> Shown | None:
        """The brain on the screen."""
        return self._engine.shown

    @property
    def is_up_to_date(self) -> bool:
        """Whether the brain on the screen is the generator's own for what is asked now."""
        return self._state is not None and self._engine.is_shown(self._state)

    @property
    def is_drawing(self) -> bool:
        """Whether a person is being drawn who will be shown instead of the present one."""
        return self._engine.drawing.is_going_on

    @property
    def factual(self) -> Shown | None:
        """The brain of the person as given; None until it is made."""
        return self._engine.factual

    @property
    def factual_volumes_ml(self) -> Mapping[str, float]:
        """The volumes of the person as given, in mL; empty until they are measured."""
        return self._engine.factual.volumes_ml if self._engine.factual else {}

    @property
    def trajectory(self) -> Trajectory | None:
        """The volumes over age in the scenario that is chosen, as far as they are known."""
        return self._engine.curves.trajectory

    @property
    def own_point(self) -> OwnPoint | None:
        """What was measured on the scan of the person on the screen; None where there is none."""
        return own_point_of(self.comparison.encoded)

    @property
    def curves(self) -> Curves:
        """The trajectories in both scenarios, and the pins."""
        return self._engine.curves

    @property
    def gradients(self) -> GradientWatch:
        """What each feature does to each volume; computed only while it is watched."""
        return self._engine.gradients

    @property
    def regions(self) -> RegionWatch:
        """How large the regions of the person on the screen are."""
        return self._engine.regions

    @property
    def region_map(self) -> RegionMapWatch:
        """Which region each place of the brain on the screen belongs to."""
        return self._engine.region_map

    @property
    def local_change(self) -> LocalChangeWatch:
        """Where the brain grows and shrinks; computed only while a direction is chosen."""
        return self._engine.local_change

    @property
    def fine(self) -> FineWatch:
        """The brain on the screen on a finer grid, where the generator has one."""
        return self._engine.fine

    @property
    def best_brains(self) -> tuple[Brain | None, Brain | None]:
        """The brain on the screen and the one beside it, both on the finest grid they share.

        None where there is no such brain. One voxel size for both: between a fine brain and a
        coarse one there would be differences that no person has.
        """
        shown, compared = self.in_place, self.comparison.compared
        if shown is None:
            return None, None
        fine = self.fine.of(shown) if shown is self.shown else self.stand_in.fine_brain
        if compared is None or compared.shown is None:
            return fine or shown.brain, None
        other = self.comparison.fine_brain
        if fine is None or other is None:
            return shown.brain, compared.shown.brain
        return fine, other

    @property
    def in_place(self) -> Shown | None:
        """The brain that slices and surfaces show: the generator's, or the scan in its place."""
        stand_in = None if self.stand_in.choice is None else self.stand_in.compared
        return self.shown if stand_in is None or stand_in.shown is None else stand_in.shown

    @property
    def comparison(self) -> Comparison:
        """The brain beside the one on the screen."""
        return self._engine.comparison

    @property
    def stand_in(self) -> Comparison:
        """The own scan, carried, for where it is shown in place of the generator's brain."""
        return self._engine.stand_in

    @property
    def device_name(self) -> str:
        """What the generator runs on, for people; empty before one is loaded."""
        return self.generator.device_name if self.generator else ""

    def _relay(self) -> None:
        """Pass the engine's signals on as the session's own."""
        engine = self._engine
        engine.brain_changed.connect(self.brain_changed.emit)
        engine.factual_changed.connect(self.factual_changed.emit)
        engine.curves.changed.connect(self.trajectory_changed.emit)
        engine.busy_changed.connect(self.busy_changed.emit)
        engine.progress_changed.connect(self.progress_changed.emit)
