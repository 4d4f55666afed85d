"""Measure how well generators rebuild scans of people whom they never saw.

    python benchmarks/own_scans.py COHORT CHECKPOINT [CHECKPOINT ...] [--people 4] [--refine 60]

Takes test people of each checkpoint, spread over age, as they were imported, and prints a Markdown
table: the mean over them of the overlap of partial volumes (Dice), of the absolute error of each
tissue's volume and of the SSIM of the tissue contrast. "Somebody else" is a person drawn under the
same conditions, which is what an encoder has to beat. Times are of the processor, in multiples of
the first encoding, so that they hold on other machines too.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.own_scan import OwnScan
from brainviewer.cohort.reading import FULL, read_table
from brainviewer.cohort.store import T1_RIGID, CohortStore, grid_affine
from brainviewer.core.likeness import likeness_of
from brainviewer.core.scenario import feature_age
from brainviewer.core.tissues import TISSUES, tissue_volumes_ml
from brainviewer.core.volume import Brain, Volume
from brainviewer.evaluation.people import split_people
from brainviewer.evaluation.similarity import similarities
from brainviewer.generators.base import EncodesInSteps
from brainviewer.generators.checkpoint import load_generator, resolve_checkpoint
from brainviewer.session.carrying import carried_shown
from brainviewer.session.decoder import Decoder
from brainviewer.session.layers import tissue_contrast
from brainviewer.session.request import Person

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from brainviewer.core.features import Conditions
    from brainviewer.generators.base import Identity

SEED = 1
HEADINGS = (
    "generator", "identity", "people", "Dice WM", "Dice GM", "Dice CSF", "WM %", "GM %", "CSF %",
    "SSIM", "time", "own age",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """An identity of a scan: how it was found, and how long that took."""

    how: str
    identity: Identity
    seconds: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--refine", type=int, default=60, help="steps")
    asked = parser.parse_args()
    print("| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS), flush=True)
    unit_s = 0.0
    for name in asked.checkpoints:
        decoder = Decoder(resolve_checkpoint(name), load_generator, device="cpu")
        rows: dict[str, list[list[float]]] = {}
        for scan, conditions in _scans(asked.cohort, decoder, asked.people):
            for found in _identities(scan, conditions, decoder, asked.refine):
                row = _row(scan, conditions, decoder, found)
                rows.setdefault(found.how, []).append(row)
        for how, measured in rows.items():
            *numbers, seconds, carried = np.mean(measured, axis=0)
            unit_s = unit_s or seconds
            cells = [f"{it:.3f}" for it in numbers[:3]] + [f"{it:.1f}" for it in numbers[3:6]]
            cells += [f"{numbers[6]:.3f}", f"{seconds / unit_s:.0f}" if seconds else ""]
            cells.append(f"{carried:.1g}")
            print(f"| {name} | {how} | {len(measured)} | {' | '.join(cells)} |", flush=True)


def _scans(folder: Path, decoder: Decoder, count: int) -> Iterator[tuple[OwnScan, Conditions]]:
    """Read the scans of some test people, spread over age, with what is known of them."""
    store, checkpoint = CohortStore(folder), decoder.checkpoint
    table, affine = read_table(store).people, grid_affine(store.read_manifest())
    _, names = split_people(checkpoint)
    names = sorted(names, key=lambda name: feature_age(table[name]))
    for at in np.linspace(0, len(names) - 1, count):
        name = names[int(at)]
        record = store.read_person(name)
        channels = (*TISSUES, T1_RIGID)
        maps = np.stack([np.float32(record.volumes[it]) / np.float32(FULL) for it in channels])
        brain = Brain(channels, maps, affine)
        t1 = Volume(maps[-1], affine, name)
        scan = OwnScan(name, t1, brain, np.eye(4), dict(record.volumes_ml))
        yield scan, {it: table[name].get(it) for it in checkpoint.schema.names}


def _identities(
    scan: OwnScan, conditions: Conditions, decoder: Decoder, refining_steps: int
) -> Iterator[Found]:
    """Find the identity of a scan in every way that the generator has."""
    generator = decoder.generator
    brain = scan.on_grid(generator.shape, generator.affine, generator.channels)
    yield Found("somebody else", decoder.draw(SEED), 0.0)
    start = time.process_time()
    identity = decoder.encode(brain, conditions)
    yield Found("encoded", identity, time.process_time() - start)
    if isinstance(generator, EncodesInSteps):
        start = time.process_time()
        whole = _last(decoder.encode_steps(brain, conditions))
        yield Found("registered", whole, time.process_time() - start)
    if decoder.refines and refining_steps > 0:
        start = time.process_time()
        steps = decoder.refining_steps(identity, brain, conditions)
        *_, refined = islice(steps, refining_steps)
        steps.close()
        yield Found(f"refined, {refining_steps} steps", refined, time.process_time() - start)


def _row(scan: OwnScan, conditions: Conditions, decoder: Decoder, found: Found) -> list[float]:
    """Compare a scan with what the generator makes of an identity, all on its grid.

    The last number is by how much the scan, carried to its own conditions, differs from itself.
    """
    own = scan.on_grid(decoder.generator.shape, decoder.generator.affine, TISSUES)
    rebuilt = decoder.generate(found.identity, conditions)
    alike = likeness_of(own, rebuilt)
    measured, made = tissue_volumes_ml(own), tissue_volumes_ml(rebuilt)
    pictures = [tissue_contrast(it).volume.data for it in (own, rebuilt)]
    person = Person(found.identity, conditions, scan.name)
    carried = carried_shown(scan, person, decoder, dict(conditions)).brain
    return [
        *(alike.dice[it] for it in TISSUES),
        *(100.0 * abs(made[it] / measured[it] - 1.0) for it in TISSUES),
        float(similarities(lambda index: pictures[index], [(0, 1)])[0]),
        found.seconds,
        float(np.abs(carried.data[: len(TISSUES)] - own.data).max()),
    ]


def _last(steps: Generator[float, None, Identity]) -> Identity:
    """Go through all steps; return what they lead to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            identity: Identity = end.value
            return identity


if __name__ == "__main__":
    main()
