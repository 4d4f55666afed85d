"""The prior of a trained VAE, fitted in closed form to the codes of its training people.

What people's codes look like is known once the encoder is trained; a network that learned it on
the way lags behind, and a diagonal prior knows nothing of correlations: its draws leave the codes
of people (ex-post density estimation, Ghosh et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from brainviewer.generators.networks import BENT_TERMS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.generators.networks import ConditionNetwork, Prior

    Array = NDArray[np.float32]

SHIFT_AGES = 12
SHIFT_PENALTY = 0.1
ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 4, 26))


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """What the encoder says of people and their mirror images.

    Attributes
    ----------
    means : (2, N, L) float32 ndarray
        Of q(z | x, y); the mirror images second.
    sds : (2, N, L) float32 ndarray
    """

    means: Array
    sds: Array


def fit_prior(
    prior: Prior, codes: Codes, inputs: Array, volumes_ml: Array, fixed: tuple[int, int] | None
) -> None:
    """Fit a Gaussian to codes, with a mean that depends on conditions, and set it.

    The mean is quadratic in age for each sex, by least squares, and linear in the departures of the
    other features, by a ridge regression whose penalty predicts best what age and sex leave of the
    tissue volumes (least leave-one-out error). The covariance is that of what is left, shrunk
    (Ledoit and Wolf 2004), plus the mean spread of the posteriors.

    Parameters
    ----------
    inputs : (N, D) float32 ndarray
        Conditions as the networks see them; D may be 0.
    volumes_ml : (N, 3) float32 ndarray
    fixed : (int, int) or None
        The columns of age and sex; None without conditions.
    """
    latent = codes.means.shape[2]
    own = codes.means.mean(axis=0).astype(np.float64)
    slopes, bend = np.zeros((latent, inputs.shape[1])), np.zeros((BENT_TERMS, latent))
    centre = own.mean(axis=0)
    if fixed is not None:
        prior.age[fixed[0]], prior.sex[fixed[1]] = 1.0, 1.0
        others = [n for n in range(inputs.shape[1]) if n not in fixed]
        bent = prior.bent(torch.from_numpy(inputs).to(prior.age.device)).cpu().numpy()
        design = np.column_stack([np.ones(len(own)), inputs[:, list(fixed)], bent])
        curve, left = _least_squares(design, own)
        volumes = _least_squares(design, volumes_ml.astype(np.float64))[1]
        scaler = StandardScaler().fit(inputs[:, others])
        departures = scaler.transform(inputs[:, others])
        penalty = RidgeCV(ALPHAS).fit(departures, volumes / volumes.std(axis=0)).alpha_
        fit = Ridge(penalty).fit(departures, left)
        slopes[:, others] = fit.coef_ / scaler.scale_
        slopes[:, list(fixed)] = curve[1:3].T
        centre = curve[0] + fit.intercept_ - slopes[:, others] @ scaler.mean_
        bend = curve[3:]
        expected = centre + inputs @ slopes.T + bent @ bend
    else:
        expected = np.tile(centre, (len(own), 1))
    left = (codes.means - expected).reshape(-1, latent)
    covariance = LedoitWolf(assume_centered=True).fit(left).covariance_
    covariance += np.diag((codes.sds.astype(np.float64) ** 2).mean(axis=(0, 1)))
    factor = np.linalg.cholesky(covariance)
    prior.set(
        *(torch.from_numpy(part.astype(np.float32)) for part in (centre, slopes, bend, factor))
    )


@torch.no_grad()
def fit_shift(network: ConditionNetwork, fitted: Prior, inputs: Tensor) -> None:
    """Make a network give F^-1 (mean(y) - centre) of a fitted prior: where e is moved to.

    Its linear part takes over the slopes; its last layer is fitted, by ridge regression, to what is
    curved, at every age that there is among the inputs.

    Parameters
    ----------
    inputs : (N, D) Tensor
        Conditions as the networks see them.
    """
    age = int(fitted.age.argmax())
    grid = torch.linspace(float(inputs[:, age].min()), float(inputs[:, age].max()), SHIFT_AGES)
    grid = grid.to(inputs.device)
    y = inputs.repeat_interleave(SHIFT_AGES, dim=0)
    y[:, age] = grid.repeat(len(inputs))

    def white(rows: Tensor) -> Tensor:
        solved: Tensor = torch.linalg.solve_triangular(fitted.factor, rows.T, upper=False)
        return solved.T

    network.linear.weight.copy_(white(fitted.network.linear.weight[: len(fitted.centre)].T).T)
    network.linear.bias.zero_()
    bent = functional.silu(network.hidden(y)).cpu().numpy()
    wanted = white(fitted.bent(y) @ fitted.bend).cpu().numpy()
    fit = Ridge(SHIFT_PENALTY).fit(bent, wanted)
    network.correction.weight.copy_(torch.from_numpy(fit.coef_.astype(np.float32)))
    network.correction.bias.copy_(torch.from_numpy(fit.intercept_.astype(np.float32)))


def _least_squares(
    design: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coefficients and what they leave."""
    fit: NDArray[np.float64] = np.linalg.lstsq(design, targets, rcond=None)[0].astype(np.float64)
    return fit, targets - design @ fit
