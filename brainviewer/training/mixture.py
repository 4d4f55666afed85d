"""How the tissues of registered people mix where the template has them, fitted together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from brainviewer.core.tissues import TISSUES
from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample
from brainviewer.generators.mixture import REDUCTION, mixed
from brainviewer.training.velocities import ALPHAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.mixture import Mixture

WITHIN_VOXELS = 1.0  # sd of the neighbourhood, in voxels of the fields
ROUNDS = 4
LEAST_SHARE = 2e-3  # of a neighbourhood: what a tissue that is nowhere near is taken to have
LARGEST = 2.0  # logarithm


@dataclass(frozen=True, slots=True, eq=False)
class _Amounts:
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


@torch.inference_mode()
def fit_mixture(
    mixture: Mixture,
    shares: Tensor,
    terms: FloatArray,
    people: Iterable[tuple[FloatArray, FloatArray]],
) -> float:
    """Set mean and weights from people, and return how much of what was missing is left.

    In each neighbourhood there shall be as much of each tissue as in people of that age and sex:
    what the template, mixed as it is so far and carried by each person's own velocity, is short of
    is regressed on the terms, and this is repeated, since shares that add up to 1 push each other.

    Parameters
    ----------
    shares : (1, 3, I, J, K) Tensor
        The template's.
    terms : (N, T) float32 ndarray
        Age and sex of each person.
    people : iterable of maps and velocity
        (3, I, J, K) in [0, 1], and (3, I/2, J/2, K/2), voxels, of exp(v) that carries the template
        onto the person.

    Returns
    -------
    float
        Mean distance from the people's mean amounts afterwards, as a share of that before.
    """
    found = [_amounts(maps, velocity) for maps, velocity in people]
    scaler = StandardScaler().fit(terms)
    rows = torch.from_numpy(terms)
    distances = []
    for turn in range(ROUNDS + 1):
        there = [
            _nearby(mixed(shares, mixture.fields(row[None])), own.sizes)
            for row, own in zip(rows, found, strict=True)
        ]
        distances.append(_mean_distance(there, [own.wanted for own in found]))
        if turn == ROUNDS:
            break
        missing = np.stack(
            [_log_ratio(own.wanted, now).ravel() for own, now in zip(found, there, strict=True)]
        )
        fit = RidgeCV(ALPHAS).fit(scaler.transform(terms), missing)
        weights = (fit.coef_ / scaler.scale_).T
        centre = missing.mean(axis=0) - terms.mean(axis=0) @ weights
        mixture.mean += torch.from_numpy(centre.astype(np.float32)).view(mixture.mean.shape)
        mixture.mean.clamp_(-LARGEST, LARGEST)
        mixture.weights += torch.from_numpy(weights.astype(np.float32))
    return distances[-1] / distances[0] if distances[0] > 0 else 0.0


def _amounts(maps: FloatArray, velocity: FloatArray) -> _Amounts:
    """Bring a person's tissues to the template, as large as they are in the person."""
    back = exponentiate(-torch.from_numpy(velocity)[None])
    brain = torch.from_numpy(maps)[None]
    sizes = jacobian_determinant(back)[:, None]
    brought = pull(brain, resample(back, brain.shape[2:]))
    return _Amounts(_nearby(brought, sizes), sizes)


def _nearby(shares: Tensor, sizes: Tensor) -> FloatArray:
    """Return the amounts (3, I/4, J/4, K/4) of tissues (1, 3, I, J, K) in each neighbourhood."""
    halves = shares.shape[2] // sizes.shape[2]
    weighed = functional.avg_pool3d(shares, halves) * sizes
    coarse = functional.avg_pool3d(weighed, REDUCTION // halves)[0].numpy()
    return np.stack([ndimage.gaussian_filter(one, WITHIN_VOXELS) for one in coarse])


def _log_ratio(wanted: FloatArray, there: FloatArray) -> FloatArray:
    return np.log((wanted + LEAST_SHARE) / (there + LEAST_SHARE))


def _mean_distance(there: Sequence[FloatArray], wanted: Sequence[FloatArray]) -> float:
    """Return how far the people's mean amounts are missed."""
    missed = np.mean([a - b for a, b in zip(there, wanted, strict=True)], axis=0)
    return float(np.abs(missed).reshape(len(TISSUES), -1).sum())
