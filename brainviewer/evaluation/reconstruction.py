"""How well a generator gives real brains back: encode under their own conditions, and decode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.reading import FULL
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.making import encode_person, make_maps
from brainviewer.evaluation.scores import (
    Estimate,
    estimate,
    hard_dice,
    mean,
    mean_absolute_error,
    mean_absolute_percentage_error,
    pearson,
    soft_dice,
)
from brainviewer.evaluation.ventricles import ventricle_size_ml
from brainviewer.evaluation.volumes import brain_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from brainviewer.cohort.reading import People
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.scores import Array
    from brainviewer.evaluation.ventricles import Ventricles
    from brainviewer.generators.base import Generator


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A real brain and one that was made for the same person.

    Attributes
    ----------
    soft_dice, hard_dice : (3,) float64 ndarray, in [0, 1]
        For WM, GM, CSF.
    real_ml, made_ml : (3,) float64 ndarray, mL
    real_ventricles_ml, made_ventricles_ml : float, mL
        CSF in the ventricle mask; NaN without one.
    """

    soft_dice: NDArray[np.floating[Any]]
    hard_dice: NDArray[np.floating[Any]]
    real_ml: NDArray[np.float64]
    made_ml: NDArray[np.float64]
    real_ventricles_ml: float
    made_ventricles_ml: float


def reconstruct(
    generator: Generator, maps: FloatArray, conditions: Conditions, cache: ArrayCache | None = None
) -> FloatArray:
    """Encode tissue maps (3, I, J, K) under conditions and decode them under the same."""
    identity = encode_person(generator, maps, conditions, cache)
    return make_maps(generator, identity, conditions)


def match_people(
    people: People,
    make: Callable[[int, FloatArray], FloatArray],
    affine: Affine,
    *,
    ventricles: Ventricles | None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Match]:
    """Hold each real brain against the one that `make` gives.

    Parameters
    ----------
    make : function of (index, real maps (3, I, J, K)) to maps (3, I, J, K)
    """
    matches = []
    for index in range(len(people)):
        real = unpack(people.maps[index])
        matches.append(match(real, make(index, real), affine, ventricles=ventricles))
        on_progress(index + 1, len(people))
    return matches


def match(
    real: FloatArray, made: FloatArray, affine: Affine, *, ventricles: Ventricles | None
) -> Match:
    """Compare two sets of tissue maps (3, I, J, K)."""
    return Match(
        soft_dice=soft_dice(real, made),
        hard_dice=hard_dice(real, made),
        real_ml=brain_volumes_ml(real, affine),
        made_ml=brain_volumes_ml(made, affine),
        real_ventricles_ml=ventricle_size_ml(real, affine, ventricles),
        made_ventricles_ml=ventricle_size_ml(made, affine, ventricles),
    )


def unpack(stored: NDArray[np.uint8]) -> FloatArray:
    """Turn stored maps, 0-255, into partial volumes, 0-1."""
    return stored.astype(np.float32) / np.float32(FULL)


def score_matches(matches: Sequence[Match]) -> dict[str, dict[str, Estimate]]:
    """Average over people: dict of tissue -> score -> Estimate."""
    return {
        tissue: {
            "soft_dice": estimate(mean, np.array([m.soft_dice[i] for m in matches])),
            "hard_dice": estimate(mean, np.array([m.hard_dice[i] for m in matches])),
            "volume_error_ml": estimate(
                mean_absolute_error,
                np.array([m.real_ml[i] for m in matches]),
                np.array([m.made_ml[i] for m in matches]),
            ),
        }
        for i, tissue in enumerate(TISSUES)
    }


def score_ventricles(matches: Sequence[Match]) -> dict[str, Estimate]:
    """Say how well the ventricles of the real people are kept.

    Returns
    -------
    dict with ``pearson_r`` (real against made, over people), ``mae_ml``, ``mape_percent`` of each
    person's own size, and ``bias_ml`` (made minus real)
    """
    real = np.array([m.real_ventricles_ml for m in matches])
    made = np.array([m.made_ventricles_ml for m in matches])
    return {
        "pearson_r": estimate(pearson, real, made),
        "mae_ml": estimate(mean_absolute_error, real, made),
        "mape_percent": estimate(mean_absolute_percentage_error, real, made),
        "bias_ml": estimate(mean, made - real),
    }


def check_ventricle_measure(matches: Sequence[Match], ventricles: Ventricles) -> Estimate:
    """Correlate, in the real people, CSF in the mask with the size of the labelled ventricles."""
    measured: Array = np.array([m.real_ventricles_ml for m in matches])
    known = np.isfinite(ventricles.labelled_ml)
    return estimate(pearson, measured[known], ventricles.labelled_ml[known])
