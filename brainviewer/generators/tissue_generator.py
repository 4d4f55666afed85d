"""Any model that decodes tissue maps from noise and conditions, as a generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch.nn import functional

from brainviewer.core.tissues import TISSUES, has_tissues, tissue_maps
from brainviewer.core.volume import Brain, voxel_volume_ml
from brainviewer.generators.base import GenerationError, Identity, Space
from brainviewer.generators.device import Device, choose_device, place_on
from brainviewer.generators.loading import condition_tensor, load_model
from brainviewer.generators.networks import Deviations, MeanBrain, MeanFeatures, NetworkConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.generators.checkpoint import Checkpoint


class LatentConfig(Protocol):
    """The sizes of a latent model: its grid, its noise and its conditions."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The grid (I, J, K)."""
        ...

    @property
    def conditions(self) -> int:
        """Length of the condition vector."""
        ...

    @property
    def latent(self) -> int:
        """Length of the noise."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for config.json."""
        ...


class LatentModel(Protocol):
    """A network whose brains are decoded from standard normal noise under conditions."""

    @property
    def config(self) -> LatentConfig:
        """Its sizes."""
        ...

    mean: MeanBrain
    deviations: Deviations

    def decode(self, noise: Tensor, y: Tensor, mean: MeanFeatures) -> Tensor:
        """Decode noise (B, L) under conditions (B, D): logits (B, 4, I, J, K)."""
        ...


@runtime_checkable
class EncodingModel(Protocol):
    """A latent model with an encoder."""

    def noise(self, maps: Tensor, y: Tensor) -> Tensor:
        """Find the noise (B, L) from which these maps are decoded best, under conditions."""
        ...


class TissueGenerator:
    """A trained latent model on a device; see `brainviewer.generators.base.Generator`.

    An identity is the noise e that the conditions place in the latent space, such as
    z = mu(y) + sd(y) e: changed conditions move z and leave the noise, which is the counterfactual
    of a model with this one exogenous variable.
    """

    channels: tuple[str, ...] = TISSUES
    space: Space = "native"

    def __init__(
        self,
        name: str,
        model: LatentModel,
        *,
        schema: FeatureSchema,
        affine: Affine,
        device: Device,
    ) -> None:
        self.name = name
        self.schema = schema
        self.affine = affine
        self.shape = model.config.shape
        self.can_encode = isinstance(model, EncodingModel)
        self.device_name = device.name
        self._device = device
        self._model = model
        network = cast("nn.Module", model).eval().requires_grad_(False)
        place_on(network, device)
        with device.autocast():
            self._mean = self._model.mean.features()

    def draw(self, seed: int) -> Identity:
        """Draw the noise from a seed, on the processor, so that every machine draws the same."""
        source = torch.Generator().manual_seed(seed)
        noise = torch.randn(self._model.config.latent, generator=source)
        return Identity(noise.numpy(), f"seed {seed}", seed)

    @torch.inference_mode()
    def encode(self, brain: Brain, conditions: Conditions) -> Identity:
        """Find the identity of tissue maps on this generator's grid; an image is not looked at."""
        if not isinstance(self._model, EncodingModel):
            raise GenerationError(
                f"{self.name} has no encoder and cannot show a scan of a person; choose another "
                f"generator"
            )
        maps = self._maps_tensor(brain)
        with self._device.autocast():
            noise = self._model.noise(maps, self._condition_tensor(conditions))
        return Identity(noise[0].float().cpu().numpy(), "encoded scan")

    @torch.inference_mode()
    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Decode tissue maps (3, I, J, K) in [0, 1]."""
        maps = self._decode(self._noise_tensor(identity), self._condition_tensor(conditions))
        return Brain(self.channels, maps[0].cpu().numpy(), self.affine)

    def volume_gradients(
        self, identity: Identity, conditions: Conditions, weights: FloatArray | None = None
    ) -> FloatArray:
        """Differentiate volumes by the condition vector: (3, D), or (S, D) with weights."""
        if not self.schema.columns:
            return np.zeros((len(TISSUES if weights is None else weights), 0), np.float32)
        y = self._device.tensor(self.schema.encode(conditions))[None].requires_grad_()
        known = torch.from_numpy(self.schema.known(conditions))[None].to(y.device)
        filled = self._model.deviations.fill(y, known)
        maps = self._decode(self._noise_tensor(identity), filled)[0]
        if weights is None:
            volumes = maps.sum(dim=(1, 2, 3)) * voxel_volume_ml(self.affine)  # (3,)
        else:
            check_weights(weights, maps.shape)
            volumes = torch.einsum("scijk,cijk->s", self._device.tensor(weights), maps)  # (S,)
        rows = [torch.autograd.grad(v, y, retain_graph=True)[0][0] for v in volumes]
        return torch.stack(rows).float().cpu().numpy()

    def _maps_tensor(self, brain: Brain) -> Tensor:
        if not has_tissues(brain.channels) or brain.data.shape[1:] != self.shape:
            raise GenerationError(
                f"{self.name} encodes {'/'.join(TISSUES)} on {self.shape} voxels, got "
                f"{'/'.join(brain.channels)} on {brain.data.shape[1:]}"
            )
        return self._device.tensor(tissue_maps(brain).data)[None]

    def _decode(self, noise: Tensor, y: Tensor) -> Tensor:
        with self._device.autocast():
            logits = self._model.decode(noise, y, self._mean)
        return functional.softmax(logits.float(), dim=1)[:, :3]

    @property
    def _lengths(self) -> tuple[int, ...]:
        """How many numbers an identity may have."""
        return (self._model.config.latent,)

    def _noise_tensor(self, identity: Identity) -> Tensor:
        if identity.latent.ndim != 1 or identity.latent.size not in self._lengths:
            raise GenerationError(
                f"{identity.label} is no identity of {self.name}: the latent must have "
                f"{' or '.join(map(str, self._lengths))} numbers, got {identity.latent.size}"
            )
        return self._device.tensor(identity.latent)[None]

    def _condition_tensor(self, conditions: Conditions) -> Tensor:
        return condition_tensor(conditions, self.schema, self._model.deviations, self._device)


def load_tissue_generator(
    checkpoint: Checkpoint,
    build: Callable[[Any], LatentModel],
    device: str,
    *,
    read_config: Callable[[Mapping[str, Any]], LatentConfig] = NetworkConfig.from_json,
    kind: type[TissueGenerator] = TissueGenerator,
) -> TissueGenerator:
    """Build the network that a checkpoint describes and give it the checkpoint's weights."""
    return kind(
        checkpoint.name,
        load_model(checkpoint, build, read_config),
        schema=checkpoint.schema,
        affine=np.array(checkpoint.config["affine"], dtype=np.float64),
        device=choose_device(device),
    )


def check_weights(weights: FloatArray, shape: tuple[int, ...]) -> None:
    """Raise GenerationError unless weights (S, C, I, J, K) fit maps (C, I, J, K)."""
    if weights.ndim != 5 or weights.shape[1:] != tuple(shape):
        raise GenerationError(
            f"the weights of a structure must have the shape {tuple(shape)} of the maps, got "
            f"{weights.shape[1:]}"
        )
