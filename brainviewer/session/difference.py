"""How one brain differs from another on a slice, in colour."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.session.colormaps import STEPS
from brainviewer.session.slicing import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from brainviewer.session.colormaps import Table
    from brainviewer.session.layers import Layer
    from brainviewer.session.slicing import Frame, Rgba

# Less, equal, more: told apart in all common kinds of colour blindness, on black and on grey.
LESS, MORE = (64, 156, 255), (255, 140, 26)


def difference_on(frame: Frame, own: Layer, other: Layer) -> NDArray[np.float32]:
    """Return other - own at the pixels of a frame: (rows, columns), NaN where one has no voxels."""
    found: NDArray[np.float32] = np.subtract(cut(other, frame), cut(own, frame), dtype=np.float32)
    return found


def colored_difference(values: NDArray[np.float32], span: float) -> Rgba:
    """Colour differences: clear where there is none, blue for less, orange for more.

    Parameters
    ----------
    values : (rows, columns) float32 ndarray
        NaN is clear.
    span : float, positive
        The difference that gets the full colour.

    Returns
    -------
    (rows, columns, 4) uint8 ndarray
        Colours are multiplied with alpha.
    """
    steps = np.clip((values / np.float32(span) + 1) / 2, 0, 1) * (STEPS - 1)
    middle = (STEPS - 1) / 2
    known = np.where(np.isnan(steps), middle, steps)
    colors: Rgba = np.take(difference_table(), np.rint(known).astype(np.intp), axis=0)
    return colors


@cache
def difference_table() -> Table:
    """Return the colours from -span to span: (256, 4) uint8, multiplied with alpha."""
    place = np.linspace(-1.0, 1.0, STEPS)
    alpha = np.sqrt(np.abs(place))  # small differences are what is looked for
    alpha[np.abs(place) < 1.5 / STEPS] = 0.0
    colors = np.where(place[:, None] < 0, LESS, MORE)
    table = np.concatenate([colors * alpha[:, None], 255 * alpha[:, None]], axis=1)
    found: Table = np.rint(table).astype(np.uint8)
    found.setflags(write=False)
    return found


def full_span(layer: Layer) -> float:
    """Return a difference that is large for a layer: half of its window."""
    low, high = layer.window
    return (high - low) / 2


def unit_of(layer: Layer) -> tuple[float, str]:
    """Return the factor and the unit in which differences of a layer are told: ``(100, " %")``.

    Those of tissue maps are told in percent of a voxel, others in the image's own unit.
    """
    return (100.0, " %") if layer.kind == "probability" else (1.0, "")


def comparable(own: Sequence[Layer], other: Sequence[Layer]) -> dict[str, tuple[Layer, Layer]]:
    """Return the layers that two brains both have, by name, the lowest first."""
    theirs = {layer.name: layer for layer in other if layer.generated}
    return {
        layer.name: (layer, theirs[layer.name])
        for layer in own
        if layer.generated and layer.name in theirs
    }
