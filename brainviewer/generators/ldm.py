"""LDM and C-LDM of CSegSynth (Wang et al., sections IV-B3 and IV-C3, Eqs. 5 and 12).

Built, as the paper's, from MONAI's parts: an autoencoder packs a brain into a coarse grid of codes,
and a U-Net takes noise off such grids step by step. Conditions enter by cross-attention; an LDM is
a C-LDM whose tokens are the same for everybody. Generation is deterministic (DDIM, Song et al.
2021, without added noise), so that an identity is the noise z_T from which its brain unfolds.

MONAI takes seconds to import: nothing imports this module before such a model is asked for.

Notation: z codes (B, C, i, j, k) of unit spread, z_t the same after t steps of noise, a_t the share
of the variance of z that is left of it (alpha bar), y the condition vector.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from einops import rearrange
from monai.networks.nets.autoencoderkl import AutoencoderKL
from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler
from torch import Tensor, nn

from brainviewer.generators.base import GenerationError
from brainviewer.generators.blocks import shuffle, smoothed, unshuffle, zeroed
from brainviewer.generators.networks import (
    CLASSES,
    COARSEST,
    ConditionNetwork,
    Deviations,
    MeanBrain,
    MeanFeatures,
)
from brainviewer.generators.tissue_generator import TissueGenerator, load_tissue_generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Identity
    from brainviewer.generators.checkpoint import Checkpoint

NOISE_STEPS = 1000  # T
# How the noise grows with t: that of Pinaya et al. (2022) for brains.
NOISE_SCHEDULE = {"schedule": "scaled_linear_beta", "beta_start": 0.0015, "beta_end": 0.0205}
NORM_GROUPS = 8
ATTENTION_HEADS = 4
FIRST_LOG_VARIANCE = -4.0  # of the codes: a narrow posterior, so that they say something at once
INVERSION_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class LDMConfig:
    """Sizes of the networks.

    Attributes
    ----------
    shape : (I, J, K)
        The grid; each a multiple of 8, times 2 for each further level of the U-Net.
    conditions : int
        Length of the condition vector; 0 for an unconditional model.
    latent_channels : int
        Numbers of a code; there is one for each 8 x 8 x 8 voxels.
    channels : tuple of int
        Of the autoencoder's grids at 1/8, 1/4 and 1/2 of the resolution.
    unet_channels : tuple of int
        Of the U-Net's grids, from that of the codes downwards; the last one has attention.
    tokens, token_width : int
        What the conditions become for the cross-attention.
    hidden : int
        Width of the condition network.
    sampling_steps : int
        Of generation; must divide 1000, the number of steps in training.
    smooth : bool
        Whether what is decoded is smoothed against checkerboards.
    """

    shape: tuple[int, int, int]
    conditions: int
    latent_channels: int = 8
    channels: tuple[int, int, int] = (128, 64, 32)
    unet_channels: tuple[int, ...] = (64, 128)
    tokens: int = 4
    token_width: int = 32
    hidden: int = 64
    sampling_steps: int = 25
    smooth: bool = False

    def __post_init__(self) -> None:
        multiple = COARSEST * 2 ** (len(self.unet_channels) - 1)
        if any(n % multiple for n in self.shape):
            raise ValueError(f"the grid must be multiples of {multiple} voxels, got {self.shape}")
        channels = (*self.channels, *self.unet_channels)
        if any(n % NORM_GROUPS for n in channels):
            raise ValueError(f"channels must be multiples of {NORM_GROUPS}, got {channels}")
        if self.sampling_steps < 1 or NOISE_STEPS % self.sampling_steps:
            raise ValueError(f"sampling_steps must divide {NOISE_STEPS}, got {self.sampling_steps}")

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """The grid of codes, channels first."""
        i, j, k = (n // COARSEST for n in self.shape)
        return self.latent_channels, i, j, k

    @property
    def latent(self) -> int:
        """Length of the noise that is an identity."""
        c, i, j, k = self.latent_shape
        return c * i * j * k

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> LDMConfig:
        """Rebuild from a configuration file."""
        tuples = {name: tuple(entry[name]) for name in ("shape", "channels", "unet_channels")}
        return cls(**{**entry, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class AutoencoderOutput(NamedTuple):
    """What a training step of the autoencoder needs.

    Attributes
    ----------
    mean, log_sd : (B, C, i, j, k) Tensor
        Of the posterior of the codes.
    correction : (B, 4, I, J, K) Tensor
        Of the mean brain's logits, decoded from a draw.
    """

    mean: Tensor
    log_sd: Tensor
    correction: Tensor


class Autoencoder(nn.Module):
    """MONAI's AutoencoderKL at half resolution, with 2 x 2 x 2 voxels as channels.

    It sees how a person departs from the mean brain, and corrects the mean brain's logits.
    """

    def __init__(self, config: LDMConfig) -> None:
        super().__init__()
        coarse, middle, fine = config.channels
        self.network = AutoencoderKL(
            spatial_dims=3,
            in_channels=8 * (CLASSES - 1),
            out_channels=8 * CLASSES,
            num_res_blocks=1,
            channels=(fine, middle, coarse),
            attention_levels=(False, False, False),
            latent_channels=config.latent_channels,
            norm_num_groups=NORM_GROUPS,
            with_encoder_nonlocal_attn=False,
            with_decoder_nonlocal_attn=False,
            use_convtranspose=True,  # a third of the time of a convolution on the doubled grid
        )
        zeroed(self.network.decoder.blocks[-1])
        zeroed(self.network.quant_conv_log_sigma)
        nn.init.constant_(self.network.quant_conv_log_sigma.conv.bias, FIRST_LOG_VARIANCE)
        self._smooth = config.smooth

    @property
    def last(self) -> nn.Parameter:
        """The weight of the decoder's last layer."""
        weight: nn.Parameter = self.network.decoder.blocks[-1].conv.weight
        return weight

    def forward(self, departure: Tensor, noise: Tensor) -> AutoencoderOutput:
        """Encode departures (B, 3, I, J, K) and decode a draw made with noise (B, C, i, j, k)."""
        mean, sd = self.posterior(departure)
        return AutoencoderOutput(mean, sd.log(), self.decode(mean + sd * noise))

    def posterior(self, departure: Tensor) -> tuple[Tensor, Tensor]:
        """Encode departures from the mean (B, 3, I, J, K): mean and sd of the codes."""
        mean, sd = self.network.encode(unshuffle(departure))
        return mean.float(), sd.float()

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (B, C, i, j, k): a correction of logits (B, 4, I, J, K)."""
        correction = shuffle(self.network.decode(codes))
        return smoothed(correction) if self._smooth else correction


class Denoiser(nn.Module):
    """The U-Net eps(z_t, t, y), and the scale of the codes that it works on.

    Attributes
    ----------
    centre : (1, C, i, j, k) Tensor
        The mean code of the training people at each place.
    spread : (1, C, 1, 1, 1) Tensor
        The sd about it.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, config: LDMConfig) -> None:
        super().__init__()
        levels = len(config.unet_channels)
        self.unet = DiffusionModelUNet(
            spatial_dims=3,
            in_channels=config.latent_channels,
            out_channels=config.latent_channels,
            num_res_blocks=1,
            channels=config.unet_channels,
            attention_levels=[level == levels - 1 for level in range(levels)],
            norm_num_groups=NORM_GROUPS,
            num_head_channels=config.unet_channels[-1] // ATTENTION_HEADS,
            with_conditioning=True,
            cross_attention_dim=config.token_width,
        )
        self.tokens = nn.Parameter(torch.randn(config.tokens, config.token_width))
        self.condition = ConditionNetwork(config.conditions, config.hidden, self.tokens.numel())
        self.condition.start()
        self.register_buffer("centre", torch.zeros(1, *config.latent_shape))
        self.register_buffer("spread", torch.ones(1, config.latent_channels, 1, 1, 1))

    def forward(self, z: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Predict the noise in z_t (B, C, i, j, k) at steps t (B,), y as `Deviations` gives it."""
        changes = rearrange(self.condition(y), "b (n d) -> b n d", n=len(self.tokens))
        noise: Tensor = self.unet(z, t, context=self.tokens + changes)
        return noise.float()

    def scale(self, codes: Tensor) -> Tensor:
        """Bring codes (B, C, i, j, k) to mean zero and unit spread."""
        return (codes - self.centre) / self.spread

    def unscale(self, z: Tensor) -> Tensor:
        """Undo `scale`."""
        return z * self.spread + self.centre


class LDM(nn.Module):
    """Autoencoder and denoiser together: a C-LDM, or an LDM where there are no conditions."""

    def __init__(self, config: LDMConfig) -> None:
        super().__init__()
        self.config = config
        self.mean = MeanBrain(config.shape)
        self.deviations = Deviations(config.conditions)
        self.autoencoder = Autoencoder(config)
        self.denoiser = Denoiser(config)
        self._ddim = DDIMScheduler(NOISE_STEPS, clip_sample=False, **NOISE_SCHEDULE)
        self._ddim.set_timesteps(config.sampling_steps)
        # As far apart as the scheduler's step, ending at t = 0; its own timesteps are a little
        # further apart than its step.
        self._times = range(NOISE_STEPS - 1, -1, -NOISE_STEPS // config.sampling_steps)

    def decode(self, noise: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        c, i, j, k = self.config.latent_shape
        z = rearrange(noise, "b (c i j k) -> b c i j k", c=c, i=i, j=j, k=k)
        return self.decode_codes(self.sample(z, y), mean)

    def decode_codes(self, z: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode codes z (B, C, i, j, k): logits (B, 4, I, J, K)."""
        logits: Tensor = self.autoencoder.decode(self.denoiser.unscale(z)) + mean.logits
        return logits

    def codes(self, maps: Tensor) -> Tensor:
        """Encode maps (B, 3, I, J, K): codes z (B, C, i, j, k)."""
        mean, _ = self.autoencoder.posterior(self.mean.departure(maps))
        codes: Tensor = self.denoiser.scale(mean)
        return codes

    def noise(self, maps: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) that unfolds to the codes of these maps, under conditions."""
        return self.invert(self.codes(maps), y).flatten(1)

    def sample(self, noise: Tensor, y: Tensor) -> Tensor:
        """Take all noise off z_T (B, C, i, j, k) under conditions (B, D): codes z."""
        z, departures = noise, self.deviations(y)
        for t in self._times:
            z, _ = self._ddim.step(self._predict(z, t, departures), t, z)
        return z

    def invert(self, codes: Tensor, y: Tensor) -> Tensor:
        """Find z_T (B, C, i, j, k) from which `sample` comes to the codes z.

        A step of `sample` is z_s = p z_t + q eps(z_t, t, y) (Song et al. 2021, Eq. 12). It is
        solved for z_t by repeating z_t = (z_s - q eps(z_t, t, y)) / p, which draws nearer since
        p > 1 and q < 0 is small (Pan et al. 2023).
        """
        z, departures = codes, self.deviations(y)
        for t in reversed(self._times):
            p, q = self._step_factors(t)
            target = z
            for _ in range(INVERSION_ROUNDS):
                z = (target - q * self._predict(z, t, departures)) / p
        return z

    def _predict(self, z: Tensor, t: int, departures: Tensor) -> Tensor:
        noise: Tensor = self.denoiser(z, torch.full((len(z),), t, device=z.device), departures)
        return noise

    def _step_factors(self, t: int) -> tuple[float, float]:
        """Return p and q of the step of `sample` that starts at t."""
        left = self._ddim.alphas_cumprod
        s = t - NOISE_STEPS // self.config.sampling_steps
        a_t, a_s = float(left[t]), float(left[s]) if s >= 0 else 1.0
        p = (a_s / a_t) ** 0.5
        return p, (1.0 - a_s) ** 0.5 - p * (1.0 - a_t) ** 0.5


class LDMGenerator(TissueGenerator):
    """An LDM or C-LDM on a device."""

    def volume_gradients(
        self, identity: Identity, conditions: Conditions, weights: FloatArray | None = None
    ) -> FloatArray:
        """Refuse where there are conditions: each row would go back through every step.

        Raises
        ------
        GenerationError
        """
        if self.schema.columns:
            raise GenerationError(
                f"{self.name} cannot be differentiated through its sampling; choose another "
                f"generator for the Features panel"
            )
        return super().volume_gradients(identity, conditions, weights)


def load(checkpoint: Checkpoint, device: str) -> TissueGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    return load_tissue_generator(
        checkpoint, LDM, device, read_config=LDMConfig.from_json, kind=LDMGenerator
    )
