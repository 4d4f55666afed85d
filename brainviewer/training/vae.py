"""How VAE and C-VAE are trained: Eqs. 2 and 9 of CSegSynth, with a set amount of information."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.generators.vae import VAE, VAEOutput
from brainviewer.training.dataset import fixed_columns
from brainviewer.training.loop import Player
from brainviewer.training.losses import gaussian_kl, tissue_cross_entropy
from brainviewer.training.prior import fit_prior
from brainviewer.training.recipe import loss_weights
from brainviewer.training.task import TissueTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor, nn

    from brainviewer.training.dataset import Batch, TrainingData
    from brainviewer.training.recipe import TrainingRecipe

CONTROL_GAIN = 0.005
# Of the recipe's learning rate: they start at zero beside networks that were trained before.
CONDITION_RATES = {"prior.": 4.0, "decoder.condition.": 4.0, "encoder.condition.": 4.0}
# Per voxel: at 1.4e-6 the loss is the evidence bound of 720,000 voxels.
KL_WEIGHT_RANGE = (1e-7, 1e-4)


@dataclass(frozen=True, slots=True)
class VAEWeights:
    """Weights of the loss terms of Eq. 9, with the reconstruction's set to one.

    Attributes
    ----------
    volume : float
        lambda 3, of the volumes of reconstructions.
    prior_volume : float
        The same for brains drawn from the prior, which is what the generator is used for: two of
        one person a step, whose volumes shall vary as people's do (the energy score).
    kl_nats : float
        How much the latent may say about a person. The weight lambda 1 of the KL term is steered
        to this value: near 1600 nats the prior is full of holes, near 100 every draw is a brain.
    first_kl_weight : float
        Where lambda 1 starts. From scratch it must be small: a KL term that dwarfs the
        reconstruction at first blinds Adam for a thousand steps.
    """

    volume: float = 0.02
    prior_volume: float = 0.02
    kl_nats: float = 120.0
    first_kl_weight: float = 1e-6


class VAETask(TissueTask):
    """A VAE or C-VAE in training."""

    def __init__(self, data: TrainingData, recipe: TrainingRecipe, device: str = "auto") -> None:
        self._weights = loss_weights(VAEWeights, recipe)
        super().__init__(data, recipe, VAE, device=device)
        self.players = {"vae": Player(self.model, rates=CONDITION_RATES)}
        self._kl_weight = self._weights.first_kl_weight

    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Batch, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of Eq. 9 for a batch."""
        maps, y = self.on_device(batch)
        with self.device.autocast():
            out: VAEOutput = modules[player](
                maps, y, self.noise(len(y), random), self.noise(2, random)
            )
        wanted = self.true_volumes(maps)
        first, second = self.volumes(out.drawn).chunk(2)
        terms = {
            "reconstruction": tissue_cross_entropy(out.rebuilt, maps),
            "kl": gaussian_kl(out.mean, out.log_sd, out.prior_mean, out.prior_log_sd),
            "volume": self.volume_loss(self.volumes(out.rebuilt), wanted),
            "prior_volume": self.volume_score(first, second, wanted[:1]),
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

    def finish(self, model: nn.Module, data: TrainingData) -> None:
        """Fit the prior in closed form to the codes of the training people."""
        assert isinstance(model, VAE)
        y = self.training_conditions(model, data)
        fit_prior(
            model.prior,
            self.codes(model.posterior, data, y),
            model.deviations(y).cpu().numpy(),
            data.train.volumes_ml,
            fixed_columns(data.schema),
        )

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Score unseen people, and tell the weight of the KL term."""
        return super().validate(model) | {"kl_weight": self._kl_weight}
