"""How bright the tissues of registered people are: found in each, and fitted together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from brainviewer.core.tissues import TISSUES
from brainviewer.generators.flow import exponentiate, pull, resample
from brainviewer.generators.intensities import REDUCTION
from brainviewer.training.velocities import ALPHAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.intensities import Intensities

WITHIN_VOXELS = 2.0  # sd of the neighbourhood, in voxels of the fields
# How much tissue the whole brain adds to a neighbourhood that has little of its own.
PRIOR_SHARE = 0.02
DARKEST = 0.02
WM = TISSUES.index("WM")


@torch.inference_mode()
def fit_intensities(
    intensities: Intensities,
    shares: Tensor,
    terms: FloatArray,
    people: Iterable[tuple[FloatArray, FloatArray, FloatArray]],
    *,
    on_person: Callable[[int], None] = lambda done: None,
) -> float:
    """Set mean, weights and texture from people, and return what the weights explain.

    Each person's white matter is brought to the same brightness first: how bright an image is as a
    whole depends on the scanner.

    Parameters
    ----------
    shares : (1, 3, I, J, K) Tensor
        The template's.
    terms : (N, T) float32 ndarray
        Age and sex of each person.
    people : iterable of image, maps and velocity
        (I, J, K) in [0, 1], (3, I, J, K) in [0, 1], and (3, I/2, J/2, K/2), voxels, of exp(v) that
        carries the template onto the person.

    Returns
    -------
    float
        Share of the variance between people.
    """
    shape = shares.shape[2:]
    found, brightnesses, left = [], [], torch.zeros(tuple(shape))
    white = functional.avg_pool3d(shares, REDUCTION)[0, WM]
    for number, (image, maps, velocity) in enumerate(people, start=1):
        back = resample(exponentiate(-torch.from_numpy(velocity)[None]), shape)
        both = torch.from_numpy(np.concatenate([image[None], maps]))[None]
        brought = pull(both, back)
        fields = local_intensities(brought[:, :1], brought[:, 1:])
        brightness = float((fields[WM] * white).sum() / white.sum())
        fields -= brightness
        found.append(fields.flatten().numpy())
        bright = functional.interpolate(fields.exp()[None], list(shape), mode="trilinear")
        left += brought[0, 0] * np.exp(-brightness) - (brought[:, 1:] * bright).sum(dim=1)[0]
        brightnesses.append(brightness)
        on_person(number)
    rows = np.stack(found)
    scaler = StandardScaler().fit(terms)
    fit = RidgeCV(ALPHAS).fit(scaler.transform(terms), rows)
    weights = (fit.coef_ / scaler.scale_).T
    centre = rows.mean(axis=0) - terms.mean(axis=0) @ weights
    overall = float(np.mean(brightnesses))
    intensities.mean.copy_(torch.from_numpy(centre + overall).view(intensities.mean.shape))
    intensities.weights.copy_(torch.from_numpy(weights))
    intensities.texture.copy_(left / len(rows) * np.exp(overall))
    missed = ((rows - (centre + terms @ weights)) ** 2).sum()
    between = ((rows - rows.mean(axis=0)) ** 2).sum()
    return 1.0 - float(missed / between) if between > 0 else 0.0


def local_intensities(image: Tensor, maps: Tensor) -> Tensor:
    """Find the log intensity of each tissue around each place: (3, I/4, J/4, K/4).

    The least squares of image - sum_t maps_t b_t in a Gaussian neighbourhood, with a little of the
    whole brain's in it, so that each tissue has some everywhere.

    Parameters
    ----------
    image : (1, 1, I, J, K) Tensor
    maps : (1, 3, I, J, K) Tensor
    """
    products = torch.cat([maps * image, *(maps * maps[:, [t]] for t in range(len(TISSUES)))], dim=1)
    coarse = functional.avg_pool3d(products, REDUCTION)[0].double()
    whole = coarse.mean(dim=(1, 2, 3))
    near = np.stack([ndimage.gaussian_filter(one, WITHIN_VOXELS) for one in coarse.numpy()])
    amounts = torch.from_numpy(near).movedim(0, -1) + PRIOR_SHARE * whole
    right, left = amounts[..., :3], amounts[..., 3:].reshape(*amounts.shape[:-1], 3, 3)
    overall = torch.linalg.solve(whole[3:].view(3, 3), whole[:3])
    # Ridge towards the whole brain's: no tissue is left to chance where there is none.
    ridge = PRIOR_SHARE * whole[3:].view(3, 3).diagonal().mean() * torch.eye(3, dtype=left.dtype)
    solved = torch.linalg.solve(left + ridge, right + overall @ ridge)
    logarithms: Tensor = solved.clamp_min(DARKEST).log().float().movedim(-1, 0)
    return logarithms
