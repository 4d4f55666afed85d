"""Distances in slices."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.session.rulers import Ruler, Rulers
from brainviewer.session.slicing import frame_of


def oblique() -> np.ndarray:
    """1 x 2 x 3 mm voxels, turned by 30 degrees about the left-right axis."""
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    affine = np.eye(4)
    affine[:3, :3] = [[1, 0, 0], [0, cos, -sin], [0, sin, cos]] @ np.diag([1.0, 2.0, 3.0])
    affine[:3, 3] = -20, -10, 5
    return affine


@pytest.mark.parametrize("plane", list(Plane))
def test_a_length_is_that_of_the_world_also_in_an_oblique_image(plane) -> None:
    volume = Volume(np.zeros((20, 30, 25), np.float32), oblique(), "oblique")
    frame = frame_of(volume, plane, volume.affine[:3, 3], Convention.RADIOLOGICAL)
    a, b = (1.3, -4.0), (7.3, 4.0)
    start, end = (tuple(frame.exact_world_at(point)) for point in (a, b))
    assert Ruler(plane, start, end).length_mm == pytest.approx(10.0)
    assert frame.point_of(start) == pytest.approx(a)


def test_a_line_is_on_its_own_slice_alone() -> None:
    volume = Volume(np.zeros((20, 30, 25), np.float32), oblique(), "oblique")
    here, next_to = (
        frame_of(volume, Plane.AXIAL, volume.affine[:3] @ (5, 5, k, 1), Convention.RADIOLOGICAL)
        for k in (7, 8)
    )
    line = Ruler(Plane.AXIAL, *(tuple(here.exact_world_at(it)) for it in ((0, 0), (5, 5))))
    assert line.is_on(here, volume)
    assert not line.is_on(next_to, volume)
    coronal = frame_of(volume, Plane.CORONAL, line.start, Convention.RADIOLOGICAL)
    assert not line.is_on(coronal, volume)


def test_deleting_takes_the_chosen_line_and_chooses_the_last_that_is_left() -> None:
    rulers, heard = Rulers(), []
    lines = [Ruler(Plane.AXIAL, (0, 0, 0), (n, 0, 0)) for n in (1.0, 2.0, 3.0)]
    for line in lines:
        rulers.add(line)
    rulers.changed.connect(lambda: heard.append(1))
    rulers.choose(0)
    rulers.remove_chosen()
    assert rulers.lines == tuple(lines[1:])
    assert rulers.chosen == 1
    rulers.remove_chosen()
    rulers.remove_chosen()
    rulers.remove_chosen()
    assert (rulers.lines, rulers.chosen) == ((), None)
    assert len(heard) == 4


def test_the_text_is_a_table_in_mm() -> None:
    rulers = Rulers()
    rulers.add(Ruler(Plane.CORONAL, (0.0, -1.0, 2.0), (3.0, -1.0, 6.0)))
    assert rulers.as_text().splitlines()[1] == "coronal\t0.0\t-1.0\t2.0\t3.0\t-1.0\t6.0\t5.0"
