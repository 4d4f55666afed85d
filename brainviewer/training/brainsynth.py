"""How BrainSynth is trained (Peng et al. 2023, sections 4.1 and 4.2), in three parts of one run.

First the VQ-VAE learns to rebuild people. Then the GLM is fitted to the quantised people, their
residuals get a codebook of their own, and the decoder learns to decode P m + Q(r), which is what it
will be asked for, while encoder and codebook rest. Last, the transformer learns which R-codes there
are.

Of the losses that such autoencoders have elsewhere (Esser et al. 2021) the perceptual one is left
out: it needs a network that somebody else trained on photographs, and a download. The critic and a
loss of edges stand in for it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from brainviewer.cohort.reading import FULL
from brainviewer.generators.brainsynth import BrainSynth, BrainSynthConfig
from brainviewer.generators.quantise import HALVES
from brainviewer.training.adversary import BETAS, AdversaryWeights, Balance, IntensityAdversary
from brainviewer.training.codebooks import CodebookLearner, perplexity
from brainviewer.training.dataset import encode_people, fixed_columns, random_of
from brainviewer.training.loop import Player
from brainviewer.training.losses import edge_loss
from brainviewer.training.masking import masked_code_loss, usual_codes
from brainviewer.training.recipe import TrainingRecipeError, loss_weights
from brainviewer.training.residuals import fit_residuals
from brainviewer.training.stages import VALIDATING, TwoStages, encode_passes
from brainviewer.training.task import FamilyTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from brainviewer.generators.brainsynth import AutoencoderOutput
    from brainviewer.training.dataset import Batch, BatchSource, TrainingData
    from brainviewer.training.recipe import TrainingRecipe

_log = logging.getLogger(__name__)

# Of the recipe's learning rate.
CRITIC_RATE = 0.5
DECODER_RATE = 0.5
TRANSFORMER_RATE = 0.5
LEAST_SPREAD = 1e-3  # of images, where all training people are the same
FITTING = 5  # what randomness is for, beside the purposes in `stages`


@dataclass(frozen=True, slots=True)
class BrainSynthWeights(AdversaryWeights):
    """Weights of the autoencoder's terms, with the reconstruction's at one, and the three parts.

    Attributes
    ----------
    edges : float
        Of `edge_loss`.
    commitment : float
        Of the distance between latents and what they are quantised to, for the encoder.
    adversarial : float
        How loud the critic is, as a multiple of the reconstruction; see `Balance`.
    autoencoder_steps : int
        The first steps of the recipe, in which the VQ-VAE learns.
    decoder_steps : int
        The next, in which its decoder learns to decode P m + Q(r); the transformer's are the
        others.
    adversary_steps : int
        The last of these two parts, in which there is a critic.
    passes : int
        How often the people are mirrored, warped and encoded for the transformer.
    transformer_batch_size : int
        Codes are small: more of them fit into a step.
    """

    edges: float = 1.0
    commitment: float = 0.05
    adversarial: float = 0.5
    autoencoder_steps: int = 0
    decoder_steps: int = 0
    adversary_steps: int = 0
    passes: int = 8
    transformer_batch_size: int = 8

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one super() knows.
        AdversaryWeights.__post_init__(self)
        if self.autoencoder_steps < 1 or self.decoder_steps < 0:
            raise ValueError(
                f"autoencoder_steps must be 1 or more and decoder_steps 0 or more, got "
                f"{self.autoencoder_steps} and {self.decoder_steps}"
            )
        if not 0 <= self.adversary_steps <= self.image_steps:
            raise ValueError(
                f"adversary_steps must be at most autoencoder_steps + decoder_steps "
                f"({self.image_steps}), got {self.adversary_steps}"
            )
        if self.passes < 1 or self.transformer_batch_size < 1:
            raise ValueError(
                f"passes and transformer_batch_size must be 1 or more, got {self.passes} and "
                f"{self.transformer_batch_size}"
            )

    @property
    def image_steps(self) -> int:
        """Steps in which images are made."""
        return self.autoencoder_steps + self.decoder_steps


class BrainSynthTask(FamilyTask):
    """A BrainSynth in training."""

    model: BrainSynth
    config: BrainSynthConfig

    def __init__(self, data: TrainingData, recipe: TrainingRecipe, device: str = "auto") -> None:
        self._weights = loss_weights(BrainSynthWeights, recipe)
        if self._weights.image_steps >= recipe.steps:
            raise TrainingRecipeError(
                f"autoencoder_steps and decoder_steps must be below the recipe's {recipe.steps} "
                f"steps together, so that the transformer learns too, got "
                f"{self._weights.image_steps}"
            )
        super().__init__(data, recipe, BrainSynth, configure=BrainSynthConfig, device=device)
        self._train = data.train
        self._seed = recipe.seed
        self._learner = CodebookLearner(self.model.autoencoder.codebook)
        self.adversary = IntensityAdversary(self._weights, self.device)
        self._balance = Balance(self.model.autoencoder.decoder.head.weight)
        first, last = self._weights.autoencoder_steps, self._weights.image_steps
        self.players = {
            "critic": Player(
                self.adversary.critic,
                rate=CRITIC_RATE,
                betas=BETAS,
                steps=range(last - self._weights.adversary_steps, last),
            ),
            "autoencoder": Player(self.model.autoencoder, steps=range(first)),
            "decoder": Player(
                self.model.autoencoder.decoder, rate=DECODER_RATE, steps=range(first, last)
            ),
            "transformer": Player(
                self.model.transformer, rate=TRANSFORMER_RATE, steps=range(last, recipe.steps)
            ),
        }
        self._done = 0
        self._is_fitted = False
        self._rebuilt: tuple[Tensor, AutoencoderOutput | None] | None = None
        self._validation_codes: list[Tensor] = []

    def set_mean(self, data: TrainingData) -> None:
        """Tell the model the mean image of people and their mirror images, and their spread."""
        images = [torch.from_numpy(person[0]) / FULL for person in data.train.maps]
        mean = sum(images[1:], start=images[0]) / len(images)
        mean = 0.5 * (mean + mean.flip(0))
        squares = [float((image - mean).square().mean()) for image in images]
        self.model.mean.image.copy_(mean)
        self.model.mean.spread.fill_(max(sum(squares) / len(squares), LEAST_SPREAD**2) ** 0.5)

    def batches(self, people: BatchSource) -> TwoStages:
        """Return batches of people, then of their R-codes."""
        return TwoStages(
            people,
            lambda: self.encode_people(people),
            first=self._weights.image_steps,
            size=self._weights.transformer_batch_size,
            seed=self._seed,
        )

    def losses(
        self, player: str, modules: Mapping[str, nn.Module], batch: Batch, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of a player's turn; a critic's comes first and rebuilds the people."""
        if player == "transformer":
            codes = batch.maps.to(self.device.torch_device)
            with self.device.autocast():
                total = masked_code_loss(self.model.transformer, modules[player], codes, random)
            return {"total": total}
        x, y = self.on_device(batch)
        has_critic = self._rebuilt is not None
        if self._rebuilt is None:
            self._rebuilt = self._rebuild(modules, x, y)
        if player == "critic":
            return self.adversary.critic_losses(modules[player], x, self._rebuilt[0], random)
        return self._image_losses(x, random, has_critic=has_critic)

    def after_step(self, losses: dict[str, float]) -> None:
        """Count the step, and let go of its images."""
        self._done += 1
        self._rebuilt = None

    def state(self) -> dict[str, Any]:
        """Return where the run is, the codebooks, the GLM, and how loud the critic is."""
        return {
            "done": self._done,
            "is_fitted": self._is_fitted,
            "balance": self._balance.state(),
            "learner": self._learner.state(),
            "metadata": self.model.metadata.state_dict(),
            "residual": self.model.residual.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take all of this up."""
        self._done = int(state["done"])
        self._is_fitted = bool(state["is_fitted"])
        self._balance.restore(state["balance"])
        self._learner.restore(state["learner"])
        self.model.metadata.load_state_dict(state["metadata"])
        self.model.residual.load_state_dict(state["residual"])

    def finish(self, model: nn.Module, data: TrainingData) -> None:
        """Give the averaged model the encoder that GLM and codebooks were fitted to."""
        assert isinstance(model, BrainSynth)
        model.autoencoder.encoder.load_state_dict(self.model.autoencoder.encoder.state_dict())

    def fit(self) -> None:
        """Fit the GLM and the residual's codebook, once: encoder and codebook change no more."""
        if self._is_fitted:
            return
        _log.info("fitting the GLM to %d people and their mirror images", len(self._train))
        encoded, known = encode_people(self._schema, self._train)
        y = self.model.deviations.fill(
            self.device.tensor(encoded), torch.from_numpy(known).to(self.device.torch_device)
        )
        random = random_of(self._seed, FITTING)
        fixed = fixed_columns(self._schema)
        fit_residuals(self.model, self._quantised_pair, y, fixed, random)
        self._is_fitted = True

    @torch.no_grad()
    def encode_people(self, people: BatchSource) -> Tensor:
        """Return the R-codes (passes, N, 4, i, j, k) of people, mirrored and warped in each pass.

        The transformer is told how often each occurs at each place. A resumed run finds the same
        again.
        """
        self.fit()
        _log.info("encoding %d people %d times", people.people, self._weights.passes)
        y = people.own_conditions.to(self.device.torch_device)

        def encode(maps: Tensor, index: int) -> Tensor:
            with self.device.autocast():
                return self.model.r_codes(maps.to(y.device), y[index : index + 1])

        codes = encode_passes(encode, people, self._weights.passes, seed=self._seed)
        usual = usual_codes(codes.flatten(0, 1).cpu(), self.config.residual_codes)
        self.model.transformer.usual.copy_(usual)
        return codes

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Score unseen people, and count the codes they take in the codebook."""
        scores = super().validate(model)
        if scores and not self._is_fitted:
            codes = torch.cat(self._validation_codes)
            scores["val_perplexity"] = float(perplexity(codes, self.config.codes))
        self._validation_codes.clear()
        return scores

    def _score(self, model: nn.Module, maps: Tensor, index: int) -> dict[str, float]:
        """Score what is learned at the moment: rebuilding, or predicting R-codes."""
        assert isinstance(model, BrainSynth)
        y = self.validation_conditions(model, index)
        with self.device.autocast():
            if not self._is_fitted:
                q, codes = model.autoencoder.codebook(
                    model.autoencoder.encoder(model.mean.departure(maps))
                )
                self._validation_codes.append(codes[:, :HALVES])
            else:
                codes = model.r_codes(maps, y)
                q = model.latent(codes, y)
            image = model.image(model.autoencoder.decoder(q))
            score = {"val_reconstruction": float((image - maps).abs().mean())}
            if self._done >= self._weights.image_steps:
                random = random_of(self._seed, VALIDATING, index)
                missed = masked_code_loss(model.transformer, model.transformer, codes, random)
                score["val_codes"] = float(missed)
        return score

    def _rebuild(
        self, modules: Mapping[str, nn.Module], x: Tensor, y: Tensor
    ) -> tuple[Tensor, AutoencoderOutput | None]:
        """Rebuild images x (B, 1, I, J, K): from Q(z) at first, then from P m + Q(r)."""
        if self._done < self._weights.autoencoder_steps:
            return self._rebuild_quantised(modules["autoencoder"], x)
        self.fit()
        with self.device.autocast():
            with torch.no_grad():
                q = self.model.latent(self.model.r_codes(x, y), y)
            return self.model.image(modules["decoder"](q)), None

    def _rebuild_quantised(
        self, autoencoder: nn.Module, x: Tensor
    ) -> tuple[Tensor, AutoencoderOutput]:
        departure = self.model.mean.departure(x)
        with self.device.autocast():
            if not self._learner.has_started:
                with torch.no_grad():
                    z = self.model.autoencoder.encoder(departure)
                self._learner.start(z, random_of(self._seed, FITTING))
            out: AutoencoderOutput = autoencoder(departure)
        return self.model.image(out.departure), out

    def _image_losses(
        self, x: Tensor, random: torch.Generator, *, has_critic: bool
    ) -> dict[str, Tensor]:
        assert self._rebuilt is not None
        image, out = self._rebuilt
        weights = self._weights
        terms = {"reconstruction": (image - x).abs().mean(), "edges": edge_loss(image, x)}
        total = terms["reconstruction"] + weights.edges * terms["edges"]
        if has_critic:
            terms["adversarial"] = self.adversary.verdict(image, random)
            loud = self._balance.weigh(terms["reconstruction"], terms["adversarial"])
            total = total + weights.adversarial * loud * terms["adversarial"]
        if out is not None:
            terms["commitment"] = functional.mse_loss(out.z, out.quantised)
            total = total + weights.commitment * terms["commitment"]
            self._learner.learn(out.z, random)
            terms |= self._learner.health()
        return {"total": total, **terms}

    def _quantised_pair(self, index: int) -> Tensor:
        """Return Q(z) (2, C, i, j, k) of a training person and the mirror image."""
        one = self.device.tensor(self._train.maps[index].astype("float32") / FULL)[None]
        pair = torch.cat([one, one.flip(2)]).contiguous(memory_format=torch.channels_last_3d)
        with self.device.autocast():
            return self.model.quantised(pair)
