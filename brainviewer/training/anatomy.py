"""The sharp template of a cohort: MNI152, re-shaped to the cohort's mean.

Sharp folds come from MNI152, an average of many finely registered brains; shape and shares come
from the cohort. Both are found from some of its people in turns: they are registered to the
template, their mean velocity re-shapes it, and how much of each tissue there is nearby is set
right.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from brainviewer.cohort.growth import FINEST_SPACING_MM, load_reference
from brainviewer.cohort.template import average_cells
from brainviewer.core.space import finer_affine
from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample
from brainviewer.generators.registration import register
from brainviewer.training.guides import mean_guide, paired
from brainviewer.training.velocities import mirrored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.generators.registration import Effort

FINE = 2  # voxels of the fine template in one of the generator's, along each axis
ROUNDS = 2
SHARE_ROUNDS = 30
FINE_ROUNDS = 12
BLURRED = 0.02
NEARBY_VOXELS = 3.0  # within which the amount of each tissue is set right
LEAST_SHARE = 1e-3
LARGEST_FACTOR = 4.0


def load_anatomy(shape: tuple[int, int, int], affine: Affine) -> FloatArray:
    """Load the shares of MNI152 with its sulci opened, on a grid twice as fine as a generator's.

    Parameters
    ----------
    shape : (I, J, K)
        Of the generator's grid.
    affine : (4, 4) float64 ndarray, mm
        Of the generator's grid; its axes along x, y and z.

    Returns
    -------
    (4, 2I, 2J, 2K) float32 ndarray
        WM, GM, CSF, background.
    """
    return _anatomy(shape, affine.tobytes())


@lru_cache(maxsize=1)
def _anatomy(shape: tuple[int, int, int], affine: bytes) -> FloatArray:
    grid = finer_affine(np.frombuffer(affine, dtype=np.float64).reshape(4, 4), FINE)
    i, j, k = (FINE * n for n in shape)
    reference = load_reference(FINEST_SPACING_MM)
    wm, gm, csf, ventricles = (
        average_cells(part, reference.affine, (i, j, k), grid) for part in reference.classes
    )
    tissues = np.stack([wm, gm, csf + ventricles])
    return np.concatenate([tissues, np.clip(1.0 - tissues.sum(axis=0, keepdims=True), 0.0, 1.0)])


def build_template(
    anatomy: FloatArray,
    people: Sequence[FloatArray],
    effort: Effort,
    *,
    guides: Sequence[FloatArray | None] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[FloatArray, FloatArray | None]:
    """Re-shape an anatomy to the mean of people.

    The anatomy has no guide: it is that of the people after the first turn.

    Parameters
    ----------
    anatomy : (4, 2I, 2J, 2K) float32 ndarray
        Symmetric left to right, as the template will be.
    people : sequence of (3, I, J, K) float32 ndarray
        Tissue maps in [0, 1].
    guides : sequence of (C, I/2, J/2, K/2) float32 ndarray or None
        None where somebody has none.

    Returns
    -------
    (4, I, J, K) float32 ndarray
        WM, GM, CSF, background; they add up to 1.
    (C, I/2, J/2, K/2) float32 ndarray or None
        The template's guide; None where nobody has one.
    """
    guides = guides or [None] * len(people)
    guide: Tensor | None = None
    wanted = [_with_background(torch.from_numpy(maps)[None]) for maps in people]
    fine = torch.from_numpy(_with_shares(anatomy, np.mean([w[0].numpy() for w in wanted], axis=0)))
    shape = people[0].shape[1:]
    flow = torch.zeros((1, 3, *(n // 2 for n in shape)))
    factors = torch.ones((1, 4, *shape))
    template = functional.avg_pool3d(fine[None], FINE)
    total = ROUNDS * len(people)
    for turn in range(ROUNDS):
        velocities = []
        for index, (brain, own_guide) in enumerate(zip(wanted, guides, strict=True)):
            pair = paired(guide, own_guide)
            velocities.append(register(template[:, :3], brain[:, :3], effort, pair))
            on_progress(turn * len(people) + index + 1, total)
        own = torch.cat(velocities).numpy()
        mean = torch.from_numpy(np.concatenate([own, mirrored(own)]).mean(axis=0))[None]
        # T o exp(v1) o exp(v2) = T o (id + d2 + d1 o (id + d2))
        step = exponentiate(mean)
        flow = step + pull(flow, step)
        factors = pull(factors, resample(step, shape))
        template = _mixed(_reshaped(fine, flow), factors)
        left = [velocity - mean for velocity in velocities]
        factors = factors * _missing_shares(template, wanted, left)
        template = _mixed(_reshaped(fine, flow), factors)
        guide = mean_guide(guides, left)
    return template[0].numpy(), None if guide is None else guide[0].numpy()


def refine_template(anatomy: FloatArray, template: FloatArray, effort: Effort) -> FloatArray:
    """Make a template twice as fine: the anatomy, registered to it, with its shares.

    What is fine comes from the anatomy; the averages are set right by multiplying in turns.

    Parameters
    ----------
    anatomy : (4, 2I, 2J, 2K) float32 ndarray
    template : (4, I, J, K) float32 ndarray
        They add up to 1.

    Returns
    -------
    (4, 2I, 2J, 2K) float32 ndarray
        They add up to 1; their averages over 2 x 2 x 2 voxels are nearly the template's.
    """
    wanted = torch.from_numpy(template)[None]
    fine = torch.from_numpy(_with_shares(anatomy, template))[None]
    velocity = register(functional.avg_pool3d(fine, FINE)[:, :3], wanted[:, :3], effort)
    fine = pull(fine, resample(exponentiate(velocity), fine.shape[2:]))
    # A little of everything the template has, which the anatomy may have nowhere near.
    fine = (1.0 - BLURRED) * fine + BLURRED * _finer(wanted)
    for _ in range(FINE_ROUNDS):
        ratio = (wanted + LEAST_SHARE) / (functional.avg_pool3d(fine, FINE) + LEAST_SHARE)
        fine = _mixed(fine, _finer(ratio))
    refined: FloatArray = fine[0].numpy()
    return refined


def _finer(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=float(FINE), mode="trilinear")


def _with_background(tissues: Tensor) -> Tensor:
    return torch.cat([tissues, 1.0 - tissues.sum(dim=1, keepdim=True)], dim=1)


def _with_shares(anatomy: FloatArray, wanted: FloatArray) -> FloatArray:
    """Weigh WM, GM and CSF so that their shares of the brain are those wanted.

    Where there is one tissue alone nothing changes.
    """
    total = anatomy[:3].sum(axis=0)
    goal = wanted[:3].sum(axis=(1, 2, 3)) / wanted[:3].sum()
    weights = np.ones((3, 1, 1, 1), np.float32)
    for _ in range(SHARE_ROUNDS):
        tissues = anatomy[:3] * weights
        tissues *= total / np.maximum(tissues.sum(axis=0), 1e-6)
        found = tissues.sum(axis=(1, 2, 3)) / total.sum()
        weights *= (goal / found).astype(np.float32).reshape(3, 1, 1, 1)
    return np.concatenate([tissues, anatomy[3:]])


def _reshaped(fine: Tensor, flow: Tensor) -> Tensor:
    """Carry the fine anatomy along a flow, and average it to the generator's grid."""
    carried = pull(fine[None], resample(flow, fine.shape[1:]))
    return functional.avg_pool3d(carried, FINE)


