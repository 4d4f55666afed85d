"""Sets right how much of each tissue a fitted model expects under conditions.

Velocities are predicted component by component, each shrunk by what is not known of it; the volumes
that follow are shrunk with them. A regression of three volumes knows more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.diffeo import Diffeo

    Numbers = NDArray[np.float64]

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 4, 26))
ROUNDS = 3
DAMPING = 0.003  # of the mean variance of a volume, so that no step is long where slopes are alike
SEED = 1


def calibrate_volumes(
    model: Diffeo,
    y: Tensor,
    volumes_ml: FloatArray,
    voxel_ml: float,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Move what a model predicts until the volumes it expects are those of a regression.

    Of all moves that give the wanted volumes, that which is most probable under the spread of
    people is taken: Newton steps in the metric of their covariance, with the slopes of the first.
    The regression is least squares on age, its square and sex, and ridge on the departures of the
    other features; a hundred people would bend a spline to their own chance.

    Parameters
    ----------
    y : (N, D) Tensor
        Encoded conditions of the training people, none missing.
    volumes_ml : (N, 3) float32 ndarray

    Returns
    -------
    dict of str to float
        ``volume_gap_before`` and ``volume_gap``: mean distance of what the model expects from what
        the regression does, mL.
    """
    design = model.design(y).double().numpy()
    a, s = ((y @ part).double().numpy() for part in (model.deviations.age, model.deviations.sex))
    others = design[:, design.shape[1] - y.shape[1] :]
    wanted = predicted_volumes(np.column_stack([a, a * a, s]), others, volumes_ml)
    factor = model.factor.double().numpy()
    slopes = np.empty((len(y), 3, model.config.latent))
    short = np.empty((len(y), 3))
    gaps = []
    for turn in range(ROUNDS + 1):
        for index, own in enumerate(y):
            noise = _noise(model, SEED + index)
            if turn == 0:
                slopes[index] = _volume_slopes(model, noise, own, voxel_ml)
            short[index] = wanted[index] - _expected_volumes(model, noise, own, voxel_ml)
            on_progress(turn * len(y) + index + 1, (ROUNDS + 1) * len(y))
        gaps.append(float(np.abs(short).mean()))
        if turn < ROUNDS:
            pairs = zip(slopes, short, strict=True)
            moves = np.stack([_most_probable_move(*pair, factor) for pair in pairs])
            terms = LinearRegression().fit(design, moves)
            model.weights += torch.from_numpy(terms.coef_.T.astype(np.float32))
            model.intercept += torch.from_numpy(terms.intercept_.astype(np.float32))
    return {"volume_gap_before": gaps[0], "volume_gap": gaps[-1]}


def predicted_volumes(curve: Numbers, others: Numbers, volumes_ml: FloatArray) -> Numbers:
    """Return what a regression expects of the people it is fitted to: (N, 3) mL.

    Parameters
    ----------
    curve : (N, T) float64 ndarray
        Terms of age and sex, fitted by least squares.
    others : (N, D) float64 ndarray
        Terms that what these leave is fitted to, by ridge regression.
    """
    volumes = volumes_ml.astype(np.float64)
    expected = LinearRegression().fit(curve, volumes).predict(curve)
    left = volumes - expected
    scale = left.std(axis=0)
    terms = StandardScaler().fit_transform(others)
    return np.asarray(expected + RidgeCV(ALPHAS).fit(terms, left / scale).predict(terms) * scale)


def _noise(model: Diffeo, seed: int) -> Tensor:
    """Draw noise (2, L), the second row the opposite of the first."""
    drawn = torch.randn((1, model.config.latent), generator=torch.Generator().manual_seed(seed))
    return torch.cat([drawn, -drawn])


@torch.inference_mode()
def _expected_volumes(model: Diffeo, noise: Tensor, own: Tensor, voxel_ml: float) -> Numbers:
    """Return the mean volumes (3,) mL of noise (B, L) under conditions (D,)."""
    found = [model.shares(one[None], own[None])[0, :3].sum(dim=(1, 2, 3)) for one in noise]
    return np.asarray(torch.stack(found).mean(dim=0).double().numpy() * voxel_ml)


def _volume_slopes(model: Diffeo, noise: Tensor, own: Tensor, voxel_ml: float) -> Numbers:
    """Return how the mean volumes change with the scores: (3, L), mL."""
    slopes = np.zeros((3, model.config.latent))
    for one in noise:
        scores = model.scores(one[None], own[None]).requires_grad_()
        volumes = model.carried(scores)[0, :3].sum(dim=(1, 2, 3)) * voxel_ml
        for tissue, volume in enumerate(volumes):
            (slope,) = torch.autograd.grad(volume, scores, retain_graph=True)
            slopes[tissue] += slope[0].double().numpy() / len(noise)
    return slopes


def _most_probable_move(slopes: Numbers, short: Numbers, factor: Numbers) -> Numbers:
    """Return the scores' move (L,) that changes volumes by what they are short of (3,)."""
    spread = slopes @ factor
    metric = spread @ spread.T
    damping = DAMPING * np.trace(metric) / len(metric)
    weights = np.linalg.solve(metric + damping * np.eye(len(metric)), short)
    return np.asarray(factor @ spread.T @ weights)
