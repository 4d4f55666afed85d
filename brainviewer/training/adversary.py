"""The image critic in training: its loss, what it asks of a generator, and how loud it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from brainviewer.generators.device import place_on
from brainviewer.generators.networks import CLASSES
from brainviewer.training.critics import ImageCritic, draw_glimpses, look_at, with_background
from brainviewer.training.losses import (
    gradient_penalty,
    hinge_critic_loss,
    wasserstein_critic_loss,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from brainviewer.generators.device import Device

Kind = Literal["wgan-gp", "hinge"]
KINDS = ("wgan-gp", "hinge")
MEASURE_EVERY_STEPS = 4
FORGET = 0.5  # of the old loudness at each measurement
RISE_STEPS = 100
LOUDEST = 1e4
# Of the squared mean score of real brains, which the Wasserstein loss leaves free (Karras et al.
# 2018): far from zero, scores in bfloat16 have no digits left.
DRIFT = 1e-3
BETAS = (0.5, 0.99)
CRITIC_RATE = 5.0  # of the generator's learning rate: a critic must be ahead to be of use


@dataclass(frozen=True, slots=True)
class AdversaryWeights:
    """What the losses of a family say about its image critic.

    Attributes
    ----------
    adversary : ``"wgan-gp"`` or ``"hinge"``
        The published loss, or the hinge loss with spectral norms.
    penalty : float
        lambda of the gradient penalty.
    """

    adversary: Kind = "wgan-gp"
    penalty: float = 10.0

    def __post_init__(self) -> None:
        if self.adversary not in KINDS:
            raise ValueError(f"adversary must be one of {', '.join(KINDS)}, got {self.adversary!r}")


class Adversary:
    """The critic D of Eqs. 3-4, 6-7, 10-11 and 13-14.

    It sees parts of what softmax makes of logits, mirrored at random.
    """

    shares = CLASSES

    def __init__(self, weights: AdversaryWeights, device: Device) -> None:
        self.critic = ImageCritic(shares=self.shares, bounded=weights.adversary == "hinge")
        place_on(self.critic, device)
        self._weights = weights
        self._device = device

    def critic_losses(
        self, critic: nn.Module, maps: Tensor, made: Tensor, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of the critic's turn: maps (B, C, ...) are real, the others made.

        Both are looked at in the same places, so that what all brains share has no say.
        """
        places = draw_glimpses(len(maps), maps.shape[2:], random)
        real = look_at(self.real_shares(maps), places)
        false = look_at(self.made_shares(made.detach().float()), places)
        with self._device.autocast():
            scores = critic(torch.cat([real, false]))
        of_real, of_made = scores[: len(real)], scores[len(real) :]
        terms = {"real": of_real.mean(), "made": of_made.mean()}
        if self._weights.adversary == "hinge":
            return {"total": hinge_critic_loss(of_real, of_made), **terms}
        count = min(len(real), len(false))
        share = torch.rand(count, generator=random).to(real.device)
        penalty = gradient_penalty(critic, real[:count], false[:count], share)
        total = wasserstein_critic_loss(of_real, of_made) + self._weights.penalty * penalty
        total = total + DRIFT * of_real.mean() ** 2
        return {"total": total, **terms, "penalty": penalty}

    def verdict(self, made: Tensor, random: torch.Generator) -> Tensor:
        """Return -D of what was made (B, S, I, J, K) for its maker's turn; the critic stays."""
        self.critic.requires_grad_(requires_grad=False)
        places = draw_glimpses(len(made), made.shape[2:], random)
        with self._device.autocast():
            scores = self.critic(look_at(self.made_shares(made.float()), places))
        self.critic.requires_grad_(requires_grad=True)
        verdict: Tensor = -scores.mean()
        return verdict

    def real_shares(self, maps: Tensor) -> Tensor:
        """Return what the critic sees of tissue maps (B, 3, I, J, K)."""
        return with_background(maps)

    def made_shares(self, logits: Tensor) -> Tensor:
        """Return what the critic sees of logits (B, 4, I, J, K)."""
        return logits.softmax(dim=1)


class IntensityAdversary(Adversary):
    """The same critic for images: it sees intensities (B, 1, I, J, K) as they are."""

    shares = 1

    def real_shares(self, maps: Tensor) -> Tensor:
        """Return the images themselves."""
        return maps

    def made_shares(self, logits: Tensor) -> Tensor:
        """Return the images themselves."""
        return logits


class Balance:
    """How loud a critic is beside a reconstruction: measured, and from silence upwards.

    The gradients of both are compared at the generator's last layer every fourth step; the critic
    is heard more and more over its first hundred steps, since at first it has nothing to say.

    Parameters
    ----------
    last : Tensor
        The weight of that layer.
    """

    def __init__(self, last: Tensor) -> None:
        self._last = last
        self._loudness = 0.0
        self._steps = 0

    def weigh(self, reconstruction: Tensor, adversarial: Tensor) -> float:
        """Return what makes the critic as loud as the reconstruction; to be called once a step."""
        if self._steps % MEASURE_EVERY_STEPS == 0:
            found = loudness(reconstruction, adversarial, self._last)
            old = found if self._steps == 0 else self._loudness
            self._loudness = (1 - FORGET) * old + FORGET * found
        rise = min(1.0, self._steps / RISE_STEPS)
        self._steps += 1
        return rise * self._loudness

    def state(self) -> dict[str, float]:
        """Return the loudness, and when it is measured next."""
        return {"loudness": self._loudness, "steps": self._steps}

    def restore(self, state: Mapping[str, float]) -> None:
        """Take up the loudness."""
        self._loudness = float(state["loudness"])
        self._steps = int(state["steps"])


def loudness(quiet: Tensor, loud: Tensor, last: Tensor) -> float:
    """Return the ratio of two losses' gradient norms at a layer: what makes the second as loud.

    The balance of Esser et al. (2021), with their bound: a critic that has nothing to say at the
    moment, whose gradient is next to nothing, would else be amplified into noise.

    Parameters
    ----------
    last : Tensor
        Weight of the layer, the generator's last.
    """
    norms = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (quiet, loud)]
    return float((norms[0] / norms[1].clamp_min(1e-12)).clamp_max(LOUDEST))
