"""What of a checkpoint's files must fit together before anybody relies on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.features import FeatureSchema, Kind
from brainviewer.core.plain import count_of, list_of, numbers_of, text_of
from brainviewer.core.population import EVERYONE, Population
from brainviewer.core.scenario import AGE, DEGREE, SEX, Regression
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_spacing

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CHANNELS = 16
MOST_VOXELS_ALONG_AN_AXIS = 1024
MOST_VOXELS = 2**25
SPACING_RANGE_MM = (0.05, 50.0)
FARTHEST_MM = 1e4
# |det| of the direction cosines: 1 for axes at right angles, 0 for axes that coincide.
MIN_INDEPENDENCE = 1e-3


def check_grid(config: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError unless channels, shape and affine describe volumes."""
    channels = list_of(config["channels"], "channels")
    if not 1 <= len(channels) <= MOST_CHANNELS or len(set(map(str, channels))) < len(channels):
        raise ValueError(f"channels must hold 1-{MOST_CHANNELS} different names, got {channels}")
    for channel in channels:
        text_of(channel, "a channel")
    shape = list_of(config["shape"], "shape")
    if len(shape) != 3:
        raise ValueError(f"shape must hold 3 numbers, got {len(shape)}")
    sides = [count_of(side, "shape", most=MOST_VOXELS_ALONG_AN_AXIS) for side in shape]
    if math.prod(sides) > MOST_VOXELS:
        raise ValueError(f"shape {shape} is more than {MOST_VOXELS / 1e6:.0f} million voxels")
    _check_affine(config["affine"])


def check_regression(regression: Regression, schema: FeatureSchema) -> None:
    """Raise ValueError unless every feature that moves with age has its polynomials."""
    if AGE not in schema:
        return
    if EVERYONE not in regression.coefficients:
        raise ValueError(f"the regression has no {EVERYONE!r}")
    others = [feature for feature in schema.features if feature.name not in (AGE, SEX)]
    for sex, rows in regression.coefficients.items():
        for feature in others:
            wanted = len(feature.levels) if feature.kind is Kind.LEVELS else 1
            own = rows.get(feature.name, ())
            if [len(row) for row in own] != [DEGREE + 1] * wanted:
                raise ValueError(
                    f"the regression of {feature.name} for {sex} must have {wanted} rows of "
                    f"{DEGREE + 1} numbers"
                )
            if not all(math.isfinite(number) for row in own for number in row):
                raise ValueError(f"the regression of {feature.name} for {sex} is not finite")


def check_population(population: Population, channels: list[str]) -> None:
    """Raise ValueError unless there are percentiles for every tissue the generator makes."""
    for tissue in (it for it in channels if it in TISSUES):
        if (tissue, EVERYONE) not in population.curves:
            raise ValueError(f"the population table has no {tissue} of {EVERYONE!r}")


def _check_affine(value: object) -> None:
    rows = list_of(value, "affine")
    if len(rows) != 4:
        raise ValueError(f"affine must have 4 rows, got {len(rows)}")
    affine = np.array([numbers_of(row, "a row of the affine", count=4) for row in rows])
    if affine[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        raise ValueError(f"the last row of the affine must be 0 0 0 1, got {affine[3].tolist()}")
    low, high = SPACING_RANGE_MM
    with np.errstate(over="ignore"):
        spacing = voxel_spacing(affine)
    if not (low <= spacing.min() and spacing.max() <= high):
        raise ValueError(f"the affine must give voxels of {low:g}-{high:g} mm")
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < MIN_INDEPENDENCE:
        raise ValueError("the affine is singular (two axes coincide)")
    if np.abs(affine[:3, 3]).max() > FARTHEST_MM:
        raise ValueError("the affine puts the grid far away")
