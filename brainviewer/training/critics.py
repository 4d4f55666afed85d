"""The discriminators of the CSegSynth family, and what they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from brainviewer.generators.blocks import unshuffle
from brainviewer.generators.networks import CLASSES, COARSEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAK = 0.2
GLIMPSE_VOXELS = 48


class ImageCritic(nn.Module):
    """D: scores of tissue maps or images, patch by patch, at 1/4 and 1/8 of the resolution.

    A patch has an opinion of its own (Isola et al. 2017), so that a few people are many examples.
    It is shown how mixed each voxel is, 4 p (1 - p), beside the shares p: from these alone a critic
    did not learn in a hundred steps to tell a blurred brain from a real one, with it in thirty.

    Parameters
    ----------
    channels : (int, int, int)
        At 1/2, 1/4 and 1/8 of the resolution.
    shares : int
        How many numbers a voxel has: those of tissue and background, or one intensity.
    bounded : bool
        Whether each layer's spectral norm is one (Miyato et al. 2018), as the hinge loss wants; a
        gradient penalty does without.
    """

    def __init__(
        self,
        channels: tuple[int, int, int] = (32, 64, 128),
        *,
        shares: int = CLASSES,
        bounded: bool,
    ) -> None:
        super().__init__()
        fine, middle, coarse = channels
        norm: Callable[[nn.Module], nn.Module] = spectral_norm if bounded else nn.Identity()
        self.stem = norm(nn.Conv3d(8 * 2 * shares, fine, 3, padding=1))
        self.to_middle = norm(nn.Conv3d(fine, middle, 4, stride=2, padding=1))
        self.middle = norm(nn.Conv3d(middle, middle, 3, padding=1))
        self.to_coarse = norm(nn.Conv3d(middle, coarse, 4, stride=2, padding=1))
        self.coarse = norm(nn.Conv3d(coarse, coarse, 3, padding=1))
        self.heads = nn.ModuleList([norm(nn.Conv3d(n, 1, 1)) for n in (middle, coarse)])

    def forward(self, shares: Tensor) -> Tensor:
        """Score shares (B, S, I, J, K) in [0, 1]: (B, 2, i, j, k), fine and coarse patches.

        The coarse scores are repeated on the fine grid, so that both have half of the say.
        """
        seen = torch.cat([2.0 * shares - 1.0, 4.0 * shares * (1.0 - shares)], dim=1)
        x = _bend(self.stem(unshuffle(seen)))
        middle = _bend(self.middle(_bend(self.to_middle(x))))
        coarse = _bend(self.coarse(_bend(self.to_coarse(middle))))
        fine_score, coarse_score = (
            head(y).float() for head, y in zip(self.heads, (middle, coarse), strict=True)
        )
        repeated = functional.interpolate(coarse_score, size=fine_score.shape[2:], mode="nearest")
        return torch.cat([fine_score, repeated], dim=1)


class CodeCritic(nn.Module):
    """C: scores of latent codes, three linear layers."""

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.LeakyReLU(LEAK),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(LEAK),
            nn.Linear(hidden, 1),
        )

    def forward(self, code: Tensor) -> Tensor:
        """Score codes (B, L): (B, 1)."""
        score: Tensor = self.layers(code)
        return score


def with_background(maps: Tensor) -> Tensor:
    """Append the background to maps (B, 3, I, J, K): shares (B, 4, I, J, K)."""
    return torch.cat([maps, 1.0 - maps.sum(dim=1, keepdim=True)], dim=1)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """Where to look, and whether in a mirror.

    Attributes
    ----------
    start : (int, int, int)
        Voxel; multiples of 8, so that what a sub-pixel layer leaves behind is always in phase: else
        critics were blind to a checkerboard.
    mirrored : bool
    """

    start: tuple[int, int, int]
    mirrored: bool


def draw_glimpses(
    count: int, shape: tuple[int, ...], random: torch.Generator, *, size: int = GLIMPSE_VOXELS
) -> list[Glimpse]:
    """Choose where to look at brains of a shape (I, J, K).

    A critic that sees parts, and mirrored ones, cannot learn a few brains by heart (Zhao et al.
    2020); a part costs a sixth of the whole, and nothing is interpolated.
    """
    spare = [max(n - size, 0) // COARSEST for n in shape]
    found = []
    for _ in range(count):
        i, j, k = (COARSEST * int(torch.randint(n + 1, (), generator=random)) for n in spare)
        found.append(Glimpse((i, j, k), bool(torch.rand((), generator=random) < 0.5)))
    return found


def look_at(shares: Tensor, glimpses: Sequence[Glimpse], *, size: int = GLIMPSE_VOXELS) -> Tensor:
    """Show a part of each brain (B, S, I, J, K); with fewer glimpses than brains, in turn.

    Parameters
    ----------
    size : int
        Along each axis, in voxels; brains that are smaller are seen whole.
    """
    seen = []
    for one, glimpse in zip(shares, cycle(glimpses), strict=False):
        i, j, k = (slice(start, start + size) for start in glimpse.start)
        part = one[:, i, j, k]
        seen.append(part.flip(1) if glimpse.mirrored else part)
    return torch.stack(seen).contiguous(memory_format=torch.channels_last_3d)


def _bend(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, LEAK)
