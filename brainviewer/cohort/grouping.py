"""The regions that a cohort's labels are grouped to: gyri, lobes' white matter, nuclei, ventricles.

resources/regions/muse.csv names a region for each of the 146 structures of MUSE; labels with other
names are regions of their own.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.store import CohortError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MUSE_FILE = Path(__file__).parents[2] / "resources" / "regions" / "muse.csv"
MOST_REGIONS = 255


@dataclass(frozen=True, slots=True, eq=False)
class RegionGroups:
    """Regions, and which labels belong to each.

    Attributes
    ----------
    names : tuple of str
        Such as ``"left hippocampus"``.
    lookup : (L,) uint8 ndarray
        For each label of the images, 1 + the index of its region; 0 for none.
    """

    names: tuple[str, ...]
    lookup: NDArray[np.uint8]

    def of(self, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Turn labels into 1 + the index of their region, 0 outside."""
        inside = (labels >= 0) & (labels < len(self.lookup))
        return np.where(inside, self.lookup[np.where(inside, labels, 0)], np.uint8(0))

    def sizes(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Count the voxels of each region: (R,)."""
        counts = np.bincount(self.of(labels).ravel(), minlength=len(self.names) + 1)
        return np.asarray(counts[1:], dtype=np.int64)


def group_regions(region_names: Mapping[str, Sequence[str]]) -> RegionGroups:
    """Group the labels of a cohort.

    Parameters
    ----------
    region_names : mapping of label to name and tissue
        As in the cohort's manifest.

    Raises
    ------
    CohortError
        When there are more than 255 regions.
    """
    known = _muse_regions()
    region_of = {int(label): known.get(name, name) for label, (name, *_) in region_names.items()}
    names = tuple(dict.fromkeys(name for name in region_of.values() if name))
    if len(names) > MOST_REGIONS:
        raise CohortError(
            f"the labels of a cohort may name at most {MOST_REGIONS} regions, these name "
            f"{len(names)}"
        )
    lookup = np.zeros(max(region_of, default=0) + 1, dtype=np.uint8)
    for label, name in region_of.items():
        lookup[label] = names.index(name) + 1 if name else 0
    return RegionGroups(names, lookup)


@cache
def _muse_regions() -> dict[str, str]:
    with MUSE_FILE.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["region"] for row in csv.DictReader(file)}
