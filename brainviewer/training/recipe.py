"""Training recipes: TOML files that say what to train, on whom, and how."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class TrainingRecipeError(ValueError):
    """A recipe with a wrong key or value."""


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """What every family needs to be told.

    Attributes
    ----------
    generator : str
        Name in the registry.
    title : str
        For lists in the window.
    features : tuple of str
        Columns of participants.tsv.
    shape, first_voxel : (I, J, K)
        The part of the cohort's grid that the generator makes.
    steps, batch_size : int
    learning_rate, weight_decay : float
    ema_decay : float
        Of the averaged weights that become the checkpoint.
    seed : int
    test_folds, validation_folds : tuple of int, each in 0-9
        People of these folds are not trained on.
    condition_noise : float
        Standard deviation of noise on the condition columns other than age and sex, which acts
        as a ridge penalty (Bishop 1995).
    condition_dropout : float
        Share of values, other than age and sex, that are hidden as missing.
    warp_mm : float
        Standard deviation of the smooth random warp of training people.
    model : mapping
        Sizes of the network, see the generator's configuration.
    losses : mapping
        Weights of the loss terms.
    """

    generator: str
    title: str
    features: tuple[str, ...]
    shape: tuple[int, int, int]
    first_voxel: tuple[int, int, int]
    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    seed: int = 1
    test_folds: tuple[int, ...] = (0, 1)
    validation_folds: tuple[int, ...] = (2,)
    condition_noise: float = 0.2
    condition_dropout: float = 0.1
    warp_mm: float = 1.0
    model: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)


def read_training_recipe(path: Path) -> TrainingRecipe:
    """Read a recipe.

    Raises
    ------
    TrainingRecipeError
        When the file is no TOML, or a key is missing or unknown.
    """
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingRecipeError(f"{path.name} cannot be read as TOML ({error})") from error
    known = {f.name for f in fields(TrainingRecipe)}
    unknown = sorted(set(entry) - known)
    if unknown:
        raise TrainingRecipeError(
            f"{path.name} has the unknown keys {', '.join(unknown)}; known are "
            f"{', '.join(sorted(known))}"
        )
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    try:
        return TrainingRecipe(**values)
    except TypeError as error:
        raise TrainingRecipeError(f"{path.name} is incomplete: {error}") from error
