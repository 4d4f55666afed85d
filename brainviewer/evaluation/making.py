"""What of a generator's brains is evaluated: its tissue maps, else its images; and who they are."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.tissues import TISSUES, has_tissues, tissue_maps
from brainviewer.core.volume import Brain
from brainviewer.generators.base import EncodesInSteps, Identity

if TYPE_CHECKING:
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.generators.base import Generator


def evaluated_channels(generator: Generator) -> tuple[str, ...]:
    """Return WM, GM and CSF where a generator makes them, whatever it makes besides."""
    return TISSUES if has_tissues(generator.channels) else generator.channels


def make_brain(generator: Generator, identity: Identity, conditions: Conditions) -> Brain:
    """Make a brain of the evaluated channels."""
    brain = generator.generate(identity, conditions)
    return tissue_maps(brain) if has_tissues(brain.channels) else brain


def make_maps(generator: Generator, identity: Identity, conditions: Conditions) -> FloatArray:
    """Make the evaluated channels of a brain: (C, I, J, K) float32, in [0, 1]."""
    return make_brain(generator, identity, conditions).data


def encode_person(
    generator: Generator, maps: FloatArray, conditions: Conditions, cache: ArrayCache | None = None
) -> Identity:
    """Find who somebody is, as well as a generator can, however long it takes.

    Parameters
    ----------
    maps : (C, I, J, K) float32 ndarray
        Of the evaluated channels.
    cache : ArrayCache, optional
        Keeps what was found.
    """

    def find() -> dict[str, FloatArray]:
        brain = Brain(evaluated_channels(generator), maps, generator.affine)
        if not isinstance(generator, EncodesInSteps):
            return {"latent": generator.encode(brain, conditions).latent}
        steps = generator.encode_steps(brain, conditions)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return {"latent": end.value.latent}

    known = zlib.crc32(np.ascontiguousarray(maps).data)
    found = cache.get(("identity", known, dict(conditions)), find) if cache else find()
    return Identity(found["latent"], "encoded")
