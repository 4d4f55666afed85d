"""Whether made brains are like real ones, as a sample (CSegSynth, Table I)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.reading import FULL
from brainviewer.cohort.store import to_uint8
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.distances import (
    discrepancy,
    frechet_distance,
    linear_kernels,
    rbf_kernels,
    sum_moments,
)
from brainviewer.evaluation.feature_networks import AXES, embed_slices, embed_volumes
from brainviewer.evaluation.making import evaluated_channels
from brainviewer.evaluation.scores import DISTANCE_RESAMPLES, Estimate, estimate_distance
from brainviewer.evaluation.similarity import mean_similarity, similarities
from brainviewer.evaluation.volumes import FIRST_SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.cache import ArrayCache, Arrays
    from brainviewer.evaluation.distances import Moments
    from brainviewer.evaluation.feature_networks import Embedders
    from brainviewer.evaluation.scores import Array
    from brainviewer.generators.base import Generator

Likeness = Mapping[str, Mapping[str, Estimate]]

MOST_RESAMPLED_FEATURES = 256  # more of them, as the paper's networks have, take hours to resample
SMALLEST_SD = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """What Table I needs of a sample of N brains, apart from the brains.

    Attributes
    ----------
    volumes : (3, N, F) float32 ndarray
        Features of each tissue's maps.
    slices : tuple of three (3, N, M, G) float32 ndarray
        Features of the M slices across each axis.
    similarities : (3, P) float64 ndarray
        SSIM of each pair.
    """

    volumes: FloatArray
    slices: tuple[FloatArray, ...]
    similarities: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What a feature is told in, for each tissue.

    Attributes
    ----------
    volumes : (3, F) float32 ndarray
    slices : (3, G) float32 ndarray
        (3, 1) ones for published networks.
    """

    volumes: FloatArray
    slices: FloatArray


def draw_sample(
    generator: Generator,
    people: Sequence[Conditions],
    *,
    cache: ArrayCache,
    channels: tuple[str, ...] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.uint8]:
    """Make one brain of each person, each from a seed of their own.

    Parameters
    ----------
    channels : tuple of str, optional
        Of what is made; those that are evaluated where none are named.

    Returns
    -------
    (N, C, I, J, K) uint8 ndarray
        255 x partial volume or intensity, as real brains are stored.
    """
    wanted = channels or evaluated_channels(generator)
    maps = np.empty((len(people), len(wanted), *generator.shape), np.uint8)
    for index, conditions in enumerate(people):
        request = ("brain", wanted, dict(conditions), FIRST_SEED + index)
        make = partial(_draw_one, generator, conditions, FIRST_SEED + index, wanted)
        maps[index] = cache.get(request, make)["maps"]
        on_progress(index + 1, len(people))
    return maps


