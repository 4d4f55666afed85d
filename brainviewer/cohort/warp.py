"""Smooth invertible warps: a divergence to a velocity, a velocity to a diffeomorphism.

Fields are (3, I, J, K), component a along voxel axis a, in voxels of the grid that they live on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import fft, ndimage
from torch.nn.functional import grid_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray

MAX_FIRST_STEP_VOXELS = 0.1  # scaling and squaring starts from steps no longer than this


def solve_poisson(source: FloatArray) -> FloatArray:
    """Solve laplacian(phi) = source with zero normal derivative at the border of the grid.

    The second differences of a mirrored grid are diagonal in the cosine basis (DCT-II), with
    eigenvalue 2 cos(pi n / N) - 2 along an axis of N voxels. A solution needs a source of mean
    zero, so the mean is taken off; phi is known up to a constant, and has mean zero.

    Parameters
    ----------
    source : (I, J, K) float32 ndarray, per voxel squared

    Returns
    -------
    (I, J, K) float32 ndarray
    """
    eigenvalues = np.zeros(source.shape, np.float32)
    for axis, n in enumerate(source.shape):
        along = 2.0 * np.cos(np.pi * np.arange(n) / n) - 2.0
        eigenvalues += along.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    eigenvalues[0, 0, 0] = 1.0
    spectrum = fft.dctn(source, norm="ortho") / eigenvalues
    spectrum[0, 0, 0] = 0.0
    return np.asarray(fft.idctn(spectrum, norm="ortho"), dtype=np.float32)


def velocity_of_divergence(divergence: FloatArray) -> FloatArray:
    """Find the curl-free velocity with this divergence that does not flow through the border.

    v = grad(phi), laplacian(phi) = divergence.

    Parameters
    ----------
    divergence : (I, J, K) float32 ndarray, 1 / unit time
        Log volume change per unit time; its mean is taken off.

    Returns
    -------
    (3, I, J, K) float32 ndarray, voxels / unit time
    """
    phi = np.pad(solve_poisson(divergence), 1, mode="edge")
    inner = (slice(1, -1),) * 3
    return np.stack([(np.gradient(phi, axis=axis)[inner]) for axis in range(3)])


def curl(potential: FloatArray) -> FloatArray:
    """Rotate a vector potential (3, I, J, K) into a velocity without divergence."""
    d = [[np.gradient(component, axis=axis) for axis in range(3)] for component in potential]
    return np.stack([d[2][1] - d[1][2], d[0][2] - d[2][0], d[1][0] - d[0][1]])


def exponentiate(velocity: FloatArray) -> FloatArray:
    """Follow a stationary velocity for one unit of time, by scaling and squaring.

    phi = exp(v): phi_0 = id + v / 2^n, phi_{m+1} = phi_m o phi_m; phi_n is the flow, a
    diffeomorphism whose inverse is exp(-v). Arsigny et al., MICCAI 2006, LNCS 4190:924.

    Parameters
    ----------
    velocity : (3, I, J, K) float32 ndarray, voxels / unit time

    Returns
    -------
    (3, I, J, K) float32 ndarray, voxels
        The displacement phi - id.
    """
    longest = float(np.sqrt((velocity**2).sum(axis=0).max()))
    squarings = max(0, int(np.ceil(np.log2(max(longest, 1e-9) / MAX_FIRST_STEP_VOXELS))))
    displacement = velocity / np.float32(2**squarings)
    points = voxel_points(displacement.shape[1:])
    for _ in range(squarings):
        displacement = displacement + sample(displacement, points + displacement)
    return displacement


def voxel_points(shape: tuple[int, ...], slab: slice = slice(None)) -> FloatArray:
    """Voxel indices of every voxel of a grid, or of a slab of it along i: (3, I, J, K)."""
    axes = [np.arange(n, dtype=np.float32) for n in shape]
    return np.stack(np.meshgrid(axes[0][slab], axes[1], axes[2], indexing="ij"))


def transform_points(matrix: NDArray[np.float64], points: FloatArray) -> FloatArray:
    """Apply an affine (4, 4) to points (3, ...)."""
    moved = np.tensordot(matrix[:3, :3].astype(np.float32), points, axes=1)
    return np.asarray(moved + matrix[:3, 3].astype(np.float32).reshape(3, 1, 1, 1))


def smooth_field(
    waves: NDArray[np.float64],
    shape: tuple[int, int, int],
    spacing_mm: float,
    *,
    length_mm: float,
) -> FloatArray:
    """Add up cosine waves with given amplitudes into a smooth field.

    The amplitudes are damped by (1 + (k L)^2)^-2 with the wave number k and the length L. The
    same waves give the same field, up to a factor, at every spacing of a grid of the same size.

    Parameters
    ----------
    waves : (A, B, C) ndarray
        Amplitudes of 0, 1, 2 ... half-waves along each axis; standard normal for a random field.
    shape : (I, J, K) tuple of int
    spacing_mm : float, mm
    length_mm : float, mm

    Returns
    -------
    (I, J, K) float32 ndarray
    """
    counts = zip(waves.shape, shape, strict=True)
    along = [np.pi * np.arange(m) / (n * spacing_mm) for m, n in counts]
    k_squared = along[0][:, None, None] ** 2 + along[1][:, None] ** 2 + along[2] ** 2
    spectrum = np.zeros(shape, np.float32)
    low = tuple(slice(min(m, n)) for m, n in zip(waves.shape, shape, strict=True))
    spectrum[low] = (waves / (1.0 + k_squared * length_mm**2) ** 2)[low]
    return np.asarray(fft.idctn(spectrum), dtype=np.float32)


def sample(maps: FloatArray, points: FloatArray) -> FloatArray:
    """Interpolate maps linearly; outside the grid they keep their value at the border.

    Parameters
    ----------
    maps : (C, I, J, K) float32 ndarray
    points : (3, *grid) float32 ndarray, voxel indices into the maps

    Returns
    -------
    (C, *grid) float32 ndarray
    """
    size = np.array(maps.shape[:0:-1], np.float32) - 1  # torch wants k, j, i
    unit = 2.0 * np.moveaxis(points[::-1], 0, -1) / size - 1.0
    sampled = grid_sample(
        torch.from_numpy(np.ascontiguousarray(maps))[None],
        torch.from_numpy(np.ascontiguousarray(unit, dtype=np.float32))[None],
        padding_mode="border",
        align_corners=True,
    )
    return sampled[0].numpy()


def sample_labels(labels: NDArray[np.uint8], points: FloatArray) -> NDArray[np.uint8]:
    """Take the label of the voxel nearest to each point; 0 outside the grid."""
    return np.asarray(ndimage.map_coordinates(labels, points, order=0), dtype=np.uint8)


def jacobian_determinant(displacement: FloatArray) -> FloatArray:
    """Local volume factor of a map id + displacement, by central differences.

    Parameters
    ----------
    displacement : (3, I, J, K) float32 ndarray, voxels

    Returns
    -------
    (I, J, K) float32 ndarray
        Above 1 where volume grows; at or below 0 where the map folds.
    """
    d = [[np.gradient(displacement[a], axis=b) for b in range(3)] for a in range(3)]
    for a in range(3):
        d[a][a] += 1.0
    minors = (
        d[1][1] * d[2][2] - d[1][2] * d[2][1],
        d[1][0] * d[2][2] - d[1][2] * d[2][0],
        d[1][0] * d[2][1] - d[1][1] * d[2][0],
    )
    return np.asarray(d[0][0] * minors[0] - d[0][1] * minors[1] + d[0][2] * minors[2])
