"""Diffeomorphisms that torch can differentiate: a velocity, its flow, and maps carried along.

Fields are (B, 3, I, J, K), component a along voxel axis a, in voxels of their own grid. Grids that
cover the same box may have any number of voxels; voxel n of N has its centre at (n + 1/2) / N of
the box. Outside the box, maps and fields keep their value at the border.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

SQUARINGS = 6  # the first step of a flow of 6 voxels is a tenth of a voxel


def exponentiate(velocity: Tensor) -> Tensor:
    """Follow a stationary velocity for one unit of time, by scaling and squaring.

    phi = exp(v): phi_0 = id + v / 2^n, phi_{m+1} = phi_m o phi_m; phi_n is the flow, a
    diffeomorphism whose inverse is exp(-v). Arsigny et al., MICCAI 2006, LNCS 4190:924.

    Parameters
    ----------
    velocity : (B, 3, I, J, K) Tensor, voxels / unit time

    Returns
    -------
    (B, 3, I, J, K) Tensor, voxels
        The displacement phi - id.
    """
    displacement: Tensor = velocity / 2**SQUARINGS
    for _ in range(SQUARINGS):
        displacement = displacement + pull(displacement, displacement)
    return displacement


def pull(maps: Tensor, displacement: Tensor, *, nearest: bool = False) -> Tensor:
    """Carry maps along: what lies at x comes from x + displacement(x), by linear interpolation.

    Parameters
    ----------
    maps : (B, C, I', J', K') Tensor
        On any grid of the box.
    displacement : (B, 3, I, J, K) Tensor, voxels
    nearest : bool
        Take the nearest voxel instead, for labels.

    Returns
    -------
    (B, C, I, J, K) Tensor
    """
    shape = displacement.shape[2:]
    along = []
    for axis, n in enumerate(shape):
        # grid_sample counts from -1 to 1 over the box, and orders its axes k, j, i.
        middles = torch.arange(n, dtype=displacement.dtype, device=displacement.device)
        identity = (2.0 * middles + 1.0) / n - 1.0
        around = [n if other == axis else 1 for other in range(3)]
        along.append(identity.view(around) + displacement[:, axis] * (2.0 / n))
    return sample(maps, torch.stack(along[::-1], dim=-1), nearest=nearest)


def sample(maps: Tensor, points: Tensor, *, nearest: bool = False) -> Tensor:
    """Look maps up at points, on all cores.

    Parameters
    ----------
    maps : (B, C, I', J', K') Tensor
    points : (B, I, J, K, 3) Tensor
        k, j, i of places, each from -1 to 1 over the box.
    nearest : bool
        Take the nearest voxel instead of interpolating linearly, for labels.

    Returns
    -------
    (B, C, I, J, K) Tensor
    """
    mode, (i, j, k) = "nearest" if nearest else "bilinear", points.shape[1:4]
    # On the processor grid_sample keeps one core busy with each brain: one brain goes in parts.
    parts = 1 if points.is_cuda or len(points) > 1 else gcd(i * j * k, torch.get_num_threads())
    if parts > 1:
        maps = maps.expand(parts, -1, -1, -1, -1)
        points = points.reshape(parts, 1, 1, -1, 3)
    found = functional.grid_sample(
        maps, points, mode=mode, padding_mode="border", align_corners=False
    )
    if parts == 1:
        return found
    return rearrange(found, "p c 1 1 n -> c (p n)").view(1, -1, i, j, k)


def resample(field: Tensor, shape: Sequence[int]) -> Tensor:
    """Bring a field to another grid of the box, in voxels of that grid, by linear interpolation."""
    ratios = [to / n for to, n in zip(shape, field.shape[2:], strict=True)]
    scale = field.new_tensor(ratios).view(3, 1, 1, 1)
    return functional.interpolate(field, list(shape), mode="trilinear") * scale


def displacement_between(there: Tensor, here: Tensor, back: Tensor) -> Tensor:
    """Find the way from one copy of a template to another.

    With the flows x + d'(x) and x + d(x) that lead from two copies to the template, it is
    u = (id + d)^-1 o (id + d') - id. The flow `back` is nearly the inverse of id + d; how far it
    misses, e = (id + back) o (id + d) - id, is taken off at the end: u = u_0 - e o (id + u_0).

    Parameters
    ----------
    there, here, back : (B, 3, I, J, K) Tensor, voxels
        d', d and `back`.

    Returns
    -------
    (B, 3, I, J, K) Tensor, voxels
        What lies at x of the copy of `there` lies at x + u(x) of that of `here`.
    """
    missed = here + pull(back, here)
    nearly = there + pull(back, there)
    return nearly - pull(missed, nearly)


def jacobian_determinant(displacement: Tensor) -> Tensor:
    """Return the local volume factor (B, I, J, K) of id + displacement, by central differences.

    Above 1 where what is looked up spreads over more space than its copy has; at or below 0 where
    the map folds.
    """
    a, b, c = (
        torch.stack(torch.gradient(displacement[:, axis], dim=(1, 2, 3)), dim=1)
        + torch.eye(3, device=displacement.device)[axis].view(1, 3, 1, 1, 1)
        for axis in range(3)
    )
    determinant: Tensor = (a * torch.linalg.cross(b, c, dim=1)).sum(dim=1)
    return determinant
