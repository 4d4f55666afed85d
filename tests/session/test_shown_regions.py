"""The choice of regions: colours, maps that come and go, and outlines on a slice."""

from __future__ import annotations

import numpy as np

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.session.outlines import outlines_on
from brainviewer.session.region_map import RegionMap
from brainviewer.session.shown_regions import COLORS, ShownRegion, ShownRegions
from brainviewer.session.slicing import frame_of

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def a_map() -> RegionMap:
    labels = np.zeros((12, 14, 16), np.int16)
    labels[2:8, 3:11, 4:12] = 1
    return RegionMap(("block", "nowhere"), Volume(labels, AFFINE, "regions"))


def test_each_region_gets_a_colour_that_is_free() -> None:
    regions = ShownRegions()
    for name in ("a", "b", "c"):
        regions.show(name, True)
    assert [it.color for it in regions.chosen] == list(COLORS[:3])
    regions.show("b", False)
    regions.show("d", True)
    assert regions.color_of("d") == COLORS[1]
    assert regions.color_of("c") == COLORS[2]
    assert regions.color_of("b") == ""


def test_colours_begin_again_when_all_are_taken() -> None:
    regions = ShownRegions()
    for number in range(len(COLORS) + 1):
        regions.show(str(number), True)
    assert regions.chosen[-1].color == COLORS[0]


def test_only_regions_of_the_brain_are_seen_and_the_choice_stays() -> None:
    regions = ShownRegions()
    told = []
    regions.changed.connect(lambda: told.append(len(regions.visible)))
    regions.replace([ShownRegion("block", "#ffffff"), ShownRegion("elsewhere", "#000000")])
    regions.show_map(a_map())
    share = regions.visible[0][1]
    assert regions.visible[0][1] is share
    regions.show_map(None)
    assert told == [0, 1, 0]
    assert [it.name for it in regions.chosen] == ["block", "elsewhere"]
    regions.show("block", True)
    assert len(told) == 3


def test_an_outline_runs_around_the_region_also_on_another_grid() -> None:
    share = a_map().share("block")
    fine = np.diag([1.0, 1.0, 1.0, 1.0])
    fine[:3, 3] = -0.5
    for grid, shape in ((AFFINE, (12, 14, 16)), (fine, (24, 28, 32))):
        volume = Volume(np.zeros(shape, np.float32), grid, "brain")
        frame = frame_of(volume, Plane.AXIAL, (9.0, 13.0, 15.0), Convention.NEUROLOGICAL)
        (line,) = outlines_on(frame, share)
        world = np.array([frame.exact_world_at((x, y)) for x, y in line])
        # Voxels 2-7 and 3-10 of 2 mm: from 3 to 15 mm and from 5 to 21 mm.
        np.testing.assert_allclose(world[:, :2].min(axis=0), (3.0, 5.0), atol=0.25)
        np.testing.assert_allclose(world[:, :2].max(axis=0), (15.0, 21.0), atol=0.25)
        np.testing.assert_allclose(line[0], line[-1])


def test_a_slice_beside_the_region_has_no_outline() -> None:
    volume = Volume(np.zeros((12, 14, 16), np.float32), AFFINE, "brain")
    frame = frame_of(volume, Plane.AXIAL, (9.0, 13.0, 29.0), Convention.NEUROLOGICAL)
    assert outlines_on(frame, a_map().share("block")) == []
    assert outlines_on(frame, a_map().share("nowhere")) == []
