"""What is computed in the background for the person on the screen: factual volumes, trajectory."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING

from brainviewer.core.scenario import Scenario
from brainviewer.session.request import (
    Shown,
    key_of,
    measured_volumes_ml,
    structures_of,
)
from brainviewer.session.trajectory import (
    TrajectoryPlan,
    spread_identities,
    trajectory_ages,
    trajectory_steps,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from brainviewer.core.volume import Brain
    from brainviewer.generators.base import Identity
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.cache import BrainCache
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.request import BrainKey
    from brainviewer.session.trajectory import Trajectory, Volumes

    Keep = Callable[[BrainKey, Brain, Volumes], None]


class Place(IntEnum):
    """The places of the worker's background, what goes first first."""

    OPENING = 0
    PERSON = 1
    FACTUAL = 2
    SCAN = 3
    COMPARED = 4
    PINNED = 5
    LOCAL_CHANGE = 6
    REGION_MAP = 7
    FINE = 8
    FINE_SCAN = 9
    FINE_COMPARED = 10
    GRADIENTS = 11
    REGIONS = 12
    TRAJECTORY = 13
    OTHER_TRAJECTORIES = 14


def plan_of(state: State, decoder: Decoder) -> TrajectoryPlan:
    """Plan the trajectory of the person on the screen in the scenario they are in."""
    structures = structures_of(state.checkpoint)
    return TrajectoryPlan(
        identity=state.person.identity,
        others=spread_identities(decoder.generator, structures),
        ages=trajectory_ages(state.checkpoint.schema),
        start_age=math.nan if state.age is None else state.age,
        structures=structures,
        scenario=state.scenario,
    )


def measured_steps(
    state: State, decoder: Decoder, cache: BrainCache, *, keep: Keep
) -> Generator[Trajectory, None, None]:
    """Compute the trajectory step by step; the first step only asks the cache.

    Parameters
    ----------
    keep : function of (key, brain, volumes)
        What becomes of the brains of the person: `BrainCache.put` or `offer`. Of other draws only
        the volumes are kept.
    """
    course, person = state.course, state.person.identity

    def recall(identity: Identity, age: float) -> Volumes | None:
        return cache.volumes(key_of(state.checkpoint, identity, course, age=age))

    def measure(identity: Identity, age: float) -> Volumes:
        brain = decoder.generate(identity, course.at(age))
        volumes = measured_volumes_ml(brain)
        key = key_of(state.checkpoint, identity, course, age=age)
        if identity is person:
            keep(key, brain, volumes)
        else:
            cache.put_volumes(key, volumes)
        return volumes

    return trajectory_steps(plan_of(state, decoder), measure, recall=recall)


def factual_brain(state: State, decoder: Decoder) -> Shown:
    """Make the brain of the person as given."""
    person = state.person
    brain = decoder.generate(person.identity, person.factual)
    return Shown(
        brain, measured_volumes_ml(brain), dict(person.factual), person.identity, exact=True
    )


def other_scenario(state: State) -> State:
    """Return the same state in the scenario that was not chosen."""
    ideal = state.scenario is Scenario.IDEAL
    return replace(state, scenario=Scenario.REGRESSED if ideal else Scenario.IDEAL)


def measured_topic(state: State) -> tuple[Checkpoint, str, str]:
    """Return what the trajectory depends on: everything but the current age."""
    return (state.checkpoint, state.person.identity.key, state.course.key)
