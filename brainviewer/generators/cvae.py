"""The conditional VAE of CSegSynth (Wang et al., section IV-C1, Eqs. 2 and 9), with fast layers.

The published layers (grouped convolutions after up-sampling) take 8 s to decode on two cores. Here
the modules and the losses are the paper's, the layers dense: an encoder and a decoder that work at
half resolution, with a sub-pixel head. Both know the mean brain: the encoder sees how a person
departs from it, the decoder sees it at every scale and learns a correction to its logits.

Notation: x tissue maps with background, y the condition vector, z the latent,
q(z | x, y) the encoder, p(z | y) the prior network, p(x | z, y) the decoder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, voxel_volume_ml
from brainviewer.generators.base import GenerationError, Identity, Space
from brainviewer.generators.blocks import (
    Down,
    ResidualBlock,
    Up,
    keep_variance,
    shuffle,
    unshuffle,
    zeroed,
)
from brainviewer.generators.device import Device, choose_device, place_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.generators.checkpoint import Checkpoint

CLASSES = 4  # WM, GM, CSF, background
COARSEST = 8  # voxels of the volume in one of the smallest grid, along each axis
MAX_LOG_SD = 4.0
# A narrow posterior at first: about 100 nats for 96 latents, so that the latent carries a signal
# from the first step.
FIRST_LOG_SD = -1.5
SMALLEST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class CVAEConfig:
    """Sizes of the network.

    Attributes
    ----------
    shape : (I, J, K)
        The grid; each a multiple of 8.
    conditions : int
        Length of the condition vector.
    latent : int
        Length of z; the paper has 1024.
    channels : tuple of int
        Of the grids at 1/8, 1/4 and 1/2 of the resolution.
    bottleneck : int
        Channels of the smallest grid beside the linear layers.
    hidden : int
        Width of the prior and condition networks.
    """

    shape: tuple[int, int, int]
    conditions: int
    latent: int = 96
    channels: tuple[int, int, int] = (128, 64, 32)
    bottleneck: int = 16
    hidden: int = 64

    def __post_init__(self) -> None:
        if any(n % COARSEST for n in self.shape):
            raise ValueError(f"the grid must be multiples of {COARSEST} voxels, got {self.shape}")

    @property
    def coarse_shape(self) -> tuple[int, int, int]:
        """The smallest grid."""
        i, j, k = (n // COARSEST for n in self.shape)
        return i, j, k

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> CVAEConfig:
        """Rebuild from a configuration file."""
        tuples = {name: tuple(entry[name]) for name in ("shape", "channels")}
        return cls(**{**entry, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def bounded(log_sd: Tensor) -> Tensor:
    """Keep a log sd within +-4, softly: behind a hard bound no gradient would bring it back."""
    return MAX_LOG_SD * torch.tanh(log_sd / MAX_LOG_SD)


class ConditionNetwork(nn.Module):
    """A linear map of the condition vector plus a small correction that starts at zero.

    With a hundred people most of what features say about a brain is linear; the correction adds
    what is not.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.hidden = nn.Linear(inputs, hidden)
        self.correction = nn.Linear(hidden, outputs)

    def forward(self, y: Tensor) -> Tensor:
        """Map (B, conditions) to (B, outputs)."""
        straight: Tensor = self.linear(y)
        bent: Tensor = self.correction(functional.silu(self.hidden(y)))
        return straight + bent


class MeanFeatures(NamedTuple):
    """What the decoder sees of the mean brain.

    Attributes
    ----------
    pyramid : list of (1, C, ...) Tensor
        At 1/8, 1/4 and 1/2 of the resolution.
    logits : (1, 4, I, J, K) Tensor
    """

    pyramid: list[Tensor]
    logits: Tensor


class MeanBrain(nn.Module):
    """The mean tissue map of the training people: fixed, known to encoder and decoder."""

    shares: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("shares", torch.full((1, CLASSES, *shape), 1.0 / CLASSES))

    def features(self) -> MeanFeatures:
        """Return what the decoder sees: the same for everybody, so a generator makes it once."""
        return MeanFeatures(self._pyramid(), self.shares.clamp_min(SMALLEST_SHARE).log())

    def departure(self, maps: Tensor) -> Tensor:
        """Return how maps (B, 3, I, J, K) depart from the mean."""
        return maps - self.shares[:, : CLASSES - 1]

    def _pyramid(self) -> list[Tensor]:
        """Return the mean at 1/8, 1/4 and, with voxels as channels, 1/2 of the resolution."""
        quarter = functional.avg_pool3d(functional.avg_pool3d(self.shares, 2), 2)
        return [functional.avg_pool3d(quarter, 2), quarter, unshuffle(self.shares)]


