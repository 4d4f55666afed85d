"""Regions of a template, which are carried with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from brainviewer.generators.flow import jacobian_determinant, pull, resample

if TYPE_CHECKING:
    from collections.abc import Sequence


class RegionMaps(nn.Module):
    """Where each region lies in a template.

    Attributes
    ----------
    shares : (R, I', J', K') Tensor in [0, 1]
        How probably a place of the template belongs to a region, on the velocity's grid.
    labels : (I, J, K) int16 Tensor
        1 + the index of the most probable region, 0 for none.
    """

    shares: Tensor
    labels: Tensor

    def __init__(self, count: int, coarse_shape: Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        sizes = tuple(shape) if count else (0, 0, 0)
        self.register_buffer("shares", torch.zeros((count, *coarse_shape)))
        self.register_buffer("labels", torch.zeros(sizes, dtype=torch.int16))

    def volumes(self, back: Tensor) -> Tensor:
        """Return the voxels (B, R) of the velocity's grid that each region fills in a brain.

        The size of each place of the template in the brain is the Jacobian determinant of the flow
        from the brain to the template's places: of exp(-v) where the brain is T o exp(v).

        Parameters
        ----------
        back : (B, 3, I', J', K') Tensor, voxels
        """
        return torch.einsum("bijk,rijk->br", jacobian_determinant(back), self.shares)

    def carried(self, flow: Tensor) -> Tensor:
        """Return the labels (B, I, J, K) of brains whose template is carried by flows.

        Parameters
        ----------
        flow : (B, 3, I', J', K') Tensor, voxels
        """
        labels = self.labels[None, None].float().expand(len(flow), -1, -1, -1, -1)
        there = resample(flow, self.labels.shape)
        return pull(labels, there, nearest=True)[:, 0].round().to(torch.int16)
