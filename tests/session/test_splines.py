"""Cubic interpolation against scipy's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Volume
from brainviewer.session.layers import Layer
from brainviewer.session.slicing import cut, frame_of, render_slice
from brainviewer.session.splines import finer, spline_coefficients


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(1).random((9, 7), dtype=np.float32)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_it_is_the_spline_through_the_pixels(values, factor) -> None:
    places = [(np.arange(size * factor) + 0.5) / factor - 0.5 for size in values.shape]
    grid = np.meshgrid(*places, indexing="ij")
    expected = ndimage.map_coordinates(values.astype(float), grid, order=3, mode="nearest")
    assert finer(values, factor) == pytest.approx(expected, abs=1e-5)


def test_what_is_unknown_stays_where_it_is(values) -> None:
    values[0, :2] = np.nan
    found = finer(values, 2)
    assert np.isnan(found[:2, :4]).all()
    assert np.isfinite(found).sum() == found.size - 8


def test_an_overlay_on_another_grid_follows_a_cubic_it_can_represent() -> None:
    base = Volume(np.zeros((12, 12, 12), np.float32), np.diag([1.0, 1, 1, 1]), "base")
    x, y, _ = np.meshgrid(*[np.arange(9.0)] * 3, indexing="ij")
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    overlay = Volume((x * y).astype(np.float32), affine, "over")
    frame = frame_of(base, Plane.AXIAL, (6, 6, 6), Convention.NEUROLOGICAL)
    found = cut(Layer("over", overlay, interpolation="cubic"), frame)
    assert found[11 - 5, 7] == pytest.approx(7 / 1.5 * 5 / 1.5, rel=0.01)


def test_the_coefficients_of_a_volume_are_made_once() -> None:
    data = np.random.default_rng(0).random((5, 5, 5))
    first = spline_coefficients(data)
    assert spline_coefficients(data) is first
    assert spline_coefficients(data.copy()) is not first


def test_a_picture_has_a_finer_grid_and_labels_stay_as_they_are() -> None:
    grey = Volume(np.random.default_rng(0).random((6, 6, 6)), np.eye(4), "grey")
    labels = Volume(np.arange(216).reshape(6, 6, 6) % 5, np.eye(4), "dseg")
    layers = [
        Layer("grey", grey, interpolation="cubic"),
        Layer("dseg", labels, "labels", kind="label", interpolation="nearest"),
    ]
    seen = [render_slice([it], Plane.AXIAL, (3, 3, 3), Convention.NEUROLOGICAL) for it in layers]
    fine = [
        render_slice([it], Plane.AXIAL, (3, 3, 3), Convention.NEUROLOGICAL, factor=4)
        for it in layers
    ]
    assert fine[0].rgba.shape == (24, 24, 4)
    assert not np.array_equal(fine[0].rgba, seen[0].rgba.repeat(4, 0).repeat(4, 1))
    assert np.array_equal(fine[1].rgba, seen[1].rgba.repeat(4, 0).repeat(4, 1))
