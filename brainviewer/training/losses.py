"""Loss terms of CSegSynth (Wang et al., section IV): pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


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
