"""Tissue volumes and labels against numbers worked out by hand."""

import numpy as np
import pytest

from brainviewer.core.tissues import label_map, map_volumes_ml, tissue_volumes_ml
from brainviewer.core.volume import Brain

TWO_MM = np.diag([2.0, 2.0, 2.0, 1.0])


def maps_of(*voxels):
    """Tissue maps (3, N, 1, 1) from the (WM, GM, CSF) of each voxel."""
    return np.array(voxels, dtype=np.float32).T[..., np.newaxis, np.newaxis]


def test_a_tissue_volume_is_the_sum_of_partial_volumes_times_the_voxel():
    maps = maps_of((1, 0, 0), (0.5, 0.5, 0), (0, 0.25, 0))
    volumes = tissue_volumes_ml(Brain(("WM", "GM", "CSF"), maps, TWO_MM))
    assert volumes == pytest.approx({"WM": 1.5 * 0.008, "GM": 0.75 * 0.008, "CSF": 0})


def test_volumes_of_many_voxels_lose_nothing_to_rounding():
    maps = np.full((3, 100, 100, 100), 0.1, np.float32)
    assert map_volumes_ml(maps, np.eye(4))["GM"] == pytest.approx(100, rel=1e-6)


def test_volumes_of_half_precision_maps_do_not_overflow():
    maps = np.ones((3, 50, 50, 50), np.float16)
    assert map_volumes_ml(maps, np.eye(4))["CSF"] == pytest.approx(125)


def test_each_voxel_is_labelled_with_its_likeliest_class():
    maps = maps_of((0.2, 0.1, 0.1), (0.6, 0.4, 0), (0.2, 0.5, 0.3), (0, 0.1, 0.9))
    labels = label_map(maps)
    assert labels.dtype == np.uint8
    assert labels.ravel().tolist() == [0, 1, 2, 3]
