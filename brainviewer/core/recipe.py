"""Recipes: everything needed to make a brain again, as JSON that people can read."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import brainviewer
from brainviewer.core.files import reason_for, write_json_atomically
from brainviewer.core.scenario import Scenario
from brainviewer.core.sentences import SentenceError

if TYPE_CHECKING:
    from brainviewer.core.features import Conditions, Value
    from brainviewer.core.volume import FloatArray

FORMAT = "brainviewer-recipe"
FORMAT_VERSION = 2
MAX_FILE_BYTES = 2**24
LARGEST_SEED = 2**63 - 1
_STORED_DTYPE = "<f4"


class RecipeError(SentenceError):
    """A recipe that cannot be read or written; the message is one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """What one brain was made from.

    The identity is a seed or a latent: exactly one of the two is given.

    Attributes
    ----------
    checkpoint : str
        The checkpoint's name.
    label : str
        How the person is called: ``"seed 7"``.
    seed : int or None
        The seed the identity was drawn from.
    latent : (D,) float32 ndarray or None
        The latent of an identity that was encoded from a scan.
    conditions : mapping of feature to value
        Exactly what the generator was given; the brain depends on nothing else of the recipe but
        the checkpoint and the identity.
    factual : mapping of feature to value
        The person as given.
    edits : mapping of feature to value
        What the user changed, without age.
    age : float or None, years
        None where the generator takes no age.
    scenario : Scenario
    extrapolated : bool
        Whether a condition lies outside the range of the training people.
    weights : str
        SHA-256 of the weights that made the brain; empty where it is not known.
    view : mapping or None
        How it was looked at, as plain values: `session.scene` has the words for it. No brain
        depends on it.
    application : str
        The version of BrainViewer that wrote it.
    """

    checkpoint: str
    label: str
    conditions: Conditions
    factual: Conditions
    edits: Conditions
    age: float | None
    scenario: Scenario = Scenario.IDEAL
    seed: int | None = None
    latent: FloatArray | None = None
    extrapolated: bool = False
    weights: str = ""
    view: Mapping[str, Any] | None = None
    application: str = brainviewer.__version__

    def __post_init__(self) -> None:
        if (self.seed is None) == (self.latent is None):
            raise RecipeError("the identity of a recipe must be either a seed or a latent")

    @property
    def is_factual(self) -> bool:
        """Whether the conditions are those of the person as given."""
        return dict(self.conditions) == dict(self.factual)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain values; `from_json` gives the same recipe, bit for bit."""
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "application": self.application,
            "checkpoint": self.checkpoint,
            "identity": self._identity_to_json(),
            "conditions": _plain(self.conditions),
            "factual": _plain(self.factual),
            "edits": _plain(self.edits),
            "age": None if self.age is None else float(self.age),
            "scenario": self.scenario.value,
            "extrapolated": self.extrapolated,
            "weights": self.weights,
            "view": self.view,
        }

    def _identity_to_json(self) -> dict[str, Any]:
        if self.latent is None:
            return {"label": self.label, "seed": self.seed}
        little_endian = self.latent.astype(_STORED_DTYPE)
        text = base64.b64encode(little_endian.tobytes()).decode("ascii")
        return {"label": self.label, "latent": text, "encoding": "base64 float32 little-endian"}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Recipe:
        """Rebuild from `to_json`; keys that it does not know, such as those of BIDS, are ignored.

        Raises
        ------
        RecipeError
            When the entry is no recipe, of a newer format or incomplete.
        """
        _check_format(entry)
        try:
            return cls(
                checkpoint=_text(entry, "checkpoint"),
                label=_text(entry["identity"], "label"),
                seed=_seed(entry["identity"]),
                latent=_latent(entry["identity"]),
                conditions=_conditions(entry, "conditions"),
                factual=_conditions(entry, "factual"),
                edits=_conditions(entry, "edits"),
                age=_age(entry["age"]),
                scenario=Scenario(entry["scenario"]),
                extrapolated=bool(entry["extrapolated"]),
                weights=_text({"weights": "", **entry}, "weights"),
                view=_view(entry.get("view")),
                application=str(entry["application"]),
            )
        except KeyError as error:
            raise RecipeError(f"the recipe has no {error}") from error
        except (TypeError, ValueError) as error:
            if isinstance(error, RecipeError):
                raise
            raise RecipeError(f"the recipe is malformed ({error})") from error


def read_recipe(path: Path | str) -> Recipe:
    """Read a saved recipe, or the sidecar of an exported brain, which is one too.

    Raises
    ------
    RecipeError
        When the file cannot be read or holds no recipe.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RecipeError("a file of this size is no recipe")
        return Recipe.from_json(json.loads(path.read_text(encoding="utf-8")))
    except RecipeError as error:
        raise RecipeError(f"{path.name} cannot be opened as a recipe: {error}") from error
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {reason_for(error)}") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(
            f"{path.name} is not JSON text; open a saved recipe or the .json file beside an export"
        ) from error


def write_recipe(path: Path | str, recipe: Recipe) -> None:
    """Save a recipe; an existing file is replaced in one step.

    Raises
    ------
    RecipeError
        When the file cannot be written.
    """
    try:
        write_json_atomically(path, recipe.to_json())
    except OSError as error:
        raise RecipeError(f"{path} cannot be written: {reason_for(error)}") from error


def _check_format(entry: object) -> None:
    if not isinstance(entry, Mapping) or entry.get("format") != FORMAT:
        raise RecipeError(
            "it holds no BrainViewer recipe; open a saved recipe or the .json file beside an export"
        )
    version = entry.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RecipeError(f"the version of a recipe must be a whole number, got {version!r}")
    if version > FORMAT_VERSION:
        raise RecipeError(
            f"the recipe has version {version}, this program reads up to {FORMAT_VERSION}; "
            "update BrainViewer"
        )


def _plain(conditions: Conditions) -> dict[str, Value]:
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in conditions.items()
    }


def _text(entry: Mapping[str, Any], key: str) -> str:
    if not isinstance(entry[key], str):
        raise RecipeError(f"{key} of a recipe must be a text, got {entry[key]!r}")
    return str(entry[key])


def _seed(identity: Mapping[str, Any]) -> int | None:
    seed = identity.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise RecipeError(f"the seed of a recipe must be a whole number, got {seed!r}")
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise RecipeError(f"the seed of a recipe must lie in 0-{LARGEST_SEED}, got {seed!r}")
    return seed


def _latent(identity: Mapping[str, Any]) -> FloatArray | None:
    text = identity.get("latent")
    if text is None:
        return None
    stored = np.frombuffer(base64.b64decode(text, validate=True), dtype=_STORED_DTYPE)
    return stored.astype(np.float32)


def _conditions(entry: Mapping[str, Any], key: str) -> Conditions:
    conditions = entry[key]
    if not isinstance(conditions, Mapping):
        raise RecipeError(f"{key} of a recipe must map features to values, got {conditions!r}")
    return dict(conditions)


def _view(value: object) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise RecipeError(f"the view of a recipe must be an object, got {value!r}")
    return value


def _age(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecipeError(f"the age of a recipe must be a number of years, got {value!r}")
    return float(value)
