"""One of several checkpoints: judged by itself, and its part of the tables of all."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import write_json_atomically
from brainviewer.evaluation.cache import ArrayCache, fingerprint
from brainviewer.evaluation.comparison_report import System
from brainviewer.evaluation.evaluate import judge_checkpoint, write_judgement
from brainviewer.evaluation.evidence import label_progress, own_identities
from brainviewer.evaluation.future import foresee
from brainviewer.evaluation.gradients import (
    differentiate_people,
    gradient_rows,
    group_people,
    label_weights,
    largest_deviation,
    structure_weights,
)
from brainviewer.evaluation.likeness import draw_sample
from brainviewer.evaluation.making import make_brain
from brainviewer.evaluation.people import load_people, takes_features
from brainviewer.evaluation.report import GENERATOR, likeness_json
from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import SCORES_FILE, load_generator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Volume
    from brainviewer.evaluation.evidence import Progress
    from brainviewer.evaluation.gradients import GradientRow
    from brainviewer.evaluation.likeness import Likeness
    from brainviewer.evaluation.looking import Looker
    from brainviewer.evaluation.people import EvaluationPeople
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What is the same for all checkpoints of an evaluation.

    Attributes
    ----------
    store : CohortStore
    looker : Looker
        With the real test people.
    shown : int
        Which test person the figures show.
    draws : int
    device : str
    cache_folder : Path
    labels : Volume or None
        Whose regions are differentiated too.
    """

    store: CohortStore
    looker: Looker
    shown: int
    draws: int
    device: str
    cache_folder: Path
    labels: Volume | None = None


def judge_system(
    checkpoint: Checkpoint, bench: Bench, out: Path, *, on_progress: Progress
) -> System:
    """Judge a checkpoint and write what concerns it alone to a folder, scores.json last."""
    generator = load_generator(checkpoint, device=bench.device)
    networks = bench.looker.embedders.names
    cache = ArrayCache(bench.cache_folder, fingerprint(checkpoint, generator.device_name))
    if not takes_features(checkpoint):
        nobody: list[Conditions] = [{} for _ in bench.looker.maps]
        made, likeness = _look(generator, nobody, bench, cache, on_progress)
        out.mkdir(parents=True, exist_ok=True)
        scores = likeness_json(
            checkpoint.name, generator.device_name, len(made), likeness, networks
        )
        write_json_atomically(out / SCORES_FILE, scores)
        return System(checkpoint.name, likeness, made[bench.shown])
    people = load_people(
        checkpoint, bench.store, on_progress=label_progress(on_progress, "reading people")
    )
    made, likeness = _look(generator, people.test.conditions, bench, cache, on_progress)
    judgement = judge_checkpoint(
        generator, checkpoint, people, draws=bench.draws, cache=cache, on_progress=on_progress
    )
    rows, deviation = _differentiate(generator, people, bench.labels, cache, on_progress)
    future = foresee(
        generator,
        checkpoint,
        people,
        bench.shown,
        cache=cache,
        on_progress=label_progress(on_progress, "ageing people"),
    )
    write_judgement(judgement, likeness, out, networks=networks)
    return System(
        checkpoint.name,
        likeness,
        made[bench.shown],
        predictions_ml=judgement.predictions[GENERATOR],
        gradients=rows,
        deviation=deviation,
        future=future,
    )


def _look(
    generator: Generator,
    conditions: Sequence[Conditions],
    bench: Bench,
    cache: ArrayCache,
    on_progress: Progress,
) -> tuple[NDArray[np.uint8], Likeness]:
    told = label_progress(on_progress, "drawing brains")
    made = draw_sample(generator, conditions, cache=cache, on_progress=told)
    return made, bench.looker.score(made, on_progress=on_progress)


def _differentiate(
    generator: Generator,
    people: EvaluationPeople,
    labels: Volume | None,
    cache: ArrayCache,
    on_progress: Progress,
) -> tuple[Sequence[GradientRow], float]:
    """Return Table IV's rows and how far the gradients are from finite differences."""
    told = label_progress(on_progress, "differentiating")
    own = own_identities(generator, people.test.conditions)
    structures, weights = structure_weights(generator.shape, people.affine, people.ventricles)
    if labels is not None:
        more, inside = label_weights(labels, make_brain(generator, *own[0]))
        structures, weights = (*structures, *more), np.concatenate([weights, inside])
    try:
        gradients = differentiate_people(generator, own, weights, cache=cache, on_progress=told)
    except GenerationError as error:
        logger.warning("%s is left out of Table IV: %s", generator.name, error)
        return (), np.nan
    facts = [people.facts[name] for name in people.test.ids]
    groups = group_people(facts, generator.schema)
    rows = gradient_rows(gradients, generator.schema, structures, groups)
    checking = label_progress(on_progress, "checking gradients")
    return rows, largest_deviation(
        generator, own, weights, gradients, cache=cache, on_progress=checking
    )
