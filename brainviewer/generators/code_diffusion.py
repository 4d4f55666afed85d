"""Masked diffusion over R-codes (BrainSynth: Peng et al. 2023, section 4.2.2, Eqs. 2-4).

The grid of codes is cut into slabs along k. A slab is learned and drawn given the one before it, so
that the transformer sees two of them at a time. Going forward, entries are masked one after the
other (absorbed; Austin et al. 2021), going back they are unveiled, each drawn from what the
transformer predicts of the unmasked code.

The text gives 1/t as the probability of Eq. 2 by which an entry is *kept*, which would mask nothing
at t = 1 and nearly all from then on; that is what makes t/T masked after t steps when it is the
probability of being masked (Bond-Taylor et al. 2022, whom it follows). So it is here, with t/T in
(0, 1] for a number of steps that training need not know.

Not in the paper: how often each code occurs at each place is counted, and the transformer learns
what goes beyond. From a hundred people it would else spend most of its steps on learning to count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from brainviewer.generators.networks import full_precision
from brainviewer.generators.quantise import CODES_OF_A_PLACE

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """Sizes of the transformer and how it is sampled.

    Attributes
    ----------
    width, layers, heads : int
        The paper has a GPT and says no more.
    slabs : int
        N_I, along k.
    dropout : float
    sampling_steps : int
        In which a slab is unveiled.
    temperature : float
        By which predicted logits are divided: below 1, draws keep to what is likely.
    """

    width: int = 256
    layers: int = 6
    heads: int = 8
    slabs: int = 3
    dropout: float = 0.1
    sampling_steps: int = 12
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of {self.heads} heads, got {self.width}")
        if self.sampling_steps < 1 or self.temperature <= 0:
            raise ValueError(
                f"sampling_steps must be 1 or more and temperature above 0, got "
                f"{self.sampling_steps} and {self.temperature}"
            )


class CodeTransformer(nn.Module):
    """epsilon of Eq. 4: predicts the codes of a slab from those that are not masked.

    Parameters
    ----------
    config : TransformerConfig
    codes : int
        N, of each codebook; the mask is code N.
    grid : (i, j, k)
        Of the codes.
    """

    usual: Tensor

    def __init__(self, config: TransformerConfig, codes: int, grid: tuple[int, int, int]) -> None:
        super().__init__()
        self.config = config
        self.mask = codes
        self.grid = grid
        parts = np.array_split(np.arange(grid[2]), config.slabs)
        self.slabs = [slice(int(part[0]), int(part[-1]) + 1) for part in parts]
        width = config.width
        # Each of the four codes of a place has a vocabulary of its own.
        self.vocabulary = nn.Embedding(CODES_OF_A_PLACE * (codes + 1), width)
        self.places = nn.ParameterList(0.1 * torch.randn(n, width) for n in grid)
        self.is_target = nn.Parameter(torch.zeros(width))
        self.time = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                config.heads,
                4 * width,
                config.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CODES_OF_A_PLACE * codes)
        # The logarithm of how often each code occurs at each place; 0 while nothing is known.
        self.register_buffer("usual", torch.zeros(CODES_OF_A_PLACE, *grid, codes))
        nn.init.normal_(self.vocabulary.weight, std=0.1)
        nn.init.zeros_(self.head.weight)

    def forward(self, codes: Tensor, slab: int, masked: Tensor) -> Tensor:
        """Predict the codes of a slab.

        Parameters
        ----------
        codes : (B, 4, i, j, k) int64 Tensor
            Of the whole grid, of which the slab and the one before are read.
        slab : int
            Which is predicted: some of its codes are `mask`.
        masked : (B,) Tensor
            t/T: the share of its codes that is.

        Returns
        -------
        (B, 4, i, j, k', N) Tensor
            Logits.
        """
        here = self.slabs[slab]
        before = self.slabs[slab - 1] if slab else slice(0, 0)  # empty for the first
        target = self._tokens(codes, here) + self.is_target + self.time(masked[:, None])[:, None]
        x = torch.cat([self._tokens(codes, before), target], dim=1)  # (B, S, W)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x[:, -target.shape[1] :]))
        i, j, _ = self.grid
        told = rearrange(logits, "b (i j k) (h n) -> b h i j k n", i=i, j=j, h=CODES_OF_A_PLACE)
        return told + self.usual[..., here, :]

    def _tokens(self, codes: Tensor, slab: slice) -> Tensor:
        """Embed the places of a slab: (B, i j k', W)."""
        own = codes[..., slab]
        first = (self.mask + 1) * torch.arange(CODES_OF_A_PLACE, device=codes.device)
        words = self.vocabulary(own + first[:, None, None, None]).sum(dim=1)  # (B, i, j, k', W)
        i, j, k = self.places
        places = i[:, None, None] + j[:, None] + k[slab]
        tokens: Tensor = (words + places).flatten(1, 3)
        return tokens


def cosine_schedule(steps: int, entries: int) -> list[int]:
    """Say how many of a slab's entries stay masked after each step (Chang et al. 2022).

    Few are unveiled at first, when each must be drawn without the others.
    """
    return [int(entries * math.cos(0.5 * math.pi * (n + 1) / steps)) for n in range(steps)]


@torch.inference_mode()
def sampling_steps(
    transformer: CodeTransformer, random: torch.Generator
) -> Generator[tuple[float, Tensor], None, Tensor]:
    """Draw the R-code of a person who does not exist (section 4.3, Eq. 3).

    In float32, and with chance from the processor, so that a seed is the same person on every
    machine but for codes that are as likely as each other to seven digits.

    Yields
    ------
    float
        The part that is done, 0 to 1.
    (1, 4, i, j, k) int64 Tensor
        What is drawn so far, -1 where nothing is.

    Returns
    -------
    (1, 4, i, j, k) int64 Tensor
    """
    config, device = transformer.config, transformer.head.weight.device
    codes = torch.full((1, CODES_OF_A_PLACE, *transformer.grid), transformer.mask, device=device)
    for number, slab in enumerate(transformer.slabs):
        entries = codes[..., slab].numel()
        order = torch.randperm(entries, generator=random).to(device)
        masked = entries
        for step, left in enumerate(cosine_schedule(config.sampling_steps, entries)):
            share = torch.tensor([masked / entries], device=device)
            with full_precision(share):
                logits = transformer(codes, number, share)
            unveiled = order[left:masked]
            chances = (logits.flatten(0, -2)[unveiled] / config.temperature).softmax(dim=1)
            if len(unveiled):
                drawn = torch.multinomial(chances.cpu(), 1, generator=random)[:, 0]
                own = codes[..., slab].flatten()
                own[unveiled] = drawn.to(device)
                codes[..., slab] = own.view_as(codes[..., slab])
            masked = left
            done = (number + (step + 1) / config.sampling_steps) / len(transformer.slabs)
            yield done, codes.masked_fill(codes == transformer.mask, -1)
    return codes
