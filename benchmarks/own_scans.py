"""Measure how well generators rebuild scans of people whom they never saw.

    python benchmarks/own_scans.py COHORT CHECKPOINT [CHECKPOINT ...] [--people 5] [--refine 30]

Encodes the test people of each checkpoint, spread over age, as the application does, and prints a
Markdown table. The last columns are the check of the counterfactual: how far, at most, the
reconstruction and the carried scan are from what they were when asked for again under the person's
own conditions.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from brainviewer.cohort.own_scan import OwnScan
from brainviewer.cohort.reading import FULL, read_table
from brainviewer.cohort.store import T1_RIGID, CohortStore, grid_affine
from brainviewer.core.scenario import feature_age
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, Volume
from brainviewer.evaluation.people import split_people
from brainviewer.evaluation.similarity import similarities
from brainviewer.generators.checkpoint import load_generator, resolve_checkpoint
from brainviewer.session.carrying import carried_shown
from brainviewer.session.decoder import Decoder
from brainviewer.session.encoding import encoding_steps
from brainviewer.session.layers import layers_of
from brainviewer.session.refining import refining_steps

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.core.features import Conditions
    from brainviewer.session.encoding import Encoded

Result = TypeVar("Result")
HEADINGS = (
    "generator", "people", "WM mL", "GM mL", "CSF mL", "Dice WM", "Dice GM", "Dice CSF", "SSIM",
    "again", "carried",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--refine", type=float, default=30.0)
    asked = parser.parse_args()
    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + "---|" * len(HEADINGS))
    for name in asked.checkpoints:
        decoder = Decoder(resolve_checkpoint(name), load_generator, device="cpu")
        found = [
            _judge(scan, conditions, decoder, asked.refine)
            for scan, conditions in _scans(asked.cohort, decoder, asked.people)
        ]
        for words in found[0]:
            rows = np.array([it[words] for it in found])
            cells = [f"{it:.1f}" for it in rows[:, :3].mean(axis=0)]
            cells += [f"{it:.3f}" for it in rows[:, 3:7].mean(axis=0)]
            cells += [f"{it:.2g}" for it in rows[:, 7:].max(axis=0)]
            print(f"| {name}{words} | {len(found)} | " + " | ".join(cells) + " |", flush=True)


def _scans(folder: Path, decoder: Decoder, count: int) -> list[tuple[OwnScan, Conditions]]:
    """Return the scans of some test people, spread over age, with what is known of them."""
    store, checkpoint = CohortStore(folder), decoder.checkpoint
    table, affine = read_table(store).people, grid_affine(store.read_manifest())
    _, names = split_people(checkpoint)
    names = sorted(names, key=lambda name: feature_age(table[name]))
    chosen = [names[int(at)] for at in np.linspace(0, len(names) - 1, count)]
    found = []
    for name in chosen:
        record = store.read_person(name)
        channels = (*TISSUES, T1_RIGID)
        maps = np.stack([np.float32(record.volumes[it]) / np.float32(FULL) for it in channels])
        scan = OwnScan(
            name,
            Volume(maps[3], affine, name),
            Brain(channels, maps, affine),
            np.eye(4),
            dict(record.volumes_ml),
        )
        known = {it: table[name].get(it) for it in checkpoint.schema.names}
        found.append((scan, known))
    return found


def _judge(
    scan: OwnScan, conditions: Conditions, decoder: Decoder, refine_s: float
) -> dict[str, list[float]]:
    """Measure one scan as it is encoded, and as it is refined where that is possible."""
    encoded = _exhaust(encoding_steps(scan, conditions, decoder))
    rows = {"": _row(encoded, decoder)}
    if decoder.refines and refine_s > 0:
        refined = _exhaust(refining_steps(encoded, decoder, seconds=refine_s))
        rows[f", refined {refine_s:g} s"] = _row(refined, decoder)
    return rows


def _row(encoded: Encoded, decoder: Decoder) -> list[float]:
    person, brain = encoded.person, encoded.scan.brain
    rebuilt = decoder.generate(person.identity, person.factual)
    again = decoder.generate(person.identity, dict(person.factual))
    carried = carried_shown(encoded.source, person, decoder, dict(person.factual)).brain
    own = encoded.source.on_grid(brain.data.shape[1:], brain.affine, carried.channels)
    images = [layers_of(it)[0].volume.data.astype(np.float32) for it in (brain, rebuilt)]
    alike = similarities(lambda index: images[index], [(0, 1)])
    measured = encoded.scan.volumes_ml
    return [
        *(abs(encoded.rebuilt_ml[it] - measured[it]) for it in TISSUES),
        *(encoded.likeness.dice[it] for it in TISSUES),
        float(alike[0]),
        float(np.abs(again.data - rebuilt.data).max()),
        float(np.abs(carried.data - own.data).max()),
    ]


def _exhaust(steps: Generator[float, None, Result]) -> Result:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


if __name__ == "__main__":
    main()
