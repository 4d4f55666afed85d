"""How much each feature weighs on each volume: the gradient of the volume by the feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainviewer.core.features import Column, Conditions, Feature, FeatureSchema, Kind
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Identity


@dataclass(frozen=True, slots=True)
class SaliencyRow:
    """What one feature does to one volume.

    Attributes
    ----------
    structure : str
    feature : str
    level : str
        The name of the level that the numbers are about; empty for a numeric or ordered feature.
    ml_per_sd : float, mL
        For one standard deviation of the training people.
    ml_per_unit : float, mL
        For one of `unit`.
    unit : str
        What one step is: ``"years"``, ``"level"`` (one level up), or ``"being male rather than
        female"``.
    """

    structure: str
    feature: str
    level: str
    ml_per_sd: float
    ml_per_unit: float
    unit: str


class Differentiates(Protocol):
    """What saliency needs of a generator."""

    def volume_gradients(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Differentiate each channel's volume by each column: (C, D), mL."""
        ...


def saliency_steps(
    generator: Differentiates,
    people: Sequence[Identity],
    conditions: Conditions,
    *,
    schema: FeatureSchema,
    channels: Sequence[str],
) -> Generator[float, None, list[SaliencyRow]]:
    """Average the gradients over people under the same conditions, one a step.

    CSegSynth, section III, application I: d V / d x, with V the sum of a tissue map times the
    voxel volume and x a column of the condition vector.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    list of SaliencyRow
        By structure, the heaviest feature first.
    """
    gradients = []
    for number, identity in enumerate(people, start=1):
        gradients.append(generator.volume_gradients(identity, conditions))
        yield number / len(people)
    return saliency_rows(np.mean(gradients, axis=0), schema, channels=channels)


def saliency_rows(
    gradients: FloatArray, schema: FeatureSchema, *, channels: Sequence[str]
) -> list[SaliencyRow]:
    """Put gradients (C, D), mL per column of the condition vector, in the features' own units."""
    rows = [
        _row(channel, float(gradient), column, schema[column.feature])
        for channel, own in zip(channels, gradients, strict=True)
        for gradient, column in zip(own, schema.columns, strict=True)
        if channel in TISSUES
    ]
    return sorted(rows, key=lambda row: (channels.index(row.structure), -abs(row.ml_per_sd)))


def _row(structure: str, gradient: float, column: Column, feature: Feature) -> SaliencyRow:
    """Undo the encoding (x - offset) / scale of one column."""
    per_step = gradient / column.scale
    if column.level is not None:
        # The share p of a level among the training people has the variance p (1 - p).
        share_sd = math.sqrt(column.offset * (1 - column.offset))
        name = feature.label(column.level)
        return SaliencyRow(
            structure, feature.name, name, per_step * share_sd, per_step, f"being {name}"
        )
    if feature.kind is Kind.LEVELS:
        first, second = [rank for rank, share in enumerate(feature.fitted.shares) if share > 0]
        names = [feature.levels[rank].label for rank in (first, second)]
        unit = f"being {names[1]} rather than {names[0]}"
        between = per_step * (second - first)
        return SaliencyRow(structure, feature.name, names[1], gradient, between, unit)
    unit = feature.unit if feature.kind is Kind.NUMERIC else "level"
    return SaliencyRow(structure, feature.name, "", gradient, per_step, unit)
