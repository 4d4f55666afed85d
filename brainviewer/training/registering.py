"""The registration of a cohort's training people: resumable, in several processes, checked.

A folder holds all that is not lost when the run is interrupted: what it is about, the template, the
velocity of each person, who failed, and a log.
"""

from __future__ import annotations

import csv
import json
import logging
import multiprocessing
import os
import time
import zipfile
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from brainviewer.cohort.reading import FULL, People
from brainviewer.cohort.store import CohortError
from brainviewer.core.files import write_atomically, write_json_atomically
from brainviewer.core.processes import end_with_parent
from brainviewer.core.scenario import feature_age
from brainviewer.generators.device import choose_device
from brainviewer.generators.flow import exponentiate, jacobian_determinant, pull, resample
from brainviewer.generators.registration import register
from brainviewer.training import guides
from brainviewer.training.anatomy import build_template, load_anatomy
from brainviewer.training.dataset import FEWEST_PEOPLE
from brainviewer.training.guides import guide_of, paired, region_codes
from brainviewer.training.loop import LOG_FILE, Progress, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.registration import Effort
    from brainviewer.training.dataset import TrainingData
    from brainviewer.training.region_maps import RegionLabels

_log = logging.getLogger(__name__)

RUN_FILE = "run.json"
FAILED_FILE = "failed.json"
TEMPLATE_FILE = "template.npz"
GUIDE_FILE = "guide.npz"
VELOCITIES = "velocities"
TEMPLATE_PEOPLE = 16
LEAST_OVERLAP = 0.6  # mean Dice of the tissues; the cohort's people reach 0.75 to 0.85


