"""Regions of generated brains against labelled ones: sizes, ageing, sex, and overlap.

BrainSynth's Fig. 2 and Fig. 3 for generators that know the regions of their brains.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.grouping import group_regions
from brainviewer.cohort.reading import FULL, find_t1, read_regions
from brainviewer.cohort.store import grid_affine
from brainviewer.core.scenario import SEX, feature_age
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.evaluation.making import encode_person
from brainviewer.evaluation.scores import Estimate, bootstrap_interval, divide, pearson
from brainviewer.evaluation.volumes import FIRST_SEED
from brainviewer.generators.labelling import NetworkRegions, regions_of
from brainviewer.generators.parcellation import ParcellationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.cohort.grouping import RegionGroups
    from brainviewer.cohort.reading import Crop, People
    from brainviewer.cohort.store import CohortStore, Manifest
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.scores import Array
    from brainviewer.generators.base import Generator, KnowsRegions
    from brainviewer.generators.parcellation import Parcellator

_log = logging.getLogger(__name__)

NETWORK = "network"
SMALL, MIDDLE = 0.2, 0.5  # Cohen's d
FEMALE = "F"
RESAMPLES = 500


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPeople:
    """The regions of real people.

    Attributes
    ----------
    groups : RegionGroups
    train_ml, test_ml : (N, R) float64 ndarrays, mL
        Hard labels, counted; NaN for who has none.
    test_labels : sequence of (I, J, K) uint8 ndarray or None
        1 + the index of the region.
    images : sequence of functions
        Of the test people and then the training people: the T1 image (I, J, K), 255 x intensity;
        None where somebody has none.
    affine : (4, 4) float64 ndarray, mm
    """

    groups: RegionGroups
    train_ml: NDArray[np.float64]
    test_ml: NDArray[np.float64]
    test_labels: Sequence[NDArray[np.uint8] | None]
    images: Sequence[Callable[[], NDArray[np.uint8] | None]]
    affine: Affine
    _found: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def found_by(
        self, network: Parcellator, on_person: Callable[[int], None]
    ) -> NDArray[np.float64]:
        """Measure everybody, the test people first, in their images: (N, R) mL, once."""
        if NETWORK not in self._found:
            rows = []
            for number, read in enumerate(self.images, start=1):
                image = read()
                rows.append(
                    np.full(len(network.names), np.nan)
                    if image is None
                    else network((image / FULL).astype(np.float32), self.affine).volumes_ml
                )
                on_person(number)
            self._found[NETWORK] = np.stack(rows).astype(np.float64)
        return self._found[NETWORK]


@dataclass(frozen=True, slots=True, eq=False)
class RegionEvidence:
    """What was measured in one generator's brains.

    Attributes
    ----------
    names : tuple of R str
    real_ml, made_ml : (N, R) float64 ndarrays, mL
        Of the test people, and of somebody drawn for each under the same conditions.
    all_real_ml, all_made_ml : (M, R) float64 ndarrays, mL
        Of the training people too.
    ages : (N,), all_ages : (M,), years
    women : (N,), all_women : (M,), bool
    dice : (N, R) float64 ndarray
        Of the labels of reconstructed people and their own; NaN without a reconstruction.
    by_network : bool
        Whether a network found the regions, in real people and made ones.
    """

    names: tuple[str, ...]
    real_ml: Array
    made_ml: Array
    all_real_ml: Array
    all_made_ml: Array
    ages: Array
    women: NDArray[np.bool_]
    all_ages: Array
    all_women: NDArray[np.bool_]
    dice: Array
    by_network: bool = False


def find_regions(
    store: CohortStore,
    manifest: Manifest,
    crop: Crop,
    *,
    train: Sequence[str],
    test: Sequence[str],
) -> LabelledPeople | None:
    """Read the labelled regions of people; None where the cohort has no labels."""
    groups = group_regions(manifest.region_names)
    if not groups.names:
        return None
    voxel_ml = voxel_volume_ml(grid_affine(manifest))

    def measure(labels: NDArray[np.generic] | None) -> NDArray[np.float64]:
        if labels is None:
            return np.full(len(groups.names), np.nan)
        return np.asarray(groups.sizes(labels) * voxel_ml, dtype=np.float64)

    own = [read_regions(store, name, crop) for name in test]
    affine = crop.affine(grid_affine(manifest))
    return LabelledPeople(
        groups,
        np.stack([measure(read_regions(store, name, crop)) for name in train]),
        np.stack([measure(labels) for labels in own]),
        [None if labels is None else groups.of(labels) for labels in own],
        [partial(find_t1, store, name, crop) for name in (*test, *train)],
        affine,
    )


def measure_regions(
    generator: Generator,
    labelled: LabelledPeople | None,
    test: People,
    train: Sequence[Conditions],
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> RegionEvidence | None:
    """Draw somebody for each person and measure the regions; None where nobody knows them.

    A generator that does not know the regions of its brains is measured by a network, and so are
    the people it is held against: what the network misses it misses in both.
    """
    knowing = _who_knows(generator)
    if labelled is None or knowing is None:
        return None
    names = tuple(name for name in knowing.regions if name in labelled.groups.names)
    if not names:
        return None
    own = [knowing.regions.index(name) for name in names]
    theirs = [labelled.groups.names.index(name) for name in names]
    everybody = len(test) + len(train)
    real = np.concatenate([labelled.test_ml, labelled.train_ml])[:, theirs]
    by_network = isinstance(knowing, NetworkRegions)
    before = everybody if by_network else 0
    total = before + everybody + len(test)
    if isinstance(knowing, NetworkRegions):
        real = labelled.found_by(knowing.network, lambda done: on_progress(done, total))[:, own]
    made = []
    for number, conditions in enumerate((*test.conditions, *train)):
        drawn = knowing.region_volumes(generator.draw(FIRST_SEED + number), conditions)
        made.append(drawn[own].astype(np.float64))
        on_progress(before + number + 1, total)
    dice = np.full((len(test), len(knowing.regions)), np.nan)
    for index, labels in enumerate(labelled.test_labels):
        if labels is not None and generator.can_encode:
            overlap = partial(_overlap, generator, knowing, test, index, labels, cache)
            dice[index] = cache.get(("regions", test.ids[index]), overlap)["dice"]
        on_progress(before + len(made) + index + 1, total)
    people = (*test.conditions, *train)
    ages = np.array([feature_age(row) for row in people])
    women = np.array([row[SEX] == FEMALE for row in people])
    count = len(test)
    drawn_ml = np.stack(made)
    return RegionEvidence(
        names, real[:count], drawn_ml[:count], real, drawn_ml,
        ages[:count], women[:count], ages, women, dice[:, own], by_network,
    )  # fmt: skip


def _who_knows(generator: Generator) -> KnowsRegions | None:
    try:
        return regions_of(generator)
    except ParcellationError as error:
        _log.info("%s", error)
        return None


def _overlap(
    generator: Generator,
    knowing: KnowsRegions,
    test: People,
    index: int,
    labels: NDArray[np.uint8],
    cache: ArrayCache,
) -> dict[str, NDArray[np.float64]]:
    """Return the Dice (R,) of a reconstructed person's labels and their own."""
    conditions = test.conditions[index]
    maps = (test.maps[index] / FULL).astype(np.float32)
    identity = encode_person(generator, maps, conditions, cache)
    made = knowing.region_labels(identity, conditions)
    count = len(knowing.regions) + 1
    both = np.bincount(made[made == labels].ravel(), minlength=count)
    sizes = [np.bincount(array.ravel(), minlength=count) for array in (made, labels)]
    return {"dice": np.asarray(divide(2.0 * both, np.add(*sizes)), dtype=np.float64)[1:]}


