"""Hold the regions that the network finds against FreeSurfer's, where both mean the same.

`python -m benchmarks.compare_regions SCAN.nii.gz APARC_ASEG.mgz`

Prints volumes in mL and Dice, structure by structure. FreeSurfer's cortical areas
(Desikan-Killiany) and the gyri of MUSE are drawn by different rules; deep nuclei and ventricles are
comparable.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.preparing import prepare_own_scan
from brainviewer.core.nifti import read_volume
from brainviewer.core.space import resample
from brainviewer.core.tissues import T1
from brainviewer.core.volume import Volume, voxel_volume_ml
from brainviewer.generators.parcellation import shipped_network
from brainviewer.session.scan_regions import labels_on_scan

if TYPE_CHECKING:
    from collections.abc import Sequence

# FreeSurfer's numbers (FreeSurferColorLUT.txt), left; right is given beside.
DEEP = {
    "lateral ventricle": ((4, 5), (43, 44)),
    "thalamus": ((10,), (49,)),
    "caudate": ((11,), (50,)),
    "putamen": ((12,), (51,)),
    "pallidum": ((13,), (52,)),
    "hippocampus": ((17,), (53,)),
    "amygdala": ((18,), (54,)),
    "ventral diencephalon": ((28,), (60,)),
    "cerebellar white matter": ((7,), (46,)),
    "cerebellar cortex": ((8,), (47,)),
}
CORTEX = {
    "precentral gyrus": (24,),
    "postcentral gyrus": (22,),
    "superior frontal gyrus": (28,),
    "middle frontal gyrus": (3, 27),
    "inferior frontal gyrus": (18, 19, 20),
    "orbitofrontal cortex": (12, 14),
    "superior parietal lobule": (29,),
    "inferior parietal lobule": (8, 31),
    "precuneus": (25,),
    "superior temporal gyrus": (1, 30),
    "middle temporal gyrus": (15,),
    "inferior temporal and fusiform gyri": (7, 9),
    "temporal pole": (33,),
    "parahippocampal gyrus": (6, 16),
    "insula": (35,),
    "lateral occipital cortex": (11,),
    "medial occipital cortex": (5, 13, 21),
    "anterior cingulate": (2, 26),
    "middle and posterior cingulate": (10, 23),
}
MIDDLE = {"third ventricle": (14,), "fourth ventricle": (15,), "brain stem": (16,)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path)
    parser.add_argument("labels", type=Path)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    scan = prepare_own_scan(options.scan)
    prepared = time.perf_counter()
    image = scan.maps.volume(T1)
    network = shipped_network("cpu")
    found = network(np.asarray(image.data, dtype=np.float32), image.affine)
    done = time.perf_counter()
    print(f"found in {(done - prepared) / (prepared - start):.2f} of the time of preparing")
    own = labels_on_scan(scan, Volume(found.labels, image.affine))
    theirs = resample(read_volume(options.labels), affine=own.affine, shape=own.shape, order=0)
    voxel_ml = voxel_volume_ml(own.affine)
    print("| region | network, mL | FreeSurfer, mL | Dice |\n|---|---|---|---|")
    overlaps = []
    for name, numbers in structures().items():
        mine = own.data == found.names.index(name) + 1
        other = np.isin(theirs.data, numbers)
        dice = 2.0 * (mine & other).sum() / max(mine.sum() + other.sum(), 1)
        overlaps.append(dice)
        print(
            f"| {name} | {mine.sum() * voxel_ml:.2f} | {other.sum() * voxel_ml:.2f} | {dice:.2f} |"
        )
    print(f"mean Dice {np.mean(overlaps):.3f} over {len(overlaps)} structures")


def structures() -> dict[str, tuple[int, ...]]:
    """Return FreeSurfer's numbers of each region, both sides."""
    found: dict[str, tuple[int, ...]] = {}
    for name, (left, right) in DEEP.items():
        found[f"left {name}"], found[f"right {name}"] = left, right
    found |= MIDDLE
    for name, numbers in CORTEX.items():
        found[f"left {name}"] = tuple(1000 + number for number in numbers)
        found[f"right {name}"] = tuple(2000 + number for number in numbers)
    return found


if __name__ == "__main__":
    main()
