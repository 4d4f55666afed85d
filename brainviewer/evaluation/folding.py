"""Whether warped brains fold: Jacobian determinants of the warps that make unseen people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.evaluation.making import encode_person
from brainviewer.evaluation.reconstruction import unpack
from brainviewer.evaluation.scores import estimate, mean
from brainviewer.evaluation.volumes import FIRST_SEED
from brainviewer.generators.base import Warps

if TYPE_CHECKING:
    from brainviewer.cohort.reading import People
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.scores import Array, Estimate
    from brainviewer.generators.base import Generator, Identity

RECONSTRUCTED, DRAWN = "reconstructed", "drawn"


def judge_folding(
    generator: Generator, people: People, cache: ArrayCache | None = None
) -> dict[str, dict[str, Estimate]]:
    """Look for folds in the warps of unseen people, encoded, and of others of their features.

    Returns
    -------
    dict of ``reconstructed`` and ``drawn``, each with
        ``smallest_jacobian`` of all people and places, and ``folded_percent`` of the places, where
        it is not above 0. Empty for generators that do not warp.
    """
    if not isinstance(generator, Warps):
        return {}
    found: dict[str, list[tuple[float, float]]] = {RECONSTRUCTED: [], DRAWN: []}
    for index, conditions in enumerate(people.conditions):
        who: dict[str, Identity] = {DRAWN: generator.draw(FIRST_SEED + index)}
        if generator.can_encode:
            real = unpack(people.maps[index])
            who[RECONSTRUCTED] = encode_person(generator, real, conditions, cache)
        for made, identity in who.items():
            size = generator.jacobian(identity, conditions)
            found[made].append((float(size.min()), 100.0 * float((size <= 0).mean())))
    return {
        made: {
            "smallest_jacobian": estimate(smallest, np.array([row[0] for row in rows])),
            "folded_percent": estimate(mean, np.array([row[1] for row in rows])),
        }
        for made, rows in found.items()
        if rows
    }


def smallest(values: Array) -> Array:
    """Return the smallest over people."""
    return np.asarray(values.min(axis=-1))