@dataclass(frozen=True, slots=True, eq=False)
class RegionScores:
    """How the regions of made brains hold against real ones.

    Attributes
    ----------
    summary : mapping of score to Estimate
        ``below_small`` and ``below_middle``: share of regions with |Cohen's d| below 0.2 and 0.5;
        ``age_r`` and ``sex_r``: correlation over regions of real and made effects in the test
        people, ``all_age_r`` and ``all_sex_r`` in everybody; ``size_r``: correlation over regions
        of |d| with the logarithm of the volume of real test people; ``dice``: mean overlap.
    names : tuple of R str
    regions : mapping of score to (R,) array
        ``real_ml``, ``made_ml``, ``d``, ``real_age_r``, ``made_age_r``, ``real_sex_d``,
        ``made_sex_d`` (women - men), ``dice``.
    by_network : bool
        Whether a network found the regions, in real people and made ones.
    """

    summary: Mapping[str, Estimate]
    names: tuple[str, ...]
    regions: Mapping[str, Array]
    by_network: bool = False


def score_regions(evidence: RegionEvidence) -> RegionScores:
    """Score sizes, effects of age and sex, and overlap, with intervals by bootstrap over people."""
    e = evidence
    test = (e.real_ml, e.made_ml, e.ages, e.women)
    everybody = (e.all_real_ml, e.all_made_ml, e.all_ages, e.all_women)
    d = cohens_d(e.made_ml, e.real_ml)
    with np.errstate(invalid="ignore"):
        overlap = np.nanmean(e.dice, axis=0) if np.isfinite(e.dice).any() else e.dice[0]
    summary = {
        "below_small": _estimate(_share_below(SMALL), *test),
        "below_middle": _estimate(_share_below(MIDDLE), *test),
        "age_r": _estimate(_age_agreement, *test),
        "sex_r": _estimate(_sex_agreement, *test),
        "all_age_r": _estimate(_age_agreement, *everybody),
        "all_sex_r": _estimate(_sex_agreement, *everybody),
        "size_r": _estimate(_size_relation, *test),
        "dice": _estimate(lambda dice: float(np.nanmean(dice)), e.dice)
        if np.isfinite(e.dice).any()
        else Estimate(np.nan, np.nan, np.nan),
    }
    regions = {
        "real_ml": np.nanmean(e.real_ml, axis=0),
        "made_ml": e.made_ml.mean(axis=0),
        "d": d,
        "real_age_r": age_effects(e.all_real_ml, e.all_ages),
        "made_age_r": age_effects(e.all_made_ml, e.all_ages),
        "real_sex_d": sex_effects(e.all_real_ml, e.all_women),
        "made_sex_d": sex_effects(e.all_made_ml, e.all_women),
        "dice": overlap,
    }
    return RegionScores(summary, e.names, regions, e.by_network)


