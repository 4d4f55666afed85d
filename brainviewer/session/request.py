"""What is asked of the generator and what comes back, as frozen data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from brainviewer.core.features import Conditions, FeatureError, FeatureSchema, Value
from brainviewer.core.scenario import AGE, Regression, Scenario, conditions_at_age
from brainviewer.core.tissues import TISSUES, has_tissues, tissue_volumes_ml

if TYPE_CHECKING:
    from brainviewer.core.volume import Brain
    from brainviewer.generators.base import Identity
    from brainviewer.generators.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody whose brain can be made.

    Attributes
    ----------
    identity : Identity
    factual : mapping of feature to value
        The person as given, with an age.
    label : str
        How to call the person: ``"seed 7"``, ``"sub-IXI012"``.
    """

    identity: Identity
    factual: Conditions
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The conditions of a person at every age.

    Attributes
    ----------
    schema : FeatureSchema
    regression : Regression
    factual : mapping of feature to value
        The person as given, with an age.
    edits : mapping of feature to value
        What the user changed: held at every age.
    scenario : Scenario
        What the features that were not changed do while age moves.
    """

    schema: FeatureSchema
    regression: Regression
    factual: Conditions
    edits: Conditions
    scenario: Scenario

    def at(self, age: float | None) -> dict[str, Value]:
        """Return the conditions at an age in years; None where the generator takes no age."""
        if age is None:
            return {**self.factual, **self.edits}
        moved = conditions_at_age(
            self.schema, self.regression, self.factual, age=age, scenario=self.scenario
        )
        return {**moved, **self.edits}

    @property
    def key(self) -> str:
        """A text that two courses of one checkpoint share only if all their conditions agree."""
        if self.scenario is Scenario.IDEAL:
            return _canonical({**self.factual, **self.edits, AGE: None})
        return _canonical({"factual": self.factual, "edits": self.edits})


class BrainKey(NamedTuple):
    """What tells the brains of a session apart: checkpoint, identity and conditions.

    A checkpoint that is opened again is another one: its weights may have changed.
    """

    checkpoint: Checkpoint
    identity: str
    course: str
    age: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One wish for a brain.

    Attributes
    ----------
    number : int
        Counts the wishes of a session: the larger, the newer.
    checkpoint : Checkpoint
    identity : Identity
    course : Course
    age : float or None, years
    """

    number: int
    checkpoint: Checkpoint
    identity: Identity
    course: Course
    age: float | None

    @property
    def key(self) -> BrainKey:
        """What the answer is kept under."""
        return key_of(self.checkpoint, self.identity, self.course, age=self.age)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A brain on the screen.

    Attributes
    ----------
    brain : Brain
    volumes_ml : mapping of structure to float, mL
        Always those of the float maps, also when the brain itself comes from the cache.
    conditions : mapping of feature to value
        What this brain was made for. While the exact one is on its way, the age may differ a
        little from the one that was asked for.
    identity : Identity
    exact : bool
        True for the generator's own answer to the newest wish; False for a stand-in from the cache
        (a neighbouring age, or steps of 1/255), which the exact one will follow.
    """

    brain: Brain
    volumes_ml: Mapping[str, float]
    conditions: Conditions
    identity: Identity
    exact: bool


def key_of(
    checkpoint: Checkpoint, identity: Identity, course: Course, *, age: float | None
) -> BrainKey:
    """Return what a brain is kept under in the cache."""
    return BrainKey(checkpoint, identity.key, course.key, age)


def structures_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the structures whose volumes can be measured: the tissues among the channels."""
    return tuple(name for name in checkpoint.structures if name in TISSUES)


def measured_volumes_ml(brain: Brain) -> dict[str, float]:
    """Return the tissue volumes of a brain in mL; empty for an image without tissue maps."""
    return tissue_volumes_ml(brain) if has_tissues(brain.channels) else {}


def is_extrapolated(schema: FeatureSchema, conditions: Conditions) -> bool:
    """Tell whether a condition lies outside the range of the training people."""
    # A mixture of levels is made by the regression from levels that were trained on.
    single = {name: value for name, value in conditions.items() if not isinstance(value, Mapping)}
    try:
        schema.check(single)
    except FeatureError:
        return True
    return False


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=dict)
