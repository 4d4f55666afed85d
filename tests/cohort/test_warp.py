import numpy as np
import pytest
from scipy import ndimage

from brainviewer.cohort.warp import (
    curl,
    exponentiate,
    jacobian_determinant,
    sample,
    sample_labels,
    smooth_field,
    solve_poisson,
    transform_points,
    velocity_of_divergence,
    voxel_points,
)

SHAPE = (20, 24, 22)


def smooth_velocity(seed, size=1.5):
    rng = np.random.default_rng(seed)
    raw = np.stack([ndimage.gaussian_filter(rng.normal(size=SHAPE), 3) for _ in range(3)])
    away = np.pad(np.ones([n - 8 for n in SHAPE]), 4)
    raw *= ndimage.gaussian_filter(away, 2)
    return (raw * size / np.abs(raw).max()).astype(np.float32)


def dense_laplacian(shape):
    """Second differences with mirrored borders, written as a matrix, neighbour by neighbour."""
    index = np.arange(np.prod(shape)).reshape(shape)
    matrix = np.zeros((index.size, index.size))
    for voxel in np.ndindex(shape):
        for axis in range(3):
            for step in (-1, 1):
                other = list(voxel)
                other[axis] += step
                if 0 <= other[axis] < shape[axis]:
                    matrix[index[voxel], index[tuple(other)]] += 1
                    matrix[index[voxel], index[voxel]] -= 1
    return matrix


def test_poisson_agrees_with_a_dense_solve():
    shape = (4, 5, 3)
    source = np.random.default_rng(0).normal(size=shape)
    source -= source.mean()
    dense = np.linalg.lstsq(dense_laplacian(shape), source.ravel(), rcond=None)[0]
    phi = solve_poisson(source.astype(np.float32))
    np.testing.assert_allclose(phi.ravel(), dense - dense.mean(), atol=1e-5)


def test_velocity_has_the_divergence_asked_for():
    rng = np.random.default_rng(1)
    source = ndimage.gaussian_filter(rng.normal(size=SHAPE), 4).astype(np.float32)
    velocity = velocity_of_divergence(source)
    divergence = sum(np.gradient(velocity[axis], axis=axis) for axis in range(3))
    inner = (slice(3, -3),) * 3
    error = (divergence - (source - source.mean()))[inner]
    assert error.std() < 0.05 * source.std()


def test_velocity_does_not_flow_through_the_border():
    source = np.zeros(SHAPE, np.float32)
    source[6:12, 6:12, 6:12] = 1
    velocity = velocity_of_divergence(source)
    for axis in range(3):
        through = np.take(velocity[axis], (0, -1), axis=axis)
        assert np.abs(through).max() < 0.15 * np.abs(velocity).max()


def test_curl_has_no_divergence():
    velocity = curl(smooth_velocity(2))
    divergence = sum(np.gradient(velocity[axis], axis=axis) for axis in range(3))
    inner = (slice(2, -2),) * 3
    np.testing.assert_allclose(divergence[inner], 0, atol=1e-5)


def test_scaling_and_squaring_agrees_with_many_euler_steps():
    velocity = smooth_velocity(3)
    points = voxel_points(SHAPE)
    moved = points
    for _ in range(400):
        moved = moved + sample(velocity, moved) / np.float32(400)
    np.testing.assert_allclose(points + exponentiate(velocity), moved, atol=0.05)


def test_the_backward_flow_undoes_the_forward_flow():
    velocity = smooth_velocity(4)
    forward, backward = exponentiate(velocity), exponentiate(-velocity)
    there_and_back = forward + sample(backward, voxel_points(SHAPE) + forward)
    assert np.abs(there_and_back).max() < 0.05 * np.abs(forward).max()


def test_no_velocity_is_no_displacement():
    assert not exponentiate(np.zeros((3, *SHAPE), np.float32)).any()


def test_jacobian_of_a_linear_map_is_its_determinant():
    matrix = np.array([[1.2, 0.1, 0.0], [0.05, 0.9, -0.1], [0.0, 0.2, 1.1]], np.float32)
    points = voxel_points(SHAPE)
    displacement = np.tensordot(matrix, points, axes=1) - points
    np.testing.assert_allclose(jacobian_determinant(displacement), np.linalg.det(matrix), rtol=1e-3)


def test_sample_agrees_with_scipy_and_keeps_the_border_outside():
    rng = np.random.default_rng(5)
    maps = rng.random((2, 5, 6, 7), dtype=np.float32)
    points = rng.uniform(-1, 7, (3, 4, 3, 2)).astype(np.float32)
    slow = [ndimage.map_coordinates(m, points, order=1, mode="nearest") for m in maps]
    np.testing.assert_allclose(sample(maps, points), slow, atol=1e-5)


def test_sample_labels_takes_the_nearest_and_0_outside():
    labels = np.arange(1, 9, dtype=np.uint8).reshape(2, 2, 2)
    points = np.array([[0.4, 0.6, -3], [0.4, 0.6, 0], [0.4, 0.6, 0]]).reshape(3, 3, 1, 1)
    np.testing.assert_array_equal(sample_labels(labels, points).ravel(), [1, 8, 0])


def test_transform_points_moves_each_point_by_the_affine():
    affine = np.array([[2.0, 0, 0, 1], [0, 3, 0, -1], [1, 0, 1, 0], [0, 0, 0, 1]])
    moved = transform_points(affine, np.array([1.0, 2, 3]).reshape(3, 1, 1, 1))
    np.testing.assert_allclose(moved.ravel(), [3, 5, 4])


def test_slabs_of_points_make_up_the_grid():
    slabs = [voxel_points((5, 2, 2), slice(a, a + 2)) for a in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate(slabs, axis=1), voxel_points((5, 2, 2)))


@pytest.mark.parametrize("spacing", [2.0, 4.0])
def test_smooth_field_is_the_same_at_every_spacing(spacing):
    waves = np.random.default_rng(6).normal(size=(4, 4, 4))
    shape = tuple(round(32 / spacing) for _ in range(3))
    coarse = smooth_field(waves, (4, 4, 4), 8.0, length_mm=20.0)
    fine = smooth_field(waves, shape, spacing, length_mm=20.0)
    n = round(8 / spacing)
    averaged = fine.reshape(4, n, 4, n, 4, n).mean(axis=(1, 3, 5))
    assert np.corrcoef(coarse.ravel(), averaged.ravel())[0, 1] > 0.99
