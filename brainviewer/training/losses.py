"""Loss terms of CSegSynth (Wang et al., section IV) and BrainSynth: pure functions of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

SMALLEST_SHARE = 1e-6


def tissue_cross_entropy(logits: Tensor, maps: Tensor) -> Tensor:
    """Return -log p(x | z) of Eq. 2, a voxel: the cross-entropy against partial volumes.

    Parameters
    ----------
    logits : (B, 4, I, J, K) Tensor
        WM, GM, CSF and background.
    maps : (B, 3, I, J, K) Tensor, in [0, 1]
        WM, GM, CSF; background is one minus their sum.
    """
    log_share = functional.log_softmax(logits.float(), dim=1)
    background = 1.0 - maps.sum(dim=1)
    inside = (maps * log_share[:, :3]).sum(dim=1)
    return -(inside + background * log_share[:, 3]).mean()


def block_cross_entropy(logits: Tensor, maps: Tensor, size: int) -> Tensor:
    """Return the cross-entropy of Eq. 6 between shares of tissue in blocks of voxels, a block.

    In single voxels, a fold that is not where the person has it costs more than none at all, and
    the reconstruction pulls against everything that a critic asks for. Within a block its place is
    free.

    Parameters
    ----------
    logits, maps : Tensor
        As for `tissue_cross_entropy`.
    size : int
        Voxels along each axis of a block; 1 is the published loss.
    """
    if size == 1:
        return tissue_cross_entropy(logits, maps)
    shares = functional.avg_pool3d(functional.softmax(logits.float(), dim=1), size)
    wanted = functional.avg_pool3d(torch.cat([maps, 1.0 - maps.sum(1, keepdim=True)], 1), size)
    return -(wanted * shares.clamp_min(SMALLEST_SHARE).log()).sum(dim=1).mean()


def gaussian_kl(mean: Tensor, log_sd: Tensor, prior_mean: Tensor, prior_log_sd: Tensor) -> Tensor:
    """Return KL(q || p) of two diagonal Gaussians (B, L), in nats, averaged over the batch."""
    ratio = (2.0 * (log_sd - prior_log_sd)).exp()
    distance = ((mean - prior_mean) * (-prior_log_sd).exp()) ** 2
    each = 0.5 * (ratio + distance - 1.0) - (log_sd - prior_log_sd)
    return each.sum(dim=1).mean()


def map_volumes(maps: Tensor, voxel_ml: float) -> Tensor:
    """Return Vol(x) of Eq. 9: maps (B, C, I, J, K) to volumes (B, C), mL."""
    return maps.sum(dim=(2, 3, 4), dtype=torch.float32) * voxel_ml


def volume_loss(volumes: Tensor, wanted: Tensor, sd: Tensor) -> Tensor:
    """Return LI(Vol(x^), v) of Eq. 9 with volumes in units of their standard deviation.

    In mm3, as published, the term outweighs the others a million-fold.

    Parameters
    ----------
    volumes, wanted : (B, 3) Tensor, mL
    sd : (3,) Tensor, mL
        Over the training people.
    """
    return ((volumes - wanted) / sd).abs().mean()


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> Tensor:
    """Return TML of Eqs. 10 and 13 (Schroff et al. 2015) of standardised volumes (B, 3).

    It asks that volumes under a person's own features be nearer to the person's than volumes under
    other features, by a margin in standard deviations.
    """
    near = (positive - anchor).abs().mean(dim=1)
    far = (negative - anchor).abs().mean(dim=1)
    return functional.relu(near - far + margin).mean()


def energy_score(first: Tensor, second: Tensor, wanted: Tensor) -> Tensor:
    """Score two draws (B, 3) of standardised volumes against the person's (Gneiting, Raftery 2007).

    E|V - v| - E|V - V'| / 2: least when the draws vary as people of the same features do. The term
    of Eqs. 10 and 13, its first half, is least when all draws of a person have the same volume.
    """
    off = 0.5 * ((first - wanted).abs() + (second - wanted).abs())
    return (off - 0.5 * (first - second).abs()).mean()


def hinge_critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return the critic's hinge loss (Lim and Ye 2017) of scores of any shape."""
    return functional.relu(1.0 - real).mean() + functional.relu(1.0 + made).mean()


def wasserstein_critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return D(made) - D(real) of Eqs. 3, 7, 11 and 14, without the penalty."""
    return made.mean() - real.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor, share: Tensor
) -> Tensor:
    """Return (|grad D(x~)| - 1)^2 at x~ = share x real + (1 - share) x made (Gulrajani 2017).

    The norm is that of a whole sample.

    Parameters
    ----------
    critic : function of samples (B, ...) to scores (B, ...)
    real, made : (B, ...) Tensor
    share : (B,) Tensor, in [0, 1]
    """
    share = share.view(-1, *[1] * (real.dim() - 1))
    between = (share * real + (1.0 - share) * made).detach().requires_grad_()
    score = critic(between).flatten(1).mean(dim=1).sum()
    (slope,) = torch.autograd.grad(score, between, create_graph=True)
    penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1.0).square().mean()
    return penalty


def edge_loss(made: Tensor, real: Tensor, *, scales: int = 2) -> Tensor:
    """Return the mean distance between the steps from voxel to voxel of images, over scales.

    L1 alone forgives a soft edge in the right place; what is missing of its height costs here.

    Parameters
    ----------
    made, real : (B, C, I, J, K) Tensor
    scales : int
        Of which each halves the resolution of the one before.
    """
    total = made.new_zeros(())
    for scale in range(scales):
        if scale:
            made, real = functional.avg_pool3d(made, 2), functional.avg_pool3d(real, 2)
        off = made - real  # a difference of steps is a step of the difference
        total = total + sum(off.diff(dim=axis).abs().mean() for axis in (2, 3, 4)) / 3
    return total / scales
