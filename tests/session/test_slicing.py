"""Pictures of planes, against slow obvious versions and in the world."""

from __future__ import annotations

import weakref
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane, pixel_to_voxel, voxel_to_world, world_to_voxel
from brainviewer.core.volume import Volume
from brainviewer.session import slabs
from brainviewer.session.colormaps import OVERLAY_COLORS, lookup_table
from brainviewer.session.layers import Layer
from brainviewer.session.slicing import colors_of, cut, frame_of, nearest_voxel, render_slice

PLANES_AND_CONVENTIONS = list(product(Plane, Convention))
SHAPE = (7, 9, 8)
SPACING_MM = (1.0, 2.0, 1.5)


def affine(spacing: tuple[float, ...] = SPACING_MM, corner: tuple[float, ...] = (-3, -8, -5)):
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = corner
    return matrix


def oblique():
    angle = 0.3
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ affine()


@pytest.fixture
def base() -> Layer:
    data = np.random.default_rng(3).random(SHAPE, np.float32)
    return Layer("base", Volume(data, affine(), "base"), window=(0.1, 0.8))


def obvious_colors(layer: Layer, value: float) -> tuple[np.ndarray, float]:
    low, high = layer.window
    step = round(255 * min(max((value - low) / (high - low), 0), 1))
    color = lookup_table(layer.colormap)[step].astype(float)
    alpha = color[3] / 255 if len(color) == 4 else 1.0
    return color[:3], alpha * layer.opacity


def obvious_picture(layers: list[Layer], plane: Plane, world, convention: Convention):
    """Pixel for pixel, with nearest voxels."""
    frame = frame_of(layers[0].volume, plane, world, convention)
    picture = render_slice(layers, plane, world, convention).rgba
    expected = np.zeros(picture.shape)
    for row, column in np.ndindex(picture.shape[:2]):
        voxel = pixel_to_voxel(plane, convention, frame.shape, frame.index, row, column)
        here = voxel_to_world(frame.affine, voxel)
        for layer in layers:
            found = np.rint(np.round(world_to_voxel(layer.volume.affine, here), 6)).astype(int)
            if not layer.visible or (found < 0).any() or (found >= layer.volume.shape).any():
                continue
            color, alpha = obvious_colors(layer, layer.volume.data[tuple(found)])
            above = np.array([*color * alpha, 255 * alpha])
            expected[row, column] = above + expected[row, column] * (1 - alpha)
    return expected


@pytest.mark.parametrize(("plane", "convention"), PLANES_AND_CONVENTIONS)
def test_layers_on_one_grid_lie_over_each_other(base: Layer, plane, convention) -> None:
    maps = np.random.default_rng(4).random(SHAPE, np.float32)
    tissue = Layer("GM", Volume(maps, affine(), "GM"), "GM", opacity=0.5)
    hidden = replace(tissue, name="WM", colormap="WM", visible=False)
    layers = [base, tissue, hidden]
    picture = render_slice(layers, plane, (0, 0, 0), convention).rgba
    expected = obvious_picture(layers, plane, (0, 0, 0), convention)
    np.testing.assert_allclose(picture, expected, atol=1)


@pytest.mark.parametrize(("plane", "convention"), PLANES_AND_CONVENTIONS)
@pytest.mark.parametrize("base_affine", [affine(), oblique()], ids=["straight", "oblique"])
def test_a_layer_on_another_grid_is_found_by_its_place_in_the_world(
    base: Layer, base_affine, plane, convention
) -> None:
    base = replace(base, volume=replace(base.volume, affine=base_affine))
    other = np.random.default_rng(5).random((4, 5, 6), np.float32)
    grid = affine((2.1, 3.3, 2.7), (-4.2, -7.1, -5.3))
    overlay = Layer("o", Volume(other, grid), "viridis", opacity=0.7, interpolation="nearest")
    picture = render_slice([base, overlay], plane, (0, 0, 0), convention).rgba.astype(float)
    expected = obvious_picture([base, overlay], plane, (0, 0, 0), convention)
    inside = _well_inside(base, overlay, plane, convention)
    assert inside.any()
    np.testing.assert_allclose(picture[inside], expected[inside], atol=1)


def _well_inside(base: Layer, overlay: Layer, plane, convention):
    """Leave out the outer half voxel of the overlay, where sampling ends at the centres."""
    frame = frame_of(base.volume, plane, (0, 0, 0), convention)
    return ~np.isnan(cut(overlay, frame)).copy()


