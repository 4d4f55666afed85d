"""Hold the tissue volumes of an imported cohort against the labels of a BIDS derivative.

    python benchmarks/compare_segmentation.py COHORT_DIR BIDS_DIR

Prints Markdown tables: agreement, age slopes, overlap, white matter by place, and the people who
differ most.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.bids import find_scans, read_label_names, read_participants
from brainviewer.cohort.store import REGIONS, CohortStore, grid_affine
from brainviewer.core.nifti import read_volume
from brainviewer.core.tissues import TISSUES, label_map
from brainviewer.core.volume import voxel_volume_ml

if TYPE_CHECKING:
    from numpy.typing import NDArray

VENTRICLES = "ventricles"
VERTEX_MM = (50.0, 75.0)  # above the centre of the template's grid, z
WORST_SHOWN = 5
SINGLE_FAILURE = 0.25  # further than this from what the others' regression predicts


@dataclass(frozen=True, slots=True)
class Comparison:
    """Volumes of N people in mL, ages in years, overlaps.

    Attributes
    ----------
    names : list of str
    ages : (N,) ndarray, NaN where unknown
    ours, labels : dict of tissue to (N,) ndarray, mL
        ``labels`` has the ventricles besides.
    dice : dict of tissue to (N,) ndarray
    places : dict of place to (N, 2) ndarray, mL
        White matter there: ours, and the labels'.
    """

    names: list[str]
    ages: NDArray[np.float64]
    ours: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.float64]]
    dice: dict[str, NDArray[np.float64]]
    places: dict[str, NDArray[np.float64]]


def main(cohort: str, bids: str) -> None:
    """Compare and print."""
    comparison = compare(CohortStore(Path(cohort)), Path(bids))
    print(f"{len(comparison.names)} people, {np.isfinite(comparison.ages).sum()} with an age\n")
    for table in (agreement_table, slope_table, place_table, failure_lines):
        print("\n".join(table(comparison)), end="\n\n")


def compare(store: CohortStore, bids: Path) -> Comparison:
    """Measure everybody who is in the cohort and has labels, one person at a time."""
    names = read_label_names(bids)
    groups = {t: [n for n, (_, tissue) in names.items() if tissue == t] for t in TISSUES}
    groups[VENTRICLES] = [n for n, (name, _) in names.items() if "ventric" in name.lower()]
    cerebellum = [n for n, (name, _) in names.items() if "cerebell" in name.lower()]
    height = grid_affine(store.read_manifest())
    people = read_participants(bids / "participants.tsv", bids / "participants.json").people
    scans = [s for s in find_scans(bids) if s.labels and store.has(s.participant_id)]
    rows = []
    for scan in scans:
        name = scan.participant_id
        ours = store.read_details(name)["volumes_ml"]
        native = read_volume(scan.labels)
        counted = {t: np.isin(native.data, g).sum() for t, g in groups.items()}
        labels = {t: float(count) * native.voxel_volume_ml for t, count in counted.items()}
        age = people.get(name, {}).get("age")
        volumes = store.read_person(name).volumes
        rows.append(
            (
                name,
                np.nan if age is None else age,
                ours,
                labels,
                _dice(volumes, groups),
                _places(volumes, groups["WM"], cerebellum, height),
            )
        )
    ids, ages, *columns = zip(*rows, strict=True)
    ours, labels, dice, places = ({t: np.array([r[t] for r in c]) for t in c[0]} for c in columns)
    return Comparison(list(ids), np.array(ages, dtype=np.float64), ours, labels, dice, places)


def agreement_table(c: Comparison) -> list[str]:
    """Correlation, bias, mean absolute difference and Dice of each tissue."""
    lines = [
        "| tissue | ours, mL | labels, mL | r | bias, % | mean abs. difference, mL | Dice |",
        "|---|---|---|---|---|---|---|",
    ]
    for tissue in TISSUES:
        ours, labels = c.ours[tissue], c.labels[tissue]
        difference = ours - labels
        lines.append(
            f"| {tissue} | {ours.mean():.0f} ± {ours.std(ddof=1):.0f} "
            f"| {labels.mean():.0f} ± {labels.std(ddof=1):.0f} "
            f"| {np.corrcoef(ours, labels)[0, 1]:.3f} "
            f"| {100 * difference.mean() / labels.mean():+.1f} | {np.abs(difference).mean():.0f} "
            f"| {np.mean(c.dice[tissue]):.2f} ({np.min(c.dice[tissue]):.2f}-"
            f"{np.max(c.dice[tissue]):.2f}) |"
        )
    return lines


def slope_table(c: Comparison) -> list[str]:
    """Slopes of the regression on age, with their standard errors."""
    lines = ["| | ours, mL/year | labels, mL/year |", "|---|---|---|"]
    for tissue in (*TISSUES, VENTRICLES):
        ours = _slope(c.ages, c.ours[tissue]) if tissue in c.ours else "-"
        lines.append(f"| {tissue} | {ours} | {_slope(c.ages, c.labels[tissue])} |")
    return lines


def place_table(c: Comparison) -> list[str]:
    """White matter where shading and thin folds make it hard to tell."""
    lines = ["| white matter | ours, mL | labels, mL |", "|---|---|---|"]
    for place, both in c.places.items():
        ours, labels = both.mean(axis=0)
        lines.append(f"| {place} | {ours:.1f} | {labels:.1f} |")
    return lines


def failure_lines(c: Comparison) -> list[str]:
    """Name the people furthest from the line that predicts our volumes from the labels'."""
    lines = [f"Further than {SINGLE_FAILURE:.0%} from the line between labels and ours:"]
    for tissue in TISSUES:
        line = np.polyfit(c.labels[tissue], c.ours[tissue], 1)
        off = c.ours[tissue] / np.polyval(line, c.labels[tissue]) - 1.0
        worst = np.argsort(-np.abs(off))[:WORST_SHOWN]
        shown = ", ".join(f"{c.names[n]} {off[n]:+.0%}" for n in worst)
        count = int((np.abs(off) > SINGLE_FAILURE).sum())
        lines.append(f"- {tissue}: {count} people; the furthest are {shown}")
    return lines


