"""How the tissues of a template mix with age and sex, where no warp can say it.

    T'_t(x) = T_t(x) exp(m_t(x) + w_t(x) d(y)) / sum_u T_u(x) exp(m_u(x) + w_u(x) d(y))

with the shares T of WM, GM, CSF and background (whose exponent is 0), smooth fields m and w on a
coarse grid, and the terms d of age and sex. Sulci that are narrower than the velocity's grid widen
in this way: a voxel of the cortex turns from grey matter to CSF in part. What is one tissue alone
stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.tissues import TISSUES
from brainviewer.generators.flow import pull

if TYPE_CHECKING:
    from collections.abc import Sequence

REDUCTION = 4  # voxels of the maps in one of the fields, along each axis
LEAST_TOTAL = 1e-6


class Mixture(nn.Module):
    """Smooth fields of the logarithm of how much more there is of a tissue.

    Attributes
    ----------
    mean : (3, I/4, J/4, K/4) Tensor
        Of WM, GM and CSF.
    weights : (T, 3 I/4 J/4 K/4) Tensor
        What each term adds.
    """

    mean: Tensor
    weights: Tensor

    def __init__(self, shape: Sequence[int], terms: int) -> None:
        super().__init__()
        mean = torch.zeros((len(TISSUES), *[n // REDUCTION for n in shape]))
        self.register_buffer("mean", mean)
        self.register_buffer("weights", torch.zeros((terms, mean.numel())))

    def fields(self, terms: Tensor) -> Tensor:
        """Return the logarithms (B, 3, I/4, J/4, K/4) in the template, for terms (B, T)."""
        flat = self.mean.flatten() + terms @ self.weights
        return flat.view(len(terms), *self.mean.shape)

    def carried(self, terms: Tensor, flow: Tensor) -> Tensor:
        """Return the fields (B, 3, I/4, J/4, K/4) in brains, for flows (B, 3, I', J', K')."""
        return pull(self.fields(terms), flow)


def mixed(shares: Tensor, fields: Tensor) -> Tensor:
    """Mix the tissues anew.

    Parameters
    ----------
    shares : (B, 3, I, J, K) Tensor
        WM, GM, CSF; what they lack of 1 is background.
    fields : (B, 3, I'', J'', K'') Tensor
        On any grid of the same box.

    Returns
    -------
    (B, 3, I, J, K) Tensor
    """
    logarithms = functional.interpolate(fields, list(shares.shape[2:]), mode="trilinear")
    return mixed_by(shares, logarithms)


def mixed_by(shares: Tensor, logarithms: Tensor) -> Tensor:
    """Do what `mixed` does with logarithms (B, 3, I, J, K) on the grid of the shares."""
    amounts = shares * logarithms.exp()
    total = amounts.sum(dim=1, keepdim=True) + 1.0 - shares.sum(dim=1, keepdim=True)
    return amounts / total.clamp_min(LEAST_TOTAL)
