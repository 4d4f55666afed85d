"""How alpha-GAN and CSegSynth are trained: Eqs. 6-8 and 13-15 of CSegSynth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from brainviewer.generators.alphagan import AlphaGAN, AlphaGANOutput
from brainviewer.training.adversary import (
    BETAS,
    CRITIC_RATE,
    Adversary,
    AdversaryWeights,
    Balance,
)
from brainviewer.training.critics import CodeCritic
from brainviewer.training.gan import Asked, ConditionalTask
from brainviewer.training.loop import Player
from brainviewer.training.losses import (
    block_cross_entropy,
    gradient_penalty,
    wasserstein_critic_loss,
)
from brainviewer.training.recipe import loss_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from brainviewer.training.dataset import Batch, TrainingData
    from brainviewer.training.recipe import TrainingRecipe

# Of the recipe's learning rate. A code sums up twenty thousand inputs: steps of Adam, all of one
# size, would move the codes of everybody by more than people differ.
RATES = {"encoder.": 0.015, "prior.": 1.5}


@dataclass(frozen=True, slots=True)
class AlphaGANWeights(AdversaryWeights):
    """Weights of the loss terms of Eqs. 6 and 13, with the reconstruction's (lambda 3) at one.

    Attributes
    ----------
    adversarial : float
        How loud the image critic is, as a multiple of the reconstruction: its gradient at the
        decoder's last layer is scaled to that of the cross-entropy every fourth step.
    code : float
        lambda 1, of the code critic's verdict.
    volume : float
        lambda 2, of volumes in standard deviations.
    triplet : float
        lambda 4, of the triplet margin loss.
    margin : float
        In standard deviations of the volumes.
    code_penalty : float
        lambda 4 of Eq. 8, lambda 6 of Eq. 15.
    block : int
        Voxels along each axis of the blocks in which the reconstruction is held against the person;
        1 as published.
    """

    adversarial: float = 0.5
    code: float = 3e-4
    volume: float = 0.02
    triplet: float = 0.005
    margin: float = 0.5
    code_penalty: float = 1.0
    block: int = 1

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one super() knows.
        AdversaryWeights.__post_init__(self)
        if self.block < 1:
            raise ValueError(f"block must be 1 or more, got {self.block}")


class AlphaGANTask(ConditionalTask):
    """An alpha-GAN or CSegSynth in training."""

    def __init__(self, data: TrainingData, recipe: TrainingRecipe, device: str = "auto") -> None:
        self._weights = loss_weights(AlphaGANWeights, recipe)
        super().__init__(data, recipe, AlphaGAN, device=device)
        if recipe.start and self.config.conditions:
            self.start_prior(data, self._encode)
        self.adversary = Adversary(self._weights, self.device)
        codes = CodeCritic(self.config.latent, 4 * self.config.hidden)
        self._code_critic = codes.to(self.device.torch_device)
        self.players = {
            "critic": Player(self.adversary.critic, rate=CRITIC_RATE, betas=BETAS),
            "code_critic": Player(self._code_critic, rate=CRITIC_RATE, betas=BETAS),
            "generator": Player(self.model, betas=BETAS, rates=RATES),
        }
        assert isinstance(self.model, AlphaGAN)
        self._balance = Balance(self.model.decoder.head.weight)
        self._asked: Asked | None = None
        self._out: AlphaGANOutput | None = None

    def _encode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes (B, L) of maps and their log sd: a code is a point."""
        assert isinstance(self.model, AlphaGAN)
        code = self.model.code(maps)
        return code, torch.full_like(code, -torch.inf)

    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Batch, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of a player's turn; the first turn makes the brains for all."""
        maps, y = self.on_device(batch)
        if player == "critic":
            self._asked = self.ask(y, random)
            with self.device.autocast():
                self._out = modules["generator"](maps, self._asked.noise, self._asked.conditions)
            shown = self._shown(len(maps))
            return self.adversary.critic_losses(modules["critic"], maps, shown, random)
        if player == "code_critic":
            return self._code_losses(modules["code_critic"], random)
        return self._generator_losses(maps, random)

    def after_step(self, losses: dict[str, float]) -> None:
        """Let go of the step's brains."""
        self._out, self._asked = None, None

    def state(self) -> dict[str, Any]:
        """Return how loud the critic is, and when it is measured next."""
        return self._balance.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Take up how loud the critic is."""
        self._balance.restore(state)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Score unseen people, and tell how loud the critic is."""
        return super().validate(model) | {"loudness": self._balance.state()["loudness"]}

    def _shown(self, people: int) -> Tensor:
        """Return the logits that the critic sees: reconstructions and one draw a person."""
        assert self._out is not None
        return torch.cat([self._out.rebuilt, self._out.drawn[:people]])

    def _code_losses(self, critic: nn.Module, random: torch.Generator) -> dict[str, Tensor]:
        """Eqs. 8 and 15: codes of people and, under conditions, placed noise are not N(0, I)."""
        assert self._out is not None
        assert self._asked is not None
        made = [self._out.code.detach()]
        if self.config.conditions:
            made.append(self._out.placed[: self._asked.people].detach())
        total: Any = 0.0
        for codes in made:
            real = self.noise(len(codes), random)
            share = torch.rand(len(codes), generator=random).to(real.device)
            total = total + wasserstein_critic_loss(critic(real), critic(codes))
            total = total + self._weights.code_penalty * gradient_penalty(
                critic, real, codes, share
            )
        return {"total": total, "spread": made[0].std()}

    def _generator_losses(self, maps: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        assert self._out is not None
        assert self._asked is not None
        out, weights, people = self._out, self._weights, len(maps)
        wanted = self.true_volumes(maps)
        terms: dict[str, Any] = {
            "reconstruction": block_cross_entropy(out.rebuilt, maps, weights.block),
            "adversarial": self.adversary.verdict(self._shown(people), random),
            "code": self._code_verdict(),
            "rebuilt_volume": self.volume_loss(self.volumes(out.rebuilt), wanted),
        }
        terms |= self.volume_terms(out.drawn, self._asked, wanted, margin=weights.margin)
        loud = self._balance.weigh(terms["reconstruction"], terms["adversarial"])
        total = (
            terms["reconstruction"]
            + weights.adversarial * loud * terms["adversarial"]
            + weights.code * terms["code"]
            + weights.volume * (terms["rebuilt_volume"] + terms.get("volume", 0.0))
            + weights.triplet * terms.get("triplet", 0.0)
        )
        return {"total": total, **terms}

    def _code_verdict(self) -> Tensor:
        assert self._out is not None
        assert self._asked is not None
        codes = [self._out.code]
        if self.config.conditions:
            codes.append(self._out.placed[: self._asked.people])
        self._code_critic.requires_grad_(requires_grad=False)
        verdict: Tensor = -sum((self._code_critic(c).mean() for c in codes), torch.zeros(()))
        self._code_critic.requires_grad_(requires_grad=True)
        return verdict
