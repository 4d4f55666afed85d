"""Blocks of the networks: grids, and what a start at zero means."""

from __future__ import annotations

import torch
from torch import nn

from brainviewer.generators.blocks import (
    Down,
    ResidualBlock,
    Up,
    keep_variance,
    shuffle,
    smoothed,
    unshuffle,
    zeroed,
)


def test_shuffle_undoes_unshuffle() -> None:
    x = torch.randn(2, 3, 4, 6, 8, generator=torch.Generator().manual_seed(1))
    assert unshuffle(x).shape == (2, 24, 2, 3, 4)
    assert torch.equal(shuffle(unshuffle(x)), x)


def test_unshuffle_puts_the_eight_voxels_of_a_cube_into_channels() -> None:
    x = torch.arange(2 * 4 * 4 * 4.0).reshape(1, 2, 4, 4, 4)
    channels = unshuffle(x)
    for channel in range(2):
        cube = x[0, channel, 2:4, 0:2, 2:4].flatten()
        assert torch.equal(channels[0, 8 * channel : 8 * channel + 8, 1, 0, 1], cube)


def test_a_residual_block_whose_second_convolution_is_zero_changes_nothing() -> None:
    x = torch.randn(1, 4, 5, 3, 2)
    block = ResidualBlock(4)
    assert not torch.equal(block(x), x)
    zeroed(block.second)
    assert torch.equal(block(x), x)


def test_down_halves_and_up_doubles_the_grid() -> None:
    x = torch.randn(2, 4, 4, 8, 6)
    halved = Down(4, 6)(x)
    assert halved.shape == (2, 6, 2, 4, 3)
    doubled = Up(6, 5)(halved)
    assert doubled.shape == (2, 5, 4, 8, 6)
    assert torch.equal(doubled[:, :, 0::2, 0::2, 0::2], doubled[:, :, 1::2, 1::2, 1::2])


def test_variance_is_kept_through_a_deep_start() -> None:
    torch.manual_seed(1)
    layers = nn.Sequential(*(nn.Linear(256, 256) for _ in range(6)))
    keep_variance(layers)
    out = layers(torch.randn(64, 256))
    assert 0.5 < out.var().item() < 2.0
    assert all(not layer.bias.any() for layer in layers)


def test_smoothing_takes_a_checkerboard_away_and_keeps_what_is_flat() -> None:
    board = torch.stack(torch.meshgrid(*[torch.arange(6)] * 3, indexing="ij")).sum(0) % 2
    x = 3.0 + (2.0 * board - 1.0)[None, None]
    smooth = smoothed(x)
    assert smooth.shape == x.shape
    torch.testing.assert_close(smooth[..., 1:-1, 1:-1, 1:-1], torch.full((1, 1, 4, 4, 4), 3.0))
    flat = torch.full((1, 2, 4, 4, 4), 1.5)
    torch.testing.assert_close(smoothed(flat), flat)


def test_smoothing_is_the_same_to_both_sides() -> None:
    x = torch.randn(1, 1, 5, 6, 7)
    torch.testing.assert_close(smoothed(x.flip(2)), smoothed(x).flip(2))
    torch.testing.assert_close(smoothed(x.flip(4)), smoothed(x).flip(4))
