"""How much each feature weighs on each volume: the gradient of the volume by the feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainviewer.core.regions import main_tissue, region_weights, structure_name
from brainviewer.core.saliency import SaliencyRow, saliency_rows
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.regions import LabelRegions
    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.base import Identity


__all__ = ["Differentiates", "SaliencyRow", "saliency_rows", "saliency_steps"]


class Differentiates(Protocol):
    """What saliency needs of a generator."""

    def volume_gradients(
        self, identity: Identity, conditions: Conditions, weights: FloatArray | None = None
    ) -> FloatArray:
        """Differentiate each channel's volume, or weighted sums, by each column: (S, D), mL."""
        ...

    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Make the brain of a person under conditions."""
        ...


def saliency_steps(
    generator: Differentiates,
    people: Sequence[Identity],
    conditions: Conditions,
    *,
    schema: FeatureSchema,
    channels: Sequence[str],
    regions: LabelRegions | None = None,
) -> Generator[float, None, list[SaliencyRow]]:
    """Average the gradients over people under the same conditions, one a step.

    CSegSynth, section III, application I: d V / d x, with V the sum of a tissue map times the
    voxel volume and x a column of the condition vector.

    Parameters
    ----------
    regions : LabelRegions, optional
        Labels, inside each of which the tissue that fills most of it is differentiated too. Which
        one it is is asked of the first person.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    list of SaliencyRow
        By structure, the heaviest feature first.
    """
    tissues = [name for name in channels if name in TISSUES]
    chosen = [channels.index(name) for name in tissues]
    in_labels: list[tuple[str, int]] = []
    if regions is not None:
        first = generator.generate(people[0], conditions)
        in_labels = [(main_tissue(first, regions.mask(n)), n) for n in regions.numbers]
    gradients = []
    for number, identity in enumerate(people, start=1):
        own = [generator.volume_gradients(identity, conditions)[chosen]]
        for tissue, label in in_labels:
            assert regions is not None
            weights = region_weights(first, tissue, regions.mask(label))
            own.append(generator.volume_gradients(identity, conditions, weights[None]))
        gradients.append(np.concatenate(own))
        yield number / len(people)
    names = (*tissues, *(structure_name(tissue, label) for tissue, label in in_labels))
    return saliency_rows(np.mean(gradients, axis=0), schema, channels=names)
