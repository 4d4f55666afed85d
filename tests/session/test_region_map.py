"""The map of regions: it follows the brain on the screen, and knows what lies where."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.volume import Volume
from brainviewer.session.region_map import RegionMap
from brainviewer.session.regions import middles_of
from tests.fakes import write_fake_checkpoint

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = [-10.0, 4.0, 6.0]


def a_map() -> RegionMap:
    """One region of 6 x 4 x 3 voxels from (5, 6, 7) on, one of a single layer, one nowhere."""
    labels = np.zeros((20, 20, 20), np.int16)
    labels[5:11, 6:10, 7:10] = 1
    labels[2:4, 2:18, 15] = 2
    return RegionMap(("block", "sheet", "nowhere"), Volume(labels, AFFINE, "regions"))


@pytest.fixture
def labelled(session, root):
    write_fake_checkpoint(root, "labelled")
    session.open_checkpoint("labelled")
    session.wait_idle()
    return session


def test_a_place_has_the_name_of_its_region() -> None:
    found = a_map()
    assert found.name_at((2.0, 18.0, 22.0)) == "block"  # voxel (6, 7, 8)
    assert found.name_at((-10.0, 4.0, 6.0)) == ""
    assert found.name_at((500.0, 0.0, 0.0)) == ""


@pytest.mark.parametrize(("name", "voxels"), [("block", 72), ("sheet", 32), ("nowhere", 0)])
def test_a_share_is_above_a_half_where_its_region_is(name: str, voxels: int) -> None:
    found = a_map()
    share = found.share(name)
    for i, j, k in np.argwhere(share.data > 0.5):
        world = share.affine @ [i, j, k, 1.0]
        assert found.name_at(tuple(world[:3])) == name
    assert (share.data > 0.5).sum() == pytest.approx(voxels, abs=0.15 * voxels)
    assert share.data[[0, -1]].max() < 0.5


def test_the_map_is_that_of_the_brain_on_the_screen(labelled) -> None:
    first = labelled.region_map.map
    assert first.names == ("left half", "right half")
    assert first.name_at((-20.0, 0.0, 0.0)) == "left half"
    seen = []
    labelled.region_map.changed.connect(seen.append)
    labelled.set_age(31.0)
    labelled.wait_idle()
    assert len(seen) == 1
    assert labelled.region_map.map is seen[0] is not first


def test_another_person_has_no_map_until_it_is_made(labelled) -> None:
    seen = []
    labelled.region_map.changed.connect(seen.append)
    labelled.new_person(8)
    assert labelled.region_map.map is None
    labelled.wait_idle()
    assert seen[0] is None
    assert labelled.region_map.map is seen[-1] is not None


def test_a_generator_without_regions_has_none(labelled) -> None:
    labelled.open_checkpoint("fake")
    labelled.wait_idle()
    assert labelled.region_map.map is None


def test_the_middle_of_a_bent_region_lies_in_it() -> None:
    labels = np.zeros((9, 9, 9), np.int16)
    labels[1:8, 1, 4] = labels[1, 1:8, 4] = labels[7, 1:8, 4] = 2  # a U, whose middle is empty
    middles = middles_of(labels, 2)
    assert np.isnan(middles[0]).all()
    assert labels[tuple(middles[1].astype(int))] == 2
    assert middles[1].tolist() == [4.0, 1.0, 4.0]
