"""How LDM and C-LDM are trained: Eqs. 5 and 12 of CSegSynth, after an autoencoder of their own.

First the autoencoder learns to rebuild people, then the denoiser learns to take noise off their
codes, which are made once. Of the paper's losses for the autoencoder (Pinaya et al. 2022) the
perceptual one is left out: it needs a network that somebody else trained, and a download. The
reconstruction is a cross-entropy, as in the other families, and not L1.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from monai.networks.schedulers import DDPMScheduler
from torch.nn import functional

from brainviewer.generators.ldm import LDM, NOISE_SCHEDULE, NOISE_STEPS, LDMConfig
from brainviewer.training.adversary import BETAS, Adversary, AdversaryWeights, Balance
from brainviewer.training.dataset import random_of
from brainviewer.training.loop import Player
from brainviewer.training.losses import gaussian_kl, tissue_cross_entropy
from brainviewer.training.recipe import TrainingRecipeError, loss_weights
from brainviewer.training.stages import VALIDATING, TwoStages, encode_passes
from brainviewer.training.task import TissueTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from brainviewer.generators.ldm import AutoencoderOutput
    from brainviewer.training.dataset import Batch, BatchSource, TrainingData
    from brainviewer.training.recipe import TrainingRecipe

_log = logging.getLogger(__name__)

# Of the recipe's learning rate: twice the autoencoder's, which has fallen when the critic comes.
LATE_CRITIC_RATE = 0.5
DENOISER_RATE = 0.5
CONDITION_RATE = 4.0  # of the denoiser's: it starts at zero
VALIDATION_NOISE_LEVELS = 8


@dataclass(frozen=True, slots=True)
class LDMWeights(AdversaryWeights):
    """Weights of the autoencoder's terms, with the reconstruction's at one, and the two stages.

    Attributes
    ----------
    kl : float
        Of the KL divergence from N(0, I), nats. Small: the codes need a scale, no more.
    adversarial : float
        How loud the critic is, as a multiple of the reconstruction; see `Balance`.
    autoencoder_steps : int
        Steps of the recipe in which the autoencoder learns; the denoiser's are the others. None
        when the autoencoder is that of the checkpoint that the recipe starts from.
    adversary_steps : int
        The last of these, in which there is a critic.
    passes : int
        How often the people are mirrored, warped and encoded for the second stage.
    denoiser_batch_size : int
        Codes are small: more of them fit into a step.
    """

    kl: float = 1e-7
    adversarial: float = 0.5
    autoencoder_steps: int = 0
    adversary_steps: int = 0
    passes: int = 4
    denoiser_batch_size: int = 16

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one super() knows.
        AdversaryWeights.__post_init__(self)
        if not 0 <= self.adversary_steps <= self.autoencoder_steps:
            raise ValueError(
                f"adversary_steps must be at most autoencoder_steps ({self.autoencoder_steps}), "
                f"got {self.adversary_steps}"
            )
        if self.passes < 1 or self.denoiser_batch_size < 1:
            raise ValueError(
                f"passes and denoiser_batch_size must be 1 or more, got {self.passes} and "
                f"{self.denoiser_batch_size}"
            )


class LDMTask(TissueTask):
    """An LDM or C-LDM in training."""

    model: LDM
    config: LDMConfig

    def __init__(self, data: TrainingData, recipe: TrainingRecipe, device: str = "auto") -> None:
        self._weights = loss_weights(LDMWeights, recipe)
        check_stages(self._weights, recipe)
        super().__init__(data, recipe, LDM, configure=LDMConfig, device=device)
        self.adversary = Adversary(self._weights, self.device)
        first = self._weights.autoencoder_steps
        self.players = {
            "critic": Player(
                self.adversary.critic,
                rate=LATE_CRITIC_RATE,
                betas=BETAS,
                steps=range(first - self._weights.adversary_steps, first),
            ),
            "autoencoder": Player(self.model.autoencoder, steps=range(first)),
            "denoiser": Player(
                self.model.denoiser,
                rate=DENOISER_RATE,
                rates={"condition.": CONDITION_RATE},
                steps=range(first, recipe.steps),
            ),
        }
        self._balance = Balance(self.model.autoencoder.last)
        self._seed = recipe.seed
        self._mean_logits = self.model.mean.features().logits
        self._noising = DDPMScheduler(NOISE_STEPS, **NOISE_SCHEDULE)
        self._out: AutoencoderOutput | None = None
        self._has_codes = False

    def batches(self, people: BatchSource) -> TwoStages:
        """Return batches of people, then of their codes."""
        return TwoStages(
            people,
            lambda: self.encode_people(people),
            first=self._weights.autoencoder_steps,
            size=self._weights.denoiser_batch_size,
            seed=self._seed,
        )

    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Batch, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of a player's turn; a critic's comes first and rebuilds the people."""
        maps, y = self.on_device(batch)
        if player == "denoiser":
            return self._denoiser_losses(modules[player], maps, y, random)
        has_critic = player == "critic" or self._out is not None
        if self._out is None:
            self._out = self._rebuild(modules["autoencoder"], maps, random)
        rebuilt = self._out.correction + self._mean_logits
        if player == "critic":
            return self.adversary.critic_losses(modules[player], maps, rebuilt, random)
        terms = {
            "reconstruction": tissue_cross_entropy(rebuilt, maps),
            "kl": standard_kl(self._out.mean, self._out.log_sd),
        }
        total = terms["reconstruction"] + self._weights.kl * terms["kl"]
        if has_critic:
            terms["adversarial"] = self.adversary.verdict(rebuilt, random)
            loud = self._balance.weigh(terms["reconstruction"], terms["adversarial"])
            total = total + self._weights.adversarial * loud * terms["adversarial"]
        return {"total": total, **terms}

    def after_step(self, losses: dict[str, float]) -> None:
        """Let go of the step's brains."""
        self._out = None

    def state(self) -> dict[str, Any]:
        """Return how loud the critic is."""
        return self._balance.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Take up how loud the critic is."""
        self._balance.restore(state)

    @torch.no_grad()
    def encode_people(self, people: BatchSource) -> Tensor:
        """Encode people, mirrored and warped anew in each pass, and fit the scale of the codes.

        The autoencoder does not change any more; a resumed run finds the same codes again.

        Returns
        -------
        (passes, N, C, i, j, k) Tensor
            Of mean zero and unit spread.
        """
        _log.info("encoding %d people %d times", people.people, self._weights.passes)
        codes = encode_passes(self._encode, people, self._weights.passes, seed=self._seed)
        everybody, denoiser = codes.flatten(0, 1), self.model.denoiser
        denoiser.centre.copy_(everybody.mean(dim=0, keepdim=True))
        departures = (everybody - denoiser.centre).square()
        denoiser.spread.copy_(departures.mean(dim=(0, 2, 3, 4), keepdim=True).sqrt())
        self._has_codes = True
        return denoiser.scale(everybody).view_as(codes)

    def _encode(self, maps: Tensor, index: int) -> Tensor:
        """Return the codes (1, C, i, j, k) of a person's maps."""
        departure = self.model.mean.departure(maps.to(self.device.torch_device))
        with self.device.autocast():
            codes, _ = self.model.autoencoder.posterior(departure)
        return codes

    def _score(self, model: nn.Module, maps: Tensor, index: int) -> dict[str, float]:
        """Score what is learned at the moment: rebuilding, or finding the noise in codes."""
        assert isinstance(model, LDM)
        with self.device.autocast():
            z = model.codes(maps)
            if not self._has_codes:
                rebuilt = model.decode_codes(z, model.mean.features())
                return {"val_reconstruction": float(tissue_cross_entropy(rebuilt, maps))}
        levels = VALIDATION_NOISE_LEVELS
        t = (torch.arange(levels) * 2 + 1) * NOISE_STEPS // (2 * levels)
        noise = torch.randn(
            (levels, *z.shape[1:]), generator=random_of(self._seed, VALIDATING, index)
        )
        departures = model.deviations(self.validation_conditions(model, index))
        error = self._denoising_error(
            model.denoiser,
            z.expand_as(noise),
            noise.to(z.device),
            t.to(z.device),
            departures.expand(levels, -1),
        )
        return {"val_noise": float(error)}

    def _rebuild(
        self, autoencoder: nn.Module, maps: Tensor, random: torch.Generator
    ) -> AutoencoderOutput:
        noise = torch.randn((len(maps), *self.config.latent_shape), generator=random)
        with self.device.autocast():
            out: AutoencoderOutput = autoencoder(
                self.model.mean.departure(maps), noise.to(maps.device)
            )
        return out

    def _denoiser_losses(
        self, denoiser: nn.Module, z: Tensor, y: Tensor, random: torch.Generator
    ) -> dict[str, Tensor]:
        t = torch.randint(NOISE_STEPS, (len(z),), generator=random).to(z.device)
        noise = torch.randn(z.shape, generator=random).to(z.device)
        return {"total": self._denoising_error(denoiser, z, noise, t, self.model.deviations(y))}

    def _denoising_error(
        self, denoiser: nn.Module, z: Tensor, noise: Tensor, t: Tensor, departures: Tensor
    ) -> Tensor:
        """Return |e - eps(z_t, t, y)|^2 of Eqs. 5 and 12, a number of a code.

        The paper writes the norm; Ho et al. (2020), whom it follows, take its square.
        """
        noisy = self._noising.add_noise(z, noise, t)
        with self.device.autocast():
            predicted = denoiser(noisy, t, departures)
        return functional.mse_loss(predicted, noise)


def standard_kl(mean: Tensor, log_sd: Tensor) -> Tensor:
    """Return KL(q || N(0, I)) of codes (B, C, i, j, k), in nats, averaged over the batch."""
    zero = torch.zeros_like(mean).flatten(1)
    return gaussian_kl(mean.flatten(1), log_sd.flatten(1), zero, zero)


def check_stages(weights: LDMWeights, recipe: TrainingRecipe) -> None:
    """Raise TrainingRecipeError unless both networks are trained or inherited."""
    steps = weights.autoencoder_steps
    if steps >= recipe.steps:
        raise TrainingRecipeError(
            f"autoencoder_steps must be below the recipe's {recipe.steps} steps, so that the "
            f"denoiser learns too, got {steps}"
        )
    if steps == 0 and not recipe.start:
        raise TrainingRecipeError(
            "the recipe has no autoencoder: give it autoencoder_steps under losses, or an LDM's "
            "checkpoint to start from"
        )