def _dice(
    volumes: dict[str, NDArray[np.generic]], groups: dict[str, list[int]]
) -> dict[str, float]:
    """Overlap of the likeliest tissue with the labels, on the store's grid."""
    ours = label_map(np.stack([volumes[t] for t in TISSUES]).astype(np.float32) / 255.0)
    scores = {}
    for number, tissue in enumerate(TISSUES, start=1):
        mine, theirs = ours == number, np.isin(volumes[REGIONS], groups[tissue])
        scores[tissue] = 2.0 * float((mine & theirs).sum()) / float(mine.sum() + theirs.sum())
    return scores


def _places(
    volumes: dict[str, NDArray[np.generic]],
    white: list[int],
    cerebellum: list[int],
    affine: NDArray[np.float64],
) -> dict[str, tuple[float, float]]:
    """White matter under the vertex and inside the labelled cerebellum, mL: ours, labels."""
    ours, labels = volumes["WM"].astype(np.float64) / 255.0, volumes[REGIONS]
    z = affine[2, 3] + affine[2, 2] * np.arange(ours.shape[2])
    vertex = np.broadcast_to((z > VERTEX_MM[0]) & (z < VERTEX_MM[1]), ours.shape)
    ml = voxel_volume_ml(affine)
    return {
        place: (ml * float(ours[where].sum()), ml * float(np.isin(labels[where], white).sum()))
        for place, where in (
            (f"{VERTEX_MM[0]:.0f}-{VERTEX_MM[1]:.0f} mm up", vertex),
            ("cerebellum", np.isin(labels, cerebellum)),
        )
    }


def _slope(ages: NDArray[np.float64], volumes: NDArray[np.float64]) -> str:
    known = np.isfinite(ages)
    (slope, _), covariance = np.polyfit(ages[known], volumes[known], 1, cov=True)
    return f"{slope:+.2f} ± {np.sqrt(covariance[0, 0]):.2f}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: compare_segmentation.py COHORT_DIR BIDS_DIR")
    main(*sys.argv[1:])
