"""Trajectories: the volumes of one identity over a range of ages, computed coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.scenario import AGE, Scenario
from brainviewer.generators.base import DrawsInSteps, Identity, KnowsRegions
from brainviewer.session.request import Course, measured_volumes_ml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Generator as BrainGenerator

STEP_YEARS = 2
SPREAD_PERCENTILES = (5, 50, 95)
SPREAD_AGES = 8
# Fixed, so that the same conditions always have the same spread; large, so that hardly anybody
# asks for one of them as a person.
SPREAD_SEEDS = tuple(range(910_000_001, 910_000_009))

Volumes = Mapping[str, float]
Measure = Callable[[Identity, float], Volumes]
Recall = Callable[[Identity, float], Volumes | None]
Prepare = Callable[[Identity, float], Iterable[None]]
Curves = dict[str, "NDArray[np.float64]"]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Volumes over age, as far as they are known.

    Attributes
    ----------
    ages : (N,) float64 ndarray, years, increasing
    volumes : mapping of structure to (N,) float64 ndarray, mL
        Of this person; NaN where not yet computed: plot the finite ones.
    spread : mapping of structure to (3, N) float64 ndarray, mL
        The 5th, 50th and 95th percentile over other draws under the same conditions; NaN where not
        yet computed.
    scenario : Scenario
    complete : bool
        Whether nothing is left to compute.
    draws : mapping of structure to (D, N) float64 ndarray, mL
        The other draws themselves, linear between the ages that they were made at.
    """

    ages: NDArray[np.float64]
    volumes: Mapping[str, NDArray[np.float64]]
    spread: Mapping[str, NDArray[np.float64]]
    scenario: Scenario
    complete: bool
    draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrajectoryPlan:
    """What a trajectory is made of.

    Attributes
    ----------
    identity : Identity
    others : sequence of Identity
        The draws that the spread is taken over; may be empty.
    ages : (N,) float64 ndarray, years, increasing
    start_age : float, years
        Where to begin: the age that is looked at; NaN where there are no ages.
    structures : sequence of str
    scenario : Scenario
    """

    identity: Identity
    others: Sequence[Identity]
    ages: NDArray[np.float64]
    start_age: float
    structures: Sequence[str]
    scenario: Scenario

    @property
    def step_count(self) -> int:
        """How many brains the whole trajectory needs."""
        return len(self.ages) + len(self.others) * len(_spread_indices(self))


def trajectory_ages(
    schema: FeatureSchema, *, step_years: float = STEP_YEARS
) -> NDArray[np.float64]:
    """Return whole years from the youngest to the oldest training person, both ends included.

    No ages where the generator takes none: its trajectories are empty.
    """
    if AGE not in schema:
        return np.empty(0)
    known = schema[AGE].fitted
    return age_range(math.ceil(known.low), math.floor(known.high), step_years=step_years)


def age_range(first: float, last: float, *, step_years: float) -> NDArray[np.float64]:
    """Return ages from the first in equal steps, and the last one whatever the step.

    Raises
    ------
    ValueError
        When the ages would not go up.
    """
    if step_years <= 0 or last < first:
        raise ValueError(
            f"ages must go up in steps above 0, got {first:g} to {last:g} by {step_years:g} years"
        )
    ages = np.arange(first, last + 1e-9, step_years, dtype=np.float64)
    return ages if ages[-1] >= last - 1e-9 else np.append(ages, float(last))


def spread_identities(generator: BrainGenerator, structures: Sequence[str]) -> list[Identity]:
    """Draw the people whose volumes make the spread: always the same eight.

    Nobody where no structure has a volume, or where each of them would take seconds.
    """
    if not structures or isinstance(generator, DrawsInSteps):
        return []
    return [generator.draw(seed) for seed in SPREAD_SEEDS]


def compute_trajectory(
    generator: BrainGenerator, course: Course, plan: TrajectoryPlan
) -> Trajectory:
    """Compute a whole trajectory at once; `trajectory_steps` does it step by step."""
    *_, trajectory = trajectory_steps(plan, measure_with(generator, course))
    return trajectory


def measure_with(generator: BrainGenerator, course: Course, regions: Sequence[str] = ()) -> Measure:
    """Return the function that makes the brain of an identity at an age and measures it.

    Parameters
    ----------
    generator : Generator
    course : Course
    regions : sequence of str
        Which of the regions that the generator knows are measured beside the tissues.
    """

    def measure(identity: Identity, age: float) -> Volumes:
        conditions = course.at(age)
        tissues = measured_volumes_ml(generator.generate(identity, conditions))
        return tissues | region_volumes_ml(generator, identity, conditions, regions)

    return measure


def region_volumes_ml(
    generator: BrainGenerator, identity: Identity, conditions: Conditions, names: Sequence[str]
) -> dict[str, float]:
    """Measure regions by the warp alone, in mL; no brain is made."""
    if not names:
        return {}
    assert isinstance(generator, KnowsRegions)
    return named_volumes(generator.region_volumes(identity, conditions), generator.regions, names)


def named_volumes(
    volumes_ml: FloatArray, known: Sequence[str], names: Sequence[str]
) -> dict[str, float]:
    """Pick regions by name from the volumes (R,) of all that a generator knows."""
    return {name: float(volumes_ml[known.index(name)]) for name in names}


