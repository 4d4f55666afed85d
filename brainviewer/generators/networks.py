"""The networks of the CSegSynth family: encoder, decoder, prior, and what they know of the mean.

The published layers (grouped convolutions after up-sampling) take 8 s to decode on two cores. Here
the modules and the losses are the paper's, the layers dense: an encoder and a decoder that work at
half resolution, with a sub-pixel head. Both know the mean brain: the encoder sees how a person
departs from it, the decoder sees it at every scale and learns a correction to its logits.

Notation: x tissue maps with background, y the condition vector, z the latent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CLASSES = 4  # WM, GM, CSF, background
COARSEST = 8  # voxels of the volume in one of the smallest grid, along each axis
MAX_LOG_SD = 4.0
EXPECTED_TERMS = 8
BENT_TERMS = 3
SMALLEST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes
    ----------
    shape : (I, J, K)
        The grid; each a multiple of 8.
    conditions : int
        Length of the condition vector; 0 for an unconditional model.
    latent : int
        Length of z; the paper has 1024.
    channels : tuple of int
        Of the grids at 1/8, 1/4 and 1/2 of the resolution.
    bottleneck : int
        Channels of the smallest grid beside the linear layers.
    hidden : int
        Width of the prior and condition networks.
    smooth : bool
        Whether the decoder's output is smoothed against checkerboards; adversarial training needs
        it.
    """

    shape: tuple[int, int, int]
    conditions: int
    latent: int = 96
    channels: tuple[int, int, int] = (128, 64, 32)
    bottleneck: int = 16
    hidden: int = 64
    smooth: bool = False

    def __post_init__(self) -> None:
        if any(n % COARSEST for n in self.shape):
            raise ValueError(f"the grid must be multiples of {COARSEST} voxels, got {self.shape}")

    @property
    def coarse_shape(self) -> tuple[int, int, int]:
        """The smallest grid."""
        i, j, k = (n // COARSEST for n in self.shape)
        return i, j, k

    @property
    def unconditional(self) -> NetworkConfig:
        """The same sizes without conditions."""
        return replace(self, conditions=0)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> NetworkConfig:
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
    """A linear map of the condition vector plus a small correction.

    With a hundred people most of what features say about a brain is linear; the correction adds
    what is not. Without conditions it is zero and has no parameters, so that an unconditional model
    is the conditional one without its condition networks.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self._outputs = outputs
        self._is_empty = inputs == 0
        if not self._is_empty:
            self.linear = nn.Linear(inputs, outputs)
            self.hidden = nn.Linear(inputs, hidden)
            self.correction = nn.Linear(hidden, outputs)

    def start(self) -> None:
        """Start at zero: conditions change nothing at first."""
        if not self._is_empty:
            zeroed(self.linear)
            zeroed(self.correction)

    def forward(self, y: Tensor) -> Tensor:
        """Map (B, conditions) to (B, outputs)."""
        if self._is_empty:
            return y.new_zeros((len(y), self._outputs))
        straight: Tensor = self.linear(y)
        bent: Tensor = self.correction(functional.silu(self.hidden(y)))
        return straight + bent


def full_precision(tensor: Tensor) -> torch.autocast:
    """Compute inside without bfloat16, whose three digits would make age jump."""
    return torch.autocast(tensor.device.type, enabled=False)


class Deviations(nn.Module):
    """Turns a condition vector into age, sex, and how the other features depart from those.

    What is expected at an age and sex is a cubic polynomial in age for each sex, fitted to the
    training people. Height, marriage or retirement go with age; networks that see them as they are
    cannot tell what age does from what goes with it, and a person whose features move as
    everybody's do (the *regressed* scenario) leaves the people they know. A departure stays. For a
    linear network this is only another basis (Frisch and Waugh 1933).
    """

    age: Tensor
    sex: Tensor
    coefficients: Tensor

    def __init__(self, conditions: int) -> None:
        super().__init__()
        self.register_buffer("age", torch.zeros(conditions))
        self.register_buffer("sex", torch.zeros(conditions))
        self.register_buffer("coefficients", torch.zeros(EXPECTED_TERMS, conditions))

    def fit(self, y: NDArray[np.float32], known: NDArray[np.bool_], age: int, sex: int) -> None:
        """Fit what is expected to people.

        Parameters
        ----------
        y : (N, D) float32 ndarray
            Encoded conditions.
        known : (N, D) bool ndarray
            Where they are not missing.
        age, sex : int
            Their columns.
        """
        self.age[age], self.sex[sex] = 1.0, 1.0
        design = self._design(torch.from_numpy(y)).numpy()
        for column in set(range(y.shape[1])) - {age, sex}:
            own = known[:, column]
            fit = np.linalg.lstsq(design[own], y[own, column], rcond=None)[0]
            self.coefficients[:, column] = torch.from_numpy(fit.astype(np.float32))

    def expected(self, y: Tensor) -> Tensor:
        """Return what is expected at the age and sex of conditions (B, D); 0 for these two."""
        with full_precision(y):
            expected: Tensor = self._design(y) @ self.coefficients
        return expected

    def fill(self, y: Tensor, known: Tensor) -> Tensor:
        """Replace what is not known of (B, D) by what is expected."""
        is_free = (self.age + self.sex) == 0
        return torch.where(known | ~is_free, y, self.expected(y))

    def forward(self, y: Tensor) -> Tensor:
        """Map conditions (B, D) to age, sex and departures (B, D)."""
        return y - self.expected(y)

    def _design(self, y: Tensor) -> Tensor:
        """Return 1, a, a^2, a^3, and these times s: (B, 8)."""
        a, s = y @ self.age, y @ self.sex
        powers = torch.stack([torch.ones_like(a), a, a**2, a**3], dim=1)
        return torch.cat([powers, powers * s[:, None]], dim=1)


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
    """Tissue maps and conditions to numbers: a code, or mean and spread of q(z | x, y)."""

    def __init__(self, config: NetworkConfig, outputs: int) -> None:
        super().__init__()
        coarse, middle, fine = config.channels
        self.stem = nn.Conv3d(8 * (CLASSES - 1), fine, 1)
        self.downs = nn.Sequential(Down(fine, middle), Down(middle, coarse))
        self.squeeze = nn.Conv3d(coarse, config.bottleneck, 1)
        self.norm = nn.GroupNorm(1, config.bottleneck)
        cells = config.bottleneck * int(np.prod(config.coarse_shape))
        self.to_latent = nn.Linear(cells, outputs)
        self.condition = ConditionNetwork(config.conditions, config.hidden, outputs)

    def forward(self, departure: Tensor, y: Tensor) -> Tensor:
        """Map departures from the mean (B, 3, I, J, K) and conditions (B, D) to (B, outputs)."""
        x = self.stem(unshuffle(departure))  # (B, C, I/2, J/2, K/2)
        x = self.norm(self.squeeze(self.downs(x)))  # (B, S, I/8, J/8, K/8)
        h = self.to_latent(x.flatten(1))
        h = h + self.condition(y)  # h = h + FFN_e(y)
        numbers: Tensor = h.float()
        return numbers


class Prior(nn.Module):
    """p(z | y): a Gaussian of the latent under conditions.

    In training its mean and diagonal spread come from a network, as in the paper. Afterwards `set`
    puts a Gaussian with correlations in their place that was fitted to the codes of people.
    """

    centre: Tensor
    factor: Tensor
    age: Tensor
    sex: Tensor
    bend: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.network = ConditionNetwork(config.conditions, config.hidden, 2 * config.latent)
        self.register_buffer("centre", torch.zeros(config.latent))
        self.register_buffer("factor", torch.eye(config.latent))
        self.register_buffer("age", torch.zeros(config.conditions))
        self.register_buffer("sex", torch.zeros(config.conditions))
        self.register_buffer("bend", torch.zeros(BENT_TERMS, config.latent))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map conditions (B, D) to mean and log sd (B, L)."""
        with full_precision(y):
            mean, log_sd = self.network(y).chunk(2, dim=1)
            return mean + self.centre + self.bent(y) @ self.bend, bounded(log_sd)

    def bent(self, y: Tensor) -> Tensor:
        """Return age^2, age x sex and age^2 x sex of conditions (B, D): (B, 3), 0 before `set`."""
        a, s = y @ self.age, y @ self.sex
        return torch.stack([a * a, a * s, a * a * s], dim=1)

    def place(self, noise: Tensor, y: Tensor) -> Tensor:
        """Place standard normal noise (B, L) under conditions (B, D): z = mu + sd F e."""
        mean, log_sd = self(y)
        with full_precision(y):
            z: Tensor = mean + log_sd.exp() * (noise @ self.factor.T)
        return z

    def remove(self, z: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) that is placed at z: the inverse of `place`."""
        mean, log_sd = self(y)
        scaled = (z - mean) / log_sd.exp()
        noise: Tensor = torch.linalg.solve_triangular(self.factor, scaled.T, upper=False).T
        return noise

    @torch.no_grad()
    def set(self, centre: Tensor, slopes: Tensor, bend: Tensor, factor: Tensor) -> None:
        """Put N(centre + slopes y + bend^T bent(y), factor factor^T) in the network's place.

        Parameters
        ----------
        centre : (L,) Tensor
        slopes : (L, D) Tensor
        bend : (3, L) Tensor
        factor : (L, L) Tensor, lower triangular
        """
        for parameter in self.network.parameters():
            parameter.zero_()
        if slopes.shape[1]:
            self.network.linear.weight[: len(centre)] = slopes
        self.centre.copy_(centre)
        self.bend.copy_(bend)
        self.factor.copy_(factor)


class Decoder(nn.Module):
    """p(x | z, y): latent and conditions to a correction of the mean brain's logits."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.coarse_shape = config.coarse_shape
        self.smooth = config.smooth
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
        return (smoothed(x) if self.smooth else x) + mean.logits


def start_network(model: nn.Module) -> None:
    """Start with the mean brain for everybody, but with the signal of the latent alive."""
    keep_variance(model)
    for module in model.modules():
        if isinstance(module, ResidualBlock):
            zeroed(module.second)
        elif isinstance(module, ConditionNetwork):
            module.start()
        elif isinstance(module, Decoder):
            zeroed(module.head)
