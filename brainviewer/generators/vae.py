"""VAE and C-VAE of CSegSynth (Wang et al., section IV-B1 and IV-C1, Eqs. 2 and 9).

q(z | x, y) is the encoder, p(z | y) the prior network, p(x | z, y) the decoder; a VAE is the C-VAE
without conditions, whose prior is the standard normal distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from brainviewer.generators.networks import (
    Decoder,
    Deviations,
    Encoder,
    MeanBrain,
    MeanFeatures,
    NetworkConfig,
    Prior,
    bounded,
    start_network,
)
from brainviewer.generators.refining import RefiningGenerator
from brainviewer.generators.tissue_generator import TissueGenerator, load_tissue_generator

if TYPE_CHECKING:
    from brainviewer.generators.checkpoint import Checkpoint


# A narrow posterior at first: about 100 nats for 96 latents, so that the latent carries a signal
# from the first step.
FIRST_LOG_SD = -1.5


class VAEOutput(NamedTuple):
    """What a training step needs: q(z | x, y), p(z | y), and two decodings.

    Attributes
    ----------
    mean, log_sd, prior_mean, prior_log_sd : (B, L) Tensor
    rebuilt : (B, 4, I, J, K) Tensor
        Logits of a draw from q(z | x, y).
    drawn : (M, 4, I, J, K) Tensor
        Logits of draws from p(z | y) for the first of the batch: a few more to decode, not B.
    """

    mean: Tensor
    log_sd: Tensor
    prior_mean: Tensor
    prior_log_sd: Tensor
    rebuilt: Tensor
    drawn: Tensor


class VAE(nn.Module):
    """Encoder, prior and decoder together: a C-VAE, or a VAE where there are no conditions."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.mean = MeanBrain(config.shape)
        self.deviations = Deviations(config.conditions)
        self.encoder = Encoder(config, 2 * config.latent)
        self.prior = Prior(config)
        self.decoder = Decoder(config)
        start_network(self)

    def forward(self, maps: Tensor, y: Tensor, noise: Tensor, prior_noise: Tensor) -> VAEOutput:
        """Encode maps (B, 3, I, J, K), and decode draws from posterior and prior.

        Parameters
        ----------
        noise : (B, L) Tensor
            Of the posteriors.
        prior_noise : (M, L) Tensor
            Of the prior of the first of the batch.
        """
        mean, log_sd = self.posterior(maps, y)
        prior_mean, prior_log_sd = self.prior(self.deviations(y))
        drawn = prior_mean[:1] + prior_log_sd[:1].exp() * prior_noise
        z = torch.cat([mean + log_sd.exp() * noise, drawn])
        inputs = self.deviations(torch.cat([y, y[:1].expand(len(drawn), -1)]))
        logits = self.decoder(z, inputs, self.mean.features())
        return VAEOutput(mean, log_sd, prior_mean, prior_log_sd, logits[: len(y)], logits[len(y) :])

    def posterior(self, maps: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Encode maps (B, 3, I, J, K) under conditions (B, D): mean and log sd of q, (B, L)."""
        mean, log_sd = self.encoder(self.mean.departure(maps), self.deviations(y)).chunk(2, dim=1)
        return mean, bounded(log_sd + FIRST_LOG_SD)

    def decode(self, noise: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        logits: Tensor = self.decoder(self.latent(noise, y), self.deviations(y), mean)
        return logits

    def latent(self, noise: Tensor, y: Tensor) -> Tensor:
        """Place standard normal noise (B, L) under the prior of the conditions."""
        latent: Tensor = self.prior.place(noise, self.deviations(y))
        return latent

    def noise(self, maps: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) that the prior of these conditions turns into the encoded mean."""
        posterior, _ = self.posterior(maps, y)
        noise: Tensor = self.prior.remove(posterior, self.deviations(y))
        return noise


def load(checkpoint: Checkpoint, device: str) -> TissueGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    return load_tissue_generator(checkpoint, VAE, device, kind=RefiningGenerator)
