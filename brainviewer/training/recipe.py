"""Training recipes: TOML files that say what to train, on whom, and how."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from brainviewer.core.scenario import AGE, SEX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


Weights = TypeVar("Weights")


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
        Columns of participants.tsv, with age and sex; none for an unconditional generator.
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
        Noise on the condition columns other than age and sex, in standard deviations of each,
        which acts as a ridge penalty (Bishop 1995).
    condition_regression : float
        Share of people whose features other than age and sex are all hidden, so that they are
        those that the regression on age expects.
    condition_dropout : float
        Share of values, other than age and sex, that are hidden as missing.
    warp_mm : float
        Standard deviation of the smooth random warp of training people.
    start : str
        Name or folder of a checkpoint whose parameters are shared at the start; empty for none.
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
    condition_regression: float = 0.5
    condition_dropout: float = 0.1
    warp_mm: float = 1.0
    start: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, Any] = field(default_factory=dict)


def read_training_recipe(path: Path) -> TrainingRecipe:
    """Read a recipe.

    Raises
    ------
    TrainingRecipeError
        When the file is no TOML, a key is missing or unknown, or a value is not allowed.
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
    missing = [f.name for f in fields(TrainingRecipe) if _is_required(f) and f.name not in values]
    if missing:
        raise TrainingRecipeError(f"{path.name} lacks {', '.join(missing)}")
    recipe = TrainingRecipe(**values)
    for name, is_right, wanted in _RULES:
        if not is_right(getattr(recipe, name)):
            raise TrainingRecipeError(
                f"{name} in {path.name} must be {wanted}, got {getattr(recipe, name)!r}"
            )
    return recipe


def loss_weights(kind: type[Weights], recipe: TrainingRecipe) -> Weights:
    """Return the weights of a family's loss terms; TrainingRecipeError for unknown names."""
    try:
        return kind(**recipe.losses)
    except (TypeError, ValueError) as error:
        raise TrainingRecipeError(
            f"the losses of the recipe do not fit a {recipe.generator}: {error}"
        ) from error


def _is_required(entry: Field[Any]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_not_negative(value: object) -> bool:
    return value == 0 or _is_positive(value)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < 1


def _are_folds(value: object) -> bool:
    return isinstance(value, tuple) and all(fold in range(10) for fold in value)


def _is_voxel(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(isinstance(n, int) for n in value)


def _are_features(value: object) -> bool:
    return isinstance(value, tuple) and (not value or {AGE, SEX} <= set(value))


_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("features", _are_features, "a list with age and sex, or an empty one"),
    ("shape", _is_voxel, "three whole numbers"),
    ("first_voxel", _is_voxel, "three whole numbers"),
    ("steps", _is_count, "a whole number above 0"),
    ("batch_size", _is_count, "a whole number above 0"),
    ("seed", lambda value: isinstance(value, int), "a whole number"),
    ("learning_rate", _is_positive, "a number above 0"),
    ("weight_decay", _is_not_negative, "a number, 0 or more"),
    ("condition_noise", _is_not_negative, "a number, 0 or more"),
    ("warp_mm", _is_not_negative, "a number, 0 or more"),
    ("ema_decay", _is_share, "a number from 0 to below 1"),
    ("condition_regression", _is_share, "a number from 0 to below 1"),
    ("condition_dropout", _is_share, "a number from 0 to below 1"),
    ("test_folds", _are_folds, "a list of numbers from 0 to 9"),
    ("validation_folds", _are_folds, "a list of numbers from 0 to 9"),
    ("start", lambda value: isinstance(value, str), "the name of a checkpoint"),
    ("model", lambda value: isinstance(value, dict), "a table"),
    ("losses", lambda value: isinstance(value, dict), "a table"),
)