def test_linear_sampling_reproduces_a_ramp_in_the_world(base: Layer) -> None:
    grid = affine((3.0, 3.0, 3.0), (-30, -30, -30))
    i, j, k = np.indices((21, 21, 21)).astype(np.float32)
    ramp = 3 * i - 30 + 2 * (3 * j - 30) - (3 * k - 30)
    layer = Layer("ramp", Volume(ramp, grid))
    frame = frame_of(base.volume, Plane.AXIAL, (0, 0, 1), Convention.RADIOLOGICAL)
    values = cut(layer, frame)
    for row, column in ((0, 0), (3, 2), (8, 6)):
        voxel = pixel_to_voxel(
            Plane.AXIAL, Convention.RADIOLOGICAL, SHAPE, frame.index, row, column
        )
        x, y, z = voxel_to_world(frame.affine, voxel)
        assert values[row, column] == pytest.approx(x + 2 * y - z, abs=1e-4)


def test_outside_a_layer_the_one_below_is_seen(base: Layer) -> None:
    far = Layer("far", Volume(np.ones((2, 2, 2)), affine(corner=(500, 500, 500))), "hot")
    alone = render_slice([base], Plane.CORONAL, (0, 0, 0), Convention.RADIOLOGICAL)
    both = render_slice([base, far], Plane.CORONAL, (0, 0, 0), Convention.RADIOLOGICAL)
    np.testing.assert_array_equal(both.rgba, alone.rgba)


def test_not_a_number_is_transparent(base: Layer) -> None:
    data = np.full(SHAPE, np.nan, np.float32)
    layer = replace(base, volume=replace(base.volume, data=data))
    assert not render_slice([layer], Plane.AXIAL, (0, 0, 0), Convention.RADIOLOGICAL).rgba.any()


def test_both_tails_are_seen_by_their_size_and_nothing_between_them() -> None:
    values = np.array([[-9.0, -6.0, -2.4, -2.0, 0.0, 2.0, 2.4, 6.0, 9.0, np.nan]])
    volume = Volume(values[None], np.eye(4), "zstat")
    layer = Layer("zstat", volume, "two-tailed", (2.3, 6.0))
    colors = colors_of(values, layer)[0]
    assert (colors[:, 3] > 0).tolist() == [True] * 3 + [False] * 3 + [True] * 3 + [False]
    yellow, light_blue = (OVERLAY_COLORS[it][1] for it in ("red-yellow", "blue-lightblue"))
    np.testing.assert_array_equal(colors[[7, 8], :3], [yellow, yellow])
    np.testing.assert_array_equal(colors[[0, 1], :3], [light_blue, light_blue])
    assert colors[6, 0] > 250 > 40 > colors[6, 1]  # red
    assert colors[2, 2] > 250 > 80 > colors[2, 0]  # blue


def test_a_window_of_both_tails_that_begins_below_zero_hides_zero_alone() -> None:
    values = np.array([[-0.5, 0.0, 0.5]])
    layer = Layer("z", Volume(values[None], np.eye(4), "z"), "two-tailed", (-1.0, 1.0))
    assert (colors_of(values, layer)[0, :, 3] > 0).tolist() == [True, False, True]


def test_each_label_has_its_own_colour_and_zero_has_none(base: Layer) -> None:
    data = np.zeros(SHAPE, np.int16)
    data[1], data[2] = 3, 256
    layer = Layer("l", Volume(data, affine()), "labels", kind="label", interpolation="nearest")
    picture = render_slice([layer], Plane.AXIAL, (0, 0, 0), Convention.NEUROLOGICAL).rgba
    table = lookup_table("labels")
    assert picture[0, 0].tolist() == [0, 0, 0, 0]
    assert picture[0, 1].tolist() == table[3].tolist()
    assert picture[0, 2].tolist() == table[1].tolist()


@pytest.mark.parametrize(("plane", "convention"), PLANES_AND_CONVENTIONS)
def test_a_place_in_the_picture_leads_to_the_world_and_back(base: Layer, plane, convention):
    frame = frame_of(base.volume, plane, (0, 0, 0), convention)
    for voxel in ((0, 0, 0), (6, 8, 7), (2, 5, 1)):
        point = frame.point_of(voxel_to_world(frame.affine, voxel))
        back = world_to_voxel(frame.affine, frame.world_at(point))
        across = {"sagittal": 0, "coronal": 1, "axial": 2}[plane.value]
        expected = [frame.index if axis == across else it for axis, it in enumerate(voxel)]
        np.testing.assert_allclose(back, expected, atol=1e-6)


def test_the_left_of_the_person_is_on_the_right_in_the_radiological_picture(base: Layer) -> None:
    left_of_middle = (-2.0, 0.0, 0.0)
    for plane in (Plane.AXIAL, Plane.CORONAL):
        radiological = frame_of(base.volume, plane, left_of_middle, Convention.RADIOLOGICAL)
        neurological = frame_of(base.volume, plane, left_of_middle, Convention.NEUROLOGICAL)
        assert radiological.point_of(left_of_middle)[0] == pytest.approx(2.0)
        assert neurological.point_of(left_of_middle)[0] == pytest.approx(-2.0)


