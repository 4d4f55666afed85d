"""How the tissues of registered people mix where the template has them, fitted together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from brainviewer.core.tissues import TISSUES
from brainviewer.generators.mixture import LARGEST, ROUNDS, own_fields
from brainviewer.training.velocities import ALPHAS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.mixture import Amounts, Mixture


@torch.inference_mode()
def fit_mixture(
    mixture: Mixture,
    shares: Tensor,
    terms: FloatArray,
    people: Sequence[Amounts],
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
    people : sequence of N Amounts

    Returns
    -------
    float
        Mean distance from the people's mean amounts afterwards, as a share of that before.
    """
    scaler = StandardScaler().fit(terms)
    rows = torch.from_numpy(terms)
    distances = []
    for turn in range(ROUNDS + 1):
        there = [
            own.of_template(shares, mixture.fields(row[None]))
            for row, own in zip(rows, people, strict=True)
        ]
        distances.append(_mean_distance(there, [own.wanted for own in people]))
        if turn == ROUNDS:
            break
        missing = np.stack(
            [own.lacking(now).ravel() for own, now in zip(people, there, strict=True)]
        )
        fit = RidgeCV(ALPHAS).fit(scaler.transform(terms), missing)
        weights = (fit.coef_ / scaler.scale_).T
        centre = missing.mean(axis=0) - terms.mean(axis=0) @ weights
        mixture.mean += torch.from_numpy(centre.astype(np.float32)).view(mixture.mean.shape)
        mixture.mean.clamp_(-LARGEST, LARGEST)
        mixture.weights += torch.from_numpy(weights.astype(np.float32))
    return distances[-1] / distances[0] if distances[0] > 0 else 0.0


@torch.inference_mode()
def personal_fields(
    mixture: Mixture, shares: Tensor, terms: FloatArray, people: Sequence[Amounts]
) -> FloatArray:
    """Return what of each person's own mixture age and sex leave: (N, 3, I/4, J/4, K/4).

    Parameters
    ----------
    mixture : Mixture
        As `fit_mixture` leaves it.
    shares, terms, people
        As there.
    """
    rows = []
    for row, own in zip(torch.from_numpy(terms), people, strict=True):
        expected = mixture.fields(row[None])
        rows.append((own_fields(shares, expected, own) - expected)[0].numpy())
    return np.stack(rows)


def _mean_distance(there: Sequence[FloatArray], wanted: Sequence[FloatArray]) -> float:
    """Return how far the people's mean amounts are missed."""
    missed = np.mean([a - b for a, b in zip(there, wanted, strict=True)], axis=0)
    return float(np.abs(missed).reshape(len(TISSUES), -1).sum())
