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
    named_volumes,
    spread_identities,
    trajectory_ages,
    trajectory_steps,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Brain, FloatArray
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
    FACTUAL_REGIONS = 13
    TRAJECTORY = 14
    OTHER_TRAJECTORIES = 15


def plan_of(state: State, decoder: Decoder, regions: Sequence[str] = ()) -> TrajectoryPlan:
    """Plan the trajectory of the person on the screen in the scenario they are in.

    Parameters
    ----------
    regions : sequence of str
        Which of the regions that the generator knows are measured beside the tissues.
    """
    structures = (*structures_of(state.checkpoint), *regions)
    return TrajectoryPlan(
        identity=state.person.identity,
        others=spread_identities(decoder.generator, structures),
        ages=trajectory_ages(state.checkpoint.schema),
        start_age=math.nan if state.age is None else state.age,
        structures=structures,
        scenario=state.scenario,
    )


def measured_steps(
    state: State,
    decoder: Decoder,
    cache: BrainCache,
    *,
    keep: Keep,
    regions: Sequence[str] = (),
) -> Generator[Trajectory, None, None]:
    """Compute the trajectory step by step; the first step only asks the cache.

    Regions need no brain, only its warp: where the tissues are known, none is made for them.

    Parameters
    ----------
    regions : sequence of str
        See `plan_of`.
    keep : function of (key, brain, volumes)
        What becomes of the brains of the person: `BrainCache.put` or `offer`. Of other draws only
        the volumes are kept.
    """
    course, person = state.course, state.person.identity

    def recall(identity: Identity, age: float) -> Volumes | None:
        key = key_of(state.checkpoint, identity, course, age=age)
        tissues, found = cache.volumes(key), cache.region_volumes(key)
        if tissues is None or found is None:
            return tissues
        return {**tissues, **named_volumes(found, decoder.regions, regions)}

    def measure(identity: Identity, age: float) -> Volumes:
        key, conditions = key_of(state.checkpoint, identity, course, age=age), course.at(age)
        volumes = cache.volumes(key)
        if volumes is None:
            brain = decoder.generate(identity, conditions)
            volumes = measured_volumes_ml(brain)
            if identity is person:
                keep(key, brain, volumes)
            else:
                cache.put_volumes(key, volumes)
        if not regions:
            return volumes
        found = cache.region_volumes(key)
        assert found is not None  # `prepare` comes before
        return {**volumes, **named_volumes(found, decoder.regions, regions)}

    def prepare(identity: Identity, age: float) -> Iterable[None]:
        key = key_of(state.checkpoint, identity, course, age=age)
        return (
            region_steps(key, identity, course.at(age), decoder=decoder, cache=cache)
            if regions
            else ()
        )

    plan = plan_of(state, decoder, regions)
    return trajectory_steps(plan, measure, recall=recall, prepare=prepare)


def region_steps(
    key: BrainKey,
    identity: Identity,
    conditions: Conditions,
    *,
    decoder: Decoder,
    cache: BrainCache,
) -> Generator[None, None, FloatArray]:
    """Return the volumes (R,) in mL of all regions of a brain, from the cache or measured."""
    found = cache.region_volumes(key)
    if found is None:
        found = yield from decoder.region_steps(identity, conditions)
        cache.put_region_volumes(key, found)
    return found


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
