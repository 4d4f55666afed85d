"""Windows from regions."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.session.layers import Layer
from brainviewer.session.slicing import frame_of
from brainviewer.session.windowing import values_around, values_in_box, window_over

SHAPE = (10, 12, 14)


@pytest.fixture
def volume() -> Volume:
    data = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    return Volume(data, np.diag([2.0, 3.0, 4.0, 1.0]), "counted")


@pytest.mark.parametrize("convention", list(Convention))
@pytest.mark.parametrize("plane", list(Plane))
def test_a_box_holds_the_voxels_between_its_corners(volume, plane, convention) -> None:
    frame = frame_of(volume, plane, (8.0, 15.0, 24.0), convention)
    a, b = (frame.point_of(it) for it in ((6.0, 12.0, 20.0), (12.0, 21.0, 28.0)))
    found = values_in_box(Layer("x", volume), frame, a, b)
    inside = [slice(3, 7), slice(4, 8), slice(5, 8)]
    across = {"sagittal": 0, "coronal": 1, "axial": 2}[plane.value]
    inside[across] = slice(frame.index, frame.index + 1)
    assert sorted(found.ravel()) == sorted(volume.data[tuple(inside)].ravel())


def test_a_box_beside_the_picture_holds_nothing(volume) -> None:
    frame = frame_of(volume, Plane.AXIAL, (0, 0, 0), Convention.RADIOLOGICAL)
    assert values_in_box(Layer("x", volume), frame, (900, 900), (950, 950)).size == 0


def test_a_cube_is_cut_at_the_border_and_empty_outside(volume) -> None:
    assert values_around(volume, (0, 0, 0), 4.0).shape == (3, 2, 2)
    assert values_around(volume, (8, 15, 24), 4.0).shape == (5, 3, 3)
    assert values_around(volume, (-50, 0, 0), 4.0).size == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1.0, 2.0], (1.0, 3.0)),
        ([1.0, np.nan, np.inf, 2.0], (1.0, 2.0)),
        ([2.0, 2.0], None),
        ([np.nan], None),
        ([], None),
    ],
)
def test_the_window_goes_from_the_lowest_to_the_highest_value(values, expected) -> None:
    assert window_over(np.array(values)) == expected
