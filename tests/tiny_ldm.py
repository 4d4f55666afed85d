"""A tiny latent diffusion model. Apart from `tests.tiny`, since MONAI takes seconds to import."""

from __future__ import annotations

import torch
from torch import nn

from brainviewer.generators.ldm import LDM, LDMConfig
from tests.tiny import SHAPE

SIZES = {
    "latent_channels": 2,
    "channels": (8, 8, 8),
    "unet_channels": (16,),
    "tokens": 2,
    "token_width": 4,
    "hidden": 5,
    "sampling_steps": 10,
}


def tiny_ldm(conditions: int, *, seed: int = 1) -> LDM:
    """Make a network in which everything matters, and which denoises as gently as a trained one."""
    torch.manual_seed(seed)
    model = LDM(LDMConfig(SHAPE, conditions, **SIZES))
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    model.deviations.coefficients.normal_(std=0.1)
    model.denoiser.centre.normal_()
    model.denoiser.spread.uniform_(0.5, 2.0)
    shares = torch.rand(model.mean.shares.shape) + 0.1
    model.mean.shares.copy_(shares / shares.sum(dim=1, keepdim=True))
    return model.eval().requires_grad_(requires_grad=False)
