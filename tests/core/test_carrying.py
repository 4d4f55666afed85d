"""Scans carried along displacements: the right way, on any grid, exactly where nothing moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainviewer.core.carrying import Displacement, Grid, carry, toned
from brainviewer.core.volume import Volume

FINE = np.diag([1.0, 1.0, 1.0, 1.0])
COARSE = np.diag([2.0, 2.0, 2.0, 1.0])


def spot(*voxel: int, affine: np.ndarray = FINE) -> Volume:
    data = np.zeros((12, 14, 16), np.float32)
    data[voxel] = 0.8
    return Volume(data, affine, "spot")


def moved_by(x: float, y: float, z: float) -> Displacement:
    data = np.empty((3, 6, 7, 8), np.float32)
    data[:] = np.reshape([x, y, z], (3, 1, 1, 1))
    return Displacement(data, COARSE)


@pytest.mark.parametrize("order", [1, 3])
def test_what_lies_here_comes_from_where_the_displacement_points(order) -> None:
    found = carry(spot(5, 6, 7), moved_by(2.0, -1.0, 0.0), order=order).data
    assert np.unravel_index(found.argmax(), found.shape) == (3, 7, 7)
    assert found.max() == pytest.approx(0.8, abs=1e-5)
    assert found.min() >= 0


def test_the_voxels_may_be_turned_and_the_field_still_is_in_the_world() -> None:
    turned = np.array([[0, -1.0, 0, 13], [1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1]])
    found = carry(spot(5, 6, 7, affine=turned), moved_by(2.0, 0.0, 0.0)).data
    # The spot is at x = 7; it comes to x = 5, which is j = 8.
    assert np.unravel_index(found.argmax(), found.shape) == (5, 8, 7)


@pytest.mark.parametrize("order", [1, 3])
def test_where_nothing_is_displaced_the_values_are_the_same(order) -> None:
    rng = np.random.default_rng(1)
    volume = Volume(rng.random((12, 14, 16)).astype(np.float32), FINE, "noise")
    same = carry(volume, moved_by(0, 0, 0), order=order)
    np.testing.assert_array_equal(same.data, volume.data)


def test_nothing_stays_nothing() -> None:
    empty = Volume(np.zeros((4, 4, 4), np.float32), FINE, "empty")
    assert not carry(empty, moved_by(1.0, 0, 0)).data.any()


def test_a_tone_makes_brighter_where_it_is_known() -> None:
    image = Volume(np.full((8, 4, 4), 2.0, np.float32), np.eye(4))
    tone = Volume(np.full((2, 2, 2), 1.5, np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
    found = toned(image, tone).data
    assert found[0, 0, 0] == 3.0
    assert found[6, 0, 0] == 2.0  # beyond the tone's grid
    assert toned(image, replace(tone, data=np.ones((2, 2, 2), np.float32))) is image


def smooth(affine: np.ndarray = FINE) -> Volume:
    inside = np.indices((12, 14, 16)).astype(np.float32)
    away = ((inside.T - (5.5, 6.5, 7.5)) ** 2).sum(axis=-1).T
    return Volume(np.where(away < 16, 1 - away / 16, 0).astype(np.float32), affine, "smooth")


@pytest.mark.parametrize("order", [1, 3])
def test_onto_other_voxels_of_the_world(order) -> None:
    turned = np.array([[0, -1.0, 0, 13], [1.0, 0, 0, -2], [0, 0, 1.0, 0], [0, 0, 0, 1]])
    volume, moved = smooth(), moved_by(1.5, -0.5, 0.0)
    grid = Grid((14, 12, 16), turned)
    here, there = carry(volume, moved, order=order), carry(volume, moved, order=order, onto=grid)
    np.testing.assert_array_equal(there.affine, turned)
    # j of the turned voxels is 13 - x, i is y + 2.
    np.testing.assert_allclose(
        there.data[2:, 2:], here.data[:, :12].transpose(1, 0, 2)[:, 2:][:, ::-1], atol=1e-5
    )


def test_onto_finer_voxels_nothing_is_lost() -> None:
    volume = smooth()
    fine = Grid((24, 28, 32), np.diag([0.5, 0.5, 0.5, 1.0]))
    found = carry(volume, moved_by(1.0, 0.0, 0.0), order=3, onto=fine)
    assert found.data.sum() / 8 == pytest.approx(volume.data.sum(), rel=0.02)


def test_onto_voxels_far_away_is_nothing() -> None:
    far = FINE.copy()
    far[:3, 3] = 500.0
    assert not carry(smooth(), moved_by(1.0, 0, 0), onto=Grid((4, 4, 4), far)).data.any()