def trajectory_steps(
    plan: TrajectoryPlan,
    measure: Measure,
    *,
    recall: Recall = lambda identity, age: None,
    prepare: Prepare = lambda identity, age: (),
) -> Generator[Trajectory, None, None]:
    """Compute a trajectory, one brain a step: the person first, coarse to fine, then the spread.

    The first step only recalls and makes no brain. A step that changed nothing yet (the spread
    appears age by age) yields the same object again.

    Parameters
    ----------
    plan : TrajectoryPlan
    measure : function of (identity, age) to the volumes in mL of a brain it makes
    recall : function of (identity, age) to volumes that are already known, or None
        Some structures may be missing; that brain is measured then.
    prepare : function of (identity, age) to the steps that come before it is measured
        For what takes too long for one step.
    """
    draft = _Draft(plan)
    tasks = [task for task in draft.tasks() if not draft.enter(task, recall(*task))]
    trajectory = draft.trajectory(complete=not tasks)
    yield trajectory
    for left, task in zip(range(len(tasks) - 1, -1, -1), tasks, strict=True):
        for _ in prepare(*task):
            yield trajectory
        if draft.enter(task, measure(*task)) and (draft.is_news(task) or not left):
            trajectory = draft.trajectory(complete=not left)
        yield trajectory


def coarse_to_fine(count: int, start: int) -> list[int]:
    """Order the indices 0 ... count-1: the start, then ever finer steps, near the start first."""
    order = [start] if count else []
    stride = 2 ** max(count - 1, 0).bit_length()
    while stride >= 1:
        level = {*range(0, count, stride), *([count - 1] if count else [])} - set(order)
        order += sorted(level, key=lambda index: (abs(index - start), index))
        stride //= 2
    return order


_Task = tuple[Identity, float]


@dataclass(slots=True, eq=False)
class _Draft:
    """The volumes that are known so far, by identity and age."""

    plan: TrajectoryPlan
    known: dict[tuple[str, float], Volumes] = field(default_factory=dict)

    def tasks(self) -> list[_Task]:
        plan = self.plan
        if not len(plan.ages):
            return []
        start = int(np.argmin(np.abs(plan.ages - plan.start_age)))
        own = [(plan.identity, float(plan.ages[i])) for i in coarse_to_fine(len(plan.ages), start)]
        indices = _spread_indices(plan)
        nearest = int(np.argmin([abs(index - start) for index in indices]))
        order = [indices[position] for position in coarse_to_fine(len(indices), nearest)]
        return own + [(other, float(plan.ages[i])) for i in order for other in plan.others]

    def enter(self, task: _Task, volumes: Volumes | None) -> bool:
        """Note volumes; returns whether nothing is left to be measured."""
        if volumes is None:
            return False
        self.known[task[0].key, task[1]] = volumes
        return all(name in volumes for name in self.plan.structures)

    def is_news(self, task: _Task) -> bool:
        """Whether a new entry shows: one of the person, or the last of the draws at an age."""
        identity, age = task
        names = self.plan.structures
        return identity is self.plan.identity or all(self._has_spread(it, age) for it in names)

    def trajectory(self, *, complete: bool) -> Trajectory:
        plan = self.plan
        draws = {name: self._draws(name) for name in plan.structures}
        return Trajectory(
            ages=plan.ages,
            volumes={name: self._volumes(name) for name in plan.structures},
            spread={name: _percentiles(rows) for name, rows in draws.items()},
            scenario=plan.scenario,
            complete=complete,
            draws=draws,
        )

    def _volumes(self, structure: str) -> NDArray[np.float64]:
        own = [self.known.get((self.plan.identity.key, float(age))) for age in self.plan.ages]
        return np.array([np.nan if row is None else row.get(structure, np.nan) for row in own])

    def _draws(self, structure: str) -> NDArray[np.float64]:
        """Volumes (D, N) of the other draws, linear between the ages they were made at."""
        ages = [float(self.plan.ages[i]) for i in _spread_indices(self.plan)]
        ages = [age for age in ages if self._has_spread(structure, age)]
        if not ages:
            return np.empty((0, len(self.plan.ages)))
        draws = [
            [self.known[other.key, age][structure] for age in ages] for other in self.plan.others
        ]
        return np.stack(
            [np.interp(self.plan.ages, ages, row, left=np.nan, right=np.nan) for row in draws]
        )

    def _has_spread(self, structure: str, age: float) -> bool:
        rows = [self.known.get((other.key, age), {}) for other in self.plan.others]
        return bool(rows) and all(structure in row for row in rows)


def _percentiles(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Percentiles (3, N) over draws (D, N); NaN without any."""
    if not len(draws):
        return np.full((len(SPREAD_PERCENTILES), draws.shape[1]), np.nan)
    found: NDArray[np.float64] = np.percentile(draws, SPREAD_PERCENTILES, axis=0)
    return found


def _spread_indices(plan: TrajectoryPlan) -> list[int]:
    """Choose the ages that the spread is computed at: a few, ends included."""
    if not len(plan.ages):
        return []
    if not plan.others:
        return [0]
    positions = np.linspace(0, len(plan.ages) - 1, min(SPREAD_AGES, len(plan.ages)))
    return [int(i) for i in np.unique(np.rint(positions))]
