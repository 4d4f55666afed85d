"""Sets right how large a fitted model expects tissues and regions to be under conditions.

Velocities are predicted component by component, each shrunk by what is not known of it; the volumes
that follow are shrunk with them. Regressions of the volumes themselves know more.
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
# Of each region's own variance: a hundred people say little of one region, and tissues go first.
REGION_DAMPING = 0.5
REFERENCES = 6  # people of all ages in whom the slopes of regions are found
LEAST_ML = 1e-6
SEED = 1


def calibrate_volumes(
    model: Diffeo,
    y: Tensor,
    volumes_ml: FloatArray,
    voxel_ml: float,
    *,
    regions_ml: Numbers | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Move what a model predicts until the volumes it expects are those of regressions.

    Of all moves that give the wanted volumes, that which is most probable under the spread of
    people is taken: Newton steps in the metric of their covariance, with the slopes of the first.
    The regressions are those of `predicted_volumes`; a hundred people would bend a spline to their
    own chance. Tissues are held nearly exactly, regions within a share of their variance.

    Parameters
    ----------
    y : (N, D) Tensor
        Encoded conditions of the training people, none missing.
    volumes_ml : (N, 3) float32 ndarray
    regions_ml : (N, R) float64 ndarray, optional
        Of the model's regions; NaN for who has no labels.

    Returns
    -------
    dict of str to float
        ``volume_gap_before`` and ``volume_gap``: mean distance of what the model expects from what
        the regression does, mL; ``region_gap_before`` and ``region_gap`` the same of regions.
    """
    design = model.design(y).double().numpy()
    a, s = ((y @ part).double().numpy() for part in (model.deviations.age, model.deviations.sex))
    curve = np.column_stack([a, a * a, s])
    features = y.double().numpy()
    wanted = predicted_volumes(curve, features, volumes_ml)
    labelled = np.array([]) if regions_ml is None else np.isfinite(regions_ml).any(axis=1)
    has_regions = bool(labelled.any())
    if has_regions:
        assert regions_ml is not None
        wanted = np.column_stack([wanted, predicted_volumes(curve, features, regions_ml)])
    factor = model.factor.double().numpy()
    near, of_regions = _region_slopes(model, y, a, voxel_ml) if has_regions else ([], [])
    slopes = np.empty((len(y), wanted.shape[1], model.config.latent))
    short = np.empty(wanted.shape)
    gaps = []
    for turn in range(ROUNDS + 1):
        for index, own in enumerate(y):
            noise = _noise(model, SEED + index)
            expected = _expected_volumes(model, noise, own, voxel_ml)
            if turn == 0:
                slopes[index, :3] = _volume_slopes(model, noise, own, voxel_ml)
            if has_regions:
                slopes[index, 3:] = of_regions[near[index]]
                expected = np.append(expected, _expected_regions(model, noise, own, voxel_ml))
            short[index] = wanted[index] - expected
            on_progress(turn * len(y) + index + 1, (ROUNDS + 1) * len(y))
        gaps.append(np.abs(short).mean(axis=0))
        if turn < ROUNDS:
            pairs = zip(slopes, short, strict=True)
            moves = np.stack([_most_probable_move(*pair, factor) for pair in pairs])
            terms = LinearRegression().fit(design, moves)
            model.weights += torch.from_numpy(terms.coef_.T.astype(np.float32))
            model.intercept += torch.from_numpy(terms.intercept_.astype(np.float32))
    found = {"volume_gap_before": gaps[0][:3].mean(), "volume_gap": gaps[-1][:3].mean()}
    if has_regions:
        found |= {"region_gap_before": gaps[0][3:].mean(), "region_gap": gaps[-1][3:].mean()}
    return {name: float(gap) for name, gap in found.items()}


def predicted_volumes(
    curve: Numbers, features: Numbers, volumes_ml: NDArray[np.floating]
) -> Numbers:
    """Return what a regression expects of the people it is fitted to: (N, V) mL.

    Parameters
    ----------
    curve : (N, T) float64 ndarray
        Terms of age and sex, fitted by least squares: ageing is not shrunk.
    features : (N, D) float64 ndarray
        What these do not explain of them is fitted, by ridge regression, to what they leave.
    volumes_ml : (N, V) ndarray
        Rows with NaN are left out of the fits.
    """
    known = np.isfinite(volumes_ml).all(axis=1)
    volumes = volumes_ml[known].astype(np.float64)
    terms = StandardScaler().fit_transform(features)
    terms -= LinearRegression().fit(curve[known], terms[known]).predict(curve)
    by_age = LinearRegression().fit(curve[known], volumes)
    left = volumes - by_age.predict(curve[known])
    scale = np.maximum(left.std(axis=0), LEAST_ML)
    by_others = RidgeCV(ALPHAS).fit(terms[known], left / scale)
    return np.asarray(by_age.predict(curve) + by_others.predict(terms) * scale)


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
        volumes = model.carried(scores, own[None])[0].sum(dim=(1, 2, 3)) * voxel_ml
        for tissue, volume in enumerate(volumes):
            (slope,) = torch.autograd.grad(volume, scores, retain_graph=True)
            slopes[tissue] += slope[0].double().numpy() / len(noise)
    return slopes


@torch.inference_mode()
def _expected_regions(model: Diffeo, noise: Tensor, own: Tensor, voxel_ml: float) -> Numbers:
    """Return the mean volumes (R,) mL of regions, for noise (B, L) under conditions (D,)."""
    found = model.region_volumes(noise, own.expand(len(noise), -1))
    return np.asarray(found.mean(dim=0).double().numpy() * voxel_ml)


def _region_slopes(
    model: Diffeo, y: Tensor, ages: Numbers, voxel_ml: float
) -> tuple[list[int], list[Numbers]]:
    """Find how regions change with the scores in some people without noise.

    Returns
    -------
    list of N int
        The reference nearest to each person in age.
    list of (R, L) float64 ndarray, mL
        The slopes of each reference.
    """
    order = np.argsort(ages, kind="stable")
    places = np.linspace(0, len(order) - 1, min(REFERENCES, len(order))).round().astype(int)
    chosen = order[places]
    slopes = []
    for index in chosen:
        still = torch.zeros((1, model.config.latent))
        scores = model.scores(still, y[[index]]).detach().requires_grad_()
        regions = model.region_volumes_of(scores)[0] * voxel_ml
        rows = [torch.autograd.grad(size, scores, retain_graph=True)[0][0] for size in regions]
        slopes.append(torch.stack(rows).double().numpy())
    near = [int(np.abs(ages[chosen] - age).argmin()) for age in ages]
    return near, slopes


def _most_probable_move(slopes: Numbers, short: Numbers, factor: Numbers) -> Numbers:
    """Return the scores' move (L,) that changes volumes by what they are short of (3 + R,)."""
    spread = slopes @ factor
    metric = spread @ spread.T
    variances = metric.diagonal()
    damping = np.full(len(metric), DAMPING * variances[:3].mean())
    damping[3:] = REGION_DAMPING * variances[3:] + LEAST_ML
    weights = np.linalg.solve(metric + np.diag(damping), short)
    return np.asarray(factor @ spread.T @ weights)
