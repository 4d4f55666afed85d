"""Labels of an image as structures of a generated brain."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.regions import RegionError, label_regions, main_tissue, region_weights
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, Volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (10, 12, 8)


def image(data: np.ndarray, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(data, affine, "atlas")


def patches() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int16)
    labels[:5, 2:6] = 17
    labels[5:, 2:6] = 53
    return labels


def test_labels_are_brought_to_the_grid_by_place_and_not_by_index() -> None:
    fine = np.diag([1.0, 1.0, 1.0, 1.0])
    fine[:3, 3] = -0.5  # the corner voxels begin where the coarse ones do
    doubled = patches().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    regions = label_regions(image(doubled, fine), affine=AFFINE, shape=SHAPE)
    assert regions.numbers == (17, 53)
    np.testing.assert_array_equal(regions.labels, patches())
    np.testing.assert_array_equal(regions.mask(53), patches() == 53)


def test_an_image_without_labels_is_refused() -> None:
    grey = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    with pytest.raises(RegionError, match="atlas is no label image: give whole numbers"):
        label_regions(image(grey), affine=AFFINE, shape=SHAPE)


def test_labels_elsewhere_are_refused() -> None:
    far = AFFINE.copy()
    far[:3, 3] = 500.0
    with pytest.raises(RegionError, match="atlas has no label inside the generated brain"):
        label_regions(image(patches(), far), affine=AFFINE, shape=SHAPE)


def test_the_tissue_that_fills_most_of_a_label_stands_for_it() -> None:
    maps = np.zeros((3, *SHAPE), np.float32)
    maps[1] = 0.6
    maps[0] = 0.4
    maps[2, 5:] = 0.9
    brain = Brain(TISSUES, maps, AFFINE)
    first, second = (patches() == number for number in (17, 53))
    assert (main_tissue(brain, first), main_tissue(brain, second)) == ("GM", "CSF")
    weights = region_weights(brain, "GM", first)
    assert (weights * maps).sum() == pytest.approx(0.6 * 0.008 * first.sum(), rel=1e-5)
