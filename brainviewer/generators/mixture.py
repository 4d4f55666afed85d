"""How the tissues of a template mix with age, sex and person, where no warp can say it.

    T'_t(x) = T_t(x) exp(f_t(x)) / sum_u T_u(x) exp(f_u(x)),   f = m + w d(y) + B p

with the shares T of WM, GM, CSF and background (whose exponent is 0), smooth fields m, w and B on a
coarse grid, the terms d of age and sex, and the scores p of a person. Sulci that are narrower than
the velocity's grid widen in this way: a voxel of the cortex turns from grey matter to CSF in part.
What is one tissue alone stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.tissues import TISSUES
from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.core.volume import FloatArray

REDUCTION = 4  # voxels of the maps in one of the fields, along each axis
LEAST_TOTAL = 1e-6
WITHIN_VOXELS = 1.0  # sd of the neighbourhood, in voxels of the fields
LEAST_SHARE = 2e-3  # of a neighbourhood: what a tissue that is nowhere near is taken to have
LARGEST = 2.0  # logarithm
ROUNDS = 4  # shares that add up to 1 push each other


class Mixture(nn.Module):
    """Smooth fields of the logarithm of how much more there is of a tissue.

    Attributes
    ----------
    mean : (3, I/4, J/4, K/4) Tensor
        Of WM, GM and CSF.
    weights : (T, 3 I/4 J/4 K/4) Tensor
        What each term adds.
    basis : (P, 3 I/4 J/4 K/4) Tensor
        What each of a person's scores adds.
    """

    mean: Tensor
    weights: Tensor
    basis: Tensor

    def __init__(self, shape: Sequence[int], terms: int, components: int = 0) -> None:
        super().__init__()
        size = fields_shape(shape)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("weights", torch.zeros((terms, prod(size))))
        self.register_buffer("basis", torch.zeros((components, prod(size))))

    def fields(self, terms: Tensor, scores: Tensor | None = None) -> Tensor:
        """Return the logarithms (B, 3, I/4, J/4, K/4), for terms (B, T) and scores (B, P).

        Without scores, of people who have nothing of their own.
        """
        flat = self.mean.flatten() + terms @ self.weights
        if scores is not None:
            flat = flat + scores @ self.basis
        return flat.view(len(terms), *self.mean.shape)


def fields_shape(shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the shape of the fields of one brain, for maps (I, J, K)."""
    i, j, k = (n // REDUCTION for n in shape)
    return len(TISSUES), i, j, k


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


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """What is where in one person, brought to the template.

    Attributes
    ----------
    wanted : (3, I/4, J/4, K/4) float32 ndarray
        Amounts of WM, GM and CSF nearby, in the person.
    sizes : (1, 1, I/2, J/2, K/2) Tensor
        How large each place of the template is in the person.
    """

    wanted: FloatArray
    sizes: Tensor

    @classmethod
    def of_person(cls, maps: Tensor, velocity: Tensor) -> Amounts:
        """Measure the maps (1, 3, I, J, K) of somebody whom exp(v) carries the template onto."""
        back = exponentiate(-velocity)
        sizes = jacobian_determinant(back)[:, None]
        return cls(_nearby(pull(maps, resample(back, maps.shape[2:])), sizes), sizes)

    def of_template(self, shares: Tensor, fields: Tensor) -> FloatArray:
        """Measure a mixed template (1, 3, I, J, K), carried onto the person."""
        return _nearby(mixed(shares, fields), self.sizes)

    def lacking(self, there: FloatArray) -> FloatArray:
        """Return the logarithm of how much more of a tissue there should be, (3, ...)."""
        return np.log((self.wanted + LEAST_SHARE) / (there + LEAST_SHARE))


def own_fields(shares: Tensor, fields: Tensor, person: Amounts) -> Tensor:
    """Return the fields (1, 3, I/4, J/4, K/4) that give each neighbourhood what a person has.

    Parameters
    ----------
    shares : (1, 3, I, J, K) Tensor
        The template's.
    fields : (1, 3, I/4, J/4, K/4) Tensor
        To begin with: those of the person's age and sex.
    """
    for _ in range(ROUNDS):
        missing = person.lacking(person.of_template(shares, fields))
        fields = (fields + torch.from_numpy(missing).to(fields)).clamp(-LARGEST, LARGEST)
    return fields


def _nearby(shares: Tensor, sizes: Tensor) -> FloatArray:
    """Return the amounts (3, I/4, J/4, K/4) of tissues (1, 3, I, J, K) in each neighbourhood."""
    halves = shares.shape[2] // sizes.shape[2]
    weighed = functional.avg_pool3d(shares, halves) * sizes
    coarse = functional.avg_pool3d(weighed, REDUCTION // halves)[0].cpu().numpy()
    return np.stack([ndimage.gaussian_filter(one, WITHIN_VOXELS) for one in coarse])
