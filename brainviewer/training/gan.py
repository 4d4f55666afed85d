"""How GAN and C-GAN are trained: Eqs. 3-4 and 10-11 of CSegSynth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from brainviewer.cohort.reading import FULL
from brainviewer.generators.gan import GAN, PlacedNoise
from brainviewer.generators.networks import Prior
from brainviewer.training.adversary import BETAS, CRITIC_RATE, Adversary, AdversaryWeights
from brainviewer.training.dataset import fixed_columns
from brainviewer.training.inversion import BlockEncoder, blocks, draw_blocks
from brainviewer.training.loop import Player
from brainviewer.training.losses import energy_score, triplet_margin_loss
from brainviewer.training.prior import fit_prior, fit_shift
from brainviewer.training.recipe import loss_weights
from brainviewer.training.start import standardised
from brainviewer.training.task import TissueTask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from brainviewer.generators.networks import NetworkConfig
    from brainviewer.training.dataset import Batch, TrainingData
    from brainviewer.training.recipe import TrainingRecipe


PRIOR_RATE = 2.0  # of the recipe's learning rate; a hundred in the published code


@dataclass(frozen=True, slots=True)
class GANWeights(AdversaryWeights):
    """Weights of the loss terms of Eqs. 4 and 10, with the critic's verdict at `adversarial`.

    Attributes
    ----------
    adversarial : float
    volume : float
        lambda 1, of volumes in standard deviations.
    triplet : float
        lambda 2, of the triplet margin loss.
    margin : float
        In standard deviations of the volumes.
    """

    adversarial: float = 0.01
    volume: float = 0.02
    triplet: float = 0.005
    margin: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a step asks a conditional generator for: noise (M, L) and conditions (M, D).

    In this order: one brain for each of the B people; a second one for the first half of them; one
    under disturbed conditions y + y_n, with the noise of the first, for the first half of them.
    """

    noise: Tensor
    conditions: Tensor
    people: int

    @property
    def half(self) -> int:
        """How many people have three brains."""
        return (len(self.noise) - self.people) // 2


class ConditionalTask(TissueTask):
    """A task that draws brains under conditions and scores their volumes."""

    config: NetworkConfig

    def start_prior(
        self, data: TrainingData, encode: Callable[[Tensor], tuple[Tensor, Tensor]]
    ) -> None:
        """Start where z = e + FFN(y) already holds of the training people's codes.

        Codes vary with age and sex, and beside them; a Gaussian under conditions is fitted to them
        as for a C-VAE, what is left becomes the noise e, and FFN(y) its mean.

        Parameters
        ----------
        encode : callable
            From maps (B, 3, I, J, K) to the mean and log sd of their codes (B, L).
        """
        assert isinstance(self.model, PlacedNoise)
        model = self.model
        y = self.training_conditions(model, data)
        inputs = model.deviations(y)
        fitted = Prior(self.config).to(y.device)
        fit_prior(
            fitted,
            self.codes(lambda maps, _: encode(maps), data, y),
            inputs.cpu().numpy(),
            data.train.volumes_ml,
            fixed_columns(data.schema),
        )
        weights = model.state_dict()
        model.load_state_dict(weights | standardised(weights, fitted.centre, fitted.factor))
        fit_shift(model.prior, fitted, inputs)

    def ask(self, y: Tensor, random: torch.Generator) -> Asked:
        """Draw what to ask for; without conditions, one brain a person."""
        noise = self.noise(len(y), random)
        if not self.config.conditions:
            return Asked(noise, y, len(y))
        half = len(y) // 2
        wrong = y[:half] + torch.randn((half, y.shape[1]), generator=random).to(y.device)
        return Asked(
            torch.cat([noise, self.noise(half, random), noise[:half]]),
            torch.cat([y, y[:half], wrong]),
            len(y),
        )

    def volume_terms(
        self, drawn: Tensor, asked: Asked, wanted: Tensor, *, margin: float
    ) -> dict[str, Tensor]:
        """Score the volumes of drawn logits against the people's (B, 3) mL."""
        if not self.config.conditions or asked.half == 0:
            return {}
        found = self.volumes(drawn) / self._volume_sd
        true = wanted / self._volume_sd
        people, half = asked.people, asked.half
        first, second, wrong = found[:half], found[people : people + half], found[people + half :]
        alone = (found[half:people] - true[half:]).abs().mean() if people > half else 0.0
        both = energy_score(first, second, true[:half])
        return {
            "volume": (both * half + alone * (people - half)) / people,
            "triplet": triplet_margin_loss(true[:half], first, wrong, margin),
        }


class GANTask(ConditionalTask):
    """A GAN or C-GAN in training."""

    def __init__(self, data: TrainingData, recipe: TrainingRecipe, device: str = "auto") -> None:
        self._weights = loss_weights(GANWeights, recipe)
        super().__init__(data, recipe, GAN, device=device)
        if recipe.start and self.config.conditions:
            self.start_prior(data, self._invert(data, recipe.seed))
        self.adversary = Adversary(self._weights, self.device)
        self.players = {
            "critic": Player(self.adversary.critic, rate=CRITIC_RATE, betas=BETAS),
            "generator": Player(self.model, betas=BETAS, rates={"prior.": PRIOR_RATE}),
        }
        self._made: Tensor = torch.empty(0)
        self._asked: Asked | None = None

    def _invert(self, data: TrainingData, seed: int) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return what finds the noise behind maps (B, 3, I, J, K): mean and log sd (B, L)."""
        assert isinstance(self.model, GAN)
        model, mean = self.model, self.model.mean.features()

        def draw(noise: Tensor) -> Tensor:
            with self.device.autocast():
                logits = model.decode_latent(noise.to(self.device.torch_device), mean)
            return logits.float().softmax(dim=1)[:, :3]

        noise, drawn = draw_blocks(draw, self.config.latent, seed=seed)
        people = [
            blocks(self.device.tensor(one.astype(np.float32) / FULL)[None])
            for one in data.train.maps
        ]
        encoder = BlockEncoder(noise, drawn, torch.cat(people).cpu())

        def encode(maps: Tensor) -> tuple[Tensor, Tensor]:
            found, log_sd = encoder(blocks(maps).cpu())
            return found.to(maps.device), log_sd.to(maps.device)

        return encode

    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Batch, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of the critic's turn, which makes the brains, or the generator's."""
        maps, y = self.on_device(batch)
        if player == "critic":
            self._asked = self.ask(y, random)
            with self.device.autocast():
                self._made = modules["generator"](self._asked.noise, self._asked.conditions)
            shown = self._made[: self._asked.people]
            return self.adversary.critic_losses(modules["critic"], maps, shown, random)
        assert self._asked is not None
        weights = self._weights
        terms: dict[str, Any] = {
            "adversarial": self.adversary.verdict(self._made[: self._asked.people], random)
        }
        terms |= self.volume_terms(
            self._made, self._asked, self.true_volumes(maps), margin=weights.margin
        )
        total = weights.adversarial * terms["adversarial"]
        for name in ("volume", "triplet"):
            if name in terms:
                total = total + getattr(weights, name) * terms[name]
        self._made = torch.empty(0)
        return {"total": total, **terms}
