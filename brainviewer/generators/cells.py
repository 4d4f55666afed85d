"""Carrying only where a template holds anything: most of a box around a brain is empty.

A cell is a voxel of a flow's grid, with f x f x f voxels of the maps in it. What is interpolated
within a cell depends on the cell and its 26 neighbours alone, linearly: one small matrix does it
for all cells that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch.nn import functional

from brainviewer.generators.flow import sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

NEIGHBOURS = 3  # along each axis, itself among them


class Support:
    """Where a template holds anything; answers for boxes of voxels, whatever their size.

    Parameters
    ----------
    held : (I, J, K) bool Tensor
    """

    def __init__(self, held: Tensor) -> None:
        table = functional.pad(held.to(torch.int32), (1, 0) * 3)
        for axis in range(3):
            table = table.cumsum(axis, dtype=torch.int32)
        self._table = table

    def touches(self, first: Tensor, last: Tensor) -> Tensor:
        """Tell whether boxes hold anything: (N,) bool.

        Parameters
        ----------
        first, last : (3, N) int64 Tensor
            Of the voxels in each box; those beyond the border count as the border's.
        """
        ends = [
            [low.clamp(0, n - 1), high.clamp(0, n - 1) + 1]
            for low, high, n in zip(first, last, (n - 1 for n in self._table.shape), strict=True)
        ]
        count = torch.zeros_like(first[0], dtype=torch.int32)
        for corner in range(8):
            sides = corner >> 2 & 1, corner >> 1 & 1, corner & 1
            place = tuple(end[side] for end, side in zip(ends, sides, strict=True))
            count += (-1) ** (3 - sum(sides)) * self._table[place]
        return count > 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """The template's grid."""
        i, j, k = (n - 1 for n in self._table.shape)
        return i, j, k


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Some cells of a flow's grid.

    Attributes
    ----------
    index : (N,) int64 Tensor
        Counted along k, then j, then i; rising.
    shape : (I, J, K)
        The flow's grid.
    """

    index: Tensor
    shape: tuple[int, int, int]

    def places(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the cells' i, j and k: (N,) int64 each."""
        _, j, k = self.shape
        return self.index // (j * k), self.index // k % j, self.index % k

    def parts(self, most: int) -> Iterator[Cells]:
        """Return them in parts of at most so many."""
        for start in range(0, len(self.index), most):
            yield Cells(self.index[start : start + most], self.shape)

    def filled(self, field: Tensor, *factors: int) -> Tensor:
        """Interpolate a field within the cells, as `torch.nn.functional.interpolate` does.

        Parameters
        ----------
        field : (1, C, I, J, K) Tensor
            On the flow's grid.
        factors : int
            Of finer and finer grids, one interpolated from the other.

        Returns
        -------
        (C, N, f^3) Tensor
            With f the product of the factors.
        """
        padded = functional.pad(field, (1,) * 6, mode="replicate")[0]
        corner = self._padded_index()
        _, j, k = padded.shape[1:]
        steps = torch.arange(NEIGHBOURS, device=corner.device)
        around = (steps[:, None, None] * j + steps[:, None]) * k + steps
        near = padded.flatten(1)[:, corner[:, None] + around.flatten()]  # (C, N, 27)
        return near @ _weights(factors).to(near)

    def carried(self, maps: Tensor, flow: Tensor) -> Tensor:
        """Return what lies in the cells of maps that are carried: (C, N, f^3).

        Parameters
        ----------
        maps : (1, C, I', J', K') Tensor
            On any grid of the box.
        flow : (3, N, f^3) Tensor, cells
            What `filled` gives.
        """
        factor = round(flow.shape[2] ** (1 / 3))
        inner = (torch.arange(factor, device=flow.device, dtype=flow.dtype) + 0.5) / factor
        offsets = torch.stack(torch.meshgrid(inner, inner, inner, indexing="ij")).flatten(1)
        points = [
            (flow[axis] + (place[:, None] + offsets[axis])) * (2.0 / n) - 1.0
            for axis, (place, n) in enumerate(zip(self.places(), self.shape, strict=True))
        ]
        found = sample(maps, torch.stack(points[::-1], dim=-1)[None, None])
        return found[0, :, 0]

    def put(self, values: Tensor, maps: Tensor) -> None:
        """Write what lies in the cells (C, N, f^3) into maps (C, f I, f J, f K)."""
        factor = maps.shape[1] // self.shape[0]
        by_cell = rearrange(values, "c n (a b d) -> n c a b d", a=factor, b=factor)
        self._view(maps)[self.places()] = by_cell

    def taken(self, maps: Tensor) -> Tensor:
        """Read what lies in the cells of maps (C, f I, f J, f K): (C, N, f^3)."""
        return rearrange(self._view(maps)[self.places()], "n c a b d -> c n (a b d)")

    def _view(self, maps: Tensor) -> Tensor:
        i, j, k = self.shape
        return rearrange(maps, "c (i a) (j b) (k d) -> i j k c a b d", i=i, j=j, k=k)

    def _padded_index(self) -> Tensor:
        i, j, k = self.places()
        return (i * (self.shape[1] + 2) + j) * (self.shape[2] + 2) + k


def cells_reached(support: Support, flow: Tensor) -> Cells:
    """Return the cells in which a carried template may hold anything, on grids of any fineness.

    What is interpolated within a cell lies between its values at the ends of the cell and in its
    middle; so the box of the template that a cell sees is known.

    Parameters
    ----------
    support : Support
    flow : (1, 3, I, J, K) Tensor, voxels
    """
    i, j, k = flow.shape[2:]
    low, high = (bound.flatten(1) for bound in _seen(flow[0]))
    ratio = low.new_tensor([n / cells for n, cells in zip(support.shape, (i, j, k), strict=True)])
    # Of voxel n the centre is at n + 1/2; linear interpolation looks at the two around a place.
    first, last = (((end * ratio[:, None]) - 0.5).floor().long() for end in (low, high))
    index = support.touches(first, last + 1).nonzero()[:, 0]
    return Cells(index, (i, j, k))


def _seen(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Return between which places of the box each cell looks, (3, I, J, K) each, in cells."""
    padded = functional.pad(flow[None], (1,) * 6, mode="replicate")[0]
    for axis in range(3):
        n = padded.shape[1 + axis]
        along = torch.arange(n, device=flow.device, dtype=flow.dtype) - 0.5
        padded[axis] += along.view([n if other == axis else 1 for other in range(3)])
    low = high = padded
    for axis in range(1, 4):
        low = torch.stack(_across(low, axis)).amin(dim=0)
        high = torch.stack(_across(high, axis)).amax(dim=0)
    return low, high


def _across(field: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a padded field in the middle of the cells and at both of their ends along an axis."""
    before, here, after = (
        field.narrow(axis, start, field.shape[axis] - 2) for start in range(NEIGHBOURS)
    )
    return (before + here) / 2, here, (here + after) / 2


@cache
def _weights(factors: Sequence[int]) -> Tensor:
    """Return what each of 27 neighbours counts at each of f^3 places of a cell: (27, f^3)."""
    size = (NEIGHBOURS,) * 3
    unit = torch.eye(prod(size)).view(-1, 1, *size)
    for factor in factors:
        unit = functional.interpolate(unit, scale_factor=float(factor), mode="trilinear")
    f = prod(factors)
    return unit[:, 0, f : 2 * f, f : 2 * f, f : 2 * f].flatten(1)
