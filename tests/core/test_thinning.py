"""Parts of large images."""

from __future__ import annotations

import numpy as np

from brainviewer.core.thinning import thinned


def test_a_small_image_is_looked_at_whole() -> None:
    data = np.zeros((10, 10, 10))
    assert thinned(data, 1000) is data


def test_of_a_large_one_whole_rows_along_i_are_left() -> None:
    data = np.arange(20 * 30 * 40).reshape(20, 30, 40)
    part = thinned(data, 6000)
    assert part.size <= 6000
    np.testing.assert_array_equal(part, data[:, ::2, ::2])
    assert part.base is not None
