"""Stand-ins for tests of the cohort: a pool without processes, a small person, a BIDS folder."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from brainviewer.cohort.store import CohortStore, Manifest, PersonRecord
from brainviewer.cohort.template import template_grid
from brainviewer.core.nifti import write_volume
from brainviewer.core.volume import Volume

SPACING_MM = 8.0
SHAPE, AFFINE = template_grid(SPACING_MM)


class InlinePool(Executor):
    """Does the work at once, in this process; dies of the jobs that are called deadly."""

    def __init__(self, workers, *, deadly=()):
        self.workers = workers
        self.deadly = deadly

    def submit(self, work, job):
        future = Future()
        if job in self.deadly:
            future.set_exception(BrokenProcessPool("killed"))
        else:
            future.set_result(work(job))
        return future


def make_record(name, *, wm=500.0, gm=650.0, csf=300.0, factor=1.3, lost=0.0):
    """A person who is a ball of white in grey matter in CSF."""
    i, j, k = np.indices(SHAPE)
    centre = (np.array(SHAPE) - 1) / 2
    radius = np.sqrt((i - centre[0]) ** 2 + (j - centre[1]) ** 2 + (k - centre[2]) ** 2)
    volumes = {
        "WM": np.uint8(255) * (radius < 4),
        "GM": np.uint8(255) * ((radius >= 4) & (radius < 6)),
        "CSF": np.uint8(255) * ((radius >= 6) & (radius < 7)),
    }
    volumes["T1w"] = volumes["T1w_affine"] = (190 * (radius < 7)).astype(np.uint8)
    return PersonRecord(
        name,
        {key: np.asarray(value, dtype=np.uint8) for key, value in volumes.items()},
        {"WM": wm, "GM": gm, "CSF": csf},
        factor,
        {"lost_share": lost},
    )


def make_manifest(**changes):
    entries = {
        "shape": SHAPE,
        "affine": AFFINE.tolist(),
        "command": "brainviewer import here there",
        "versions": {"numpy": "2"},
        "kind": "imported",
    }
    return Manifest(**{**entries, **changes})


def make_store(folder, *records, **changes):
    store = CohortStore(folder)
    store.write_manifest(make_manifest(**changes))
    for record in records:
        store.write_person(record)
    return store


def write_bids(folder, names, *, table=None):
    """A BIDS folder whose images hold nothing."""
    for name in names:
        (folder / name / "anat").mkdir(parents=True)
        write_volume(
            folder / name / "anat" / f"{name}_T1w.nii.gz",
            Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4)),
        )
    rows = [(name, 30 + n) for n, name in enumerate(names)] if table is None else table
    lines = ["participant_id\tage", *(f"{name}\t{age}" for name, age in rows)]
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    (folder / "participants.json").write_text('{"age": {"Units": "years"}}')
    (folder / "dataset_description.json").write_text('{"Name": "Nobody", "License": "CC0"}')
    return folder
