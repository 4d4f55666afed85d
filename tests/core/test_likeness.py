"""How alike two brains are, in numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.likeness import likeness_of
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain


def brain(wm: list[float], gm: list[float], csf: list[float]) -> Brain:
    maps = np.array([wm, gm, csf], np.float32).reshape(3, -1, 1, 1)
    return Brain(TISSUES, maps, np.eye(4))


def test_a_brain_is_like_itself() -> None:
    one = brain([1, 0.5, 0, 0], [0, 0.5, 1, 0], [0, 0, 0, 0])
    found = likeness_of(one, one)
    assert dict(found.dice) == {"WM": 1.0, "GM": 1.0, "CSF": 1.0}
    assert (found.difference, found.error) == (0.0, 0.0)


def test_overlap_and_difference_are_those_worked_out_by_hand() -> None:
    first = brain([1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0])
    second = brain([1, 0, 0, 0], [0, 0.5, 1, 0], [0, 0.5, 0, 0])
    found = likeness_of(first, second)
    assert found.dice["WM"] == pytest.approx(2 / 3)
    assert found.dice["GM"] == pytest.approx(2 / 2.5)
    assert found.dice["CSF"] == 0.0
    assert found.difference == pytest.approx((1 + 0.5 + 0.5) / 9)  # 3 voxels inside, 3 tissues
    assert found.error == pytest.approx(1 - (2 / 3 + 0.8) / 3)


def test_images_have_a_difference_alone() -> None:
    affine = np.eye(4)
    first = Brain(("T1w",), np.full((1, 2, 2, 2), 0.5, np.float32), affine)
    second = Brain(("T1w",), np.full((1, 2, 2, 2), 0.7, np.float32), affine)
    found = likeness_of(first, second)
    assert dict(found.dice) == {}
    assert found.error == found.difference == pytest.approx(0.2)


def test_brains_of_other_grids_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"on \(2, 1, 1\) voxels, got WM/GM/CSF on \(1, 1, 1\)"):
        likeness_of(brain([1, 0], [0, 1], [0, 0]), brain([1], [0], [0]))
