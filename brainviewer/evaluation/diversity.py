"""Whether two seeds are two people: how far draws under the same conditions lie apart."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.scenario import SEX, feature_age
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.reconstruction import unpack
from brainviewer.evaluation.scores import Array, Estimate, estimate, mean
from brainviewer.evaluation.volumes import difference_ml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.cohort.reading import People
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine
    from brainviewer.evaluation.volumes import Draws


def score_differences(
    draws: Sequence[Draws], people: People, affine: Affine
) -> dict[str, Estimate]:
    """Compare draws with real people, voxel by voxel.

    Both are the mean of |a - b| over tissues and as many voxels as the average brain has, so that
    the empty rest of the grid does not count.

    Returns
    -------
    dict with ``between_seeds`` (two draws under the conditions of a test person) and
    ``between_people`` (two test people of the same sex who are next in age), partial volumes
    """
    brain_ml = float(people.volumes_ml.sum(axis=1).mean()) * len(TISSUES)
    seeds: Array = np.array([d.difference_ml for d in draws]) / brain_ml
    pairs = alike(people.conditions)
    real: Array = np.array(
        [difference_ml(unpack(people.maps[a]), unpack(people.maps[b]), affine) for a, b in pairs]
    )
    return {
        "between_seeds": estimate(mean, seeds),
        "between_people": estimate(mean, real / brain_ml),
    }


def score_spread(
    draws: Sequence[Draws], true_ml: Array, expected_ml: Array
) -> dict[str, dict[str, Estimate]]:
    """Compare the volumes of draws with how people of the same features differ.

    Parameters
    ----------
    true_ml, expected_ml : (N, 3) ndarray, mL
        Of the test people, and what the best regression expects of their features.

    Returns
    -------
    dict of tissue -> ``between_seeds``, ``between_people`` -> Estimate, mL
        The standard deviation over seeds, and of people about the regression.
    """

    def root_mean_square(values: Array) -> Array:
        return np.asarray(np.sqrt((values**2).mean(axis=-1)))

    own = np.array([d.volumes_ml.std(axis=0, ddof=1) for d in draws])
    return {
        tissue: {
            "between_seeds": estimate(root_mean_square, own[:, i]),
            "between_people": estimate(root_mean_square, true_ml[:, i] - expected_ml[:, i]),
        }
        for i, tissue in enumerate(TISSUES)
    }


def alike(conditions: Sequence[Conditions]) -> list[tuple[int, int]]:
    """Pair each person with the next older one of the same sex: indices."""

    def key(index: int) -> tuple[str, float]:
        return str(conditions[index].get(SEX)), feature_age(conditions[index])

    order = sorted(range(len(conditions)), key=key)
    return [(a, b) for a, b in pairwise(order) if key(a)[0] == key(b)[0]]
