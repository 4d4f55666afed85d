"""BrainSynth (Peng et al. 2023): T1-weighted images from metadata and an identity.

A VQ-VAE packs an image into a coarse grid of quantised vectors. A GLM says what of them goes with
the metadata, P m; what is left, quantised again, is the R-code of a person, and a masked diffusion
knows which R-codes there are. An image is decoded from P m + Q(r): changed metadata move P m and
leave the residual, which is the counterfactual.

Notation: x image, z its latent grid (B, C, i, j, k), y the condition vector.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.intensity import scale_intensity
from brainviewer.core.volume import Brain
from brainviewer.generators.base import GenerationError, Identity, Space
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
from brainviewer.generators.code_diffusion import (
    CodeTransformer,
    TransformerConfig,
    sampling_steps,
)
from brainviewer.generators.device import choose_device, place_on
from brainviewer.generators.loading import condition_tensor, load_model
from brainviewer.generators.metadata import DESIGNS, Design, MetadataMap
from brainviewer.generators.networks import Deviations
from brainviewer.generators.quantise import CODES_OF_A_PLACE, HALVES, FineQuantiser

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.generators.device import Device

T1 = ("T1w",)
NO_RESIDUAL = -1.0


@dataclass(frozen=True, slots=True)
class BrainSynthConfig(TransformerConfig):
    """Sizes of the networks, those of the transformer among them.

    Attributes
    ----------
    shape : (I, J, K)
        The grid; each a multiple of 2 for every stage.
    conditions : int
        Length of the condition vector.
    channels : tuple of int
        Of the grids at each stage, the coarsest first: three make a latent grid at 1/8 of the
        resolution, four at 1/16.
    latent_channels : int
        n_D, even.
    codes, residual_codes : int
        N_C of the codebook, and of that of the residual.
    design : ``"linear"`` or ``"splines"``
        Of the GLM.
    smooth : bool
        Whether what is decoded is smoothed against checkerboards.
    """

    shape: tuple[int, int, int]
    conditions: int
    channels: tuple[int, ...] = (128, 64, 40)
    latent_channels: int = 64
    codes: int = 1024
    residual_codes: int = 1024
    design: Design = "linear"
    smooth: bool = False

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one super() knows.
        TransformerConfig.__post_init__(self)
        if any(n % self.cell for n in self.shape):
            raise ValueError(
                f"the grid must be multiples of {self.cell} voxels with {len(self.channels)} "
                f"stages, got {self.shape}"
            )
        if self.latent_channels % HALVES:
            raise ValueError(f"latent_channels must be even, got {self.latent_channels}")
        if self.design not in DESIGNS:
            raise ValueError(f"design must be one of {', '.join(DESIGNS)}, got {self.design!r}")
        depth = self.latent_shape[3]
        if not 1 <= self.slabs <= depth:
            raise ValueError(
                f"slabs must lie in 1-{depth} with a latent grid of {self.latent_shape[1:]}, got "
                f"{self.slabs}"
            )

    @property
    def cell(self) -> int:
        """Voxels of the volume in one of the latent grid, along each axis."""
        return int(2 ** len(self.channels))

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """The latent grid, channels first."""
        i, j, k = (n // self.cell for n in self.shape)
        return self.latent_channels, i, j, k

    @property
    def code_shape(self) -> tuple[int, int, int, int]:
        """The grid of codes, those of a place first."""
        return CODES_OF_A_PLACE, *self.latent_shape[1:]

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> BrainSynthConfig:
        """Rebuild from a configuration file."""
        tuples = {name: tuple(entry[name]) for name in ("shape", "channels")}
        return cls(**{**entry, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class MeanImage(nn.Module):
    """The mean image of the training people: fixed, known to encoder and decoder.

    Attributes
    ----------
    image : (I, J, K) Tensor, in [0, 1]
    spread : () Tensor
        The root mean square of how people depart from it: the unit of departures. In units of
        intensity they are so small that a step of Adam is many times too long for the last layer.
    """

    image: Tensor
    spread: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("image", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(()))

    def departure(self, x: Tensor) -> Tensor:
        """Return how images (B, 1, I, J, K) depart from the mean, in units of the spread."""
        return (x - self.image) / self.spread

    def departed(self, departure: Tensor) -> Tensor:
        """Return the images (B, 1, I, J, K) that depart so from the mean."""
        return departure.float() * self.spread + self.image


class Encoder(nn.Module):
    """E of section 4.1: an image to its latent grid, at half resolution from the start.

    It sees how a person departs from the mean. Shown the image itself, it spent 95 % of the
    latents' variance, and most of the codebook, on what all people share.
    """

    def __init__(self, config: BrainSynthConfig) -> None:
        super().__init__()
        finer = config.channels[::-1]
        self.stem = nn.Conv3d(8, finer[0], 1)
        self.downs = nn.Sequential(*map(Down, finer, finer[1:]))
        self.out = nn.Conv3d(finer[-1], config.latent_channels, 1)
        # Without it, the codebook would have to follow the scale of the latents.
        self.norm = nn.GroupNorm(1, config.latent_channels, affine=False)

    def forward(self, departure: Tensor) -> Tensor:
        """Map departures from the mean (B, 1, I, J, K) to z (B, C, i, j, k)."""
        z: Tensor = self.norm(self.out(self.downs(self.stem(unshuffle(departure)))).float())
        return z


class Decoder(nn.Module):
    """D of section 4.1: a quantised latent grid to how an image departs from the mean."""

    def __init__(self, config: BrainSynthConfig) -> None:
        super().__init__()
        coarse, fine = config.channels[0], config.channels[-1]
        self.stem = nn.Conv3d(config.latent_channels, coarse, 1)
        # Convolutions do not know where they are; heads that are aligned have their places.
        self.place = nn.Parameter(torch.zeros(coarse, *config.latent_shape[1:]))
        self.ups = nn.Sequential(*map(Up, config.channels, config.channels[1:]))
        self.block = ResidualBlock(fine)
        self.head = nn.Conv3d(fine, 8, 3, padding=1)
        self._smooth = config.smooth

    def forward(self, q: Tensor) -> Tensor:
        """Map q (B, C, i, j, k) to a departure (B, 1, I, J, K)."""
        x = self.block(self.ups(self.stem(q) + self.place))  # (B, C', I/2, J/2, K/2)
        departure = shuffle(self.head(functional.silu(x)))  # (B, 1, I, J, K)
        return smoothed(departure) if self._smooth else departure


class AutoencoderOutput(NamedTuple):
    """What a training step of the VQ-VAE needs.

    Attributes
    ----------
    departure : (B, 1, I, J, K) Tensor
        Of the rebuilt image from the mean.
    z, quantised : (B, C, i, j, k) Tensor
    """

    departure: Tensor
    z: Tensor
    quantised: Tensor


class Autoencoder(nn.Module):
    """The VQ-VAE of stage I."""

    def __init__(self, config: BrainSynthConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.codebook = FineQuantiser(config.codes, config.latent_channels)
        self.decoder = Decoder(config)
        keep_variance(self)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                zeroed(module.second)
        zeroed(self.decoder.head)

    def forward(self, departure: Tensor) -> AutoencoderOutput:
        """Rebuild a departure from the mean (B, 1, I, J, K).

        The gradient passes the quantisation as if it were not there (van den Oord et al. 2017).
        """
        z = self.encoder(departure)
        quantised, _ = self.codebook(z)
        return AutoencoderOutput(self.decoder(z + (quantised - z).detach()), z, quantised)


class BrainSynth(nn.Module):
    """Both stages."""

    def __init__(self, config: BrainSynthConfig) -> None:
        super().__init__()
        self.config = config
        self.mean = MeanImage(config.shape)
        self.deviations = Deviations(config.conditions)
        self.autoencoder = Autoencoder(config)
        self.metadata = MetadataMap(config.conditions, config.latent_shape, config.design)
        self.residual = FineQuantiser(config.residual_codes, config.latent_channels)
        self.transformer = CodeTransformer(config, config.residual_codes, config.code_shape[1:])

    def quantised(self, x: Tensor) -> Tensor:
        """Return Q(z) (B, C, i, j, k) of images (B, 1, I, J, K)."""
        values: Tensor
        values, _ = self.autoencoder.codebook(self.autoencoder.encoder(self.mean.departure(x)))
        return values

    def r_codes(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the R-codes (B, 4, i, j, k) of images (B, 1, I, J, K) under conditions (B, D)."""
        codes: Tensor
        _, codes = self.residual(self.quantised(x) - self.metadata_part(y))
        return codes

    def metadata_part(self, y: Tensor) -> Tensor:
        """Return P m (B, C, i, j, k) of conditions (B, D)."""
        part: Tensor = self.metadata(self.deviations(y))
        return part

    def latent(self, codes: Tensor, y: Tensor) -> Tensor:
        """Return P m + Q(r) (B, C, i, j, k) of R-codes (B, 4, i, j, k) and conditions (B, D)."""
        return self.metadata_part(y) + self.residual.look_up(codes)

    def image(self, departure: Tensor) -> Tensor:
        """Return the image (B, 1, I, J, K) that departs so from the mean."""
        return self.mean.departed(departure)


