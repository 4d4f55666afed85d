"""Volumes and brains know their size."""

import numpy as np
import pytest

from brainviewer.core.volume import Brain, Volume, voxel_spacing, voxel_volume_ml


def test_a_volume_knows_shape_spacing_and_voxel_volume():
    volume = Volume(np.zeros((2, 3, 4)), np.diag([1.0, 2.0, 5.0, 1.0]), "T1w")
    assert volume.shape == (2, 3, 4)
    assert volume.spacing_mm.tolist() == [1, 2, 5]
    assert volume.voxel_volume_ml == pytest.approx(0.01)


def test_spacing_and_volume_do_not_depend_on_how_the_grid_is_turned(affine_of):
    affine = affine_of(order=(2, 0, 1), signs=(-1, 1, -1), spacing=(1, 2, 5), angles=(20, 30, 40))
    np.testing.assert_allclose(voxel_spacing(affine), (1, 2, 5))
    assert voxel_volume_ml(affine) == pytest.approx(0.01)


def test_a_brain_gives_its_maps_as_volumes():
    brain = Brain(("WM", "GM"), np.stack([np.zeros((2, 2, 2)), np.ones((2, 2, 2))]), np.eye(4))
    volume = brain.volume("GM")
    assert volume.name == "GM"
    assert volume.data.min() == 1


def test_a_brain_says_which_channels_it_has():
    brain = Brain(("T1w",), np.zeros((1, 2, 2, 2), np.float32), np.eye(4))
    with pytest.raises(KeyError, match="channels T1w, not CSF"):
        brain.volume("CSF")
