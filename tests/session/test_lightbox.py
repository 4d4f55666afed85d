"""Which slices a lightbox shows."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.session.lightbox import Lightbox


@pytest.fixture
def volume() -> Volume:
    return Volume(np.zeros((20, 24, 30), np.float32), np.diag([2.0, 2.0, 1.5, 1.0]), "x")


def indices(box: Lightbox, volume: Volume) -> list[int]:
    return [it.index for it in box.frames(volume, Convention.RADIOLOGICAL)]


def test_slices_lie_as_many_mm_apart_as_asked_for(volume) -> None:
    box = Lightbox(Plane.AXIAL, 2, 3, spacing_mm=6.0, start_mm=3.0)
    assert indices(box, volume) == [2, 6, 10, 14, 18, 22]
    assert indices(Lightbox(Plane.SAGITTAL, 1, 2, 10.0, 4.0), volume) == [2, 7]


def test_there_are_none_beyond_the_volume(volume) -> None:
    assert indices(Lightbox(Plane.AXIAL, 3, 3, spacing_mm=9.0), volume) == [0, 6, 12, 18, 24]


def test_scrolling_stays_in_the_volume(volume) -> None:
    box = Lightbox(Plane.AXIAL, 1, 2, spacing_mm=6.0)
    assert box.scrolled(volume, 2).start_mm == 12.0
    assert box.scrolled(volume, -1).start_mm == 0.0
    assert box.scrolled(volume, 100).start_mm == 43.5


def test_the_whole_brain_is_spread_over(volume) -> None:
    box = Lightbox(Plane.CORONAL, 2, 2).covering(volume)
    assert indices(box, volume) == [3, 9, 14, 20]
    assert indices(Lightbox(Plane.CORONAL, 1, 1).covering(volume), volume) == [12]


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"columns": 13}, {"spacing_mm": 0.0}, {"start_mm": float("nan")}]
)
def test_what_cannot_be_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"must lie|apart"):
        Lightbox(**wrong)
