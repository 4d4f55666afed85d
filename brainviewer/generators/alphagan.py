"""alpha-GAN and CSegSynth (Wang et al., section IV-B4 and IV-C4, Eqs. 6-8 and 13-15).

Encoder E, prior network P and generator G; the two discriminators are needed for training only.
An alpha-GAN is a CSegSynth without conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from brainviewer.generators.gan import PlacedNoise
from brainviewer.generators.networks import Encoder, start_network
from brainviewer.generators.refining import RefiningGenerator
from brainviewer.generators.tissue_generator import TissueGenerator, load_tissue_generator

if TYPE_CHECKING:
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.generators.networks import NetworkConfig


class AlphaGANOutput(NamedTuple):
    """What a training step needs.

    Attributes
    ----------
    code : (B, L) Tensor
        z_rec = E(x).
    placed : (M, L) Tensor
        z_cnd = e + FFN(y).
    rebuilt : (B, 4, I, J, K) Tensor
        Logits of x_rec = G(z_rec).
    drawn : (M, 4, I, J, K) Tensor
        Logits of x_cnd = G(z_cnd).
    """

    code: Tensor
    placed: Tensor
    rebuilt: Tensor
    drawn: Tensor


class AlphaGAN(PlacedNoise):
    """A generator G(z + FFN(y)) with an encoder E(x) into the same latent space."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config.unconditional, config.latent)
        start_network(self)

    def forward(self, maps: Tensor, noise: Tensor, y: Tensor) -> AlphaGANOutput:
        """Rebuild maps (B, 3, I, J, K), and decode noise (M, L) under conditions (M, D)."""
        code, placed = self.code(maps), self.latent(noise, y)
        logits = self.decode_latent(torch.cat([code, placed]), self.mean.features())
        return AlphaGANOutput(code, placed, logits[: len(maps)], logits[len(maps) :])

    def code(self, maps: Tensor) -> Tensor:
        """Encode maps (B, 3, I, J, K) without regard to conditions: z (B, L)."""
        code: Tensor = self.encoder(self.mean.departure(maps), maps.new_zeros((len(maps), 0)))
        return code

    def noise(self, maps: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) that the conditions place on the code of the maps."""
        return self.code(maps) - self.shift(y)


def load(checkpoint: Checkpoint, device: str) -> TissueGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    return load_tissue_generator(checkpoint, AlphaGAN, device, kind=RefiningGenerator)
