"""Codes of people for a generator without an encoder: its draws seen coarsely, taken as linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

BLOCK_VOXELS = 8
DRAWS = 256
LEAST_SD = 1e-3  # of what the line leaves of a block, as a share


class BlockEncoder:
    """The Gaussian of the noise e that made a brain, given the brain's mean shares in blocks.

    Blocks are taken as b = c + A e + n. The line is fitted to draws by least squares, n has in each
    block the spread of what the line leaves of people, in whom there is more than in draws.

    Parameters
    ----------
    noise : (N, L) Tensor
        Of the draws, standard normal; N above L.
    drawn : (N, B) Tensor
        Their blocks, see `blocks`.
    people : (P, B) Tensor
    """

    def __init__(self, noise: Tensor, drawn: Tensor, people: Tensor) -> None:
        noise, drawn, people = noise.double(), drawn.double(), people.double()
        centred = noise - noise.mean(dim=0)
        matrix = torch.linalg.lstsq(centred, drawn - drawn.mean(dim=0)).solution  # A^T (L, B)
        self._centre = drawn.mean(dim=0) - noise.mean(dim=0) @ matrix
        left = people - self._centre
        left = left - left @ torch.linalg.pinv(matrix) @ matrix
        precision = left.square().mean(dim=0).clamp_min(LEAST_SD**2).reciprocal()
        weighted = matrix * precision
        # Neighbouring blocks err together: as many of them as there are for a code count as one.
        share = matrix.shape[0] / matrix.shape[1]
        eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        covariance = torch.linalg.inv(eye + share * weighted @ matrix.T)
        self._gain = share * weighted.T @ covariance  # (B, L)
        self._log_sd = 0.5 * covariance.diagonal().log()

    def __call__(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log sd (N, L) of the noise behind blocks (N, B)."""
        mean = (blocks.double() - self._centre) @ self._gain
        return mean.float(), self._log_sd.expand_as(mean).float()


def blocks(shares: Tensor) -> Tensor:
    """Return the means of shares (N, C, I, J, K) in blocks, one row a brain: (N, B)."""
    return functional.avg_pool3d(shares.float(), BLOCK_VOXELS).flatten(1)


@torch.inference_mode()
def draw_blocks(
    draw: Callable[[Tensor], Tensor], latent: int, *, seed: int, batch_size: int = 8
) -> tuple[Tensor, Tensor]:
    """Draw brains and return their noise (N, L) and blocks (N, B).

    Parameters
    ----------
    draw : callable
        From noise (M, L) on the processor to shares (M, 3, I, J, K).
    """
    noise = torch.randn((DRAWS, latent), generator=torch.Generator().manual_seed(seed))
    return noise, torch.cat([blocks(draw(part)).cpu() for part in torch.split(noise, batch_size)])
