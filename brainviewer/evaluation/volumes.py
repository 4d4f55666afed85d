"""Tissue volumes of people a generator never saw, from their features alone: means over draws."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.tissues import TISSUES, map_volumes_ml
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.evaluation.making import make_maps
from brainviewer.evaluation.scores import (
    Estimate,
    divide,
    estimate,
    kendall,
    mean_absolute_error,
    mean_absolute_percentage_error,
    pearson,
    r_squared,
    spearman,
)
from brainviewer.generators.base import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.scores import Array
    from brainviewer.generators.base import Generator

METRICS = {
    "mae_ml": mean_absolute_error,
    "mape_percent": mean_absolute_percentage_error,
    "r2": r_squared,
    "pearson_r": pearson,
    "spearman_r": spearman,
    "kendall_tau": kendall,
}
RELATIVE_ERROR = "relative_mae"
FEWEST_DRAWS = 2
FIRST_SEED = 1001


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What a generator makes of one person's features.

    Attributes
    ----------
    volumes_ml : (S, 3) float64 ndarray, mL
        Of each draw.
    mean_maps : (3, I, J, K) float16 ndarray
        The average of the draws.
    difference_ml : float, mL
        Sum over voxels and tissues of |first draw - second draw|.
    """

    volumes_ml: NDArray[np.float64]
    mean_maps: NDArray[np.float16]
    difference_ml: float

    @property
    def expected_ml(self) -> NDArray[np.float64]:
        """The mean volumes (3,), mL: the prediction."""
        return np.asarray(self.volumes_ml.mean(axis=0))


def draw_people(
    generator: Generator,
    people: Sequence[Conditions],
    seeds: Sequence[int],
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Draws]:
    """Make every person's draws, or take them from the cache.

    Parameters
    ----------
    people : sequence of Conditions
    seeds : sequence of at least two int
        The same for everybody.
    on_progress : callable of (done, total)
        What it raises stops the work; the people done by then are in the cache.
    """
    found = []
    for index, conditions in enumerate(people):
        request = ("draws", dict(conditions), list(seeds))
        arrays = cache.get(request, partial(_draw_arrays, generator, conditions, seeds))
        found.append(
            Draws(arrays["volumes_ml"], arrays["mean_maps"], float(arrays["difference_ml"]))
        )
        on_progress(index + 1, len(people))
    return found


def draw_person(generator: Generator, conditions: Conditions, seeds: Sequence[int]) -> Draws:
    """Make one brain a seed under the same conditions, and one of each opposite identity.

    What is linear in the noise cancels in the mean over both (antithetic variates, Hammersley and
    Morton 1956), so that few draws give the expected volumes.
    """
    volumes, difference, total = [], 0.0, np.zeros((3, *generator.shape), np.float32)
    first = total
    drawn = [generator.draw(seed) for seed in seeds]
    identities = [*drawn, *(opposite(identity) for identity in drawn)]
    for index, identity in enumerate(identities):
        maps = make_maps(generator, identity, conditions)
        volumes.append(brain_volumes_ml(maps, generator.affine))
        if index == 0:
            first = maps
        elif index == 1:
            difference = difference_ml(first, maps, generator.affine)
        total = total + maps
    average = (total / np.float32(len(identities))).astype(np.float16)
    return Draws(np.stack(volumes), average, difference)


def opposite(identity: Identity) -> Identity:
    """Return the identity whose noise is the other's, turned round."""
    return Identity(-identity.latent, f"opposite of {identity.label}")


def _draw_arrays(
    generator: Generator, conditions: Conditions, seeds: Sequence[int]
) -> dict[str, object]:
    return asdict(draw_person(generator, conditions, seeds))


def brain_volumes_ml(maps: FloatArray, affine: Affine) -> NDArray[np.float64]:
    """Return the volumes (3,) of tissue maps (3, I, J, K), in mL."""
    volumes = map_volumes_ml(maps, affine)
    return np.array([volumes[tissue] for tissue in TISSUES])


def difference_ml(first: FloatArray, second: FloatArray, affine: Affine) -> float:
    """Sum |first - second| over voxels and tissues, in mL."""
    return float(np.abs(first - second).sum(dtype=np.float64)) * voxel_volume_ml(affine)


def score_volumes(
    true_ml: Array, predictions: Mapping[str, Array], *, reference: str
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Score systems on the same people.

    Parameters
    ----------
    true_ml : (N, 3) ndarray, mL
    predictions : mapping of system to (N, 3) ndarray, mL
    reference : str
        The system whose mean absolute error is the unit of `RELATIVE_ERROR`.

    Returns
    -------
    dict of system -> tissue -> metric of `METRICS`, and `RELATIVE_ERROR` -> Estimate
    """
    return {
        system: {
            tissue: _score(true_ml[:, i], predicted[:, i], predictions[reference][:, i])
            for i, tissue in enumerate(TISSUES)
        }
        for system, predicted in predictions.items()
    }


def relative_error(true: Array, predicted: Array, reference: Array) -> Array:
    """Return the mean absolute error over that of a reference, on the same people."""
    return divide(mean_absolute_error(true, predicted), mean_absolute_error(true, reference))


def _score(true: Array, predicted: Array, reference: Array) -> dict[str, Estimate]:
    scores = {name: estimate(metric, true, predicted) for name, metric in METRICS.items()}
    return scores | {RELATIVE_ERROR: estimate(relative_error, true, predicted, reference)}
