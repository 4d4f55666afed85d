"""Look-up tables: from 256 steps of a window to colours."""

from __future__ import annotations

from functools import cache, lru_cache

import matplotlib
import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.uint8]

STEPS = 256
LABELS = "labels"
CHANGE = "change"
# Shrinks, grows.
CHANGE_COLORS = ((38, 120, 255), (255, 52, 40))
# Okabe and Ito's colours, which keep apart in all common kinds of colour blindness.
TISSUE_COLORS = {"WM": (230, 159, 0), "GM": (86, 180, 233), "CSF": (47, 196, 154)}
# Perceptually even ones first; the diverging ones are for differences.
_MATPLOTLIB = (
    "gray", "bone", "viridis", "cividis", "plasma", "inferno", "magma", "hot", "cool", "RdBu_r",
    "PuOr_r",
)  # fmt: skip
# The field's own for results over anatomy, as in FSLeyes and MRIcroGL: first and last colour.
OVERLAY_COLORS = {
    "red-yellow": ((255, 0, 0), (255, 255, 0)),
    "blue-lightblue": ((0, 48, 255), (120, 255, 255)),
}
# Both of them, for results of either sign: the window holds sizes, not values.
TWO_TAILED = "two-tailed"
COLORMAPS = (*_MATPLOTLIB, *OVERLAY_COLORS, TWO_TAILED, CHANGE, *TISSUE_COLORS, LABELS)


@cache
def lookup_table(name: str) -> Table:
    """Give the colours of a colormap, lowest value first.

    Parameters
    ----------
    name : one of `COLORMAPS`

    Returns
    -------
    (256, 3) or (256, 4) uint8 ndarray, read-only
        Tissues go from transparent to their colour; change from blue over transparent to red.
        Overlays are transparent at the lowest value, and so below a window; two-tailed goes from
        the strongest negative value over transparent, steps 127 and 128, to the strongest positive
        one. Labels are colours
        to be indexed with the label, 0 transparent.

    Raises
    ------
    ValueError
        No colormap has this name.
    """
    if name not in COLORMAPS:
        raise ValueError(f"a colormap is one of {', '.join(COLORMAPS)}, got {name!r}")
    if name == LABELS:
        table = _label_table()
    elif name == CHANGE:
        table = _change_table()
    elif name == TWO_TAILED:
        table = _two_tailed_table()
    elif name in OVERLAY_COLORS:
        table = _overlay_table(*OVERLAY_COLORS[name])
    elif name in TISSUE_COLORS:
        table = _tissue_table(TISSUE_COLORS[name])
    else:
        table = _matplotlib_table(name)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=128)
def premultiplied_table(name: str, opacity: float) -> NDArray[np.float32]:
    """Give a colormap as (256, 4) RGBA in 0-255 with its colours times their alpha.

    Parameters
    ----------
    name : one of `COLORMAPS`
    opacity : float in [0, 1]
        Of the layer; the colormap's own alpha is multiplied with it.
    """
    table = lookup_table(name).astype(np.float32)
    alpha = table[:, 3:] / 255 if table.shape[1] == 4 else np.ones((STEPS, 1), np.float32)
    colors = np.concatenate([table[:, :3], np.full((STEPS, 1), 255, np.float32)], axis=1)
    premultiplied: NDArray[np.float32] = np.asarray(colors * (alpha * opacity), dtype=np.float32)
    premultiplied.setflags(write=False)
    return premultiplied


def _matplotlib_table(name: str) -> Table:
    colors = matplotlib.colormaps[name](np.arange(STEPS) / (STEPS - 1))
    # Rounded here: matplotlib's own bytes are cut off, which makes gray uneven.
    return np.array(np.rint(255 * colors[:, :3]), dtype=np.uint8)


def _tissue_table(color: tuple[int, int, int]) -> Table:
    table = np.empty((STEPS, 4), np.uint8)
    table[:, :3] = color
    table[:, 3] = np.arange(STEPS)
    return table


def _overlay_table(first: tuple[int, int, int], last: tuple[int, int, int]) -> Table:
    share = np.linspace(0, 1, STEPS)[:, None]
    table = np.full((STEPS, 4), 255, np.uint8)
    table[:, :3] = np.rint((1 - share) * first + share * last)
    table[0, 3] = 0
    return table


def _two_tailed_table() -> Table:
    half = np.rint(np.linspace(0, STEPS - 1, STEPS // 2)).astype(np.intp)
    positive, negative = (_overlay_table(*it)[half] for it in OVERLAY_COLORS.values())
    return np.concatenate([negative[::-1], positive])


def _change_table() -> Table:
    place = np.linspace(-1.0, 1.0, STEPS)
    table = np.empty((STEPS, 4), np.uint8)
    table[:, :3] = np.where(place[:, None] < 0, *CHANGE_COLORS)
    table[:, 3] = np.rint(255 * np.abs(place) ** 0.7)  # small changes are to be seen too
    return table


def _label_table() -> Table:
    # Strong colours first, then their pale partners; neighbouring labels differ in hue.
    twenty = matplotlib.colormaps["tab20"](np.arange(20), bytes=True)
    order = np.concatenate([np.arange(0, 20, 2), np.arange(1, 20, 2)])
    table = np.zeros((STEPS, 4), np.uint8)
    table[1:] = twenty[order[np.arange(STEPS - 1) % 20]]
    return table
