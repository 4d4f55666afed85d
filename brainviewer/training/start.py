"""Parameter sharing: a conditional model starts from its unconditional one (CSegSynth, Fig. 1b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file

from brainviewer.generators.checkpoint import (
    REPOSITORY_CHECKPOINTS,
    WEIGHTS_FILE,
    CheckpointError,
    resolve_checkpoint,
)
from brainviewer.training.recipe import TrainingRecipeError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from torch import Tensor, nn

    from brainviewer.generators.checkpoint import Checkpoint

LEAST_SHARED = 0.5
# What people's features say is another question for every recipe.
NEVER_SHARED = ("deviations.", "prior.")


def share_parameters(
    model: nn.Module,
    start: str,
    *,
    held_out: Collection[str],
    root: Path = REPOSITORY_CHECKPOINTS,
) -> None:
    """Give a model the parameters of a checkpoint that it has too; the others keep their start.

    The prior and what features depart from are its own.

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
        weights = load_file(checkpoint.folder / WEIGHTS_FILE)
    except (CheckpointError, SafetensorError, OSError) as error:
        raise TrainingRecipeError(f"the recipe starts from {start!r}: {error}") from error
    seen = sorted(_trained_on(checkpoint) & set(held_out))
    if seen:
        raise TrainingRecipeError(
            f"the recipe starts from {start!r}, which was trained on {len(seen)} of the people "
            f"held out here, such as {seen[0]}; use the same cohort, seed and folds for both"
        )
    own = model.state_dict()
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