def test_the_size_counts_millimetres_to_the_outer_edges(base: Layer) -> None:
    frame = frame_of(base.volume, Plane.SAGITTAL, (0, 0, 0), Convention.RADIOLOGICAL)
    assert frame.size_mm == pytest.approx((9 * 2.0, 8 * 1.5))


def test_the_position_is_that_of_the_slice_not_of_the_point(base: Layer) -> None:
    frame = frame_of(base.volume, Plane.AXIAL, (0, 0, 0.3), Convention.RADIOLOGICAL)
    assert (frame.index, frame.position_mm) == (4, pytest.approx(1.0))


def test_beyond_the_volume_its_last_slice_is_shown(base: Layer) -> None:
    frame = frame_of(base.volume, Plane.AXIAL, (0, 0, 999), Convention.RADIOLOGICAL)
    assert frame.index == SHAPE[2] - 1


@pytest.mark.parametrize(
    ("coordinate", "expected"), [(-9, 0), (-0.5, 0), (0.5, 1), (1.5, 2), (6.5 + 1e-12, 6), (99, 6)]
)
def test_a_face_belongs_to_the_voxel_after_it_and_the_last_to_the_one_before(coordinate, expected):
    volume = Volume(np.zeros((7, 3, 3)), np.eye(4))
    assert nearest_voxel(volume, (coordinate, 1, 1)) == (expected, 1, 1)


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The interpolation orders of all that is sampled on another grid."""
    heard: list[int] = []
    transform = slabs.ndimage.affine_transform

    def counting(*arguments, order, **options):
        heard.append(order)
        return transform(*arguments, order=order, **options)

    monkeypatch.setattr(slabs.ndimage, "affine_transform", counting)
    return heard


@pytest.fixture
def overlay() -> Layer:
    data = np.random.default_rng(5).random((8, 9, 9), np.float32)
    return Layer("o", Volume(data, affine((2.1, 3.3, 2.7), (-4.2, -9.1, -6.3))), "hot")


def test_an_overlay_is_sampled_once_while_only_the_base_and_windows_change(
    base: Layer, overlay: Layer, sampled: list[int]
) -> None:
    for brightness in (1.0, 0.9, 0.8):
        older = replace(base.volume, data=base.volume.data * np.float32(brightness))
        layers = [replace(base, volume=older), replace(overlay, window=(0.0, brightness))]
        for plane, convention in PLANES_AND_CONVENTIONS:
            render_slice(layers, plane, (0, 0, 0), convention)
    assert len(sampled) == 3


@pytest.mark.parametrize("change", ["data", "place", "slice", "base grid", "interpolation"])
def test_an_overlay_is_sampled_anew_when_it_would_look_different(
    base: Layer, overlay: Layer, sampled: list[int], change: str
) -> None:
    def picture(base: Layer, overlay: Layer, z: float = 0.0):
        return render_slice([base, overlay], Plane.AXIAL, (0, 0, z), Convention.RADIOLOGICAL).rgba

    before, volume = picture(base, overlay), overlay.volume
    shifted = affine((2.1, 3.3, 2.7), (-3.2, -9.1, -6.3))
    after = {
        "data": lambda: picture(
            base, replace(overlay, volume=replace(volume, data=volume.data / 2))
        ),
        "place": lambda: picture(base, replace(overlay, volume=replace(volume, affine=shifted))),
        "slice": lambda: picture(base, overlay, 1.5),
        "base grid": lambda: picture(
            replace(base, volume=replace(base.volume, affine=affine(corner=(-3.4, -8, -5)))),
            overlay,
        ),
        "interpolation": lambda: picture(base, replace(overlay, interpolation="nearest")),
    }[change]()
    assert len(sampled) == 2
    assert (before != after).any()


def test_what_is_kept_of_overlays_is_bounded_and_holds_no_volume(
    base: Layer,
) -> None:
    overlay = Layer("o", Volume(np.ones((3, 3, 3)), affine((3.0, 3.0, 3.0))))
    for corner in np.linspace(-4, -2, slabs.MOST_SLABS + 5):
        moved = replace(base, volume=replace(base.volume, affine=affine(corner=(corner, -8, -5))))
        render_slice([moved, overlay], Plane.AXIAL, (0, 0, 0), Convention.RADIOLOGICAL)
    assert slabs.kept() == slabs.MOST_SLABS
    data = weakref.ref(overlay.volume.data)
    overlay = base
    assert data() is None
