"""Directions in which a person can be changed: along a feature, or to one of its levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainviewer.core.features import Conditions, FeatureError, Kind
from brainviewer.core.scenario import AGE

if TYPE_CHECKING:
    from brainviewer.core.features import Feature, FeatureSchema, Value
    from brainviewer.session.request import Course

DECADE_YEARS = 10.0


@dataclass(frozen=True, slots=True)
class Direction:
    """What is changed: a feature along its numbers, or to the level with this code."""

    feature: str
    level: str = ""

    @property
    def text(self) -> str:
        """The direction in one word: ``"age"``, ``"sex=M"``."""
        return f"{self.feature}={self.level}" if self.level else self.feature


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Two ends around a person, and what lies between them.

    Attributes
    ----------
    low, high : mapping of feature to value
        The conditions at the ends; `low` is the person where there is no way down.
    scale : float
        By what a change from `low` to `high` is multiplied to be one of `unit`.
    unit : str
        ``"per decade"``, ``"per 9.2 cm (1 sd)"``, ``"per level"``, ``"if male"``.
    """

    low: Conditions
    high: Conditions
    scale: float
    unit: str


def directions_of(schema: FeatureSchema) -> list[Direction]:
    """List the directions that a generator knows, age and sex as the schema has them."""
    changing = {column.feature for column in schema.columns}
    return [
        direction
        for feature in schema.features
        if feature.name in changing
        for direction in _directions(feature)
    ]


def parse_direction(text: str, schema: FeatureSchema) -> Direction:
    """Read ``"age"``, ``"sex=M"`` or ``"sex=male"``.

    Raises
    ------
    FeatureError
        When there is no such direction; the sentence lists those there are.
    """
    known = directions_of(schema)
    for direction in known:
        names = {direction.text.lower()}
        if direction.level:
            label = schema[direction.feature].label(direction.level)
            names.add(f"{direction.feature}={label}".lower())
        if text.lower() in names:
            return direction
    raise FeatureError(
        f"the change must be along one of {', '.join(it.text for it in known)}, got {text!r}"
    )


def title_of(direction: Direction, schema: FeatureSchema) -> str:
    """Name a direction for people: ``"Age"``, ``"Sex: male"``."""
    feature = schema[direction.feature]
    return (
        f"{feature.title}: {feature.label(direction.level)}" if direction.level else feature.title
    )


def span_of(direction: Direction, course: Course, age: float | None) -> Span:
    """Find the ends of a direction for a person: half a step down and half a step up.

    A step is a decade, a standard deviation, or a level. Ends stay within the range of the training
    people, or where the person is beyond it; what is between them is then scaled to the step.

    Parameters
    ----------
    course : Course
        Where age is changed, the other features follow its scenario.
    age : float or None, years
    """
    own, feature = course.at(age), course.schema[direction.feature]
    if direction.level:
        return Span(own, {**own, feature.name: direction.level}, 1.0, _if(feature, direction.level))
    value, known = _number(feature, own.get(feature.name)), feature.fitted
    step, unit = _step(feature)
    low = max(value - step / 2, min(known.low, value))
    high = min(value + step / 2, max(known.high, value))
    scale = step / (high - low)
    if feature.name == AGE:
        return Span(course.at(low), course.at(high), scale, unit)
    return Span({**own, feature.name: low}, {**own, feature.name: high}, scale, unit)


def _directions(feature: Feature) -> list[Direction]:
    if feature.kind is not Kind.LEVELS:
        return [Direction(feature.name)]
    shares = zip(feature.codes, feature.fitted.shares, strict=True)
    return [Direction(feature.name, code) for code, share in shares if share > 0]


def _number(feature: Feature, value: Value) -> float:
    """Return a value as a number; what is typical where it is not known."""
    if value is None:
        return _number(feature, feature.typical())
    if isinstance(value, Mapping):
        return sum(feature.number(code) * share for code, share in value.items())
    return feature.number(value)


def _step(feature: Feature) -> tuple[float, str]:
    if feature.kind is Kind.ORDERED:
        return 1.0, "per level"
    if feature.name == AGE:
        return DECADE_YEARS, "per decade"
    sd = feature.fitted.sd
    return sd, f"per {sd:.3g} {feature.unit}".rstrip() + " (1 sd)"


def _if(feature: Feature, level: str) -> str:
    return f"if {feature.label(level)}"
