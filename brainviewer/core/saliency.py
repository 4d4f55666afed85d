"""Gradients of volumes by features, in the features' own units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainviewer.core.features import Column, Feature, FeatureSchema, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.core.volume import FloatArray


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


def saliency_rows(
    gradients: FloatArray, schema: FeatureSchema, *, channels: Sequence[str]
) -> list[SaliencyRow]:
    """Put gradients in the features' own units.

    Parameters
    ----------
    gradients : (S, D) ndarray, mL per column of the condition vector
    channels : sequence of S str
        The structures.

    Returns
    -------
    list of SaliencyRow
        By structure, the heaviest feature first.
    """
    rows = [
        saliency_row(structure, float(gradient), column, schema[column.feature])
        for structure, own in zip(channels, gradients, strict=True)
        for gradient, column in zip(own, schema.columns, strict=True)
    ]
    return sorted(rows, key=lambda row: (channels.index(row.structure), -abs(row.ml_per_sd)))


def saliency_row(structure: str, gradient: float, column: Column, feature: Feature) -> SaliencyRow:
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
