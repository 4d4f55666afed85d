"""Labels are given their sizes: by their borders alone, and no further than they can move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from brainviewer.core.label_sizes import REACH_VOXELS, sizing_steps

SHAPE = (30, 32, 28)


def brain() -> np.ndarray:
    """A ball of two halves, 1 and 2, around a small ball, 3."""
    away = np.linalg.norm(np.indices(SHAPE).T - (14.3, 15.6, 13.2), axis=-1).T
    labels = np.where(away < 11, 1, 0).astype(np.int16)
    labels[(labels == 1) & (np.indices(SHAPE)[0] > 14)] = 2
    labels[away < 4] = 3
    return labels


def sized_labels(labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    parts, steps = [0.0], sizing_steps(labels, counts)
    while True:
        try:
            parts.append(next(steps))
        except StopIteration as end:
            assert parts == sorted(parts)
            assert parts[-1] < 1
            return end.value


def counts(labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels.ravel(), minlength=4)[1:]


@pytest.mark.parametrize("factors", [(1.0, 1.0, 1.3), (1.1, 0.9, 0.8), (0.95, 0.9, 1.0)])
def test_labels_get_the_sizes_that_are_wanted(factors) -> None:
    labels = brain()
    wanted = counts(labels) * factors
    sized = sized_labels(labels, wanted)
    assert sized.dtype == labels.dtype
    np.testing.assert_allclose(counts(sized), wanted, rtol=0.01)
    moved = sized != labels
    inner = ndimage.minimum_filter(labels, 2 * REACH_VOXELS + 1)
    deep = inner == ndimage.maximum_filter(labels, 2 * REACH_VOXELS + 1)
    assert not moved[deep].any()
    for number in (1, 2, 3):  # in one piece, not sprinkled
        assert ndimage.label(sized == number)[1] == 1


def test_labels_of_the_right_size_stay() -> None:
    labels = brain()
    np.testing.assert_array_equal(sized_labels(labels, counts(labels)), labels)


def test_a_size_out_of_reach_is_approached() -> None:
    labels = brain()
    wanted = counts(labels) * (1.0, 1.0, 20.0)
    sized = sized_labels(labels, wanted)
    assert counts(labels)[2] < counts(sized)[2] < wanted[2]


def test_a_label_that_is_nowhere_stays_so() -> None:
    labels = brain()
    sized = sized_labels(labels, np.append(counts(labels), 40.0))
    assert sized.max() == 3
    one = np.ones(SHAPE, np.int16)
    np.testing.assert_array_equal(sized_labels(one, np.array([5.0])), one)
