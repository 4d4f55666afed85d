"""One person while one number goes from low to high: the frames of a movie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.features import FeatureError, Kind
from brainviewer.core.scenario import AGE
from brainviewer.session.model import takes_no_features

if TYPE_CHECKING:
    from brainviewer.core.features import FeatureSchema, Value
    from brainviewer.session.model import State

FRAMES_RANGE = (2, 600)


@dataclass(frozen=True, slots=True)
class Sweep:
    """The values that a feature takes, one a frame.

    Attributes
    ----------
    name : str
        Of a feature that is a number, such as age.
    values : tuple of float, in the unit of the feature
    """

    name: str
    values: tuple[float, ...]


def swept_features(schema: FeatureSchema) -> list[str]:
    """List the features that are numbers, age first."""
    numbers = [name for name in schema.names if schema[name].kind is Kind.NUMERIC]
    return sorted(numbers, key=lambda name: name != AGE)


def sweep_of(
    state: State,
    name: str = AGE,
    *,
    first: float | None = None,
    last: float | None = None,
    count: int,
) -> Sweep:
    """Plan a sweep in equal steps.

    Parameters
    ----------
    state : State
    name : str
        The feature.
    first, last : float, in its unit
        The ends of the training people's range where they are not given; down is possible too.
    count : int in `FRAMES_RANGE`

    Raises
    ------
    FeatureError
        The feature is no number, an end is outside the training range, or the count is.
    """
    numbers = swept_features(state.checkpoint.schema)
    if not numbers:
        raise FeatureError(f"nothing can be swept: {takes_no_features(state.checkpoint)}")
    if name not in numbers:
        raise FeatureError(f"a sweep needs one of {', '.join(numbers)}, got {name!r}")
    low, high = FRAMES_RANGE
    if not low <= count <= high:
        raise FeatureError(f"a sweep has {low}-{high} frames, got {count}")
    known = state.checkpoint.schema[name].fitted
    ends = (known.low if first is None else first, known.high if last is None else last)
    for end in ends:
        state.check(name, float(end))
    return Sweep(name, tuple(np.linspace(*ends, count).round(6).tolist()))


def conditions_along(state: State, sweep: Sweep) -> list[dict[str, Value]]:
    """Return what the generator is asked for in each frame."""
    if sweep.name == AGE:
        return [state.course.at(age) for age in sweep.values]
    return [
        replace(state, edits={**state.edits, sweep.name: value}).conditions
        for value in sweep.values
    ]


def caption(schema: FeatureSchema, sweep: Sweep, frame: int) -> str:
    """Say which value a frame shows: ``"Age 63.2 years"``."""
    feature = schema[sweep.name]
    return f"{feature.title} {sweep.values[frame]:.1f} {feature.unit}".rstrip()
