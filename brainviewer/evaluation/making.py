"""What of a generator's brains is evaluated: its tissue maps, else its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainviewer.core.tissues import TISSUES, has_tissues, tissue_maps

if TYPE_CHECKING:
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.base import Generator, Identity


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
