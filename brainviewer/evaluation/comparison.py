"""Judge one or more checkpoints on the same people, beside regressions and the paper."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import write_text_atomically
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.cache import ArrayCache
from brainviewer.evaluation.comparison_figures import plot_futures, plot_side_by_side
from brainviewer.evaluation.comparison_report import Comparison, write_reports
from brainviewer.evaluation.crossvalidation import cross_validate, read_everybody
from brainviewer.evaluation.evaluate import FIGURE_FOLDER
from brainviewer.evaluation.evidence import label_progress
from brainviewer.evaluation.feature_networks import Plan
from brainviewer.evaluation.figures import MontageBrain, save_figure
from brainviewer.evaluation.future import choose_person
from brainviewer.evaluation.looking import NetworkFiles, prepare_looker
from brainviewer.evaluation.people import (
    EvaluationError,
    check_people,
    load_people,
    takes_features,
)
from brainviewer.evaluation.reconstruction import unpack
from brainviewer.evaluation.regressions import REGRESSIONS
from brainviewer.evaluation.same_people import check_same_people
from brainviewer.evaluation.system import Bench, judge_system
from brainviewer.evaluation.tables import to_csv, to_markdown
from brainviewer.evaluation.volumes import FEWEST_DRAWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.volume import Volume
    from brainviewer.evaluation.comparison_report import System
    from brainviewer.evaluation.evidence import Progress
    from brainviewer.evaluation.likeness import Likeness
    from brainviewer.evaluation.people import EvaluationPeople
    from brainviewer.evaluation.scores import Array
    from brainviewer.generators.checkpoint import Checkpoint

CACHE_FOLDER = "cache"


@dataclass(frozen=True, slots=True)
class Settings:
    """How checkpoints are judged.

    Attributes
    ----------
    device : str
        See `load_generator`.
    draws : int
        Seeds a person, at least 2 and always the same; volumes are averaged over their brains and
        those of the opposite identities.
    files : NetworkFiles
    plan : Plan
        Of the networks that are fitted here.
    labels : Volume or None
        A label image in MNI152 space: Table IV has the tissue inside each label too.
    """

    device: str = "auto"
    draws: int = 8
    files: NetworkFiles = field(default_factory=NetworkFiles)
    plan: Plan = field(default_factory=Plan)
    labels: Volume | None = None


def evaluate_checkpoints(
    checkpoints: Sequence[Checkpoint],
    store: CohortStore,
    out: Path,
    *,
    settings: Settings,
    on_progress: Progress = lambda done, total, what: None,
) -> None:
    """Judge checkpoints on the test people of their folds, whom none of them has seen.

    Each gets scores.json (last), and where it takes features also volumes, reconstruction and
    ageing as Markdown and CSV, and figures: in `out` when it is the only one, else in
    ``out/<name>``. Tables I-IV and Figs. 2 and 3 of all together are written to `out` when
    everything is computed. A stopped evaluation takes what it had from ``out/cache``, which is
    removed at the end.

    Parameters
    ----------
    store : CohortStore
        Of the people that the checkpoints were trained on.
    out : Path
        A folder, made when absent.
    on_progress : callable of (done, total, what)
        Starts again from 0 for each kind of work. What it raises stops the evaluation.

    Raises
    ------
    EvaluationError
        When a checkpoint cannot be judged on this cohort or not be held against another; nothing
        is written.
    CheckpointError, CohortError, BidsError, FeatureError, OSError
        When files are damaged or cannot be written.
    """
    _check(checkpoints, store, settings)
    reference = next(filter(takes_features, checkpoints), checkpoints[0])
    people = load_people(
        reference, store, on_progress=label_progress(on_progress, "reading people")
    )
    looker, real = prepare_looker(
        people,
        store,
        out,
        files=settings.files,
        plan=settings.plan,
        cache=ArrayCache(out / CACHE_FOLDER, "real people"),
        on_progress=on_progress,
    )
    bench = Bench(
        store=store,
        looker=looker,
        shown=choose_person([people.facts[name] for name in people.test.ids]),
        draws=settings.draws,
        device=settings.device,
        cache_folder=out / CACHE_FOLDER,
        labels=settings.labels,
    )
    several = len(checkpoints) > 1
    systems = [
        judge_system(
            checkpoint,
            bench,
            folder_of(checkpoint, checkpoints, out),
            on_progress=_name_progress(on_progress, checkpoint.name) if several else on_progress,
        )
        for checkpoint in checkpoints
    ]
    found = _compare(reference, people, bench, systems, real, on_progress)
    _write(found, bench, out)
    shutil.rmtree(out / CACHE_FOLDER)


def folder_of(checkpoint: Checkpoint, checkpoints: Sequence[Checkpoint], out: Path) -> Path:
    """Return where the results of one of some checkpoints are."""
    return out / checkpoint.name if len(checkpoints) > 1 else out


def _check(checkpoints: Sequence[Checkpoint], store: CohortStore, settings: Settings) -> None:
    if settings.draws < FEWEST_DRAWS:
        raise EvaluationError(
            f"evaluation needs at least {FEWEST_DRAWS} draws, got {settings.draws}"
        )
    for checkpoint in checkpoints:
        check_people(checkpoint, store)
    check_same_people(checkpoints)


def _compare(
    reference: Checkpoint,
    people: EvaluationPeople,
    bench: Bench,
    systems: Sequence[System],
    real: Likeness | None,
    on_progress: Progress,
) -> Comparison:
    """Add the regressions, where anybody takes features."""
    regressions: dict[str, Array] = {}
    crossvalidated: tuple[Array, Mapping[str, Array]] = (np.empty((0, len(TISSUES))), {})
    if takes_features(reference):
        regressions = {
            name: predict(people.train, people.test.conditions)
            for name, predict in REGRESSIONS.items()
        }
        sample, folds = read_everybody(reference, bench.store, people.crop)
        told = label_progress(on_progress, "cross-validating")
        crossvalidated = sample.volumes_ml, cross_validate(sample, folds, on_progress=told)
    return Comparison(
        systems=systems,
        real=real,
        networks=bench.looker.embedders,
        true_ml=people.test.volumes_ml,
        regressions=regressions,
        crossvalidated=crossvalidated,
        fitted_to=f"the {len(people.train_ids)} training people of {reference.name}",
        draws=bench.draws,
    )


def _write(found: Comparison, bench: Bench, out: Path) -> None:
    (out / FIGURE_FOLDER).mkdir(parents=True, exist_ok=True)
    for report in write_reports(found):
        text = "\n".join([report.preamble, *map(to_markdown, report.tables)])
        write_text_atomically(out / f"{report.name}.md", text)
        for table in (*report.tables, *report.long_tables):
            write_text_atomically(out / f"{table.name}.csv", to_csv(table))
    real = MontageBrain("real", unpack(bench.looker.maps[bench.shown]))
    made = [MontageBrain(system.name, unpack(system.brain)) for system in found.systems]
    save_figure(plot_side_by_side([real, *made]), out / FIGURE_FOLDER / "fig2.png")
    futures = {system.name: system.future for system in found.systems if system.future}
    if futures:
        save_figure(plot_futures(futures), out / FIGURE_FOLDER / "fig3.png")


def _name_progress(on_progress: Progress, name: str) -> Progress:
    return lambda done, total, what: on_progress(done, total, f"{name}: {what}")
