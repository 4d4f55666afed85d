"""How the C-VAE is trained: Eqs. 2 and 9 of CSegSynth, with a controlled amount of information."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from brainviewer.core.volume import voxel_volume_ml
from brainviewer.generators.cvae import CVAE, CVAEConfig, CVAEOutput
from brainviewer.generators.device import choose_device, place_on
from brainviewer.training.losses import (
    gaussian_kl,
    map_volumes,
    tissue_cross_entropy,
    volume_loss,
)
from brainviewer.training.recipe import TrainingRecipeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.cohort.reading import People
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.device import Device
    from brainviewer.training.dataset import Batch, TrainingData
    from brainviewer.training.recipe import TrainingRecipe

MEAN_MAP_BLUR_VOXELS = 0.7
CONTROL_GAIN = 0.02
# Small: a KL term that dwarfs the reconstruction at first blinds Adam for a thousand steps.
FIRST_KL_WEIGHT = 1e-6
# Per voxel: at 1.4e-6 the loss is the evidence bound of 720,000 voxels.
KL_WEIGHT_RANGE = (1e-7, 1e-4)


@dataclass(frozen=True, slots=True)
class CVAEWeights:
    """Weights of the loss terms of Eq. 9, with the reconstruction's set to one.

    Attributes
    ----------
    volume : float
        lambda 3, of the volumes of reconstructions.
    prior_volume : float
        The same for a brain drawn from the prior, which is what the generator is used for.
    kl_nats : float
        How much the latent may say about a person. The weight lambda 1 of the KL term is steered
        to this value: near 1600 nats the prior is full of holes, near 100 every draw is a brain.
    """

    volume: float = 0.02
    prior_volume: float = 0.02
    kl_nats: float = 120.0


class CVAETask:
    """A C-VAE in training."""

    def __init__(self, data: TrainingData, recipe: TrainingRecipe, device: str = "auto") -> None:
        torch.manual_seed(recipe.seed)
        try:
            self.config = CVAEConfig(recipe.shape, len(data.schema.columns), **recipe.model)
            self._weights = CVAEWeights(**recipe.losses)
        except (TypeError, ValueError) as error:
            raise TrainingRecipeError(f"the recipe does not fit a C-VAE: {error}") from error
        self.model = CVAE(self.config)
        self.model.mean.shares.copy_(torch.from_numpy(mean_shares(data.train.maps))[None])
        self.device: Device = choose_device(device)
        place_on(self.model, self.device)
        self._voxel_ml = voxel_volume_ml(data.affine)
        self._volume_sd = self.device.tensor(data.train.volumes_ml.std(axis=0))
        self._validation = data.validation
        self._schema = data.schema
        self._kl_weight = FIRST_KL_WEIGHT

    def losses(self, model: nn.Module, batch: Batch, random: torch.Generator) -> dict[str, Tensor]:
        """Return the terms of Eq. 9 for a batch."""
        maps = batch.maps.to(self.device.torch_device, memory_format=torch.channels_last_3d)
        y = batch.conditions.to(self.device.torch_device)
        noise = torch.randn((len(y), self.config.latent), generator=random).to(y.device)
        with self.device.autocast():
            out: CVAEOutput = model(maps, y, noise)
        wanted = map_volumes(maps, self._voxel_ml)
        terms = {
            "reconstruction": tissue_cross_entropy(out.rebuilt, maps),
            "kl": gaussian_kl(out.mean, out.log_sd, out.prior_mean, out.prior_log_sd),
            "volume": self._volume_loss(out.rebuilt, wanted),
            "prior_volume": self._volume_loss(out.expected, wanted[:1]),
        }
        total = (
            terms["reconstruction"]
            + self._kl_weight * terms["kl"]
            + self._weights.volume * terms["volume"]
            + self._weights.prior_volume * terms["prior_volume"]
        )
        return {"total": total, **terms}

    def after_step(self, losses: dict[str, float]) -> None:
        """Steer the weight of the KL term so that the KL approaches its target."""
        error = losses["kl"] / self._weights.kl_nats - 1.0
        change = math.exp(CONTROL_GAIN * float(np.clip(error, -1.0, 1.0)))
        self._kl_weight = float(np.clip(self._kl_weight * change, *KL_WEIGHT_RANGE))

    def state(self) -> dict[str, Any]:
        """Return the weight of the KL term."""
        return {"kl_weight": self._kl_weight}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the weight of the KL term."""
        self._kl_weight = float(state["kl_weight"])

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return cross-entropy of reconstructions and volume errors (mL) on unseen people.

        Without validation people, only the weight of the KL term.
        """
        assert isinstance(model, CVAE)
        if len(self._validation) == 0:
            return {"kl_weight": self._kl_weight}
        scores = [
            self._score(model, self._validation, index) for index in range(len(self._validation))
        ]
        names = ("val_reconstruction", *(f"val_mae_{t}" for t in ("WM", "GM", "CSF")))
        values = np.mean(scores, axis=0)
        numbers = {name: float(value) for name, value in zip(names, values, strict=True)}
        return {**numbers, "kl_weight": self._kl_weight}

    def _score(self, model: CVAE, people: People, index: int) -> list[float]:
        maps = self.device.tensor(people.maps[index].astype(np.float32) / 255.0)[None]
        y = self.device.tensor(self._schema.encode(people.conditions[index]))[None]
        with self.device.autocast():
            out = model(maps, y, torch.zeros((1, self.config.latent), device=y.device))
        volumes = self._volumes(out.expected)[0].cpu().numpy()
        errors = np.abs(volumes - people.volumes_ml[index])
        return [float(tissue_cross_entropy(out.rebuilt, maps)), *errors.tolist()]

    def _volumes(self, logits: Tensor) -> Tensor:
        return map_volumes(functional.softmax(logits.float(), dim=1)[:, :3], self._voxel_ml)

    def _volume_loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        return volume_loss(self._volumes(logits), wanted, self._volume_sd)


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
