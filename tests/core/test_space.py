"""Planes, pictures and affines against slow, obvious versions."""

from itertools import product

import numpy as np
import pytest

from brainviewer.core.space import (
    PLANE_AXIS,
    Convention,
    Edges,
    Plane,
    edge_letters,
    flip_for,
    is_orthonormal,
    nearest_orthonormal,
    pixel_to_voxel,
    resample,
    slice_plane,
    to_ras,
    voxel_to_pixel,
    voxel_to_world,
    world_to_voxel,
)
from brainviewer.core.volume import Volume

SHAPE = (4, 5, 6)
DATA = np.arange(np.prod(SHAPE)).reshape(SHAPE)
VIEWS = list(product(Plane, Convention))
RADIOLOGICAL, NEUROLOGICAL = Convention.RADIOLOGICAL, Convention.NEUROLOGICAL


def slow_picture(plane, convention, index):
    """Look at each pixel in turn: which voxel would a person see there?"""
    right, front, top = (n - 1 for n in SHAPE)
    if plane is Plane.SAGITTAL:
        rows, columns = SHAPE[2], SHAPE[1]
    elif plane is Plane.CORONAL:
        rows, columns = SHAPE[2], SHAPE[0]
    else:
        rows, columns = SHAPE[1], SHAPE[0]
    picture = np.zeros((rows, columns), int)
    for row, column in product(range(rows), range(columns)):
        across = right - column if convention is RADIOLOGICAL else column
        if plane is Plane.SAGITTAL:
            picture[row, column] = DATA[index, front - column, top - row]
        elif plane is Plane.CORONAL:
            picture[row, column] = DATA[across, index, top - row]
        else:
            picture[row, column] = DATA[across, front - row, index]
    return picture


@pytest.mark.parametrize(("plane", "convention"), VIEWS)
def test_a_slice_shows_what_a_person_would_see(plane, convention):
    for index in range(SHAPE[PLANE_AXIS[plane]]):
        picture = slice_plane(DATA, plane, index, convention=convention)
        assert np.array_equal(picture, slow_picture(plane, convention, index))


@pytest.mark.parametrize(("plane", "convention"), VIEWS)
def test_flip_for_turns_the_neurological_picture_into_the_other(plane, convention):
    picture = slice_plane(DATA, plane, 2)
    flipped = picture[:, ::-1] if flip_for(plane, convention) else picture
    assert np.array_equal(flipped, slice_plane(DATA, plane, 2, convention=convention))


@pytest.mark.parametrize("plane", [Plane.AXIAL, Plane.CORONAL])
def test_radiological_view_puts_left_on_the_right(plane):
    left_of_person = np.zeros(SHAPE)
    left_of_person[0] = 1
    assert slice_plane(left_of_person, plane, 2, convention=RADIOLOGICAL)[:, -1].all()
    assert slice_plane(left_of_person, plane, 2, convention=NEUROLOGICAL)[:, 0].all()


def test_the_nose_of_a_sagittal_slice_points_left_in_both_conventions():
    face = np.zeros(SHAPE)
    face[:, -1] = 1
    for convention in Convention:
        assert slice_plane(face, Plane.SAGITTAL, 1, convention=convention)[:, 0].all()


@pytest.mark.parametrize(
    ("plane", "convention", "letters"),
    [
        (Plane.AXIAL, NEUROLOGICAL, "LRAP"),
        (Plane.AXIAL, RADIOLOGICAL, "RLAP"),
        (Plane.CORONAL, NEUROLOGICAL, "LRSI"),
        (Plane.CORONAL, RADIOLOGICAL, "RLSI"),
        (Plane.SAGITTAL, NEUROLOGICAL, "APSI"),
        (Plane.SAGITTAL, RADIOLOGICAL, "APSI"),
    ],
)
def test_edge_letters(plane, convention, letters):
    assert edge_letters(plane, convention) == Edges(*letters)


@pytest.mark.parametrize(("plane", "convention"), VIEWS)
def test_letters_name_the_half_of_the_volume_that_lies_at_their_edge(plane, convention):
    world = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    edges = edge_letters(plane, convention)
    for letter, opposite, axis in ["RL0", "AP1", "SI2"]:
        picture = slice_plane(world[..., int(axis)], plane, 2, convention=convention)
        ends = {"left": picture[:, 0], "right": picture[:, -1], "top": picture[0]}
        for side, values in ends.items():
            if getattr(edges, side) == letter:
                assert (values == SHAPE[int(axis)] - 1).all()
            if getattr(edges, side) == opposite:
                assert (values == 0).all()


@pytest.mark.parametrize(("plane", "convention"), VIEWS)
def test_a_pixel_leads_to_the_voxel_that_it_shows_and_back(plane, convention):
    picture = slice_plane(DATA, plane, 3, convention=convention)
    for (row, column), value in np.ndenumerate(picture):
        voxel = pixel_to_voxel(plane, convention, SHAPE, 3, row, column)
        assert DATA[tuple(int(n) for n in voxel)] == value
        assert voxel_to_pixel(plane, convention, SHAPE, voxel) == (row, column)


def test_pixels_between_centres_lead_between_voxels():
    voxel = pixel_to_voxel(Plane.AXIAL, RADIOLOGICAL, SHAPE, 1.5, 0.25, -0.5)
    assert voxel == (3.5, 3.75, 1.5)
    assert voxel_to_pixel(Plane.AXIAL, RADIOLOGICAL, SHAPE, voxel) == (0.25, -0.5)


