"""From a recipe and a cohort to a checkpoint folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lightning_fabric import Fabric

from brainviewer.cohort.store import CohortError
from brainviewer.training.cvae import CVAETask
from brainviewer.training.dataset import BatchSource, load_training_data
from brainviewer.training.loop import Progress, train
from brainviewer.training.publish import publish_checkpoint
from brainviewer.training.recipe import TrainingRecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from brainviewer.cohort.store import CohortStore
    from brainviewer.training.recipe import TrainingRecipe

TASKS = {"cvae": CVAETask}


def train_checkpoint(
    recipe: TrainingRecipe,
    store: CohortStore,
    out: Path,
    *,
    resume: bool,
    device: str,
    command: str,
    on_progress: Callable[[int, Mapping[str, float]], None] = lambda step, losses: None,
) -> None:
    """Train a generator and write its checkpoint.

    Parameters
    ----------
    out : Path
        The checkpoint folder; the state of the run lies in ``out/training`` and may be deleted
        when the run has ended.

    Raises
    ------
    TrainingRecipeError, CohortError, FeatureError
        When recipe and cohort do not fit.
    TrainingError
        When a loss is not finite.
    """
    if recipe.generator not in TASKS:
        raise TrainingRecipeError(
            f"generator must be one of {', '.join(TASKS)}, got {recipe.generator!r}"
        )
    source, licence = _describe_source(store)
    data = load_training_data(store, recipe)
    task = TASKS[recipe.generator](data, recipe, device)
    fabric = Fabric(accelerator="cuda" if task.device.torch_device.type == "cuda" else "cpu")

    def report(progress: Progress) -> None:
        on_progress(progress.step, progress.losses)

    average = train(
        task,
        BatchSource(data.train, data.schema, recipe),
        recipe,
        fabric=fabric,
        out=out / "training",
        resume=resume,
        on_progress=report,
    )
    publish_checkpoint(
        out,
        average,
        data=data,
        recipe=recipe,
        model_config=task.config.to_json(),
        command=command,
        source=source,
        licence=licence,
    )


def _describe_source(store: CohortStore) -> tuple[str, str]:
    """Return name and licence of the cohort, from its dataset_description.json if it has one."""
    path = store.folder / "dataset_description.json"
    if not path.is_file():
        return store.folder.name, "licence not stated"
    try:
        entry = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise CohortError(f"{path} is not readable JSON ({error})") from error
    return str(entry.get("Name", store.folder.name)), str(entry.get("License", "not stated"))
