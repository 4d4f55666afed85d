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
    from pathlib import Path

    from torch import Tensor, nn

LEAST_SHARED = 0.5


def share_parameters(model: nn.Module, start: str, root: Path = REPOSITORY_CHECKPOINTS) -> None:
    """Give a model every parameter of a checkpoint that it has too; the others keep their start.

    A code of one number where the checkpoint's encoder gives mean and spread takes the part that
    gives the mean, which comes first.

    Parameters
    ----------
    start : str
        Name or folder of the checkpoint.

    Raises
    ------
    TrainingRecipeError
        When there is no such checkpoint, or it has less than half of the model's numbers.
    """
    try:
        folder = resolve_checkpoint(start, root).folder
        weights = load_file(folder / WEIGHTS_FILE)
    except (CheckpointError, SafetensorError, OSError) as error:
        raise TrainingRecipeError(f"the recipe starts from {start!r}: {error}") from error
    own = model.state_dict()
    shared = {
        name: weights[name][: len(value)].to(value.dtype)
        for name, value in own.items()
        if name in weights and _fits(weights[name], value)
    }
    count = sum(value.numel() for value in shared.values())
    if count < LEAST_SHARED * sum(value.numel() for value in own.values()):
        raise TrainingRecipeError(
            f"the recipe starts from {start!r}, whose networks are of other sizes; give it the "
            f"same grid, latent and channels"
        )
    model.load_state_dict(own | shared)


def _fits(found: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor has the wanted shape, or twice as many rows."""
    return found.shape == wanted.shape or (
        found.dim() in (1, 2)
        and found.shape[1:] == wanted.shape[1:]
        and found.shape[0] == 2 * wanted.shape[0]
    )
