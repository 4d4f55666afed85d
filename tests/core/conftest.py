"""A phantom whose right, front and top are marked, stored in any orientation."""

from itertools import permutations, product

import numpy as np
import pytest

from brainviewer.core.space import voxel_to_world, world_to_voxel

# Where each mark lies in the phantom, as a direction from its centre, and its value.
MARKS = {"right": ((1, 0, 0), 10), "front": ((0, 1, 0), 20), "top": ((0, 0, 1), 30)}


class Phantom:
    """Three marked voxels on a stored grid; the marks are placed in the world, not in the grid."""

    def __init__(self, affine, shape=(7, 9, 11), dtype=np.int16):
        self.affine = np.asarray(affine, dtype=float)
        self.data = np.zeros(shape, dtype)
        self.points = {}
        for name, (direction, value) in MARKS.items():
            voxel = self._farthest_along(np.array(direction))
            self.data[voxel] = value
            self.points[name] = voxel_to_world(self.affine, voxel)

    def _farthest_along(self, direction):
        """The end of the stored axis that runs closest to a world direction."""
        middle = np.array(self.data.shape) // 2
        ends = []
        for axis, end in product(range(3), (0, -1)):
            voxel = middle.copy()
            voxel[axis] = range(self.data.shape[axis])[end]
            step = self.affine[:3, :3] @ (voxel - middle)
            ends.append((step @ direction / np.linalg.norm(step), tuple(int(n) for n in voxel)))
        return max(ends)[1]

    def assert_shown_by(self, volume):
        """The volume is in RAS+ order, holds each mark at its place in mm, and nothing else."""
        assert np.array_equal(np.argmax(np.abs(volume.affine[:3, :3]), axis=0), [0, 1, 2])
        assert (np.diag(volume.affine)[:3] > 0).all()
        assert np.count_nonzero(volume.data) == len(MARKS)
        middle = (np.array(volume.shape) - 1) / 2
        for axis, (name, (_, value)) in enumerate(MARKS.items()):
            voxel = world_to_voxel(volume.affine, self.points[name])
            nearest = tuple(np.rint(voxel).astype(int))
            np.testing.assert_allclose(voxel, nearest, atol=1e-3)
            assert volume.data[nearest] == value
            assert nearest[axis] > middle[axis]


def rotation(x, y, z):
    """A rotation by three angles in degrees, about x, then y, then z."""
    matrix = np.eye(3)
    for (a, b), angle in zip([(1, 2), (2, 0), (0, 1)], np.radians([x, y, z]), strict=True):
        turn = np.eye(3)
        turn[[a, b], [a, b]] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def make_affine(order=(0, 1, 2), signs=(1, 1, 1), spacing=(1, 1, 1), angles=(0, 0, 0)):
    """An affine whose stored axis n points along world axis ``order[n]``, then turned."""
    affine = np.eye(4)
    axes = np.zeros((3, 3))
    for stored, (world, sign) in enumerate(zip(order, signs, strict=True)):
        axes[world, stored] = sign
    affine[:3, :3] = rotation(*angles) @ axes * spacing
    affine[:3, 3] = (-31, 17, 5)
    return affine


ORIENTATIONS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


@pytest.fixture(params=ORIENTATIONS, ids=lambda case: "".join(
    ("LPI", "RAS")[sign > 0][axis] for axis, sign in zip(*case, strict=True)
))  # fmt: skip
def orientation(request):
    """Each of the 48 ways to store a volume: the world axis of each stored one, and its sign."""
    order, signs = request.param
    return {"order": order, "signs": signs}


@pytest.fixture
def affine_of():
    return make_affine


@pytest.fixture
def phantom_on():
    return Phantom
