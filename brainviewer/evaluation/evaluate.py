"""Judge a checkpoint on people it never saw: scores, tables and figures in a folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.files import write_json_atomically, write_text_atomically
from brainviewer.core.scenario import feature_age
from brainviewer.evaluation.ageing import score_ageing
from brainviewer.evaluation.diversity import score_differences, score_spread
from brainviewer.evaluation.evidence import gather_evidence, label_progress
from brainviewer.evaluation.figures import (
    MontageBrain,
    plot_montage,
    plot_predictions,
    plot_training_log,
    plot_trajectories,
    save_figure,
)
from brainviewer.evaluation.people import EvaluationError, load_people
from brainviewer.evaluation.reconstruction import (
    check_ventricle_measure,
    reconstruct,
    score_matches,
    score_ventricles,
    unpack,
)
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
from brainviewer.evaluation.volumes import (
    FEWEST_DRAWS,
    FIRST_SEED,
    DrawCache,
    fingerprint,
    score_volumes,
)
from brainviewer.generators.checkpoint import SCORES_FILE, load_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from brainviewer.cohort.store import CohortStore
    from brainviewer.evaluation.evidence import Evidence, Progress
    from brainviewer.evaluation.reconstruction import Match
    from brainviewer.evaluation.scores import Estimate
    from brainviewer.evaluation.ventricles import Ventricles
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

BEST_REGRESSION = "ridge"
CACHE_FOLDER = "cache"
FIGURE_FOLDER = "figures"


def evaluate_checkpoint(
    checkpoint: Checkpoint,
    store: CohortStore,
    out: Path,
    *,
    device: str = "auto",
    draws: int = 16,
    training_log: Path | None = None,
    on_progress: Progress = lambda done, total, what: None,
) -> dict[str, Any]:
    """Judge a checkpoint on the test people of its folds.

    Nothing but the cache is written before everything is computed; a stopped evaluation takes the
    draws it had from there. Writes scores.json (last), volumes, reconstruction and ageing as
    Markdown, each table as CSV, and figures/.

    Parameters
    ----------
    store : CohortStore
        Of the people that the checkpoint was trained on.
    out : Path
        A folder, made when absent.
    device : str
        See `load_generator`.
    draws : int
        Brains a person, at least 2; the seeds are always the same.
    training_log : Path or None
        log.csv of the training, to plot it too.
    on_progress : callable of (done, total, what)
        Starts again from 0 for each kind of work. What it raises stops the evaluation.

    Returns
    -------
    dict
        The content of scores.json.

    Raises
    ------
    EvaluationError
        When the checkpoint cannot be judged on this cohort; nothing is written.
    CheckpointError, CohortError, BidsError, FeatureError, OSError
        When files are damaged or cannot be written.
    """
    if draws < FEWEST_DRAWS:
        raise EvaluationError(f"evaluation needs at least {FEWEST_DRAWS} draws, got {draws}")
    people = load_people(
        checkpoint, store, on_progress=label_progress(on_progress, "reading people")
    )
    generator = load_generator(checkpoint, device=device)
    figures = {} if training_log is None else {"training": plot_training_log(training_log)}
    cache = DrawCache(out / CACHE_FOLDER, fingerprint(checkpoint, generator.device_name))
    evidence = gather_evidence(
        generator, checkpoint, people, draws=draws, cache=cache, on_progress=on_progress
    )
    results = score(evidence, checkpoint=checkpoint.name, device_name=generator.device_name)
    figures |= _draw_figures(evidence, generator, checkpoint)
    scores = _write(results, figures, out)
    shutil.rmtree(out / CACHE_FOLDER)
    return scores


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
        volumes=score_volumes(true_ml, evidence.predictions, reference=BEST_REGRESSION),
        matches={made: score_matches(found) for made, found in matches.items()},
        ventricles=_score_ventricles(matches, people.ventricles),
        ageing=score_ageing(evidence.courses, people.train),
        spread=score_spread(evidence.draws, true_ml, evidence.predictions[BEST_REGRESSION]),
        differences=score_differences(evidence.draws, people.test, people.affine),
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
    evidence: Evidence, generator: Generator, checkpoint: Checkpoint
) -> dict[str, Figure]:
    test = evidence.people.test
    shown = {name: evidence.predictions[name] for name in (GENERATOR, BEST_REGRESSION)}
    errors = {
        name: mean_absolute_error(test.volumes_ml.T, predicted.T)
        for name, predicted in shown.items()
    }
    ages = [feature_age(row) for row in test.conditions]
    observed = np.column_stack([ages, test.volumes_ml])
    oldest_last = np.argsort(ages, kind="stable")
    chosen = [int(oldest_last[place]) for place in (0, len(ages) // 2, -1)]
    rows = [_montage_row(evidence, generator, index) for index in chosen]
    return {
        "volumes": plot_predictions(test.volumes_ml, shown, errors_ml=errors),
        "trajectories": plot_trajectories(evidence.courses, checkpoint.population, observed),
        "montage": plot_montage(rows, evidence.people.affine),
    }


def _montage_row(evidence: Evidence, generator: Generator, index: int) -> list[MontageBrain]:
    """Return a real person, the reconstruction, and somebody of the same features."""
    conditions = evidence.people.test.conditions[index]
    age = f"{feature_age(conditions):.0f} years"
    real = unpack(evidence.people.test.maps[index])
    drawn = generator.generate(generator.draw(FIRST_SEED), conditions).data
    row = [MontageBrain(f"real, {age}", real)]
    if generator.can_encode:
        row.append(MontageBrain("reconstructed", reconstruct(generator, real, conditions)))
    return [*row, MontageBrain(f"generated, {age}", drawn)]


def _write(results: Results, figures: Mapping[str, Figure], out: Path) -> dict[str, Any]:
    (out / FIGURE_FOLDER).mkdir(parents=True, exist_ok=True)
    for report, found in tables(results).items():
        sections = [preamble(results), *map(to_markdown, found)]
        write_text_atomically(out / f"{report}.md", "\n".join(sections))
        for table in found:
            write_text_atomically(out / f"{table.name}.csv", to_csv(table))
    for name, figure in figures.items():
        save_figure(figure, out / FIGURE_FOLDER / f"{name}.png")
    scores = scores_json(results)
    write_json_atomically(out / SCORES_FILE, scores)
    return scores
