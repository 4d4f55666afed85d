"""Features: the columns of participants.tsv, what they may hold, and how a model sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.plain import mapping_of, text_of
from brainviewer.core.sentences import SentenceError
from brainviewer.core.statistics import QUANTILES, Statistics, statistics_from_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray

Mixture = Mapping[str, float]
Value = float | str | None | Mixture
Conditions = Mapping[str, Value]


class FeatureError(SentenceError):
    """A feature, level or value that the schema does not know or allow."""


class Kind(StrEnum):
    """How the values of a feature relate to each other."""

    NUMERIC = "numeric"
    ORDERED = "ordered"
    LEVELS = "levels"


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a feature with named levels: its code in the table and its name."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: its name, kind, unit or levels, and the statistics of the training people."""

    name: str
    kind: Kind
    description: str = ""
    unit: str = ""
    levels: tuple[Level, ...] = ()
    statistics: Statistics | None = None

    @property
    def fitted(self) -> Statistics:
        """The statistics; FeatureError when the schema was never fitted to people."""
        if self.statistics is None:
            raise FeatureError(f"{self.name} has no training statistics; fit the schema first")
        return self.statistics

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the levels, in order."""
        return tuple(level.code for level in self.levels)

    @property
    def title(self) -> str:
        """The name for people: without underscores, with a capital."""
        words = self.name.replace("_", " ")
        return words[:1].upper() + words[1:]

    def label(self, value: Value) -> str:
        """Say a value in words: a number with its unit, or the name of the level."""
        if value is None:
            return "not given"
        if isinstance(value, Mapping):
            likely = sorted(value.items(), key=lambda item: -item[1])
            return ", ".join(f"{share:.0%} {self.label(code)}" for code, share in likely if share)
        if self.kind is Kind.NUMERIC:
            return f"{float(value):g} {self.unit}".rstrip()
        if self.kind is Kind.ORDERED and not isinstance(value, str):
            return self.levels[round(float(value))].label
        return dict(zip(self.codes, (level.label for level in self.levels), strict=True))[
            str(value)
        ]

    def number(self, value: Value) -> float:
        """Return the value on the feature's numeric scale: its unit, or the rank of its level."""
        if isinstance(value, str) and self.kind is not Kind.NUMERIC:
            return float(self.codes.index(value))
        if isinstance(value, int | float):
            return float(value)
        raise FeatureError(f"{self.name} has no single number for {value!r}")

    def percentile(self, value: Value) -> float:
        """Return the share of training people below a value, 0-100; numeric and ordered only."""
        return float(np.interp(self.number(value), self.fitted.quantiles, 100 * QUANTILES))

    def typical(self) -> Value:
        """Return the median of the training people, or their most frequent level."""
        known = self.fitted
        if self.kind is Kind.NUMERIC:
            median = round(known.quantiles[len(QUANTILES) // 2], 2)
            return min(max(median, known.low), known.high)
        return self.codes[int(np.argmax(known.shares))]

    def check(
        self, value: Value, *, extrapolate: bool = False, where: str = "this generator"
    ) -> None:
        """Raise FeatureError when a value is of the wrong sort or outside the training range."""
        if value is None:
            return
        if self.kind is Kind.NUMERIC or (
            self.kind is Kind.ORDERED and not isinstance(value, str | Mapping)
        ):
            self._check_number(value, extrapolate, where)
        elif isinstance(value, Mapping):
            for code in value:
                self._check_level(code, where)
        else:
            self._check_level(value, where)

    def _check_number(self, value: Value, extrapolate: bool, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise FeatureError(f"{self.name} must be a number{_of(self.unit)}, got {value!r}")
        low, high = self.fitted.low, self.fitted.high
        if not extrapolate and not low <= value <= high:
            raise FeatureError(
                f"{self.name} must lie in {low:g}-{high:g}{_space(self.unit)} for {where}, "
                f"got {value:g}"
            )

    def _check_level(self, code: Value, where: str) -> None:
        seen = [c for c, share in zip(self.codes, self.fitted.shares, strict=True) if share > 0]
        if code not in seen:
            names = ", ".join(f"{c} ({self.label(c)})" for c in seen)
            raise FeatureError(f"{self.name} must be one of {names} for {where}, got {code!r}")


@dataclass(frozen=True, slots=True)
class Column:
    """One entry of the encoded condition vector.

    The encoded value is ``(x - offset) / scale`` where x is the number or rank of the feature, or,
    with a level, 1 on that level and 0 elsewhere.
    """

    feature: str
    level: str | None
    offset: float
    scale: float


@dataclass(frozen=True)
class FeatureSchema:
    """The features a generator takes, in order, with the statistics of its training people.

    A condition vector has one column a numeric, ordered or two-level feature (z-scored), and one
    a level for unordered features with more levels (centred on the training share). Missing values
    sit at the training mean, which is 0 in every column, until a generator that knows better fills
    them (`known`). Columns that were constant in training carry no information and are left out.
    """

    features: tuple[Feature, ...]
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        fitted = [f for f in self.features if f.statistics is not None]
        columns = tuple(column for feature in fitted for column in _columns(feature))
        object.__setattr__(self, "columns", columns)

    def __contains__(self, name: str) -> bool:
        return any(feature.name == name for feature in self.features)

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        known = ", ".join(self.names)
        raise FeatureError(f"there is no feature {name!r}; the features are {known}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    def typical(self) -> dict[str, Value]:
        """Return the median or most frequent value of every feature."""
        return {feature.name: feature.typical() for feature in self.features}

    def check(
        self, conditions: Conditions, *, extrapolate: bool = False, where: str = "this generator"
    ) -> None:
        """Raise FeatureError for unknown features, wrong levels and values out of range."""
        for name, value in conditions.items():
            self[name].check(value, extrapolate=extrapolate, where=where)

    def encode(self, conditions: Conditions) -> FloatArray:
        """Turn conditions into the vector that a generator sees.

        Parameters
        ----------
        conditions : mapping of feature name to value
            Features that are absent or None count as missing.

        Returns
        -------
        (D,) float32 ndarray
            One entry a column of the schema.
        """
        return np.array(
            [_encode(self[c.feature], c, conditions.get(c.feature)) for c in self.columns],
            dtype=np.float32,
        )

    def known(self, conditions: Conditions) -> NDArray[np.bool_]:
        """Say which columns of the condition vector have a value: (D,) bool ndarray."""
        return np.array([conditions.get(c.feature) is not None for c in self.columns], dtype=bool)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the schema as plain lists and dictionaries."""
        return [_feature_to_json(feature) for feature in self.features]

    @classmethod
    def from_json(cls, entries: Iterable[Mapping[str, Any]]) -> FeatureSchema:
        """Rebuild a schema from `to_json`; FeatureError when an entry is malformed."""
        try:
            schema = cls(tuple(_feature_from_json(entry) for entry in entries))
            if len(set(schema.names)) < len(schema.names):
                raise ValueError("two features have one name")
            return schema
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FeatureError(f"the feature schema is malformed: {error!r}") from error


def fit_schema(features: Iterable[Feature], people: Iterable[Conditions]) -> FeatureSchema:
    """Give every feature the statistics of these people.

    Parameters
    ----------
    features : features without statistics, as described by participants.json
    people : one mapping of values a person, None or absent where missing

    Raises
    ------
    FeatureError
        When a feature has no value in any of the people.
    """
    rows = list(people)
    return FeatureSchema(
        tuple(
            _fit_feature(feature, [row.get(feature.name) for row in rows]) for feature in features
        )
    )


def _fit_feature(feature: Feature, values: list[Value]) -> Feature:
    known = [feature.number(value) for value in values if value is not None]
    if not known:
        raise FeatureError(
            f"{feature.name} is missing for every person; leave it out or fill in the table"
        )
    numbers = np.asarray(known, dtype=np.float64)
    statistics = Statistics(
        count=len(known),
        mean=float(numbers.mean()),
        sd=float(numbers.std()),
        low=float(numbers.min()),
        high=float(numbers.max()),
        quantiles=tuple(float(q) for q in np.quantile(numbers, QUANTILES)),
        shares=tuple(float(np.mean(numbers == rank)) for rank in range(len(feature.levels))),
    )
    return Feature(
        feature.name, feature.kind, feature.description, feature.unit, feature.levels, statistics
    )


def _columns(feature: Feature) -> list[Column]:
    known = feature.fitted
    if feature.kind is Kind.LEVELS and sum(share > 0 for share in known.shares) > 2:
        return [
            Column(feature.name, code, share, 1.0)
            for code, share in zip(feature.codes, known.shares, strict=True)
            if share > 0
        ]
    if known.sd == 0:
        return []
    return [Column(feature.name, None, known.mean, known.sd)]


def _encode(feature: Feature, column: Column, value: Value) -> float:
    if value is None:
        return 0.0
    if isinstance(value, Mapping):
        weights = value
    elif column.level is not None:
        weights = {str(value): 1.0}
    else:
        return (feature.number(value) - column.offset) / column.scale
    if column.level is not None:
        return (weights.get(column.level, 0.0) - column.offset) / column.scale
    mean_rank = sum(feature.number(code) * weight for code, weight in weights.items())
    return (mean_rank - column.offset) / column.scale


def _feature_to_json(feature: Feature) -> dict[str, Any]:
    known = feature.statistics
    return {
        "name": feature.name,
        "kind": feature.kind.value,
        "description": feature.description,
        "unit": feature.unit,
        "levels": {level.code: level.label for level in feature.levels},
        "statistics": None
        if known is None
        else {name: getattr(known, name) for name in Statistics.__dataclass_fields__},
    }


def _feature_from_json(entry: Mapping[str, Any]) -> Feature:
    kind = Kind(entry["kind"])
    levels = mapping_of(entry["levels"], "the levels")
    if (kind is Kind.NUMERIC) == bool(levels):
        raise ValueError(f"a {kind} feature cannot have {len(levels)} levels")
    known = entry["statistics"]
    return Feature(
        name=text_of(entry["name"], "the name of a feature"),
        kind=kind,
        description=text_of(entry["description"], "the description of a feature"),
        unit=text_of(entry["unit"], "the unit of a feature"),
        levels=tuple(Level(code, text_of(it, "a level")) for code, it in levels.items()),
        statistics=None if known is None else statistics_from_json(known, levels=len(levels)),
    )


def _of(unit: str) -> str:
    return f" of {unit}" if unit else ""


def _space(unit: str) -> str:
    return f" {unit}" if unit else ""