def cohens_d(first: Array, second: Array) -> Array:
    """Return (mean of first - mean of second) / their pooled sd, for each column; NaN are left out.

    Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section 2.5.
    """
    counts = [np.isfinite(sample).sum(axis=0) for sample in (first, second)]
    spread = [np.nanvar(sample, axis=0, ddof=1) for sample in (first, second)]
    pooled = sum((n - 1) * var for n, var in zip(counts, spread, strict=True))
    sd = np.sqrt(pooled / (sum(counts) - 2))
    return divide(np.nanmean(first, axis=0) - np.nanmean(second, axis=0), sd)


def age_effects(volumes_ml: Array, ages: Array) -> Array:
    """Return the correlation of each region (N, R) with age (N,): (R,)."""
    known = np.isfinite(volumes_ml).all(axis=1)
    columns = volumes_ml[known].T
    return pearson(columns, np.broadcast_to(ages[known], columns.shape))


def sex_effects(volumes_ml: Array, women: NDArray[np.bool_]) -> Array:
    """Return Cohen's d between women and men of each region (N, R): (R,)."""
    return cohens_d(volumes_ml[women], volumes_ml[~women])


def _share_below(bound: float) -> Callable[..., float]:
    def share(real: Array, made: Array, ages: Array, women: NDArray[np.bool_]) -> float:
        return float((np.abs(cohens_d(made, real)) < bound).mean())

    return share


def _age_agreement(real: Array, made: Array, ages: Array, women: NDArray[np.bool_]) -> float:
    return float(pearson(age_effects(real, ages), age_effects(made, ages)))


def _sex_agreement(real: Array, made: Array, ages: Array, women: NDArray[np.bool_]) -> float:
    return float(pearson(sex_effects(real, women), sex_effects(made, women)))


def _size_relation(real: Array, made: Array, ages: Array, women: NDArray[np.bool_]) -> float:
    size, apart = np.nanmean(real, axis=0), np.abs(cohens_d(made, real))
    known = (size > 0) & np.isfinite(apart)  # a network may find a small region in nobody
    return float(pearson(apart[known], np.log(size[known]))) if known.any() else np.nan


def _estimate(statistic: Callable[..., float], *values: NDArray[Any]) -> Estimate:
    """Score people, and resample them with replacement for the interval."""

    def resampled(samples: Array) -> Array:
        rows = samples.astype(np.int64)
        return np.array([statistic(*(v[row] for v in values)) for row in rows])

    places = np.arange(len(values[0]), dtype=np.float64)
    low, high = bootstrap_interval(resampled, places, resamples=RESAMPLES)
    return Estimate(float(statistic(*values)), low, high)
