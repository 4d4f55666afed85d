"""Building blocks of the volume networks: fast on a processor, dense, no grouped convolutions."""

from __future__ import annotations

from typing import TypeVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

Layer = TypeVar("Layer", bound=nn.Module)


def zeroed(module: Layer) -> Layer:
    """Start a layer at zero, so that what it corrects is untouched at first."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def keep_variance(module: nn.Module) -> None:
    """Start every layer so that outputs vary as much as inputs (LeCun et al. 1998), biases at 0.

    torch's own start shrinks the signal by a factor of 1.7 a layer: what the latent says would
    drown in what is the same for everybody.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv3d | nn.Linear):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=fan_in**-0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions around a skip connection; the second may start at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, I, J, K) to the same shape."""
        hidden = functional.silu(self.first(functional.silu(self.norm(x))))
        change: Tensor = self.second(hidden)
        return x + change


class Down(nn.Module):
    """Halve the grid: 2 x 2 x 2 voxels become channels, then a residual block."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = nn.Conv3d(inputs, outputs, 2, stride=2)
        self.block = ResidualBlock(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, 2I, 2J, 2K) to (B, C', I, J, K)."""
        halved: Tensor = self.block(self.mix(x))
        return halved


class Up(nn.Module):
    """Double the grid: a residual block, a mix of channels, nearest-neighbour up-sampling.

    The convolution that smooths the new grid is the next block's.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = ResidualBlock(inputs)
        self.mix = nn.Conv3d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, I, J, K) to (B, C', 2I, 2J, 2K)."""
        return functional.interpolate(self.mix(self.block(x)), scale_factor=2.0, mode="nearest")


def unshuffle(x: Tensor) -> Tensor:
    """Turn each cube of 2 x 2 x 2 voxels into channels: (B, C, 2I, 2J, 2K) to (B, 8C, I, J, K)."""
    return rearrange(x, "b c (i p) (j q) (k r) -> b (c p q r) i j k", p=2, q=2, r=2)


def smoothed(x: Tensor) -> Tensor:
    """Smooth (B, C, I, J, K) by 1/4, 1/2, 1/4 along each axis, edges repeated.

    The filter takes away a pattern of period two voxels and no other, which is what a sub-pixel
    layer leaves behind when a critic rewards contrast.
    """
    for axis in (2, 3, 4):
        last = x.shape[axis] - 1
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, last)], dim=axis)
        after = torch.cat([x.narrow(axis, 1, last), x.narrow(axis, last, 1)], dim=axis)
        x = 0.5 * x + 0.25 * (before + after)
    return x


def shuffle(x: Tensor) -> Tensor:
    """Undo `unshuffle`: (B, 8C, I, J, K) to (B, C, 2I, 2J, 2K) (Shi et al. 2016)."""
    return rearrange(x, "b (c p q r) i j k -> b c (i p) (j q) (k r)", p=2, q=2, r=2)
