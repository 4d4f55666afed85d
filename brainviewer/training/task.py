"""What the tasks of the families share: sizes, device, validation; for tissue maps, volumes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from brainviewer.cohort.reading import FULL
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.generators.device import choose_device, place_on
from brainviewer.generators.gan import PlacedNoise
from brainviewer.generators.loading import condition_tensor
from brainviewer.generators.networks import NetworkConfig
from brainviewer.generators.tissue_generator import EncodingModel
from brainviewer.generators.vae import VAE
from brainviewer.training.dataset import encode_people, fit_deviations
from brainviewer.training.losses import (
    energy_score,
    map_volumes,
    tissue_cross_entropy,
    volume_loss,
)
from brainviewer.training.prior import Codes
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.start import share_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.brainsynth import BrainSynth
    from brainviewer.generators.device import Device
    from brainviewer.generators.ldm import LDM
    from brainviewer.generators.loading import Sizes
    from brainviewer.generators.tissue_generator import LatentConfig
    from brainviewer.training.dataset import Batch, BatchSource, TrainingData
    from brainviewer.training.loop import Player, Source
    from brainviewer.training.recipe import TrainingRecipe

    TissueNetworks = VAE | PlacedNoise | LDM
    Networks = TissueNetworks | BrainSynth

MEAN_MAP_BLUR_VOXELS = 0.7


class FamilyTask(ABC):
    """The base of all tasks: a model that is made, told what it knows, and put on a device.

    Parameters
    ----------
    build : class
        Of the model; made with torch's seed set.
    configure : class
        Of the model's sizes.
    """

    config: Sizes
    model: Networks

    def __init__(
        self,
        data: TrainingData,
        recipe: TrainingRecipe,
        build: Callable[[Any], Networks],
        *,
        configure: Callable[..., Sizes],
        device: str = "auto",
    ) -> None:
        torch.manual_seed(recipe.seed)
        try:
            self.config = configure(recipe.shape, len(data.schema.columns), **recipe.model)
        except (TypeError, ValueError) as error:
            raise TrainingRecipeError(
                f"the recipe does not fit a {recipe.generator}: {error}"
            ) from error
        self.model = build(self.config)
        self.set_mean(data)
        fit_deviations(self.model.deviations, data)
        if recipe.start:
            share_parameters(
                self.model, recipe.start, held_out=(*data.test.ids, *data.validation.ids)
            )
        self.device: Device = choose_device(device)
        place_on(self.model, self.device)
        self._validation = data.validation
        self._schema = data.schema

    players: Mapping[str, Player]

    @abstractmethod
    def set_mean(self, data: TrainingData) -> None:
        """Tell the model the mean brain of the training people."""

    def batches(self, people: BatchSource) -> Source[Batch]:
        """Return what the loop draws its batches from: the people."""
        return people

    @abstractmethod
    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Batch, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of a player's turn; see `brainviewer.training.loop.Task`."""

    def after_step(self, losses: dict[str, float]) -> None:  # noqa: B027
        """Adapt nothing."""

    def state(self) -> dict[str, Any]:
        """Return nothing: the networks are all there is."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Take up nothing."""

    def finish(self, model: nn.Module, data: TrainingData) -> None:  # noqa: B027
        """Do to the averaged model what remains to be done when its training has ended: nothing."""

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return scores on unseen people, averaged; without validation people, none."""
        scores: list[dict[str, float]] = []
        for index in range(len(self._validation)):
            maps = self.device.tensor(self._validation.maps[index].astype(np.float32) / 255.0)[None]
            scores.append(self._score(model, maps, index))
        names = scores[0] if scores else ()
        return {name: float(np.mean([score[name] for score in scores])) for name in names}

    @abstractmethod
    def _score(self, model: nn.Module, maps: Tensor, index: int) -> dict[str, float]:
        """Score the averaged model on an unseen person's maps (1, C, I, J, K)."""

    def validation_conditions(self, model: Networks, index: int) -> Tensor:
        """Return the conditions (1, D) of an unseen person, what is missing as expected."""
        row = self._validation.conditions[index]
        return condition_tensor(row, self._schema, model.deviations, self.device)

    def on_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return maps (B, C, I, J, K), channels last, and conditions (B, D) on the device."""
        device = self.device.torch_device
        maps = batch.maps.to(device, memory_format=torch.channels_last_3d)
        return maps, batch.conditions.to(device)


class TissueTask(FamilyTask):
    """The base of tasks whose model decodes tissue maps from noise."""

    config: LatentConfig
    model: TissueNetworks

    def __init__(
        self,
        data: TrainingData,
        recipe: TrainingRecipe,
        build: Callable[[Any], TissueNetworks],
        *,
        configure: Callable[..., LatentConfig] = NetworkConfig,
        device: str = "auto",
    ) -> None:
        super().__init__(data, recipe, build, configure=configure, device=device)
        self._voxel_ml = voxel_volume_ml(data.affine)
        self._volume_sd = self.device.tensor(data.train.volumes_ml.std(axis=0))

    def set_mean(self, data: TrainingData) -> None:
        """Tell the model the mean tissue map."""
        self.model.mean.shares.copy_(torch.from_numpy(mean_shares(data.train.maps))[None])

    def _score(self, model: nn.Module, maps: Tensor, index: int) -> dict[str, float]:
        """Return the cross-entropy of a reconstruction and volume errors (mL).

        The volumes are those of the brain without noise. Without conditions, or without an
        encoder, there is less to score.
        """
        assert isinstance(model, VAE | PlacedNoise)
        volumes_ml = self._validation.volumes_ml[index]
        y = self.validation_conditions(model, index)
        score: dict[str, float] = {}
        mean = model.mean.features()
        with self.device.autocast():
            if isinstance(model, EncodingModel):
                rebuilt = model.decode(model.noise(maps, y), y, mean)
                score["val_reconstruction"] = float(tissue_cross_entropy(rebuilt, maps))
            if self.config.conditions:
                noise = torch.zeros((1, self.config.latent), device=y.device)
                found = self.volumes(model.decode(noise, y, mean))[0].cpu().numpy()
                for name, error in zip(TISSUES, np.abs(found - volumes_ml), strict=True):
                    score[f"val_mae_{name}"] = float(error)
        return score

    def training_conditions(self, model: TissueNetworks, data: TrainingData) -> Tensor:
        """Return the conditions (N, D) of the training people, what is missing as expected."""
        encoded, known = encode_people(data.schema, data.train)
        y = self.device.tensor(encoded)
        return model.deviations.fill(y, torch.from_numpy(known).to(y.device))

    @torch.inference_mode()
    def codes(
        self,
        encode: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        data: TrainingData,
        y: Tensor,
    ) -> Codes:
        """Return what an encoder says of the training people and their mirror images.

        Parameters
        ----------
        encode : callable
            From maps (B, 3, I, J, K) and conditions (B, D) to mean and log sd (B, L).
        y : (N, D) Tensor
        """
        rows: list[list[FloatArray]] = []
        for maps, own in zip(data.train.maps, y, strict=True):
            one = self.device.tensor(maps.astype(np.float32) / FULL)[None]
            pair = torch.cat([one, one.flip(2)]).contiguous(memory_format=torch.channels_last_3d)
            with self.device.autocast():
                mean, log_sd = encode(pair, own.expand(2, -1))
            rows.append([mean.cpu().numpy(), log_sd.exp().cpu().numpy()])
        means, sds = (np.stack(column, axis=1) for column in zip(*rows, strict=True))
        return Codes(means, sds)

    def noise(self, count: int, random: torch.Generator) -> Tensor:
        """Draw standard normal noise (count, L) from a generator on the processor."""
        noise = torch.randn((count, self.config.latent), generator=random)
        return noise.to(self.device.torch_device)

    def volumes(self, logits: Tensor) -> Tensor:
        """Return Vol of logits (B, 4, I, J, K): (B, 3), mL."""
        return map_volumes(functional.softmax(logits.float(), dim=1)[:, :3], self._voxel_ml)

    def true_volumes(self, maps: Tensor) -> Tensor:
        """Return Vol of maps (B, 3, I, J, K): (B, 3), mL."""
        return map_volumes(maps, self._voxel_ml)

    def volume_loss(self, volumes: Tensor, wanted: Tensor) -> Tensor:
        """Return LI of volumes (B, 3) in standard deviations of the training people."""
        return volume_loss(volumes, wanted, self._volume_sd)

    def volume_score(self, first: Tensor, second: Tensor, wanted: Tensor) -> Tensor:
        """Return the energy score of two draws' volumes (B, 3), in the same unit."""
        sd = self._volume_sd
        return energy_score(first / sd, second / sd, wanted / sd)


def mean_shares(maps: NDArray[np.uint8]) -> FloatArray:
    """Return the mean tissue map (4, I, J, K) float32, background last.

    The mean over people and their mirror images, slightly blurred.

    Parameters
    ----------
    maps : (N, 3, I, J, K) uint8 ndarray
        255 x partial volume.
    """
    total = np.zeros(maps.shape[1:], dtype=np.float64)
    for person in maps:
        total += person
    mean = total / (255.0 * len(maps))
    mean = 0.5 * (mean + mean[:, ::-1])
    mean = np.stack([ndimage.gaussian_filter(tissue, MEAN_MAP_BLUR_VOXELS) for tissue in mean])
    shares = np.concatenate([mean, 1.0 - mean.sum(axis=0, keepdims=True)])
    return np.asarray(shares, dtype=np.float32)
