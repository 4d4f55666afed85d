"""Parameter sharing: a conditional model starts from its unconditional one (CSegSynth, Fig. 1b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError

from brainviewer.generators.checkpoint import (
    REPOSITORY_CHECKPOINTS,
    WEIGHTS_FILE,
    CheckpointError,
    resolve_checkpoint,
)
from brainviewer.generators.packing import read_weights
from brainviewer.training.recipe import TrainingRecipeError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from brainviewer.generators.checkpoint import Checkpoint

LEAST_SHARED = 0.5
# What people's features say is another question for every recipe.
NEVER_SHARED = ("deviations.", "prior.")
PRIOR_FACTOR = "prior.factor"


def share_parameters(
    model: nn.Module,
    start: str,
    *,
    held_out: Collection[str],
    root: Path = REPOSITORY_CHECKPOINTS,
) -> None:
    """Give a model the parameters of a checkpoint that it has too; the others keep their start.

    The prior and what features depart from are its own. A model whose noise is standard normal
    takes the networks of a VAE with the VAE's fitted prior worked into them, so that it draws the
    same brains.

    A code of one number where the checkpoint's encoder gives mean and spread takes the part that
    gives the mean, which comes first.

    Parameters
    ----------
    start : str
        Name or folder of the checkpoint.
    held_out : collection of participant_id
        Whom it must not have been trained on.

    Raises
    ------
    TrainingRecipeError
        When there is no such checkpoint, it has less than half of the model's numbers, or it was
        trained on people that are held out here.
    """
    try:
        checkpoint = resolve_checkpoint(start, root)
        weights = read_weights(checkpoint.folder / WEIGHTS_FILE)
    except (CheckpointError, SafetensorError, OSError) as error:
        raise TrainingRecipeError(f"the recipe starts from {start!r}: {error}") from error
    seen = sorted(_trained_on(checkpoint) & set(held_out))
    if seen:
        raise TrainingRecipeError(
            f"the recipe starts from {start!r}, which was trained on {len(seen)} of the people "
            f"held out here, such as {seen[0]}; use the same cohort, seed and folds for both"
        )
    own = model.state_dict()
    if PRIOR_FACTOR in weights and PRIOR_FACTOR not in own:
        weights |= standardised(weights, weights["prior.centre"], weights[PRIOR_FACTOR])
    shared = {
        name: weights[name][: len(value)].to(value.dtype)
        for name, value in own.items()
        if name in weights and not name.startswith(NEVER_SHARED) and _fits(weights[name], value)
    }
    count = sum(value.numel() for value in shared.values())
    if count < LEAST_SHARED * sum(value.numel() for value in own.values()):
        raise TrainingRecipeError(
            f"the recipe starts from {start!r}, whose networks are of other sizes; give it the "
            f"same grid, latent and channels"
        )
    model.load_state_dict(own | shared)


def standardised(
    weights: Mapping[str, Tensor], centre: Tensor, factor: Tensor
) -> dict[str, Tensor]:
    """Return the layers next to the latent, changed so that e replaces z = centre + factor e.

    Both are linear: the decoder multiplies by the factor, the encoder's mean by its inverse.

    Parameters
    ----------
    weights : mapping of parameters
        Of a decoder and perhaps an encoder, whose first rows give the mean.
    centre : (L,) Tensor
    factor : (L, L) Tensor, lower triangular
    """
    centre, factor = centre.double(), factor.double()
    matrix, bias = (weights[f"decoder.from_latent.{name}"].double() for name in ("weight", "bias"))
    changed = {
        "decoder.from_latent.weight": matrix @ factor,
        "decoder.from_latent.bias": bias + matrix @ centre,
    }
    if "encoder.to_latent.weight" in weights:
        matrix, bias = (
            weights[f"encoder.to_latent.{name}"].double() for name in ("weight", "bias")
        )
        mean, rest = bias[: len(centre)] - centre, bias[len(centre) :]
        first, others = matrix[: len(centre)], matrix[len(centre) :]
        solve = torch.linalg.solve_triangular
        changed["encoder.to_latent.weight"] = torch.cat([solve(factor, first, upper=False), others])
        changed["encoder.to_latent.bias"] = torch.cat(
            [solve(factor, mean[:, None], upper=False)[:, 0], rest]
        )
    return {name: value.float() for name, value in changed.items()}


def _trained_on(checkpoint: Checkpoint) -> set[str]:
    config = checkpoint.config
    held_out = {*config.get("test_folds", ()), *config.get("validation_folds", ())}
    return {name for name, fold in config.get("folds", {}).items() if fold not in held_out}


def _fits(found: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor has the wanted shape, or twice as many rows."""
    return found.shape == wanted.shape or (
        found.dim() in (1, 2)
        and found.shape[1:] == wanted.shape[1:]
        and found.shape[0] == 2 * wanted.shape[0]
    )
