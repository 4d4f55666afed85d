"""How one brain differs from another, in numbers and in colour."""

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane, slice_plane
from brainviewer.core.volume import Volume
from brainviewer.session.difference import (
    LESS,
    MORE,
    colored_difference,
    comparable,
    difference_on,
    difference_table,
    full_span,
)
from brainviewer.session.layers import Layer
from brainviewer.session.slicing import frame_of

RADIOLOGICAL = Convention.RADIOLOGICAL


def layer(data: np.ndarray, name: str = "GM", *, affine=None, generated: bool = True, **more):
    return Layer(
        name,
        Volume(data.astype(np.float32), np.eye(4) if affine is None else affine, name),
        generated=generated,
        **more,
    )


@pytest.mark.parametrize("plane", list(Plane))
def test_on_one_grid_voxels_are_subtracted(plane) -> None:
    rng = np.random.default_rng(1)
    own, other = rng.random((4, 5, 6)), rng.random((4, 5, 6))
    frame = frame_of(layer(own).volume, plane, (2, 2, 2), RADIOLOGICAL)
    found = difference_on(frame, layer(own), layer(other))
    expected = slice_plane(other - own, plane, 2, convention=RADIOLOGICAL)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_another_grid_is_sampled_where_it_is_and_unknown_elsewhere() -> None:
    own = layer(np.zeros((6, 6, 6)))
    shifted = np.eye(4)
    shifted[0, 3] = 2.0
    ramp = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 6, 6))
    frame = frame_of(own.volume, Plane.AXIAL, (0, 0, 3), Convention.NEUROLOGICAL)
    found = difference_on(frame, own, layer(ramp, affine=shifted))
    assert np.isnan(found[:, :2]).all()
    np.testing.assert_allclose(found[0, 2:], [0, 1, 2, 3])


def test_less_is_blue_more_is_orange_and_nothing_is_clear() -> None:
    values = np.array([[-2.0, -1.0, 0.0, 0.5, 1.0, np.nan]], np.float32)
    colors = colored_difference(values, 1.0)
    assert colors.shape == (1, 6, 4)
    assert tuple(colors[0, 0]) == tuple(colors[0, 1]) == (*LESS, 255)
    assert tuple(colors[0, 4]) == (*MORE, 255)
    assert colors[0, 2].sum() == colors[0, 5].sum() == 0
    assert 0 < colors[0, 3, 3] < 255
    assert (colors[..., :3] <= colors[..., 3:]).all()  # multiplied with alpha


def test_the_colours_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        difference_table()[0, 0] = 1


def test_a_large_difference_is_half_of_the_window() -> None:
    assert full_span(layer(np.zeros((2, 2, 2)), window=(-10.0, 90.0))) == 50.0


def test_maps_that_both_have_can_be_compared_and_images_cannot() -> None:
    data = np.zeros((2, 2, 2))
    own = [layer(data, "T1"), layer(data, "GM"), layer(data, "scan", generated=False)]
    other = [layer(data, "GM"), layer(data, "scan", generated=False), layer(data, "CSF")]
    found = comparable(own, other)
    assert list(found) == ["GM"]
    assert found["GM"] == (own[1], other[0])
