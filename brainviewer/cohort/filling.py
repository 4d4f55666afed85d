"""People into a cohort folder: several processes, resumable, one bad person stops nobody."""

from __future__ import annotations

import logging
import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import torch

from brainviewer.cohort.store import CohortError, CohortStore, Manifest, PersonRecord
from brainviewer.core.files import reason_for, remove_stale
from brainviewer.core.processes import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    Progress = Callable[[int, int, str], None]

_log = logging.getLogger(__name__)

KILLED = "its process was killed, perhaps for want of memory"

Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """What a run did.

    Attributes
    ----------
    people : int
        In the cohort now.
    skipped : int
        Of those asked for, finished by an earlier run.
    failed : dict of participant_id to sentence
    notices : tuple of str
        What the user should know of the table, a sentence each.
    """

    people: int
    skipped: int
    failed: dict[str, str]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who is finished, and what went wrong, in words: nothing when all is well."""

    participant_id: str
    problem: str


def begin_cohort(store: CohortStore, manifest: Manifest) -> None:
    """Start a cohort folder, or make sure that an existing one can be continued.

    Who failed in an earlier run stays in the manifest until that person is tried again.

    Raises
    ------
    CohortError
        When the folder holds a cohort of another kind, grid or setting.
    """
    if not store.exists():
        store.write_manifest(manifest)
        return
    remove_stale(store.folder / "people")
    before = store.read_manifest()
    _check_continues(store.folder, before, manifest)
    store.write_manifest(replace(manifest, failed=before.failed))


def fill_store(
    store: CohortStore,
    jobs: Mapping[str, Job],
    make: Callable[[Job], PersonRecord],
    *,
    workers: int,
    on_progress: Progress = lambda done, total, participant_id: None,
    start_pool: Callable[[int], Executor] | None = None,
) -> CohortSummary:
    """Make the people that the store does not have yet.

    Parameters
    ----------
    store : CohortStore
        With a manifest.
    jobs : mapping of participant_id to job
    make : function of a job
        Runs in a process of its own, so that it and the jobs must be picklable.
    workers : int
        Processes.
    on_progress : function of (done, total, participant_id)
        The people of earlier runs count as done.
    start_pool : function of the number of workers
        Starts what the work runs in; processes unless a test wants otherwise.
    """
    manifest = store.read_manifest()
    todo = {name: job for name, job in jobs.items() if not store.has(name)}
    skipped = len(jobs) - len(todo)
    failed = {name: problem for name, problem in manifest.failed.items() if name in todo}
    work = partial(_make_person, make, store.folder)
    outcomes = _run(work, todo, workers=workers, start_pool=start_pool or _start_processes)
    for done, outcome in enumerate(outcomes, start=skipped + 1):
        failed.pop(outcome.participant_id, None)
        if outcome.problem:
            failed[outcome.participant_id] = outcome.problem
        store.write_manifest(replace(manifest, failed=failed))
        on_progress(done, len(jobs), outcome.participant_id)
    return CohortSummary(len(store.participant_ids), skipped, failed)


def _check_continues(folder: Path, before: Manifest, now: Manifest) -> None:
    if before.kind != now.kind:
        raise CohortError(
            f"the cohort in {folder} is {before.kind} and takes up no {now.kind} people; "
            f"give another folder"
        )
    if (before.shape, before.affine) != (now.shape, now.affine):
        raise CohortError(
            f"{folder} has another grid, of {_times(before.shape)} voxels and not "
            f"{_times(now.shape)}; give another folder"
        )
    if before.settings != now.settings:
        raise CohortError(
            f"{folder} was made with {_in_words(before.settings)}, not with "
            f"{_in_words(now.settings)}; ask for the same or give another folder"
        )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _in_words(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "no settings"


def _run(
    work: Callable[[Job], str],
    jobs: Mapping[str, Job],
    *,
    workers: int,
    start_pool: Callable[[int], Executor],
) -> Generator[Outcome, None, None]:
    """Do the jobs, `workers` at a time.

    A process that is killed takes its pool with it and does not say whose job it was: those in
    flight are tried again alone, so that only the guilty one fails.
    """
    waiting = dict(jobs)
    while waiting:
        in_flight = yield from _run_pool(work, waiting, workers, start_pool)
        for name, job in in_flight.items():
            if (yield from _run_pool(work, {name: job}, 1, start_pool)):
                yield Outcome(name, KILLED)


def _run_pool(
    work: Callable[[Job], str],
    waiting: dict[str, Job],
    workers: int,
    start_pool: Callable[[int], Executor],
) -> Generator[Outcome, None, dict[str, Job]]:
    """Take jobs until there are none or a process dies; returns those that were in flight."""
    running: dict[Future[str], tuple[str, Job]] = {}
    with start_pool(workers) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    name = next(iter(waiting))
                    running[pool.submit(work, waiting[name])] = (name, waiting[name])
                    del waiting[name]
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    problem = future.result()
                    name, _ = running.pop(future)
                    yield Outcome(name, problem)
        except BrokenProcessPool:
            return dict(running.values())
    return {}


def _start_processes(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    """Give a process one thread, as the processes share the cores, and no life of its own."""
    end_with_parent()
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    torch.set_num_threads(1)


def _make_person(make: Callable[[Job], PersonRecord], folder: Path, job: Job) -> str:
    """Make and write one person; returns the problem in words, or nothing."""
    try:
        CohortStore(folder).write_person(make(job))
    except OSError as error:
        return reason_for(error)
    except MemoryError:
        return "the memory was not enough"
    except ValueError as error:
        _log.info("a person failed", exc_info=True)
        return str(error)
    except Exception as error:  # noqa: BLE001  the worker's: one bad person stops nobody
        _log.exception("a person failed")
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""
