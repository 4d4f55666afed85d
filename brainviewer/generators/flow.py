"""Diffeomorphisms that torch can differentiate: a velocity, its flow, and maps carried along.

Fields are (B, 3, I, J, K), component a along voxel axis a, in voxels of their own grid. Grids that
cover the same box may have any number of voxels; voxel n of N has its centre at (n + 1/2) / N of
the box. Outside the box, maps and fields keep their value at the border.
"""

from __future__ import annotations

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
    return pull_slab(maps, displacement, 0, displacement.shape[2], nearest=nearest)


def pull_slab(
    maps: Tensor, displacement: Tensor, start: int, stop: int, *, nearest: bool = False
) -> Tensor:
    """Carry maps along into the voxels from start to before stop along i of the grid.

    Parameters
    ----------
    maps : (B, C, I', J', K') Tensor
    displacement : (B, 3, I, J, K) Tensor, voxels
        Of the whole grid.

    Returns
    -------
    (B, C, stop - start, J, K) Tensor
    """
    shape, count = displacement.shape[2:], stop - start
    displacement = displacement[:, :, start:stop]
    # grid_sample counts from -1 to 1 over the box, and orders its axes k, j, i.
    theta = torch.eye(3, 4, dtype=displacement.dtype, device=displacement.device)
    theta[2, 2], theta[2, 3] = count / shape[0], (2 * start + count) / shape[0] - 1
    identity = functional.affine_grid(theta[None], [1, 1, count, *shape[1:]], align_corners=False)
    scale = displacement.new_tensor([2.0 / n for n in reversed(shape)])
    points = identity + rearrange(displacement, "b a i j k -> b i j k a").flip(-1) * scale
    mode = "nearest" if nearest else "bilinear"
    return functional.grid_sample(
        maps, points, mode=mode, padding_mode="border", align_corners=False
    )


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
