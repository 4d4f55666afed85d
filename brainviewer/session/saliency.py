"""How much each feature weighs on each volume: the gradient of the volume by the feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainviewer.core.regions import label_structure
from brainviewer.core.saliency import SaliencyRow, saliency_rows
from brainviewer.core.tissues import TISSUES, has_tissues, tissue_maps

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

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
    steps = len(people) * (1 + (0 if regions is None else len(regions.numbers)))
    structures = TISSUES if has_tissues(channels) else tuple(channels)
    images = set(channels) - set(TISSUES)
    done, rows = 0, []
    for names, weights in _volumes(generator, people[0], conditions, structures, regions):
        gradients = []
        for identity in people:
            gradients.append(generator.volume_gradients(identity, conditions, weights))
            done += 1
            yield done / steps
        rows += saliency_rows(np.mean(gradients, axis=0), schema, channels=names)
    return [row for row in rows if row.structure not in images]


def _volumes(
    generator: Differentiates,
    first: Identity,
    conditions: Conditions,
    channels: Sequence[str],
    regions: LabelRegions | None,
) -> Iterator[tuple[Sequence[str], FloatArray | None]]:
    """Give the names of volumes that are differentiated together, and their weights if any."""
    yield channels, None
    if regions is None:
        return
    brain = generator.generate(first, conditions)
    if has_tissues(brain.channels):
        brain = tissue_maps(brain)
    for number in regions.numbers:
        name, weights = label_structure(brain, regions, number)
        yield (name,), weights[None]
