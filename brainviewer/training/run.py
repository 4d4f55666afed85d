"""From a recipe and a cohort to a checkpoint folder."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from lightning_fabric import Fabric

from brainviewer.cohort.grouping import group_regions
from brainviewer.cohort.reading import Crop, find_t1, read_regions
from brainviewer.cohort.store import CohortError
from brainviewer.core.tissues import TISSUES
from brainviewer.generators.brainsynth import T1
from brainviewer.generators.device import choose_device
from brainviewer.training.alphagan import AlphaGANTask
from brainviewer.training.brainsynth import BrainSynthTask
from brainviewer.training.dataset import BatchSource, load_training_data
from brainviewer.training.gan import GANTask
from brainviewer.training.loop import Progress, train
from brainviewer.training.publish import publish_checkpoint
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.region_maps import RegionLabels
from brainviewer.training.vae import VAETask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from brainviewer.cohort.store import CohortStore
    from brainviewer.generators.diffeo import Diffeo
    from brainviewer.generators.loading import Sizes
    from brainviewer.generators.parcellation import NetworkFacts
    from brainviewer.training.dataset import TrainingData
    from brainviewer.training.recipe import TrainingRecipe
    from brainviewer.training.task import FamilyTask

    Fit = Callable[..., tuple[Diffeo, TrainingData]]


_log = logging.getLogger(__name__)


def _ldm_task(data: TrainingData, recipe: TrainingRecipe, device: str) -> FamilyTask:
    """Import what needs MONAI, which takes seconds, only when it is asked for."""
    from brainviewer.training.ldm import LDMTask

    return LDMTask(data, recipe, device)


def _fit_diffeo() -> Fit:
    """Import what needs nilearn, which takes seconds, only when it is asked for."""
    from brainviewer.training.diffeo import fit_diffeo

    return fit_diffeo


def _region_training() -> Callable[..., NetworkFacts]:
    """Import what needs MONAI only when it is asked for."""
    from brainviewer.training.parcellation import train_region_network

    return train_region_network


TASKS: dict[str, Callable[[TrainingData, TrainingRecipe, str], FamilyTask]] = {
    "vae": VAETask,
    "cvae": VAETask,
    "gan": GANTask,
    "cgan": GANTask,
    "alphagan": AlphaGANTask,
    "csegsynth": AlphaGANTask,
    "ldm": _ldm_task,
    "cldm": _ldm_task,
    "brainsynth": BrainSynthTask,
}
# Families that are fitted to people who were registered, rather than trained by steps.
FITTED: dict[str, Callable[[], Fit]] = {"diffeo": _fit_diffeo}
# What a family is trained on; tissue maps unless it is here.
CHANNELS = {"brainsynth": T1}
# Not a generator: the network that finds regions in what generators make.
REGIONS = "regions"


def train_checkpoint(
    recipe: TrainingRecipe,
    store: CohortStore,
    out: Path,
    *,
    more: Sequence[CohortStore] = (),
    resume: bool,
    device: str,
    processes: int = 1,
    command: str,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Train a generator and write its checkpoint, or the network that finds regions.

    Parameters
    ----------
    out : Path
        The checkpoint folder; the state of the run lies in ``out/training`` and may be deleted
        when the run has ended.
    more : sequence of CohortStore
        Cohorts whose people are trained on besides, for brains alone.
    processes : int
        On several, each batch is shared out; each process reads the people. They are started by
        running the present command again, so that this must be its own program. Families that are
        fitted register as many people at once.

    Raises
    ------
    TrainingRecipeError, CohortError, FeatureError
        When recipe and cohort do not fit.
    TrainingError
        When a loss is not finite.
    """
    known = (*TASKS, *FITTED, REGIONS)
    if recipe.generator not in known:
        raise TrainingRecipeError(
            f"generator must be one of {', '.join(known)}, got {recipe.generator!r}"
        )
    source, licence = _describe_source(store)
    fitted_at_once = recipe.generator in FITTED
    fabric = _start_processes(recipe, device, 1 if fitted_at_once else processes)
    if recipe.generator == REGIONS:
        _region_training()(
            recipe, store, out, fabric=fabric, resume=resume, source=source, on_progress=on_progress
        )
        return
    channels: Sequence[str] = CHANNELS.get(recipe.generator, TISSUES)
    data = load_training_data(store, recipe, more, channels=tuple(channels))
    if fabric.global_rank == 0:
        for notice in data.notices:
            _log.warning("%s", notice)
    state = out / "training"
    model: nn.Module
    config: Sizes
    if fitted_at_once:
        fitted, data = FITTED[recipe.generator]()(
            data,
            recipe,
            str(fabric.device),
            out=state,
            resume=resume,
            labels=_region_labels(store, recipe),
            images=_images(store, recipe),
            processes=processes,
            on_progress=on_progress,
        )
        model, config, channels = fitted, fitted.config, fitted.config.channels
    else:
        model, config = _train_by_steps(
            data, recipe, fabric, out=state, resume=resume, on_progress=on_progress
        )
    if fabric.global_rank != 0:
        return
    publish_checkpoint(
        out,
        model,
        data=data,
        recipe=recipe,
        model_config=config.to_json(),
        channels=channels,
        command=command,
        source=source,
        licence=licence,
    )


def _region_labels(store: CohortStore, recipe: TrainingRecipe) -> RegionLabels:
    crop = Crop(recipe.first_voxel, recipe.shape)
    groups = group_regions(store.read_manifest().region_names)
    return RegionLabels(groups, lambda name: read_regions(store, name, crop))


def _images(
    store: CohortStore, recipe: TrainingRecipe
) -> Callable[[str], NDArray[np.uint8] | None]:
    crop = Crop(recipe.first_voxel, recipe.shape)
    return lambda name: find_t1(store, name, crop)


def _train_by_steps(
    data: TrainingData,
    recipe: TrainingRecipe,
    fabric: Fabric,
    *,
    out: Path,
    resume: bool,
    on_progress: Callable[[Progress], None],
) -> tuple[nn.Module, Sizes]:
    """Train a family by steps, and return the averaged model, finished on the first process."""
    task = TASKS[recipe.generator](data, recipe, str(fabric.device))

    def report(progress: Progress) -> None:
        if fabric.global_rank == 0:
            on_progress(progress)

    average = train(
        task,
        task.batches(BatchSource(data, recipe)),
        recipe,
        fabric=fabric,
        out=out,
        people=data.train.ids + data.more.ids,
        resume=resume,
        on_progress=report,
    )
    if fabric.global_rank == 0:
        task.finish(average, data)
    return average, task.config


def _start_processes(recipe: TrainingRecipe, device: str, processes: int) -> Fabric:
    """Set up the machine, and start the other processes where there are to be several."""
    if processes < 1 or recipe.batch_size % processes:
        raise TrainingRecipeError(
            f"the batch of {recipe.batch_size} must be shared out evenly, got {processes} processes"
        )
    chosen = choose_device(device).torch_device
    one = [chosen.index or 0] if chosen.type == "cuda" else 1
    fabric = Fabric(
        accelerator=chosen.type,
        devices=one if processes == 1 else processes,
        strategy="auto" if processes == 1 else "ddp",
    )
    fabric.launch()
    return fabric


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
