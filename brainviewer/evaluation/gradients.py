"""How much each feature weighs on each volume, averaged over people (CSegSynth, Table IV)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.features import Kind
from brainviewer.core.regions import RegionError, label_regions, label_structure
from brainviewer.core.saliency import saliency_row
from brainviewer.core.scenario import AGE, SEX, feature_age
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.evaluation.making import make_maps
from brainviewer.evaluation.scores import Array, Estimate, divide, estimate, mean
from brainviewer.evaluation.ventricles import CSF

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.features import Column, Conditions, Feature, FeatureSchema, Value
    from brainviewer.core.volume import Affine, Brain, FloatArray, Volume
    from brainviewer.evaluation.cache import ArrayCache, Arrays
    from brainviewer.evaluation.ventricles import Ventricles
    from brainviewer.generators.base import Generator, Identity

EVERYONE = "everyone"
AGE_GROUPS_YEARS = ((0.0, 40.0), (40.0, 60.0), (60.0, np.inf))
FEWEST_IN_GROUP = 3
VENTRICLES = "ventricles"
CHECKED_PEOPLE = 2
MOST_LABELS = 64
STEP = 0.25  # of a column of the condition vector; bf16 decoders are too coarse for less


@dataclass(frozen=True, slots=True)
class GradientRow:
    """What one feature does to one volume in a group of people.

    Attributes
    ----------
    group, structure, feature, level, unit : str
        See `brainviewer.core.saliency.SaliencyRow`.
    ml_per_sd, ml_per_unit : Estimate, mL
    """

    group: str
    structure: str
    feature: str
    level: str
    ml_per_sd: Estimate
    ml_per_unit: Estimate
    unit: str


def label_weights(labels: Volume, brain: Brain) -> tuple[tuple[str, ...], FloatArray]:
    """Return what a voxel of each tissue adds inside each label of an image.

    A label stands for the tissue that fills most of it in a brain.

    Returns
    -------
    names : tuple of S str
        Such as ``"GM in label 17"``.
    weights : (S, 3, I, J, K) float32 ndarray, mL

    Raises
    ------
    RegionError
        When the image holds no labels on the brain's grid, or more than 64.
    """
    i, j, k = brain.data.shape[1:]
    regions = label_regions(labels, affine=brain.affine, shape=(i, j, k))
    if len(regions.numbers) > MOST_LABELS:
        raise RegionError(
            f"{regions.name} has {len(regions.numbers)} labels, and the gradients of at most "
            f"{MOST_LABELS} fit into memory; merge some"
        )
    structures = [label_structure(brain, regions, number) for number in regions.numbers]
    names, weights = zip(*structures, strict=True)
    return names, np.stack(weights)


def structure_weights(
    shape: tuple[int, int, int], affine: Affine, ventricles: Ventricles | None
) -> tuple[tuple[str, ...], FloatArray]:
    """Return what a voxel of each tissue adds to each structure.

    Returns
    -------
    names : tuple of S str
        WM, GM, CSF, and the ventricles where their mask is known.
    weights : (S, 3, I, J, K) float32 ndarray, mL
    """
    masks = [] if ventricles is None else [ventricles.mask]
    names = (*TISSUES, *([VENTRICLES] if masks else []))
    weights = np.zeros((len(names), len(TISSUES), *shape), np.float32)
    for index in range(len(TISSUES)):
        weights[index, index] = voxel_volume_ml(affine)
    for place, mask in enumerate(masks, start=len(TISSUES)):
        weights[place, CSF] = mask * voxel_volume_ml(affine)
    return names, weights


def differentiate_people(
    generator: Generator,
    people: Sequence[tuple[Identity, Conditions]],
    weights: FloatArray,
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Differentiate the volumes of each person's brain by the columns of their conditions.

    Returns
    -------
    (N, S, D) float64 ndarray, mL a column

    Raises
    ------
    GenerationError
        When the generator cannot be differentiated.
    """
    found = []
    of = f"{weights.shape} {zlib.crc32(np.ascontiguousarray(weights).data):08x}"
    for number, (identity, conditions) in enumerate(people, start=1):
        request = ("gradients", identity.key, dict(conditions), of)
        make = partial(_differentiate, generator, identity, conditions, weights)
        found.append(cache.get(request, make)["gradients"].astype(np.float64))
        on_progress(number, len(people))
    return np.stack(found)


def group_people(
    people: Sequence[Conditions], schema: FeatureSchema
) -> dict[str, NDArray[np.bool_]]:
    """Say who belongs to which group: everyone, each sex, three groups of age.

    Parameters
    ----------
    people : sequence of N Conditions with age and sex
    schema : FeatureSchema
        Which names the sexes where the generator takes them.

    Returns
    -------
    dict of name to (N,) bool ndarray
        Groups of at least three people.
    """
    ages = np.array([feature_age(row) for row in people])
    codes = [str(row[SEX]) for row in people]
    groups = {EVERYONE: np.ones(len(people), dtype=bool)}
    for code in sorted(set(codes)):
        name = schema[SEX].label(code) if SEX in schema else f"{SEX} {code}"
        groups[name] = np.array([own == code for own in codes])
    for low, high in AGE_GROUPS_YEARS:
        groups[_span(low, high)] = (ages >= low) & (ages < high)
    return {name: own for name, own in groups.items() if own.sum() >= FEWEST_IN_GROUP}