def _mixed(template: Tensor, factors: Tensor) -> Tensor:
    shares = template * factors
    return shares / shares.sum(dim=1, keepdim=True)


def _missing_shares(
    template: Tensor, people: Sequence[Tensor], velocities: Sequence[Tensor]
) -> Tensor:
    """Return by what each tissue must be multiplied so that there is nearby as much as in people.

    Amounts are those in people, so that each place of the template counts as often as its copies
    are large: by the Jacobian determinant of exp(-v).
    """
    there, wanted = torch.zeros_like(template), torch.zeros_like(template)
    for brain, velocity in zip(people, velocities, strict=True):
        back = resample(exponentiate(-velocity), template.shape[2:])
        size = jacobian_determinant(back)[:, None]
        there += size * template
        wanted += size * pull(brain, back)
    blurred = [_nearby(amount / len(people)) for amount in (wanted, there)]
    ratio = (blurred[0] + LEAST_SHARE) / (blurred[1] + LEAST_SHARE)
    ratio = 0.5 * (ratio + ratio.flip(2))
    return ratio.clamp(1.0 / LARGEST_FACTOR, LARGEST_FACTOR)


def _nearby(maps: Tensor) -> Tensor:
    blurred = [ndimage.gaussian_filter(one, NEARBY_VOXELS) for one in maps[0].numpy()]
    return torch.from_numpy(np.stack(blurred))[None]
