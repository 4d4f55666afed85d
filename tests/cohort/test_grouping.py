"""Labels of a cohort are grouped by the names of MUSE; other names stay."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from brainviewer.cohort.grouping import MUSE_FILE, group_regions
from brainviewer.cohort.store import CohortError

NAMES = {
    "51": ("LateralVentricle_R", "CSF"),
    "49": ("InfLatVentricle_R", "CSF"),
    "47": ("Hippocampus_R", "GM"),
    "1": ("CortCSF", "CSF"),
    "300": ("own nucleus", "GM"),
}


def test_parts_of_a_region_are_one_and_unknown_names_stay() -> None:
    groups = group_regions(NAMES)
    assert groups.names == ("right lateral ventricle", "right hippocampus", "own nucleus")
    labels = np.array([[51, 49, 47], [1, 300, 0], [7, 999, -1]])
    np.testing.assert_array_equal(groups.of(labels), [[1, 1, 2], [0, 3, 0], [0, 0, 0]])
    np.testing.assert_array_equal(groups.sizes(labels), [2, 1, 1])


def test_without_labels_there_are_no_regions() -> None:
    groups = group_regions({})
    assert groups.names == ()
    assert groups.of(np.array([3]))[0] == 0


def test_both_sides_of_every_region_have_the_same_parts() -> None:
    with MUSE_FILE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["region"]]
    assert 60 <= len({row["region"] for row in rows}) <= 80
    parts = {row["name"]: row["region"] for row in rows}
    for name, region in parts.items():
        if region.startswith("right "):
            assert parts[name[:-2] + "_L"] == "left " + region.removeprefix("right ")


def test_too_many_regions_are_refused() -> None:
    with pytest.raises(CohortError, match="at most 255 regions, these name 256"):
        group_regions({str(n): (f"region {n}", "GM") for n in range(256)})