def gradient_rows(
    gradients: NDArray[np.float64],
    schema: FeatureSchema,
    structures: Sequence[str],
    groups: Mapping[str, NDArray[np.bool_]],
) -> list[GradientRow]:
    """Average gradients (N, S, D) over the people of each group, in the features' own units.

    Returns
    -------
    list of GradientRow
        By group and structure, the heaviest feature first.
    """
    return [
        row
        for group, chosen in groups.items()
        for index, structure in enumerate(structures)
        for row in sorted(
            (
                _row(group, structure, gradients[chosen, index, place], column, schema)
                for place, column in enumerate(schema.columns)
            ),
            key=lambda row: -abs(row.ml_per_sd.value),
        )
    ]


def largest_deviation(
    generator: Generator,
    people: Sequence[tuple[Identity, Conditions]],
    weights: FloatArray,
    gradients: NDArray[np.float64],
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Hold the gradients (N, S, D) of the first people against finite differences.

    Returns
    -------
    float
        The largest |gradient - (V(x + h) - V(x - h)) / 2h| of anybody, any structure and column,
        as a share of the person's largest gradient of that structure.
    """
    checked = list(zip(people, gradients, strict=True))[:CHECKED_PEOPLE]
    away = []
    for number, ((identity, conditions), own) in enumerate(checked, start=1):
        request = ("differences", identity.key, dict(conditions), float(weights.sum()))
        make = partial(_difference, generator, identity, conditions, weights)
        differences = cache.get(request, make)["differences"]
        largest = np.abs(own).max(axis=1, keepdims=True)
        away.append(divide(np.abs(own - differences), largest))
        on_progress(number, len(checked))
    return float(np.nanmax(away))


def _difference(
    generator: Generator, identity: Identity, conditions: Conditions, weights: FloatArray
) -> Arrays:
    schema = generator.schema
    differences = np.empty((len(weights), len(schema.columns)))
    for place, column in enumerate(schema.columns):
        ends = [
            _measure(generator, identity, step_column(schema, conditions, column, step), weights)
            for step in (STEP, -STEP)
        ]
        differences[:, place] = (ends[0] - ends[1]) / (2 * STEP)
    return {"differences": differences}


def step_column(
    schema: FeatureSchema, conditions: Conditions, column: Column, step: float
) -> dict[str, Value]:
    """Return conditions whose encoding differs in one column, by `step`."""
    feature = schema[column.feature]
    return {
        **conditions,
        feature.name: _stepped(feature, conditions.get(feature.name), column, step),
    }


def _stepped(feature: Feature, value: Value, column: Column, step: float) -> Value:
    known = feature.fitted
    if feature.kind is not Kind.LEVELS:
        now = known.mean if value is None else _number(feature, value)
        return now + step * column.scale
    shares = _shares(feature, value)
    if column.level is not None:
        shares[column.level] = shares.get(column.level, 0.0) + step * column.scale
        return shares
    first, second = [code for code, share in zip(feature.codes, known.shares, strict=True) if share]
    # From one of two levels to the other the rank grows by their distance.
    moved = step * column.scale / (feature.number(second) - feature.number(first))
    shares[first] = shares.get(first, 0.0) - moved
    shares[second] = shares.get(second, 0.0) + moved
    return shares


def _shares(feature: Feature, value: Value) -> dict[str, float]:
    """Return the share of each level; those of the training people where it is missing."""
    if isinstance(value, Mapping):
        return dict(value)
    if value is None:
        return dict(zip(feature.codes, feature.fitted.shares, strict=True))
    return {str(value): 1.0}


def _number(feature: Feature, value: Value) -> float:
    if isinstance(value, Mapping):
        return sum(feature.number(code) * share for code, share in value.items())
    return feature.number(value)


def _measure(
    generator: Generator, identity: Identity, conditions: Conditions, weights: FloatArray
) -> NDArray[np.float64]:
    maps = make_maps(generator, identity, conditions)
    return np.array([(own * maps).sum(dtype=np.float64) for own in weights])


def _differentiate(
    generator: Generator, identity: Identity, conditions: Conditions, weights: FloatArray
) -> Arrays:
    return {"gradients": generator.volume_gradients(identity, conditions, weights)}


def _row(
    group: str, structure: str, gradients: Array, column: Column, schema: FeatureSchema
) -> GradientRow:
    """Put the mean over people, and the ends of its interval, in the feature's units."""
    average = estimate(mean, gradients)
    feature = schema[column.feature]
    value, low, high = (
        saliency_row(structure, number, column, feature)
        for number in (average.value, average.low, average.high)
    )
    return GradientRow(
        group,
        structure,
        feature.name,
        value.level,
        Estimate(value.ml_per_sd, low.ml_per_sd, high.ml_per_sd),
        Estimate(value.ml_per_unit, low.ml_per_unit, high.ml_per_unit),
        value.unit,
    )


def _span(low: float, high: float) -> str:
    if low == 0.0:
        return f"{AGE} under {high:.0f} years"
    return (
        f"{AGE} {low:.0f} years or more" if high == np.inf else f"{AGE} {low:.0f}-{high:.0f} years"
    )