class Encoder(nn.Module):
    """q(z | x, y): tissue maps and conditions to mean and log sd of the latent."""

    def __init__(self, config: CVAEConfig) -> None:
        super().__init__()
        coarse, middle, fine = config.channels
        self.stem = nn.Conv3d(8 * (CLASSES - 1), fine, 1)
        self.downs = nn.Sequential(Down(fine, middle), Down(middle, coarse))
        self.squeeze = nn.Conv3d(coarse, config.bottleneck, 1)
        self.norm = nn.GroupNorm(1, config.bottleneck)
        cells = config.bottleneck * int(np.prod(config.coarse_shape))
        self.to_latent = nn.Linear(cells, 2 * config.latent)
        self.condition = ConditionNetwork(config.conditions, config.hidden, 2 * config.latent)

    def forward(self, departure: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map departures from the mean (B, 3, I, J, K) and conditions (B, D) to q: (B, L) each."""
        x = self.stem(unshuffle(departure))  # (B, C, I/2, J/2, K/2)
        x = self.norm(self.squeeze(self.downs(x)))  # (B, S, I/8, J/8, K/8)
        h = self.to_latent(x.flatten(1))  # (B, 2 L)
        h = h + self.condition(y)  # h = h + FFN_e(y)
        mean, log_sd = h.float().chunk(2, dim=1)
        return mean, bounded(log_sd + FIRST_LOG_SD)


class Prior(nn.Module):
    """p(z | y): conditions to mean and log sd of the latent."""

    def __init__(self, config: CVAEConfig) -> None:
        super().__init__()
        self.network = ConditionNetwork(config.conditions, config.hidden, 2 * config.latent)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map conditions (B, D) to mean and log sd (B, L)."""
        mean, log_sd = self.network(y).float().chunk(2, dim=1)
        return mean, bounded(log_sd)


class Decoder(nn.Module):
    """p(x | z, y): latent and conditions to a correction of the mean brain's logits."""

    def __init__(self, config: CVAEConfig) -> None:
        super().__init__()
        self.coarse_shape = config.coarse_shape
        coarse, middle, fine = config.channels
        cells = config.bottleneck * int(np.prod(config.coarse_shape))
        self.condition = ConditionNetwork(config.conditions, config.hidden, config.latent)
        self.from_latent = nn.Linear(config.latent, cells)
        self.stem = nn.Conv3d(config.bottleneck + CLASSES, coarse, 1)
        self.ups = nn.ModuleList([Up(coarse, middle), Up(middle, fine)])
        self.gates = nn.ModuleList([nn.Conv3d(CLASSES, middle, 1), nn.Conv3d(8 * CLASSES, fine, 1)])
        self.last = ResidualBlock(fine)
        self.head = nn.Conv3d(fine, 8 * CLASSES, 3, padding=1)

    def forward(self, z: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Map the latent (B, L) and conditions (B, D) to logits (B, 4, I, J, K)."""
        z = z + self.condition(y)  # z = z + FFN_d(y)
        coarsest, *finer = mean.pyramid
        i, j, k = self.coarse_shape
        x = rearrange(self.from_latent(z), "b (c i j k) -> b c i j k", i=i, j=j, k=k)
        x = self.stem(torch.cat([x, coarsest.expand(len(x), -1, -1, -1, -1)], dim=1))
        for up, gate, context in zip(self.ups, self.gates, finer, strict=True):
            x = up(x) * gate(context)  # (B, C, I/4, J/4, K/4), (B, C', I/2, J/2, K/2)
        x = shuffle(self.head(functional.silu(self.last(x))))  # (B, 4, I, J, K)
        return x + mean.logits


class CVAEOutput(NamedTuple):
    """What a training step needs: q(z | x, y), p(z | y), and two decodings.

    Attributes
    ----------
    mean, log_sd, prior_mean, prior_log_sd : (B, L) Tensor
    rebuilt : (B, 4, I, J, K) Tensor
        Logits of a draw from q(z | x, y).
    expected : (1, 4, I, J, K) Tensor
        Logits of the mean of p(z | y) for the first of the batch: one more brain to decode, not B.
    """

    mean: Tensor
    log_sd: Tensor
    prior_mean: Tensor
    prior_log_sd: Tensor
    rebuilt: Tensor
    expected: Tensor


class CVAE(nn.Module):
    """Encoder, prior and decoder together."""

    def __init__(self, config: CVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.mean = MeanBrain(config.shape)
        self.encoder = Encoder(config)
        self.prior = Prior(config)
        self.decoder = Decoder(config)
        self._start()

    def forward(self, maps: Tensor, y: Tensor, noise: Tensor) -> CVAEOutput:
        """Encode maps (B, 3, I, J, K) and decode a draw, with noise (B, L), and the prior mean."""
        mean, log_sd = self.encoder(self.mean.departure(maps), y)
        prior_mean, prior_log_sd = self.prior(y)
        z = torch.cat([mean + log_sd.exp() * noise, prior_mean[:1]])
        logits = self.decoder(z, torch.cat([y, y[:1]]), self.mean.features())
        return CVAEOutput(mean, log_sd, prior_mean, prior_log_sd, logits[:-1], logits[-1:])

    def _start(self) -> None:
        """Start with the mean brain for everybody, but with the signal of the latent alive."""
        keep_variance(self)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                zeroed(module.second)
            elif isinstance(module, ConditionNetwork):
                zeroed(module.correction)
        zeroed(self.prior.network.linear)
        zeroed(self.decoder.head)

    def decode(self, noise: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        logits: Tensor = self.decoder(self.latent(noise, y), y, mean)
        return logits

    def latent(self, noise: Tensor, y: Tensor) -> Tensor:
        """Place standard normal noise (B, L) under the prior of the conditions: z = mu + sd e."""
        mean, log_sd = self.prior(y)  # (B, L), (B, L)
        latent: Tensor = mean + log_sd.exp() * noise
        return latent

    def noise(self, maps: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) that the prior of these conditions turns into the encoded mean."""
        posterior, _ = self.encoder(self.mean.departure(maps), y)
        mean, log_sd = self.prior(y)
        noise: Tensor = (posterior - mean) / log_sd.exp()
        return noise


class CVAEGenerator:
    """A trained C-VAE on a device; see `brainviewer.generators.base.Generator`.

    An identity is the noise e of z = mu(y) + sd(y) e: changed conditions move the prior and leave
    the noise, which is the counterfactual of a model with this one exogenous variable.
    """

    channels: tuple[str, ...] = TISSUES
    space: Space = "native"
    can_encode = True

    def __init__(
        self, name: str, model: CVAE, *, schema: FeatureSchema, affine: Affine, device: Device
    ) -> None:
        self.name = name
        self.schema = schema
        self.affine = affine
        self.shape = model.config.shape
        self.device_name = device.name
        self._device = device
        self._model = model.eval().requires_grad_(False)
        place_on(self._model, device)
        with device.autocast():
            self._mean = self._model.mean.features()

    def draw(self, seed: int) -> Identity:
        """Draw the noise from a seed, on the processor, so that every machine draws the same."""
        source = torch.Generator().manual_seed(seed)
        noise = torch.randn(self._model.config.latent, generator=source)
        return Identity(noise.numpy(), f"seed {seed}", seed)

    @torch.inference_mode()
    def encode(self, brain: Brain, conditions: Conditions) -> Identity:
        """Find the identity of tissue maps on this generator's grid."""
        if brain.channels != self.channels or brain.data.shape[1:] != self.shape:
            raise GenerationError(
                f"{self.name} encodes {'/'.join(self.channels)} on {self.shape} voxels, got "
                f"{'/'.join(brain.channels)} on {brain.data.shape[1:]}"
            )
        maps = self._device.tensor(brain.data)[None]
        with self._device.autocast():
            noise = self._model.noise(maps, self._condition_tensor(conditions))
        return Identity(noise[0].float().cpu().numpy(), "encoded scan")

    @torch.inference_mode()
    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Decode tissue maps (3, I, J, K) in [0, 1]."""
        maps = self._decode(self._noise_tensor(identity), self._condition_tensor(conditions))
        return Brain(self.channels, maps[0].cpu().numpy(), self.affine)

    def volume_gradients(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Differentiate tissue volumes by the condition vector: (3, D), mL per encoded unit."""
        y = self._condition_tensor(conditions).requires_grad_()
        maps = self._decode(self._noise_tensor(identity), y)
        volumes = maps[0].sum(dim=(1, 2, 3)) * voxel_volume_ml(self.affine)  # (3,)
        rows = [torch.autograd.grad(v, y, retain_graph=True)[0][0] for v in volumes]
        return torch.stack(rows).float().cpu().numpy()

    def _decode(self, noise: Tensor, y: Tensor) -> Tensor:
        with self._device.autocast():
            logits = self._model.decode(noise, y, self._mean)
        return functional.softmax(logits.float(), dim=1)[:, :3]

    def _noise_tensor(self, identity: Identity) -> Tensor:
        length = self._model.config.latent
        if identity.latent.shape != (length,):
            raise GenerationError(
                f"{identity.label} is no identity of {self.name}: the latent must have {length} "
                f"numbers, got {identity.latent.size}"
            )
        return self._device.tensor(identity.latent)[None]

    def _condition_tensor(self, conditions: Conditions) -> Tensor:
        return self._device.tensor(self.schema.encode(conditions))[None]


def load(checkpoint: Checkpoint, device: str) -> CVAEGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    config = CVAEConfig.from_json(checkpoint.config["model"])
    if config.conditions != len(checkpoint.schema.columns):
        raise ValueError(
            f"its network takes {config.conditions} conditions, its features give "
            f"{len(checkpoint.schema.columns)}"
        )
    model = CVAE(config)
    weights = load_file(checkpoint.folder / "weights.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return CVAEGenerator(
        checkpoint.name,
        model,
        schema=checkpoint.schema,
        affine=np.array(checkpoint.config["affine"], dtype=np.float64),
        device=choose_device(device),
    )