def test_world_and_voxel_coordinates_are_inverse(affine_of):
    affine = affine_of(spacing=(1, 2, 3), angles=(10, 20, 30))
    points = np.random.default_rng(0).normal(size=(2, 5, 3)) * 50
    assert voxel_to_world(affine, (0, 0, 0)).tolist() == affine[:3, 3].tolist()
    world = voxel_to_world(affine, points)
    assert world.shape == points.shape
    np.testing.assert_allclose(world[1, 4], (affine @ [*points[1, 4], 1])[:3])
    np.testing.assert_allclose(world_to_voxel(affine, world), points)


def test_to_ras_moves_nothing_in_the_world(orientation, affine_of, phantom_on):
    phantom = phantom_on(affine_of(**orientation, spacing=(1, 1.2, 2), angles=(12, -20, 8)))
    phantom.assert_shown_by(Volume(*to_ras(phantom.data, phantom.affine)))


def test_to_ras_carries_further_axes_along(affine_of):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    affine = affine_of(order=(2, 0, 1), signs=(-1, 1, -1))
    turned, new_affine = to_ras(data, affine)
    assert turned.shape == (4, 5, 3, 2)
    for frame in range(2):
        alone, alone_affine = to_ras(data[..., frame], affine)
        assert np.array_equal(turned[..., frame], alone)
        assert np.array_equal(new_affine, alone_affine)


def test_to_ras_leaves_ras_alone(affine_of):
    affine = affine_of(angles=(20, 10, -15))
    data, same = to_ras(DATA, affine)
    assert np.array_equal(data, DATA)
    assert np.array_equal(same, affine)


def test_any_rotation_ends_up_closest_to_ras():
    rng = np.random.default_rng(1)
    for _ in range(200):
        affine = np.eye(4)
        affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.5, 3, 3)
        _, ras = to_ras(DATA, affine)
        again, same = to_ras(DATA, ras)
        assert np.array_equal(again, DATA)
        assert np.array_equal(same, ras)


def test_to_ras_refuses_a_singular_affine():
    with pytest.raises(ValueError, match="inverse"):
        to_ras(DATA, np.diag([1.0, 0, 1, 1]))


def test_resampling_onto_the_same_grid_changes_nothing(affine_of):
    volume = Volume(DATA.astype(np.float32), affine_of(angles=(3, 4, 5)), "x")
    same = resample(volume, affine=volume.affine, shape=SHAPE)
    np.testing.assert_allclose(same.data, volume.data, atol=1e-4)
    assert same.data.dtype == np.float32
    assert same.name == "x"


def test_resampling_follows_the_world():
    """A linear ramp in world mm stays the same ramp on any grid inside."""
    source = Volume(np.zeros((20, 20, 20)), np.diag([2.0, 2, 2, 1]))
    i, j, k = np.indices(source.shape)
    ramp = Volume((3.0 * 2 * i - 2 * j + 0.5 * 2 * k), source.affine)
    affine = np.array([[0, 1.5, 0, 5], [1, 0, 0.2, 6], [0, 0, 1.2, 7], [0, 0, 0, 1]])
    shown = resample(ramp, affine=affine, shape=(6, 7, 8))
    x, y, z = np.moveaxis(voxel_to_world(affine, np.moveaxis(np.indices((6, 7, 8)), 0, -1)), -1, 0)
    np.testing.assert_allclose(shown.data, 3 * x - y + 0.5 * z, rtol=1e-5)


def test_resampling_is_zero_outside_and_keeps_labels_labels():
    labels = Volume(np.full((4, 4, 4), 7, np.uint8), np.eye(4))
    shifted = np.eye(4)
    shifted[0, 3] = 2.2
    shown = resample(labels, affine=shifted, shape=(4, 4, 4), order=0)
    assert shown.data.dtype == np.uint8
    assert shown.data[:, 0, 0].tolist() == [7, 7, 0, 0]


def test_orthonormality(affine_of):
    straight = affine_of(order=(1, 0, 2), spacing=(0.5, 1, 3), angles=(10, 20, 30))
    assert is_orthonormal(straight)
    sheared = straight.copy()
    sheared[:3, 0] += 0.05 * sheared[:3, 1]
    assert not is_orthonormal(sheared)
    assert not is_orthonormal(np.diag([1.0, 0, 1, 1]))
    assert not is_orthonormal(np.full((4, 4), np.nan))


def test_the_nearest_orthonormal_affine_keeps_spacing_and_centre(affine_of):
    sheared = affine_of(signs=(-1, 1, 1), spacing=(0.5, 1, 3), angles=(10, 20, 30))
    sheared[:3, 0] += 0.05 * sheared[:3, 1]
    nearest = nearest_orthonormal(sheared, centre=(3, 4, 5))
    assert is_orthonormal(nearest)
    np.testing.assert_allclose(
        np.linalg.norm(nearest[:3, :3], axis=0), np.linalg.norm(sheared[:3, :3], axis=0)
    )
    np.testing.assert_allclose(
        voxel_to_world(nearest, (3, 4, 5)), voxel_to_world(sheared, (3, 4, 5))
    )
    assert np.sign(np.linalg.det(nearest)) == np.sign(np.linalg.det(sheared))


def test_an_orthonormal_affine_is_its_own_nearest(affine_of):
    affine = affine_of(spacing=(1, 2, 3), angles=(40, -30, 10))
    np.testing.assert_allclose(nearest_orthonormal(affine), affine, atol=1e-12)
