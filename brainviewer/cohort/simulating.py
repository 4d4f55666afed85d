"""Simulate a cohort: people from the template, written as imported ones are."""

from __future__ import annotations

import csv
import io
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.bids import ID_COLUMN
from brainviewer.cohort.filling import CohortSummary, begin_cohort, fill_store
from brainviewer.cohort.lifespan import region_tissue
from brainviewer.cohort.people import SMOKING, draw_features
from brainviewer.cohort.phantom import SimulatedPerson, simulate_person
from brainviewer.cohort.regions import REGION_NAMES
from brainviewer.cohort.store import (
    REGIONS,
    T1_AFFINE,
    T1_RIGID,
    CohortError,
    CohortStore,
    Manifest,
    PersonRecord,
    to_uint8,
)
from brainviewer.cohort.template import template_grid
from brainviewer.core.files import write_json_atomically, write_text_atomically
from brainviewer.core.space import resample
from brainviewer.core.tissues import TISSUES, map_volumes_ml
from brainviewer.core.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from brainviewer.cohort.filling import Progress

SPACING_MM = 2.0
SPACINGS_MM = (1.0, 2.0, 4.0)
MOST_WORKERS = 2  # each process holds 1.2 GB
PACKAGES = ("brainviewer", "nilearn", "numpy", "scipy", "torch")
DESCRIPTIONS: dict[str, dict[str, object]] = {
    "age": {"Description": "Age of the simulated person", "Units": "years"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "height": {"Description": "Body height", "Units": "cm"},
    "weight": {"Description": "Body weight; no effect on the brain", "Units": "kg"},
    "education": {"Description": "Years of education; no effect on the brain", "Units": "years"},
    "smoking": {
        "Description": "Smoking (ordinal); no effect on the brain",
        "Levels": {level: level for level in SMOKING},
    },
}


def simulate_cohort(
    folder: Path,
    *,
    people: int,
    seed: int,
    command: str,
    workers: int | None = None,
    spacing_mm: float = SPACING_MM,
    on_progress: Progress = lambda done, total, participant_id: None,
    start_pool: Callable[[int], Executor] | None = None,
) -> CohortSummary:
    """Make simulated people and write them to a cohort folder.

    People who are there already are kept, so that an interrupted run continues, and more people
    may be asked for later: person n depends on the seed and n alone.

    Parameters
    ----------
    folder : Path
        The cohort; made when absent.
    people : int
    seed : int
    command : str
        Kept in the manifest.
    workers : int or None
        Processes; None takes two.
    spacing_mm : float, mm
        Of the grid: one of `SPACINGS_MM`.
    on_progress : function of (done, total, participant_id)
    start_pool : function of the number of workers
        As for `fill_store`.

    Raises
    ------
    CohortError
        When the number of people is below 1, the spacing is none of these, or the folder holds
        another cohort.
    """
    if people < 1:
        raise CohortError(f"the number of people must be 1 or more, got {people}")
    if spacing_mm not in SPACINGS_MM:
        raise CohortError(f"the spacing must be 1, 2 or 4 mm, got {spacing_mm:g}")
    store = CohortStore(folder)
    begin_cohort(store, _manifest(command, seed, spacing_mm))
    numbers = range(1, max(people, len(store.participant_ids)) + 1)
    _write_tables(folder, [_participant_row(seed, number) for number in numbers])
    return fill_store(
        store,
        {participant_id(number): number for number in range(1, people + 1)},
        partial(_simulate, seed, spacing_mm),
        workers=workers or MOST_WORKERS,
        on_progress=on_progress,
        start_pool=start_pool,
    )


def participant_id(number: int) -> str:
    """Name a simulated person: 7 is ``sub-sim0007``."""
    return f"sub-sim{number:04d}"


def _simulate(seed: int, spacing_mm: float, number: int) -> PersonRecord:
    shape, affine = template_grid(spacing_mm)
    return record_of(simulate_person(number, seed=seed, shape=shape, affine=affine))


def record_of(person: SimulatedPerson) -> PersonRecord:
    """Turn a simulated person into what the cohort keeps."""
    t1 = Volume(person.t1, person.affine)
    to_own = np.linalg.inv(person.to_template)
    normalised = resample(t1, affine=to_own @ person.affine, shape=t1.shape).data
    return PersonRecord(
        participant_id=person.participant_id,
        volumes={
            **dict(zip(TISSUES, to_uint8(person.tissues), strict=True)),
            T1_RIGID: to_uint8(person.t1),
            T1_AFFINE: to_uint8(np.asarray(normalised, dtype=np.float32)),
            REGIONS: person.regions,
        },
        volumes_ml=map_volumes_ml(person.tissues, person.affine),
        affine_volume_factor=float(np.linalg.det(person.to_template[:3, :3])),
        details={
            "regions_ml": person.volumes_ml,
            "prescribed_ml": person.prescribed_ml,
            "min_jacobian": person.min_jacobian,
            "to_template": person.to_template.tolist(),
        },
    )


def _manifest(command: str, seed: int, spacing_mm: float) -> Manifest:
    shape, affine = template_grid(spacing_mm)
    return Manifest(
        shape=shape,
        affine=affine.tolist(),
        command=command,
        versions={name: version(name) for name in PACKAGES},
        kind="simulated",
        region_names={
            str(label): (name, region_tissue(name))
            for label, name in enumerate(REGION_NAMES)
            if label
        },
        settings={"seed": seed},
    )


def _participant_row(seed: int, number: int) -> dict[str, object]:
    """Draw the features again: `simulate_person` draws them first from the same source."""
    features = draw_features(np.random.default_rng([seed, number]))
    return {ID_COLUMN: participant_id(number), **features}


def _write_tables(folder: Path, rows: list[dict[str, object]]) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomically(folder / "participants.tsv", table.getvalue())
    write_json_atomically(folder / "participants.json", DESCRIPTIONS)
    description = {"Name": "Simulated people", "License": "CC0", "BIDSVersion": "1.10.0"}
    write_json_atomically(folder / "dataset_description.json", description)
