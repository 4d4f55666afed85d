"""Judge one conditional generator on people it never saw: scores, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import write_json_atomically, write_text_atomically
from brainviewer.core.scenario import feature_age
from brainviewer.evaluation.ageing import score_ageing
from brainviewer.evaluation.diversity import score_differences, score_spread
from brainviewer.evaluation.evidence import gather_evidence
from brainviewer.evaluation.figures import (
    MontageBrain,
    plot_montage,
    plot_predictions,
    plot_region_sizes,
    plot_regions,
    plot_training_log,
    plot_trajectories,
    save_figure,
)
from brainviewer.evaluation.folding import judge_folding
from brainviewer.evaluation.making import make_maps
from brainviewer.evaluation.reconstruction import (
    check_ventricle_measure,
    reconstruct,
    score_matches,
    score_ventricles,
    unpack,
)
from brainviewer.evaluation.regions import score_regions
from brainviewer.evaluation.report import (
    FROM_FEATURES,
    GENERATOR,
    LABELLED,
    Results,
    preamble,
    scores_json,
    tables,
)
from brainviewer.evaluation.scores import mean_absolute_error
from brainviewer.evaluation.tables import to_csv, to_markdown
from brainviewer.evaluation.volumes import FIRST_SEED, score_volumes
from brainviewer.generators.checkpoint import SCORES_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.evidence import Evidence, Progress
    from brainviewer.evaluation.likeness import Likeness
    from brainviewer.evaluation.people import EvaluationPeople
    from brainviewer.evaluation.reconstruction import Match
    from brainviewer.evaluation.scores import Estimate
    from brainviewer.evaluation.ventricles import Ventricles
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

REFERENCE = "ridge"
FIGURE_FOLDER = "figures"
TRAINING_LOG = "training/log.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What was found of one checkpoint, not yet written.

    Attributes
    ----------
    results : Results
    figures : mapping of file name to Figure
    predictions : mapping of system to (N, 3) ndarray, mL
    """

    results: Results
    figures: Mapping[str, Figure]
    predictions: Mapping[str, np.ndarray]


def judge_checkpoint(
    generator: Generator,
    checkpoint: Checkpoint,
    people: EvaluationPeople,
    *,
    draws: int,
    cache: ArrayCache,
    on_progress: Progress,
) -> Judgement:
    """Judge a generator on the test people of its checkpoint.

    Nothing but the cache is written; a stopped judgement takes the draws it had from there.

    Parameters
    ----------
    draws : int
        Brains a person, at least 2; the seeds are always the same.
    on_progress : callable of (done, total, what)
        Starts again from 0 for each kind of work. What it raises stops the judgement.
    """
    log = checkpoint.folder / TRAINING_LOG
    figures = {"training": plot_training_log(log)} if log.is_file() else {}
    evidence = gather_evidence(
        generator, checkpoint, people, draws=draws, cache=cache, on_progress=on_progress
    )
    results = score(evidence, checkpoint=checkpoint.name, device_name=generator.device_name)
    results = replace(results, folding=judge_folding(generator, people.test, cache))
    figures |= _draw_figures(evidence, generator, checkpoint, cache)
    if results.regions is not None:
        figures["regions"] = plot_regions(results.regions)
        figures["region_sizes"] = plot_region_sizes(results.regions)
    return Judgement(results, figures, evidence.predictions)


def write_judgement(
    judgement: Judgement, likeness: Likeness, out: Path, *, networks: Mapping[str, str]
) -> None:
    """Write a judgement: tables and figures, and scores.json last.

    Parameters
    ----------
    likeness : Likeness
        The checkpoint's part of Table I, which goes into scores.json too.
    out : Path
        A folder, made when absent.
    networks : mapping
        What `Embedders.names` gives.
    """
    results = judgement.results
    (out / FIGURE_FOLDER).mkdir(parents=True, exist_ok=True)
    for report, found in tables(results).items():
        sections = [preamble(results), *map(to_markdown, found)]
        write_text_atomically(out / f"{report}.md", "\n".join(sections))
        for table in found:
            write_text_atomically(out / f"{table.name}.csv", to_csv(table))
    for name, figure in judgement.figures.items():
        save_figure(figure, out / FIGURE_FOLDER / f"{name}.png")
    scores = scores_json(results, likeness, networks)
    write_json_atomically(out / SCORES_FILE, scores)


def score(evidence: Evidence, *, checkpoint: str, device_name: str) -> Results:
    """Score what was measured."""
    people, matches = evidence.people, evidence.matches
    true_ml = people.test.volumes_ml
    return Results(
        checkpoint=checkpoint,
        device_name=device_name,
        train_count=len(people.train.conditions),
        test_count=len(people.test),
        draws=len(evidence.draws[0].volumes_ml),
        volumes=score_volumes(true_ml, evidence.predictions, reference=REFERENCE),
        matches={made: score_matches(found) for made, found in matches.items()},
        ventricles=_score_ventricles(matches, people.ventricles),
        ageing=score_ageing(evidence.courses, people.train),
        spread=score_spread(evidence.draws, true_ml, evidence.predictions[REFERENCE]),
        differences=score_differences(evidence.draws, people.test, people.affine),
        regions=None if evidence.regions is None else score_regions(evidence.regions),
    )


def _score_ventricles(
    matches: Mapping[str, Sequence[Match]], ventricles: Ventricles | None
) -> dict[str, dict[str, Estimate]]:
    if ventricles is None:
        return {}
    scores = {made: score_ventricles(found) for made, found in matches.items()}
    check = check_ventricle_measure(matches[FROM_FEATURES], ventricles)
    return scores | {LABELLED: {"pearson_r": check}}


def _draw_figures(
    evidence: Evidence, generator: Generator, checkpoint: Checkpoint, cache: ArrayCache
) -> dict[str, Figure]:
    test = evidence.people.test
    shown = {name: evidence.predictions[name] for name in (GENERATOR, REFERENCE)}
    errors = {
        name: mean_absolute_error(test.volumes_ml.T, predicted.T)
        for name, predicted in shown.items()
    }
    ages = [feature_age(row) for row in test.conditions]
    observed = np.column_stack([ages, test.volumes_ml])
    oldest_last = np.argsort(ages, kind="stable")
    chosen = [int(oldest_last[place]) for place in (0, len(ages) // 2, -1)]
    rows = [_montage_row(evidence, generator, index, cache) for index in chosen]
    return {
        "volumes": plot_predictions(test.volumes_ml, shown, errors_ml=errors),
        "trajectories": plot_trajectories(evidence.courses, checkpoint.population, observed),
        "montage": plot_montage(rows, evidence.people.affine),
    }


def _montage_row(
    evidence: Evidence, generator: Generator, index: int, cache: ArrayCache
) -> list[MontageBrain]:
    """Return a real person, the reconstruction, and somebody of the same features."""
    conditions = evidence.people.test.conditions[index]
    age = f"{feature_age(conditions):.0f} years"
    real = unpack(evidence.people.test.maps[index])
    drawn = make_maps(generator, generator.draw(FIRST_SEED), conditions)
    row = [MontageBrain(f"real, {age}", real)]
    if generator.can_encode:
        rebuilt = reconstruct(generator, real, conditions, cache)
        row.append(MontageBrain("reconstructed", rebuilt))
    return [*row, MontageBrain(f"generated, {age}", drawn)]
