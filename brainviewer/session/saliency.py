"""How much each feature weighs on each volume: the gradient of the volume by the feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainviewer.core.saliency import SaliencyRow, saliency_rows
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Identity


__all__ = ["Differentiates", "SaliencyRow", "saliency_rows", "saliency_steps"]


class Differentiates(Protocol):
    """What saliency needs of a generator."""

    def volume_gradients(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Differentiate each channel's volume by each column: (C, D), mL."""
        ...


def saliency_steps(
    generator: Differentiates,
    people: Sequence[Identity],
    conditions: Conditions,
    *,
    schema: FeatureSchema,
    channels: Sequence[str],
) -> Generator[float, None, list[SaliencyRow]]:
    """Average the gradients over people under the same conditions, one a step.

    CSegSynth, section III, application I: d V / d x, with V the sum of a tissue map times the
    voxel volume and x a column of the condition vector.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    list of SaliencyRow
        By structure, the heaviest feature first.
    """
    gradients = []
    for number, identity in enumerate(people, start=1):
        gradients.append(generator.volume_gradients(identity, conditions))
        yield number / len(people)
    tissues = [name for name in channels if name in TISSUES]
    own = np.mean(gradients, axis=0)[[channels.index(name) for name in tissues]]
    return saliency_rows(own, schema, channels=tissues)
