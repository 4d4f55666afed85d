"""Checkpoints: folders with weights, configuration, card, scores and population table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from brainviewer.core.features import FeatureError, FeatureSchema
from brainviewer.core.plain import text_of
from brainviewer.core.population import Population, PopulationError, read_population
from brainviewer.core.scenario import Regression
from brainviewer.core.sentences import SentenceError
from brainviewer.generators.base import DeviceError
from brainviewer.generators.config_check import check_grid, check_population, check_regression
from brainviewer.generators.registry import build_generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.generators.base import Generator

FORMAT_VERSION = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.md"
SCORES_FILE = "scores.json"
POPULATION_FILE = "population.csv"
CONFIG_KEYS = ("title", "generator", "channels", "shape", "affine", "features", "regression")
REPOSITORY_CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"

# What safetensors, torch and numpy raise for weights and sizes that do not fit together.
_DAMAGE = (
    *(SafetensorError, OSError, LookupError, ArithmeticError, AssertionError, AttributeError),
    *(RuntimeError, TypeError, ValueError),
)


class CheckpointError(SentenceError):
    """A checkpoint that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A checkpoint's description, read without torch.

    Attributes
    ----------
    name : str
        The folder's name.
    folder : Path
    title : str
        For lists: ``"C-VAE, IXI 2 mm"``.
    generator : str
        The name in the registry: ``"cvae"``.
    config : mapping
        The whole of config.json.
    schema : FeatureSchema
    regression : Regression
        Coefficients of the *regressed* scenario.
    population : Population
    card : str
        Markdown.
    """

    name: str
    folder: Path
    title: str
    generator: str
    config: Mapping[str, Any]
    schema: FeatureSchema
    regression: Regression
    population: Population
    card: str

    @property
    def structures(self) -> tuple[str, ...]:
        """The structures whose volumes the checkpoint reports."""
        return tuple(self.config["channels"])


def find_checkpoints(
    root: Path = REPOSITORY_CHECKPOINTS,
) -> tuple[list[Checkpoint], dict[str, str]]:
    """List the checkpoints under a folder.

    Returns
    -------
    usable : list of Checkpoint, by name
    problems : mapping of folder name to the sentence that says why it cannot be used
    """
    usable, problems = [], {}
    folders = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    for folder in folders:
        try:
            usable.append(open_checkpoint(folder))
        except CheckpointError as error:
            problems[folder.name] = str(error)
    return usable, problems


def resolve_checkpoint(name: str, root: Path = REPOSITORY_CHECKPOINTS) -> Checkpoint:
    """Open a checkpoint by its name under a folder, or by the path of its own folder."""
    for folder in (root / name, Path(name)):
        if folder.is_dir():
            return open_checkpoint(folder)
    names = ", ".join(c.name for c in find_checkpoints(root)[0]) or "none"
    raise CheckpointError(f"there is no checkpoint {name!r}; the checkpoints are: {names}")


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read and check everything of a checkpoint but its weights.

    Raises
    ------
    CheckpointError
        When the folder is incomplete, malformed or of a newer format.
    """
    config = _read_config(folder)
    for name in (CARD_FILE, POPULATION_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(f"checkpoint {folder.name} has no {name}; copy it again")
    try:
        checkpoint = Checkpoint(
            name=folder.name,
            folder=folder,
            title=text_of(config["title"], "title"),
            generator=text_of(config["generator"], "generator"),
            config=config,
            schema=FeatureSchema.from_json(config["features"]),
            regression=Regression.from_json(config["regression"]),
            population=read_population(folder / POPULATION_FILE),
            card=(folder / CARD_FILE).read_text(encoding="utf-8"),
        )
        check_grid(config)
        check_regression(checkpoint.regression, checkpoint.schema)
        check_population(checkpoint.population, config["channels"])
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        detail = error if isinstance(error, FeatureError | PopulationError) else repr(error)
        raise CheckpointError(
            f"checkpoint {folder.name} is broken ({detail}); copy it again"
        ) from error
    return checkpoint


def load_generator(checkpoint: Checkpoint, *, device: str = "auto") -> Generator:
    """Load the weights of a checkpoint onto a device.

    Parameters
    ----------
    device : str
        ``"auto"`` (a GPU when there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``.

    Raises
    ------
    CheckpointError
        When the generator is unknown, or the weights do not fit it or cannot be read.
    DeviceError
        When this computer has no such device.
    """
    try:
        return build_generator(checkpoint, device)
    except DeviceError:
        raise
    except _DAMAGE as error:
        raise CheckpointError(
            f"the weights of checkpoint {checkpoint.name} cannot be loaded "
            f"({_first_line(error)}); copy it again"
        ) from error


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder.name} is not a checkpoint: it has no {CONFIG_FILE}"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{CONFIG_FILE} of checkpoint {folder.name} cannot be read ({error}); copy it again"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("format_version"), int):
        raise CheckpointError(f"{folder.name} is not a BrainViewer checkpoint")
    version = config["format_version"]
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {folder.name} has format {version}, this program reads up to "
            f"{FORMAT_VERSION}; update BrainViewer"
        )
    missing = [key for key in CONFIG_KEYS if key not in config]
    if missing:
        raise CheckpointError(
            f"{CONFIG_FILE} of checkpoint {folder.name} has no {', '.join(missing)}; copy it again"
        )
    return config


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
