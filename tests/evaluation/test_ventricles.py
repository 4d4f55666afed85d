from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.ventricles import (
    Ventricles,
    common_region,
    ventricle_labels,
    ventricle_size_ml,
)


def test_ventricles_are_known_by_their_names() -> None:
    names = {
        "4": ("3rdVentricle", "CSF"),
        "1": ("CortCSF", "CSF"),
        "51": ("LateralVentricle_R", "CSF"),
        "9": ("ventricles", "CSF"),
        "61": ("VentralDC_R", "WM"),
    }
    assert ventricle_labels(names) == [4, 51, 9]


def test_the_common_region_leaves_out_what_hardly_anybody_has() -> None:
    masks = np.zeros((100, 9, 9, 9), dtype=bool)
    masks[:, 2, 4, 4] = True
    masks[7, 7, 4, 4] = True
    region = common_region(iter(masks))
    assert region is not None
    expected = {(2, 4, 4), (1, 4, 4), (3, 4, 4), (2, 3, 4), (2, 5, 4), (2, 4, 3), (2, 4, 5)}
    assert {tuple(map(int, voxel)) for voxel in np.argwhere(region)} == expected


def test_without_labels_there_is_no_common_region() -> None:
    assert common_region(iter([])) is None
    assert common_region(iter(np.zeros((3, 4, 4, 4), dtype=bool))) is None


def test_the_size_is_the_csf_inside_the_mask() -> None:
    maps = np.full((3, 2, 2, 2), 0.25, np.float32)
    mask = np.zeros((2, 2, 2), dtype=bool)
    mask[0] = True
    size = ventricle_size_ml(maps, np.diag([2.0, 2.0, 2.0, 1.0]), Ventricles(mask, np.array([])))
    assert size == pytest.approx(4 * 0.25 * 0.008)
