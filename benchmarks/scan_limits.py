"""Hold an imported cohort against the limits for scans of one's own.

    python benchmarks/scan_limits.py COHORT

Brain and image are read where the import left them, on the grid of 2 mm: what is measured at the
border of the original image is not among it.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from brainviewer.cohort.acceptance import check_alignment, check_brain, check_tissues
from brainviewer.cohort.image_checks import check_image
from brainviewer.cohort.limits import ScanRefusedError
from brainviewer.cohort.scan_measures import (
    brightness_of,
    fit_of,
    flat_face_cm2,
    oddities_of,
    stretches,
)
from brainviewer.cohort.store import CohortStore, grid_affine
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Volume

FULL = 255.0


def main(folder: Path) -> None:
    """Print the range of each measure, and what is said of whom."""
    store = CohortStore(folder)
    affine = grid_affine(store.read_manifest())
    measured: list[dict[str, float]] = []
    said: Counter[str] = Counter()
    for name in store.participant_ids:
        record = store.read_person(name)
        details, t1 = record.details, np.float32(record.volumes["T1w"]) / np.float32(FULL)
        tissues = np.stack([record.volumes[it] for it in TISSUES]).astype(np.float32) / FULL
        to_template = np.array(details["to_template"]) @ np.linalg.inv(details["to_rigid"])
        scan, mask = Volume(t1, affine), t1 > 0
        try:
            doubts = [
                *check_image(scan),
                *check_brain(scan, mask),
                *check_alignment(scan, mask, to_template),
                *check_tissues(
                    record.volumes_ml, tissues, t1, affine=affine, to_template=to_template
                ),
            ]
        except ScanRefusedError as error:
            doubts = [f"REFUSED: {error}"]
        for sentence in doubts:
            print(f"{name}: {sentence}")
        said["nothing" if not doubts else "something"] += 1
        measured.append(_numbers(scan, mask, tissues, to_template))
    print(f"{said['nothing']} people without a word, {said['something']} with one or more")
    for measure in measured[0]:
        values = np.array([it[measure] for it in measured])
        low, middle, high, most = np.percentile(values, [0, 50, 99, 100])
        print(f"{measure:24s} {low:8.3f} {middle:8.3f} {high:8.3f} {most:8.3f}")


def _numbers(
    scan: Volume, mask: np.ndarray, tissues: np.ndarray, to_template: np.ndarray
) -> dict[str, float]:
    fit = fit_of(mask, scan.affine, to_template)
    seen = brightness_of(np.float32(scan.data), scan.affine, to_template)
    odd = oddities_of(tissues, np.float32(scan.data), scan.affine, to_template)
    most, _, least = stretches(to_template)
    return {
        "flat face, cm2": flat_face_cm2(mask, scan.spacing_mm),
        "missing, share": max(fit.missing.values()),
        "outside, share": fit.outside,
        "1 - Dice": 1.0 - fit.dice,
        "stretch, least": least,
        "stretch, most": most,
        "stretch, ratio": most / least,
        "CSF / WM brightness": seen.csf / seen.wm,
        "GM / WM brightness": seen.gm / seen.wm,
        "no white matter, mL": odd.no_white,
        "one-sided tissue, mL": odd.one_sided_tissue,
        "one-sided brightness, mL": odd.one_sided_brightness,
        "bright, mL": odd.bright,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
