"""The T1-weighted image of a template: how bright each tissue is, where and when.

    image(x) = sum_t T_t(x) exp(m_t(x) + w_t(x) d(y)) + r(x)

before it is carried, with the tissue shares T, smooth fields m and w on a coarse grid, the terms d
of age and sex, and what the image has besides, r: deep nuclei, vessels, the brain stem. So the
contrast of grey and white matter fades with age where people's does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.tissues import TISSUES
from brainviewer.generators.flow import pull, resample

if TYPE_CHECKING:
    from collections.abc import Sequence

REDUCTION = 4  # voxels of the maps in one of the fields, along each axis


class Intensities(nn.Module):
    """Smooth fields of the logarithm of each tissue's intensity, and what is left.

    Attributes
    ----------
    mean : (3, I/4, J/4, K/4) Tensor
        Log intensity of WM, GM and CSF.
    weights : (T, 3 I/4 J/4 K/4) Tensor
        What each term adds.
    texture : (I, J, K) Tensor
        What is left of the image, in intensity.
    """

    mean: Tensor
    weights: Tensor
    texture: Tensor

    def __init__(self, shape: Sequence[int], terms: int) -> None:
        super().__init__()
        coarse = [n // REDUCTION for n in shape]
        mean = torch.zeros((len(TISSUES), *coarse))
        self.register_buffer("mean", mean)
        self.register_buffer("weights", torch.zeros((terms, mean.numel())))
        self.register_buffer("texture", torch.zeros(tuple(shape)))

    def light(self, terms: Tensor, flow: Tensor) -> Tensor:
        """Return intensities of WM, GM, CSF and texture (B, 4, I, J, K), carried by flows.

        Parameters
        ----------
        terms : (B, T) Tensor
        flow : (B, 3, I', J', K') Tensor, voxels of its grid
        """
        shape = self.texture.shape
        bright = self.bright(terms, flow)
        texture = self.texture[None, None].expand(len(terms), -1, -1, -1, -1)
        bright = functional.interpolate(bright, list(shape), mode="trilinear")
        return torch.cat([bright, pull(texture, resample(flow, shape))], dim=1)

    def bright(self, terms: Tensor, flow: Tensor) -> Tensor:
        """Return intensities of WM, GM and CSF (B, 3, I', J', K') on the grid of the flows."""
        fields = (self.mean.flatten() + terms @ self.weights).exp()
        return pull(fields.view(len(terms), *self.mean.shape), flow)


def lit(shares: Tensor, light: Tensor) -> Tensor:
    """Return the image (B, 1, I, J, K) of tissue shares (B, 3, I, J, K) and light (B, 4, ...)."""
    return (shares * light[:, :3]).sum(dim=1, keepdim=True) + light[:, 3:]


def resized(light: Tensor, shape: Sequence[int]) -> Tensor:
    """Bring light to another grid of the box."""
    return functional.interpolate(light, list(shape), mode="trilinear")
