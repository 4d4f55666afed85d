"""Labels whose voxels add up to sizes that are known better than voxels tell.

Where a label is the most probable one, small and thin regions come out too small: their neighbours
win at the border. Each region gets a price so that, of what lies at its border, as much is its own
as its size says: voxels go over in the order of how many neighbours have the label that they take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    Box = tuple[slice, ...]

NEARBY_VOXELS = 1.0  # standard deviation of the neighbourhood that counts
REACH_VOXELS = 2
RIVALS = 3  # labels beside its own that a voxel may take
ROUNDS = 80
NEAR_ENOUGH = 0.004
FINDING = 0.5  # of the time: what lies at the borders
FIRST_STEP, LARGEST_STEP, SMALLEST_STEP = 0.02, 0.2, 1e-4
GROWTH, RETREAT = 1.3, 0.4  # of a price's step: while it is too low or high, and when it passed


@dataclass(frozen=True, slots=True, eq=False)
class _Border:
    """The voxels that may change: what each may become, and how much speaks for it.

    Attributes
    ----------
    index : (N,) int64 ndarray
        Of the voxels, in the flat image.
    labels : (1 + RIVALS, N) int64 ndarray
        First the present one.
    scores : (1 + RIVALS, N) float32 ndarray
    """

    index: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]

    def choose(self, prices: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the label of each voxel (N,) at the labels' prices (1 + R,)."""
        best = (self.scores + prices[self.labels]).argmax(axis=0)
        chosen: NDArray[np.int64] = np.take_along_axis(self.labels, best[None], axis=0)[0]
        return chosen


def sizing_steps(
    labels: NDArray[Any], counts: NDArray[np.floating]
) -> Generator[float, None, NDArray[Any]]:
    """Move the borders of labels so that each fills as many voxels as it should.

    Borders move by about two voxels at most. What is not labelled gives and takes freely.

    Parameters
    ----------
    labels : (I, J, K) integer ndarray
        0 for none.
    counts : (R,) ndarray, voxels
        Of the labels 1 to R. What should have less than one voxel takes what is left to it.

    Yields
    ------
    float
        The part that is done, 0 to 1, every fraction of a second.

    Returns
    -------
    (I, J, K) ndarray of the same type
    """
    border = yield from _border_steps(labels, len(counts))
    if not len(border.index):
        return labels.copy()
    inner = np.bincount(np.delete(labels.ravel(), border.index), minlength=len(counts) + 1)
    wanted = np.concatenate([[0.0], counts])
    settled = wanted < 1.0  # the rest, which is none of the regions, among them
    prices, steps = np.zeros(len(wanted)), np.full(len(wanted), FIRST_STEP)
    best, least = border.labels[0], np.inf
    before: NDArray[Any] = np.zeros(len(wanted))
    for number in range(ROUNDS):
        yield FINDING + (1.0 - FINDING) * number / ROUNDS
        chosen = border.choose(prices) if number else border.labels[0]
        lacking = wanted - inner - np.bincount(chosen, minlength=len(wanted))
        lacking[settled | (np.abs(lacking) < 0.5)] = 0.0
        missed = np.abs(lacking) / np.maximum(wanted, 1.0)
        if missed.sum() < least:
            best, least = chosen, float(missed.sum())
        if missed.max() < NEAR_ENOUGH:
            break
        turned = lacking * before < 0
        steps = np.clip(steps * np.where(turned, RETREAT, GROWTH), SMALLEST_STEP, LARGEST_STEP)
        prices += np.sign(lacking) * steps * (missed >= NEAR_ENOUGH)
        before = lacking
    sized = labels.copy()
    sized.ravel()[border.index] = best
    return sized


def _border_steps(labels: NDArray[Any], regions: int) -> Generator[float, None, _Border]:
    """Find the voxels near another label and, for each, the labels around it."""
    wide = 2 * REACH_VOXELS + 1
    mixed = ndimage.maximum_filter(labels, wide) != ndimage.minimum_filter(labels, wide)
    index = np.flatnonzero(mixed)
    place = np.full(labels.shape, -1, dtype=np.int64)
    place.ravel()[index] = np.arange(len(index))
    own = labels.ravel()[index].astype(np.int64)
    others = np.zeros((1 + RIVALS, len(index)), dtype=np.int64)
    scores = np.full((1 + RIVALS, len(index)), -np.inf, dtype=np.float32)
    others[0] = own
    boxes = _boxes(labels, regions)
    for done, (number, box) in enumerate(boxes):
        yield FINDING * done / len(boxes)
        nearby = ndimage.gaussian_filter(
            (labels[box] == number).astype(np.float32),
            NEARBY_VOXELS,
            radius=REACH_VOXELS,
            mode="nearest",
        )
        near = (nearby > 0) & (place[box] >= 0)
        at, share = place[box][near], nearby[near]
        mine = own[at] == number
        scores[0, at[mine]] = share[mine]
        _add_rival(others, scores, at[~mine], share[~mine], number)
    return _Border(index, others, scores)


def _add_rival(
    labels: NDArray[np.int64],
    scores: NDArray[np.float32],
    at: NDArray[np.int64],
    share: NDArray[np.float32],
    number: int,
) -> None:
    """Let a label take the place of the weakest rival, where it is stronger."""
    weakest = scores[1:, at].argmin(axis=0) + 1
    stronger = share > scores[weakest, at]
    weakest, at = weakest[stronger], at[stronger]
    labels[weakest, at], scores[weakest, at] = number, share[stronger]


def _boxes(labels: NDArray[Any], regions: int) -> list[tuple[int, Box]]:
    """Return each label that occurs, 0 among them, with its box and what it can reach."""
    found = [(0, tuple(slice(0, n) for n in labels.shape))]
    for number, box in enumerate(ndimage.find_objects(labels, max_label=regions), start=1):
        if box is not None:
            found.append(
                (
                    number,
                    tuple(
                        slice(max(0, it.start - REACH_VOXELS), min(n, it.stop + REACH_VOXELS))
                        for it, n in zip(box, labels.shape, strict=True)
                    ),
                )
            )
    return found
