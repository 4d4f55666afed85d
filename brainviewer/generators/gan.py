"""GAN and C-GAN of CSegSynth (Wang et al., section IV-B2 and IV-C2, Eqs. 3-4 and 10-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from brainviewer.generators.networks import (
    ConditionNetwork,
    Decoder,
    Deviations,
    MeanBrain,
    MeanFeatures,
    NetworkConfig,
    start_network,
)
from brainviewer.generators.tissue_generator import TissueGenerator, load_tissue_generator

if TYPE_CHECKING:
    from brainviewer.generators.checkpoint import Checkpoint


class PlacedNoise(nn.Module):
    """A generator G(e + FFN(y)) of noise that the conditions move; without conditions, G(e)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.mean = MeanBrain(config.shape)
        self.deviations = Deviations(config.conditions)
        self.prior = ConditionNetwork(config.conditions, config.hidden, config.latent)
        self.decoder = Decoder(config.unconditional)
        start_network(self)

    def decode(self, noise: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        return self.decode_latent(self.latent(noise, y), mean)

    def decode_latent(self, z: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode the latent (B, L): logits (B, 4, I, J, K)."""
        logits: Tensor = self.decoder(z, z[:, :0], mean)
        return logits

    def latent(self, noise: Tensor, y: Tensor) -> Tensor:
        """Place noise (B, L) where the conditions say: z = e + FFN(y)."""
        return noise + self.shift(y)

    def shift(self, y: Tensor) -> Tensor:
        """Return FFN(y): how far the conditions (B, D) move the noise (B, L)."""
        shift: Tensor = self.prior(self.deviations(y)).float()
        return shift


class GAN(PlacedNoise):
    """The generator of a GAN or C-GAN."""

    def forward(self, noise: Tensor, y: Tensor) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        return self.decode(noise, y, self.mean.features())


def load(checkpoint: Checkpoint, device: str) -> TissueGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    return load_tissue_generator(checkpoint, GAN, device)
