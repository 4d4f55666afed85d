"""Sets right how much of each tissue a fitted model expects under conditions.

Velocities are predicted component by component, each shrunk by what is not known of it; the volumes
that follow are shrunk with them. A regression of three volumes on the same terms knows more.
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
    people is taken: Gauss-Newton steps in the metric of their covariance. The regression is least
    squares on the terms of age and sex, and ridge on the departures of the other features.

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
    wanted = predicted_volumes(design, volumes_ml, of_age=design.shape[1] - y.shape[1])
    terms = LinearRegression()
    gaps = []
    for turn in range(ROUNDS + 1):
        moves = np.empty((len(y), model.config.latent))
        short = np.empty((len(y), 3))
        for index, own in enumerate(y):
            found, slopes = _expected_volumes(model, own, voxel_ml, seed=SEED + index)
            short[index] = wanted[index] - found
            moves[index] = _most_probable_move(slopes, short[index], model.factor.double().numpy())
            on_progress(turn * len(y) + index + 1, (ROUNDS + 1) * len(y))
        gaps.append(float(np.abs(short).mean()))
        if turn < ROUNDS:
            terms.fit(design, moves)
            model.weights += torch.from_numpy(terms.coef_.T.astype(np.float32))
            model.intercept += torch.from_numpy(terms.intercept_.astype(np.float32))
    return {"volume_gap_before": gaps[0], "volume_gap": gaps[-1]}


def predicted_volumes(design: Numbers, volumes_ml: FloatArray, *, of_age: int) -> Numbers:
    """Return what a regression expects of the people it is fitted to: (N, 3) mL.

    Parameters
    ----------
    design : (N, T) float64 ndarray
        The terms of age and sex first.
    of_age : int
        How many these are.
    """
    volumes = volumes_ml.astype(np.float64)
    expected = LinearRegression().fit(design[:, :of_age], volumes).predict(design[:, :of_age])
    if of_age == design.shape[1]:
        return np.asarray(expected)
    others = StandardScaler().fit_transform(design[:, of_age:])
    left = volumes - expected
    scale = left.std(axis=0)
    return np.asarray(expected + RidgeCV(ALPHAS).fit(others, left / scale).predict(others) * scale)


def _expected_volumes(
    model: Diffeo, own: Tensor, voxel_ml: float, *, seed: int
) -> tuple[Numbers, Numbers]:
    """Return volumes (3,) expected under conditions (D,), and their slopes (3, L) by the scores.

    Averaged over one draw of the noise and its opposite.
    """
    drawn = torch.randn((1, model.config.latent), generator=torch.Generator().manual_seed(seed))
    volumes, slopes = np.zeros(3), np.zeros((3, model.config.latent))
    for noise in (drawn, -drawn):
        scores = model.scores(noise, own[None]).requires_grad_()
        maps = model.carried(scores)[0, :3]
        sums = maps.sum(dim=(1, 2, 3)) * voxel_ml
        volumes += 0.5 * sums.detach().double().numpy()
        for tissue, amount in enumerate(sums):
            (slope,) = torch.autograd.grad(amount, scores, retain_graph=tissue < len(sums) - 1)
            slopes[tissue] += 0.5 * slope[0].double().numpy()
    return volumes, slopes


def _most_probable_move(slopes: Numbers, short: Numbers, factor: Numbers) -> Numbers:
    """Return the scores' move (L,) that changes volumes by what they are short of (3,)."""
    spread = slopes @ factor
    metric = spread @ spread.T
    damping = DAMPING * np.trace(metric) / len(metric)
    weights = np.linalg.solve(metric + damping * np.eye(len(metric)), short)
    return np.asarray(factor @ spread.T @ weights)