class RegistrationError(ValueError):
    """A brain that the template could not be registered to; the message says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One person to register, as another process needs it.

    Attributes
    ----------
    out : Path
        The run's folder, with the template.
    name : str
    maps : (3, I, J, K) uint8 ndarray, 255 x partial volume
    regions : (I, J, K) uint8 ndarray or None
        1 + the index of a region, of as many as ``region_count`` says.
    """

    out: Path
    name: str
    maps: NDArray[np.uint8]
    regions: NDArray[np.uint8] | None
    region_count: int
    effort: Effort
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class RegistrationRun:
    """A run's folder, and what is made in it step by step."""

    out: Path
    data: TrainingData
    labels: RegionLabels
    effort: Effort
    device: str
    on_progress: Callable[[Progress], None]

    def exists(self) -> bool:
        """Say whether there is something to resume."""
        return (self.out / RUN_FILE).is_file()

    def begin(self) -> None:
        """Delete what an earlier run left, and write what this one is about."""
        names = (RUN_FILE, TEMPLATE_FILE, GUIDE_FILE, FAILED_FILE, LOG_FILE)
        for path in (*(self.out / name for name in names), *self._fields.glob("*.npz")):
            path.unlink(missing_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)
        write_json_atomically(self.out / RUN_FILE, self._about)

    def check(self) -> None:
        """Raise TrainingError unless the run that is there is about the same."""
        path = self.out / RUN_FILE
        try:
            same = json.loads(path.read_text(encoding="utf-8")) == self._about
        except (OSError, ValueError):
            same = False
        if not same:
            raise TrainingError(
                f"{path} is damaged or of another recipe or cohort; train without --resume to "
                f"start over"
            )

    def template(self) -> FloatArray:
        """Return the template (4, I, J, K), made from people of all ages where there is none."""
        path = self.out / TEMPLATE_FILE
        if path.is_file():
            return _read(path)
        people = self.data.train
        order = np.argsort([feature_age(row) for row in people.conditions], kind="stable")
        places = np.linspace(0, len(people) - 1, min(TEMPLATE_PEOPLE, len(people)))
        chosen = [int(order[round(place)]) for place in places]
        maps = [as_shares(people.maps[index]) for index in chosen]
        codes = region_codes(len(self.labels.groups.names))
        own = [self.labels.of_person(people.ids[index]) for index in chosen]
        template, guide = build_template(
            load_anatomy(maps[0].shape[1:], self.data.affine),
            maps,
            replace(self.effort, steps=max(1, self.effort.steps // 2)),
            guides=[None if regions is None else guide_of(regions, codes) for regions in own],
            on_progress=lambda done, total: self._report(done, total, {}),
        )
        if guide is not None:
            _write(self.out / GUIDE_FILE, guide)
        _write(path, template)  # last: who finds it finds the guide too
        return template

    def register_all(self, template: FloatArray, processes: int = 1) -> tuple[FloatArray, People]:
        """Return the velocities of the training people and those of them who could be registered.

        Who fails is left out, and named in the log and in failed.json.
        """
        people, failed = self.data.train, {}
        self._find_missing(processes)
        velocities: dict[int, FloatArray] = {}
        for index, name in enumerate(people.ids):
            velocity = _read(self._field(name)).astype(np.float32)
            try:
                overlap = check_registration(template, as_shares(people.maps[index]), velocity)
            except RegistrationError as error:
                _log.warning("%s is left out: %s", name, error)
                failed[name] = str(error)
                continue
            velocities[index] = velocity
            self.log(index, {"overlap": overlap})
        write_json_atomically(self.out / FAILED_FILE, failed)
        if len(velocities) < FEWEST_PEOPLE:
            raise CohortError(
                f"the template must be registered to at least {FEWEST_PEOPLE} people, and was to "
                f"{len(velocities)} of {len(people)}"
            )
        return np.stack(list(velocities.values())), _only(people, list(velocities))

    def failed(self) -> dict[str, str]:
        """Return who was left out, with the reason."""
        content: dict[str, str] = json.loads((self.out / FAILED_FILE).read_text(encoding="utf-8"))
        return content

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append numbers to the table of the run: step, name, value."""
        with (self.out / LOG_FILE).open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([step, n, f"{v:.6g}"] for n, v in numbers.items())

    def _find_missing(self, processes: int) -> None:
        """Register who has no velocity yet."""
        ids = self.data.train.ids
        missing = [index for index, name in enumerate(ids) if not self._field(name).is_file()]
        done = len(ids) - len(missing)
        self._report(done, len(ids), {})
        for seconds in _run(register_person, self._jobs(missing), min(processes, len(missing))):
            done += 1
            self.log(done, {"seconds": seconds})
            self._report(done, len(ids), {"seconds": seconds})

    def _jobs(self, indices: Sequence[int]) -> Iterator[Job]:
        people, regions = self.data.train, len(self.labels.groups.names)
        for index in indices:
            name = people.ids[index]
            own = self.labels.of_person(name)
            yield Job(self.out, name, people.maps[index], own, regions, self.effort, self.device)

    @property
    def _about(self) -> dict[str, Any]:
        shape = list(self.data.train.maps.shape[2:])
        return {
            "effort": asdict(self.effort),
            "shape": shape,
            "people": list(self.data.train.ids),
            "regions": list(self.labels.groups.names),
            "guides": {"length": guides.LENGTH, "weight": guides.WEIGHT},
        }

    @property
    def _fields(self) -> Path:
        return self.out / VELOCITIES

    def _field(self, name: str) -> Path:
        return self._fields / f"{name}.npz"

    def _report(self, done: int, total: int, numbers: dict[str, float]) -> None:
        self.on_progress(Progress(done, total, 0.0, numbers))


def register_person(job: Job) -> float:
    """Register the template to a person, write the velocity, and return the seconds it took."""
    start = time.perf_counter()
    device = choose_device(job.device).torch_device
    template, guide = _template_of(job.out)
    own = None
    if job.regions is not None:
        own = guide_of(job.regions, region_codes(job.region_count))
    first, second = (torch.from_numpy(m)[None].to(device) for m in (template, as_shares(job.maps)))
    pair = paired(None if guide is None else torch.from_numpy(guide)[None].to(device), own)
    velocity = register(first, second, job.effort, pair)[0].cpu().numpy()
    _write(job.out / VELOCITIES / f"{job.name}.npz", velocity.astype(np.float16))
    return time.perf_counter() - start


def _run(work: Callable[[Job], float], jobs: Iterator[Job], processes: int) -> Iterator[float]:
    """Do the jobs, here or in several processes of one share of the cores each."""
    if processes <= 1:
        yield from map(work, jobs)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), _start_process, (threads,)
    ) as pool:
        running = {pool.submit(work, job) for job in islice(jobs, 2 * processes)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(work, job) for job in islice(jobs, len(done))}
                yield from (future.result() for future in done)
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that registered people was ended from outside, perhaps for lack of "
                "memory; train again with --resume, and with fewer --processes"
            ) from error


def _start_process(threads: int) -> None:
    torch.set_num_threads(threads)
    end_with_parent()


@lru_cache(maxsize=1)
def _template_of(out: Path) -> tuple[FloatArray, FloatArray | None]:
    """Read the tissues of the template and its guide, once for a process."""
    path = out / GUIDE_FILE
    return _read(out / TEMPLATE_FILE)[:3], _read(path) if path.is_file() else None


@torch.inference_mode()
def check_registration(template: FloatArray, maps: FloatArray, velocity: FloatArray) -> float:
    """Return how well a carried template covers a brain: the mean soft Dice of the tissues.

    Parameters
    ----------
    template : (4, I, J, K) float32 ndarray
    maps : (3, I, J, K) float32 ndarray
    velocity : (3, I/2, J/2, K/2) float32 ndarray, voxels

    Raises
    ------
    RegistrationError
        When the tissues overlap by less than 0.6 or the warp folds.
    """
    flow = exponentiate(torch.from_numpy(velocity)[None])
    smallest = float(jacobian_determinant(flow).min())
    if not smallest > 0:
        raise RegistrationError(f"the warp folds, its smallest Jacobian is {smallest:.2f}")
    carried = pull(torch.from_numpy(template)[None, :3], resample(flow, maps.shape[1:]))[0].numpy()
    overlap = float(np.mean([dice(*pair) for pair in zip(carried, maps, strict=True)]))
    if overlap < LEAST_OVERLAP:
        raise RegistrationError(
            f"the tissues overlap by {overlap:.2f}, less than {LEAST_OVERLAP}; look at its scan"
        )
    return overlap


def dice(first: FloatArray, second: FloatArray) -> float:
    """Return the overlap of two maps in [0, 1]: 2 sum min(a, b) / sum (a + b)."""
    return float(2.0 * np.minimum(first, second).sum() / max(first.sum() + second.sum(), 1e-6))


def as_shares(stored: NDArray[np.uint8]) -> FloatArray:
    """Return stored numbers, 0 to 255, as 0 to 1."""
    return np.asarray(stored / FULL, dtype=np.float32)


def _only(people: People, chosen: list[int]) -> People:
    return People(
        tuple(people.ids[n] for n in chosen),
        people.maps[chosen],
        people.volumes_ml[chosen],
        tuple(people.conditions[n] for n in chosen),
    )


def _read(path: Path) -> FloatArray:
    """Read an array that a run wrote."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found: FloatArray = arrays["array"]
            return found
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise CohortError(f"{path} is damaged ({error}); delete it and resume") from error


def _write(path: Path, array: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)

    def save(file: BinaryIO) -> None:
        np.savez(file, array=array)

    write_atomically(path, save)
