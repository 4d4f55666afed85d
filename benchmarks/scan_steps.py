"""Measure how long each step takes from the file of a scan to its person at another age."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from benchmarks.stopwatch import Stopwatch, Taken
from brainviewer.cohort.own_scan import STAGES
from brainviewer.generators.checkpoint import load_generator, resolve_checkpoint
from brainviewer.session.carrying import carrying_steps
from brainviewer.session.decoder import Decoder
from brainviewer.session.encoding import encoding_steps

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan

Result = TypeVar("Result")
YEARS_LATER = 20.0


def measure_steps(checkpoint: str, path: Path) -> list[tuple[str, Taken]]:
    """Prepare a scan, encode it under typical conditions, and carry it to a later age."""
    scan, rows = prepare(path)
    decoder = Decoder(resolve_checkpoint(checkpoint), load_generator, device="cpu")
    conditions = decoder.checkpoint.schema.typical()
    watch = Stopwatch()
    encoded = last(encoding_steps(scan, conditions, decoder))
    rows.append(("Finding the identity", watch.read()))
    later = {**conditions, "age": float(conditions["age"]) + YEARS_LATER}
    watch = Stopwatch()
    last(carrying_steps(scan, encoded.person, decoder, later))
    rows.append(
        (f"Carrying the scan {YEARS_LATER:.0f} years on, also on its own voxels", watch.read())
    )
    return rows


def prepare(path: Path) -> tuple[OwnScan, list[tuple[str, Taken]]]:
    """Prepare a scan; return it and how long loading the libraries and each stage took."""
    watch = Stopwatch()
    begun: list[Taken] = [watch.read()]

    from brainviewer.cohort.preparing import prepare_own_scan

    scan = prepare_own_scan(path, on_stage=lambda stage: begun.append(watch.read()))
    begun.append(watch.read())
    took = [
        Taken(after.elapsed_s - before.elapsed_s, after.processor_s - before.processor_s)
        for before, after in pairwise(begun)
    ]
    return scan, list(zip(("Loading the libraries", *STAGES), took, strict=True))


def last(steps: Generator[float, None, Result]) -> Result:
    """Go through all steps; return what they lead to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
