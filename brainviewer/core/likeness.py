"""How alike two brains on one grid are, such as a scan and what a generator makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.tissues import TISSUES, has_tissues, tissue_maps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.core.volume import Brain

INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two brains are.

    Attributes
    ----------
    dice : mapping of tissue to float, in [0, 1]
        Overlap of partial volumes, 2 sum min(a, b) / sum (a + b); empty for images.
    difference : float, in [0, 1]
        Mean absolute difference inside of either brain, averaged over channels.
    """

    dice: Mapping[str, float]
    difference: float

    @property
    def error(self) -> float:
        """One number, the smaller the better: one minus the mean overlap, else the difference."""
        return 1.0 - float(np.mean(list(self.dice.values()))) if self.dice else self.difference


def likeness_of(first: Brain, second: Brain) -> Likeness:
    """Compare two brains of the same channels and grid.

    Raises
    ------
    ValueError
        When they are of different channels or shapes; an image beside tissue maps is not looked at.
    """
    if has_tissues(first.channels) and has_tissues(second.channels):
        first, second = tissue_maps(first), tissue_maps(second)
    a, b = first.data, second.data
    if first.channels != second.channels or a.shape != b.shape:
        raise ValueError(
            f"two brains can be compared when both are {'/'.join(first.channels)} on "
            f"{a.shape[1:]} voxels, got {'/'.join(second.channels)} on {b.shape[1:]}"
        )
    is_tissues = set(first.channels) <= set(TISSUES)
    threshold = INSIDE if is_tissues else 0.0
    inside = (a.sum(axis=0) > threshold) | (b.sum(axis=0) > threshold)
    apart = np.abs(a - b)[:, inside]
    dice = {}
    for channel, one, other in zip(first.channels, a, b, strict=True) if is_tissues else ():
        total = float(one.sum() + other.sum())
        dice[channel] = 2.0 * float(np.minimum(one, other).sum()) / total if total else 1.0
    return Likeness(dice, float(apart.mean()) if apart.size else 0.0)
