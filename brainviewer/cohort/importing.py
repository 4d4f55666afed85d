"""Import a BIDS folder into a cohort: resumable, several processes, one bad scan stops nobody."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from brainviewer.cohort.bids import (
    BidsError,
    Scan,
    find_scans,
    read_label_names,
    read_participants,
)
from brainviewer.cohort.filling import CohortSummary, begin_cohort, fill_store
from brainviewer.cohort.preprocess import STORE_SPACING_MM, preprocess_scan
from brainviewer.cohort.store import CohortError, CohortStore, Manifest, PersonRecord
from brainviewer.cohort.template import template_grid
from brainviewer.cohort.tools import Tools, build_tools, check_tools
from brainviewer.core.files import write_text_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from brainviewer.cohort.filling import Progress

PACKAGES = ("brainviewer", "antspyx", "deepbet", "nibabel", "nilearn", "numpy", "scipy", "torch")
PARTICIPANTS = "participants.tsv"
DESCRIPTION = "participants.json"
DATASET = "dataset_description.json"  # name and licence


def import_cohort(
    bids: Path,
    folder: Path,
    *,
    command: str,
    workers: int | None = None,
    tools: str = "deepbet",
    on_progress: Progress = lambda done, total, participant_id: None,
    start_pool: Callable[[int], Executor] | None = None,
) -> CohortSummary:
    """Bring the people of a BIDS folder into a cohort folder.

    People that are already complete are skipped, so that an interrupted import continues where it
    stopped. A scan that fails is named in the manifest with the reason, and tried again next time.

    Parameters
    ----------
    bids : Path
        Top folder of the dataset.
    folder : Path
        The cohort; made when absent.
    command : str
        Kept in the manifest.
    workers : int or None
        Processes; None takes one a core.
    tools : ``"deepbet"`` or ``"fsl"``
    on_progress : function of (done, total, participant_id)
    start_pool : function of the number of workers
        Starts what the work runs in; processes unless a test wants otherwise.

    Raises
    ------
    BidsError, FeatureError
        When there are no images, or the table is malformed or shares nobody with the images.
    CohortError
        When the folder holds another cohort.
    ToolError
        When the tools are unknown or not installed.
    """
    check_tools(tools)
    scans = {scan.participant_id: scan for scan in find_scans(bids)}
    notices = _check_table(bids, scans)
    store = CohortStore(folder)
    _check_same_people(store, scans)
    begin_cohort(store, _manifest(bids, command, tools))
    _copy_texts(bids, folder)
    summary = fill_store(
        store,
        scans,
        partial(_import_scan, tools),
        workers=workers or os.cpu_count() or 1,
        on_progress=on_progress,
        start_pool=start_pool,
    )
    return replace(summary, notices=notices)


def _import_scan(tools: str, scan: Scan) -> PersonRecord:
    return preprocess_scan(scan, _load_tools(tools))


@cache
def _load_tools(name: str) -> Tools:
    """Load the networks once a process."""
    return build_tools(name)


def _check_table(bids: Path, scans: dict[str, Scan]) -> tuple[str, ...]:
    """Read the table once before hours of work, and return notices; an absent one is fine."""
    path = bids / PARTICIPANTS
    if not path.is_file():
        return ()
    table = read_participants(path, bids / DESCRIPTION)
    lacking = [name for name in scans if name not in table.people]
    if len(lacking) == len(scans):
        raise BidsError(
            f"{path.name} and the images have nobody in common: the table has "
            f"{next(iter(table.people))}, the images {next(iter(scans))}"
        )
    if not lacking:
        return table.notices
    return (
        *table.notices,
        f"{path.name} has no row for {len(lacking)} of the {len(scans)} people with an image, such "
        f"as {lacking[0]}; training leaves them out",
    )


def _check_same_people(store: CohortStore, scans: dict[str, Scan]) -> None:
    strangers = [name for name in store.participant_ids if name not in scans]
    if strangers:
        raise CohortError(
            f"{store.folder} holds people that the dataset does not have, such as {strangers[0]}; "
            f"give another folder"
        )


def _copy_texts(bids: Path, folder: Path) -> None:
    for name in (PARTICIPANTS, DESCRIPTION, DATASET):
        if (bids / name).is_file():
            write_text_atomically(folder / name, (bids / name).read_text(encoding="utf-8-sig"))


def _manifest(bids: Path, command: str, tools: str) -> Manifest:
    shape, affine = template_grid(STORE_SPACING_MM)
    return Manifest(
        shape=shape,
        affine=affine.tolist(),
        command=command,
        versions={name: version(name) for name in PACKAGES},
        kind="imported",
        region_names={str(label): named for label, named in read_label_names(bids).items()},
        settings={"tools": tools},
    )