def describe(
    maps: NDArray[np.uint8],
    embedders: Embedders,
    pairs: NDArray[np.int64],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Description:
    """Look at a sample of brains (N, 3, I, J, K)."""
    steps, total = count(1), len(TISSUES) * len(pairs)
    volumes, found, slices = [], [], []
    for index in range(len(TISSUES)):
        own = maps[:, index]
        volumes.append(embed_volumes(embedders.volumes, own))
        slices.append([embed_slices(embedders.slices, own, axis) for axis in AXES])

        found.append(
            similarities(
                partial(_partial_volumes, own),
                pairs,
                on_pair=lambda: on_progress(next(steps), total),
            )
        )
    return Description(
        np.stack(volumes),
        tuple(np.stack([own[axis] for own in slices]) for axis in AXES),
        np.stack(found),
    )


def to_arrays(description: Description) -> Arrays:
    """Return the arrays of a description, to keep them."""
    slices = {f"slices_{axis}": own for axis, own in zip(AXES, description.slices, strict=True)}
    return {
        "volumes": description.volumes,
        "similarities": description.similarities,
        **slices,
    }


def from_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> Description:
    """Rebuild a description from `to_arrays`."""
    return Description(
        np.asarray(arrays["volumes"], np.float32),
        tuple(np.asarray(arrays[f"slices_{axis}"], np.float32) for axis in AXES),
        np.asarray(arrays["similarities"], np.float64),
    )


def feature_units(reference: Description, embedders: Embedders) -> Units:
    """Return the sd of each feature of the networks fitted here over a sample (training people)."""
    slices = np.concatenate(
        [own.reshape(len(TISSUES), -1, own.shape[-1]) for own in reference.slices], axis=1
    )
    ones = np.ones((len(TISSUES), 1), np.float32)
    return Units(
        _sd(reference.volumes) if embedders.volumes.own else ones,
        _sd(slices) if embedders.slices.own else ones,
    )


def score_likeness(
    real: NDArray[np.uint8],
    made: NDArray[np.uint8],
    descriptions: tuple[Description, Description],
    *,
    units: Units,
    pairs: NDArray[np.int64],
) -> Likeness:
    """Compare two samples of N brains (N, 3, I, J, K).

    Parameters
    ----------
    descriptions : of the real and of the made
    units : Units
    pairs : (P, 2) int ndarray
        Whose similarity the descriptions hold.

    Returns
    -------
    dict of tissue -> ``mmd_linear``, ``mmd_rbf``, ``fid_2d``, ``fid_3d``, ``delta_ssim`` ->
    Estimate
    """
    weigh = partial(estimate_distance, count=len(real))
    scores = {}
    for i, tissue in enumerate(TISSUES):
        voxels = linear_kernels(real[:, i], made[:, i], unit=FULL)
        whole = [d.volumes[i] / units.volumes[i] for d in descriptions]
        planes = [[own[i] / units.slices[i] for own in d.slices] for d in descriptions]
        similar = [d.similarities[i] for d in descriptions]
        scores[tissue] = {
            "mmd_linear": weigh(partial(discrepancy, voxels), lowest=-np.inf),
            "mmd_rbf": weigh(partial(discrepancy, rbf_kernels(*whole)), lowest=-np.inf),
            "fid_2d": _estimate_frechet(*planes),
            "fid_3d": _estimate_frechet(*([own[:, None]] for own in whole)),
            "delta_ssim": weigh(partial(_similarity_gap, similar, pairs)),
        }
    return scores


def _estimate_frechet(real: Sequence[FloatArray], made: Sequence[FloatArray]) -> Estimate:
    """Average the Frechet distance over views: feature vectors (N, M, F) in each."""
    moments = [(sum_moments(a), sum_moments(b)) for a, b in zip(real, made, strict=True)]
    resamples = DISTANCE_RESAMPLES if real[0].shape[2] <= MOST_RESAMPLED_FEATURES else 0
    return estimate_distance(partial(_mean_frechet, moments), len(real[0]), resamples=resamples)


def _mean_frechet(moments: Sequence[tuple[Moments, Moments]], weights: Array) -> Array:
    distances = [frechet_distance(a, b, weights) for a, b in moments]
    return np.asarray(np.mean(distances, axis=0))


def _similarity_gap(similar: Sequence[Array], pairs: NDArray[np.int64], weights: Array) -> Array:
    """Return |SSIM of real pairs - SSIM of made pairs|, the paper's |delta SSIM|."""
    real, made = (mean_similarity(values, pairs, weights) for values in similar)
    return np.asarray(np.abs(real - made))


def _draw_one(
    generator: Generator, conditions: Conditions, seed: int, channels: tuple[str, ...]
) -> Arrays:
    brain = generator.generate(generator.draw(seed), conditions)
    return {"maps": to_uint8(brain.data[[brain.channels.index(name) for name in channels]])}


def _partial_volumes(maps: NDArray[np.uint8], index: int) -> FloatArray:
    return np.asarray(maps[index].astype(np.float32) / np.float32(FULL))


def _sd(features: FloatArray) -> FloatArray:
    """Return the sd (3, F) over vectors (3, N, F); 1 for a feature that never varies."""
    sd = features.std(axis=1)
    return np.asarray(np.where(sd > SMALLEST_SD, sd, 1.0), dtype=np.float32)