class BrainSynthGenerator:
    """A trained BrainSynth on a device; see `brainviewer.generators.base.Generator`.

    An identity is an R-code: four whole numbers, as float32, for each place of the latent grid.
    -1 stands for no residual: the average person has none anywhere.
    """

    channels: tuple[str, ...] = T1
    space: Space = "native"
    can_encode = True

    def __init__(
        self,
        name: str,
        model: BrainSynth,
        *,
        schema: FeatureSchema,
        affine: Affine,
        device: Device,
    ) -> None:
        self.name = name
        self.schema = schema
        self.affine = affine
        self.shape = model.config.shape
        self.device_name = device.name
        self._device = device
        self._model = model.eval().requires_grad_(requires_grad=False)
        place_on(model, device)

    def draw(self, seed: int) -> Identity:
        """Draw an R-code from a seed; this takes seconds on a processor."""
        steps = self.drawing_steps(seed)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                identity: Identity = done.value
                return identity

    def drawing_steps(self, seed: int) -> Generator[float, None, Identity]:
        """Draw an R-code step by step, so that it can be shown how far it is, and be left.

        Yields
        ------
        float
            The part that is done, 0 to 1.

        Returns
        -------
        Identity
            That of `draw`.
        """
        steps = self.unveiling_steps(seed)
        while True:
            try:
                yield next(steps)[0]
            except StopIteration as done:
                identity: Identity = done.value
                return identity

    def unveiling_steps(self, seed: int) -> Generator[tuple[float, Identity], None, Identity]:
        """Draw an R-code step by step, and tell what is drawn of it.

        Yields
        ------
        float
            The part that is done, 0 to 1.
        Identity
            Who has no residual yet where the R-code is masked.

        Returns
        -------
        Identity
            That of `draw`.
        """
        label, steps = f"seed {seed}", self._codes_in_steps(seed)
        while True:
            try:
                part, codes = next(steps)
                yield part, Identity(_as_latent(codes), f"{label}, being drawn")
            except StopIteration as done:
                return Identity(_as_latent(done.value), label, seed)

    def _codes_in_steps(self, seed: int) -> Generator[tuple[float, Tensor], None, Tensor]:
        return sampling_steps(self._model.transformer, torch.Generator().manual_seed(seed))

    def average(self) -> Identity:
        """Return who is decoded from P m alone: the template of an age and sex."""
        length = int(np.prod(self._model.config.code_shape))
        return Identity(np.full(length, NO_RESIDUAL, np.float32), "average")

    @torch.inference_mode()
    def encode(self, brain: Brain, conditions: Conditions) -> Identity:
        """Find the R-code of a T1-weighted image on this generator's grid, in any unit."""
        self._check(brain)
        try:
            image = self._device.tensor(scale_intensity(brain.data))[None]
        except ValueError as error:
            raise GenerationError(f"{self.name} cannot encode the scan: {error}") from error
        with self._device.autocast():
            codes = self._model.r_codes(image, self._conditions(conditions))
        return Identity(_as_latent(codes), "encoded scan")

    @torch.inference_mode()
    def embed(self, brain: Brain) -> FloatArray:
        """Return Q(z) of an image in [0, 1], scaled as the training people's: (C i j k,)."""
        self._check(brain)
        with self._device.autocast():
            quantised = self._model.quantised(self._device.tensor(brain.data)[None])
        found: FloatArray = quantised.float().flatten().cpu().numpy()
        return found

    @torch.inference_mode()
    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Decode an image (1, I, J, K) in [0, 1]."""
        latent = self._latent(identity, self._conditions(conditions))
        with self._device.autocast():
            departure = self._model.autoencoder.decoder(latent)
        image = self._model.image(departure)[0].clamp(0.0, 1.0)
        return Brain(self.channels, image.cpu().numpy(), self.affine)

    def volume_gradients(
        self, identity: Identity, conditions: Conditions, weights: FloatArray | None = None
    ) -> FloatArray:
        """Refuse: a sum of intensities is no volume.

        Raises
        ------
        GenerationError
        """
        raise GenerationError(
            f"{self.name} makes T1-weighted images without tissue maps, so it has no volumes to "
            f"differentiate; choose another generator for the Features panel"
        )

    def _check(self, brain: Brain) -> None:
        if brain.channels != self.channels or brain.data.shape[1:] != self.shape:
            raise GenerationError(
                f"{self.name} encodes T1w on {self.shape} voxels, got "
                f"{'/'.join(brain.channels)} on {brain.data.shape[1:]}"
            )

    def _latent(self, identity: Identity, y: Tensor) -> Tensor:
        """Return what is decoded (1, C, i, j, k) of an identity under conditions (1, D)."""
        return self._model.latent(self._codes(identity), y)

    def _codes(self, identity: Identity) -> Tensor:
        """Return the R-code (1, 4, i, j, k) of an identity."""
        config = self._model.config
        length, codes = int(np.prod(config.code_shape)), identity.latent
        if codes.shape != (length,):
            raise GenerationError(
                f"{identity.label} is no identity of {self.name}: the latent must have {length} "
                f"numbers, got {codes.size}"
            )
        if not np.isin(codes, np.arange(NO_RESIDUAL, config.residual_codes)).all():
            raise GenerationError(
                f"{identity.label} is no identity of {self.name}: the latent must hold whole "
                f"numbers in 0-{config.residual_codes - 1}, or -1 for no residual"
            )
        return self._device.tensor(codes).long().reshape(1, *config.code_shape)

    def _conditions(self, conditions: Conditions) -> Tensor:
        return condition_tensor(conditions, self.schema, self._model.deviations, self._device)


def load(checkpoint: Checkpoint, device: str) -> BrainSynthGenerator:
    """Load a checkpoint's weights; errors are turned into words by `load_generator`."""
    model = load_model(checkpoint, BrainSynth, BrainSynthConfig.from_json)
    return BrainSynthGenerator(
        checkpoint.name,
        model,
        schema=checkpoint.schema,
        affine=np.array(checkpoint.config["affine"], dtype=np.float64),
        device=choose_device(device),
    )


def _as_latent(codes: Tensor) -> FloatArray:
    """Return R-codes (1, 4, i, j, k) as a latent: float32 holds whole numbers up to 2^24."""
    return codes.flatten().cpu().numpy().astype(np.float32)
