"""Whether synthetic people help to tell the age of real ones from a T1 image (BrainSynth, Fig. 4).

Networks are fitted to the real training people with N synthetic ones added, and tell the ages of
people whom neither they nor the generator has seen.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.reading import read_table
from brainviewer.core.files import write_json_atomically
from brainviewer.core.scenario import AGE
from brainviewer.evaluation.age_network import AgePlan, Scale, tell_ages
from brainviewer.evaluation.aged_pictures import (
    draw_conditions,
    draw_pictures,
    load_age_people,
)
from brainviewer.evaluation.brain_age_report import (
    age_json,
    plot_brain_age,
    score_ages,
    write_age_tables,
)
from brainviewer.evaluation.cache import ArrayCache, fingerprint
from brainviewer.evaluation.comparison import folder_of
from brainviewer.evaluation.evidence import label_progress
from brainviewer.evaluation.figures import save_figure
from brainviewer.evaluation.images import CACHE_FOLDER, FIGURE_FOLDER, makes_images
from brainviewer.evaluation.people import EvaluationError, find_people
from brainviewer.evaluation.report import FORMAT_VERSION
from brainviewer.evaluation.same_people import check_same_people
from brainviewer.generators.checkpoint import SCORES_FILE, load_generator
from brainviewer.generators.device import choose_device

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.features import Value
    from brainviewer.evaluation.aged_pictures import AgedPictures, AgePeople
    from brainviewer.evaluation.brain_age_report import AgeScores
    from brainviewer.evaluation.cache import Arrays
    from brainviewer.evaluation.evidence import Progress
    from brainviewer.generators.checkpoint import Checkpoint

COUNTS = (0, 50, 200, 1000)
VOXEL_MM = 4.0
FIRST_RUN_SEED = 1


@dataclass(frozen=True, slots=True)
class AgeSettings:
    """How it is judged what synthetic people are good for.

    Attributes
    ----------
    counts : tuple of int
        Of synthetic people that are added; 0 is always among them.
    voxel_mm : float
        Images are averaged over blocks until their voxels are about so large.
    plan : AgePlan
    device : str
        See `load_generator`.
    """

    counts: tuple[int, ...] = COUNTS
    voxel_mm: float = VOXEL_MM
    plan: AgePlan = field(default_factory=AgePlan)
    device: str = "auto"

    def __post_init__(self) -> None:
        if min(self.counts, default=0) < 0:
            raise EvaluationError(
                f"numbers of synthetic people must not be negative, got {min(self.counts)}"
            )
        object.__setattr__(self, "counts", tuple(sorted({0, *self.counts})))


def evaluate_brain_age(
    checkpoints: Sequence[Checkpoint],
    store: CohortStore,
    out: Path,
    *,
    settings: AgeSettings,
    on_progress: Progress = lambda done, total, what: None,
) -> None:
    """Judge what generators of T1 images are good for in telling ages.

    ``brain_age.md`` and ``brain_age.csv`` are about all of them; each has a figure and scores.json
    of its own (last): in `out` when it is the only one, else in ``out/<name>``. A stopped
    evaluation takes the images and networks it had from ``out/cache``, which is removed at the end.

    Raises
    ------
    EvaluationError
        When a checkpoint makes no images of an age, cannot be judged on this cohort or not be held
        against another; nothing is written.
    CheckpointError, CohortError, BidsError, FeatureError, OSError
        When files are damaged or cannot be written.
    """
    for checkpoint in checkpoints:
        _check_takes_age(checkpoint)
    check_same_people(checkpoints)
    told = label_progress(on_progress, "reading people")
    people = load_age_people(checkpoints[0], store, voxel_mm=settings.voxel_mm, on_progress=told)
    scores, devices = {}, {}
    for checkpoint in checkpoints:
        generator = load_generator(checkpoint, device=settings.device)
        synthetic = draw_pictures(
            generator,
            _conditions(checkpoint, store, max(settings.counts)),
            block=people.block,
            cache=ArrayCache(out / CACHE_FOLDER, fingerprint(checkpoint, generator.device_name)),
            on_progress=label_progress(on_progress, f"drawing with {checkpoint.name}"),
        )
        cache = ArrayCache(out / CACHE_FOLDER, "real and synthetic people")
        found = tell_with_synthetic(
            people, synthetic, settings, cache=cache, on_progress=on_progress
        )
        scores[checkpoint.name] = score_ages(people.train.ages, people.test.ages, found)
        devices[checkpoint.name] = generator.device_name
    write_age_tables(scores, out)
    for checkpoint in checkpoints:
        name, folder = checkpoint.name, folder_of(checkpoint, checkpoints, out)
        (folder / FIGURE_FOLDER).mkdir(parents=True, exist_ok=True)
        save_figure(plot_brain_age(scores[name]), folder / FIGURE_FOLDER / "brain_age.png")
        content = {"checkpoint": name, "device": devices[name]}
        content |= _scores_json(scores[name], people, settings)
        write_json_atomically(folder / SCORES_FILE, content)
    shutil.rmtree(out / CACHE_FOLDER)


def tell_with_synthetic(
    people: AgePeople,
    synthetic: AgedPictures,
    settings: AgeSettings,
    *,
    cache: ArrayCache,
    on_progress: Progress = lambda done, total, what: None,
) -> dict[int, NDArray[np.float64]]:
    """Tell the ages of the test people, with more and more synthetic people to learn from.

    Returns
    -------
    dict of number of synthetic people to (runs, N) float64 ndarray, years
    """
    device, scale = choose_device(settings.device), Scale.of(people.train)
    plan = settings.plan
    found = {}
    for number in settings.counts:
        train = people.train.joined(synthetic.first(number))
        told = [_digest(it) for it in (train, people.watched, people.test)]
        rows = []
        for run in range(plan.runs):
            what = f"learning ages, {number} synthetic, {run + 1} of {plan.runs}"
            tell = partial(
                tell_ages,
                train,
                people.watched,
                people.test.images,
                scale=scale,
                plan=plan,
                seed=FIRST_RUN_SEED + run,
                device=device,
                on_step=label_progress(on_progress, what),
            )
            request = ("ages", *told, asdict(replace(plan, runs=1)), run, device.name)
            rows.append(cache.get(request, partial(_years, tell))["years"])
        found[number] = np.stack(rows)
    return found


def _years(tell: Callable[[], NDArray[np.float64]]) -> Arrays:
    return {"years": tell()}


def _digest(pictures: AgedPictures) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(pictures.images).data)
    digest.update(pictures.ages.tobytes())
    return digest.hexdigest()


def _conditions(checkpoint: Checkpoint, store: CohortStore, number: int) -> list[dict[str, Value]]:
    _, train, _ = find_people(checkpoint, store, read_table(store), store.read_manifest())
    return draw_conditions(checkpoint, [*train.values()], number)


def _scores_json(scores: AgeScores, people: AgePeople, settings: AgeSettings) -> dict[str, Any]:
    """Return plain values for scores.json, with what they depend on."""
    how = asdict(settings.plan) | {
        "voxel_mm": settings.voxel_mm,
        "validation_people": len(people.watched),
    }
    return {
        "format_version": FORMAT_VERSION,
        "people": {"training": len(people.train), "test": len(people.test)},
        "brain_age": age_json(scores) | how,
    }


def _check_takes_age(checkpoint: Checkpoint) -> None:
    if not makes_images(checkpoint):
        raise EvaluationError(
            f"{checkpoint.name} makes no T1 images, from which ages could be learnt; choose a "
            f"generator that does"
        )
    if AGE not in checkpoint.schema:
        raise EvaluationError(
            f"{checkpoint.name} takes no age, so that nobody knows how old its people are; choose "
            f"a generator that does"
        )
