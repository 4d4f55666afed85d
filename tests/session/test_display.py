"""The state of the slices: what wishes do and which facts they tell."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane, voxel_to_world
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.display import Display
from brainviewer.session.layers import TISSUE_CONTRAST
from brainviewer.session.slicing import frame_of
from brainviewer.session.view import View

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -10.0
SHAPE = (11, 12, 13)


def brain_of(*channels: str, seed: int = 0) -> Brain:
    data = np.random.default_rng(seed).random((len(channels), *SHAPE), np.float32)
    return Brain(channels, data, AFFINE)


def image(name: str = "scan") -> Volume:
    return Volume(np.random.default_rng(9).random(SHAPE), AFFINE, name)


def names(display: Display) -> list[str]:
    return [layer.name for layer in display.layers]


@pytest.fixture
def display() -> Display:
    shown = Display()
    shown.show_brain(brain_of("WM", "GM", "CSF"))
    return shown


@pytest.fixture
def told(display: Display) -> list[str]:
    """The signals, in order."""
    heard: list[str] = []
    display.layers_changed.connect(lambda: heard.append("layers"))
    display.crosshair_changed.connect(lambda: heard.append("crosshair"))
    display.view_changed.connect(lambda: heard.append("view"))
    return heard


def test_an_empty_display_takes_every_wish() -> None:
    display = Display()
    display.step_slice(Plane.AXIAL, 1)
    display.move_voxel(Plane.AXIAL, 1, 1)
    display.zoom_at(Plane.AXIAL, 2.0, (3.0, 4.0))
    display.fit()
    assert (display.reference, display.values_at_crosshair()) == (None, [])
    assert display.crosshair_voxel == (0, 0, 0)


def test_the_first_brain_puts_the_crosshair_on_its_middle_voxel(display: Display) -> None:
    assert display.crosshair_voxel == (5, 6, 6)
    assert display.crosshair == (0.0, 2.0, 2.0)


def test_the_convention_is_radiological_at_first() -> None:
    assert Display().convention is Convention.RADIOLOGICAL


def test_an_older_brain_keeps_what_the_user_set(display: Display) -> None:
    display.set_layer(1, visible=True, opacity=0.8)
    display.remove_layer(3)
    display.move_layer(1, 2)
    display.set_crosshair((4.0, 4.0, 4.0))
    older = brain_of("WM", "GM", "CSF", seed=1)
    display.show_brain(older)
    assert names(display) == [TISSUE_CONTRAST, "GM", "WM"]
    assert (display.layers[2].visible, display.layers[2].opacity) == (True, 0.8)
    np.testing.assert_array_equal(display.layers[2].volume.data, older.data[0])
    assert display.crosshair == (4.0, 4.0, 4.0)


def test_another_kind_of_brain_replaces_the_first_below_the_users_images(display: Display) -> None:
    display.add_image(image())
    display.show_brain(brain_of("T1w"))
    assert names(display) == ["T1w", "scan"]


def test_images_of_one_name_are_told_apart(display: Display) -> None:
    for _ in range(3):
        display.add_image(image())
    assert names(display)[-3:] == ["scan", "scan (2)", "scan (3)"]


def test_an_image_named_like_a_generated_map_is_never_overwritten() -> None:
    display, mine = Display(), image("GM")
    display.add_image(mine)
    for seed in (1, 2):
        display.show_brain(brain_of("WM", "GM", "CSF", seed=seed))
        assert names(display) == [TISSUE_CONTRAST, "WM", "GM", "CSF", "GM (2)"]
        assert display.layers[-1].volume is mine
        assert display.layers[2].volume is not mine
    display.show_brain(brain_of("T1w"))
    assert names(display) == ["T1w", "GM (2)"]


def test_a_brain_does_not_take_over_how_an_image_of_its_name_is_shown() -> None:
    display = Display()
    display.add_image(image("GM"))
    display.set_layer(0, colormap="hot")
    display.show_brain(brain_of("WM", "GM", "CSF"))
    assert [layer.colormap for layer in display.layers] == ["gray", "WM", "GM", "CSF", "hot"]


def test_the_lowest_layer_is_active_until_another_is_chosen(
    display: Display, told: list[str]
) -> None:
    assert (Display().active, display.active) == (0, 0)
    display.set_active(2)
    display.set_active(2)
    assert (display.active, told) == (2, ["layers"])
    with pytest.raises(ValueError, match="active layer must lie in 0-3, got 4"):
        display.set_active(4)


def test_the_active_layer_stays_active_wherever_it_goes(display: Display) -> None:
    display.add_image(image("GM"))
    display.set_active(4)
    display.move_layer(4, 1)
    assert (names(display)[1], display.active) == ("GM (2)", 1)
    display.remove_layer(0)
    assert display.active == 0
    display.show_brain(brain_of("T1w"))
    assert (names(display), display.active) == (["T1w", "GM (2)"], 1)
    display.set_window(1, 2.0, 3.0)
    assert display.active == 1


def test_an_older_brain_keeps_the_active_layer(display: Display) -> None:
    display.set_active(2)
    display.show_brain(brain_of("WM", "GM", "CSF", seed=1))
    assert display.active == 2


def test_after_the_active_layer_is_removed_the_base_is_active(display: Display) -> None:
    display.set_active(3)
    display.remove_layer(3)
    assert display.active == 0


def test_a_layer_moves_and_stops_at_the_ends(display: Display, told: list[str]) -> None:
    display.move_layer(3, 99)
    assert told == []
    display.move_layer(1, 3)
    assert names(display) == [TISSUE_CONTRAST, "GM", "CSF", "WM"]


def test_an_impossible_setting_changes_nothing(display: Display, told: list[str]) -> None:
    with pytest.raises(ValueError, match="lower to a higher"):
        display.set_window(0, 1.0, 0.5)
    assert (told, display.layers[0].window) == ([], (0.0, 1.0))


def test_a_setting_that_is_already_so_is_silent(display: Display, told: list[str]) -> None:
    display.set_layer(0, visible=True)
    display.set_crosshair(display.crosshair)
    display.set_convention(Convention.RADIOLOGICAL)
    display.fit()
    assert told == []


def test_the_automatic_window_follows_the_values(display: Display) -> None:
    display.auto_window(0)
    data = display.layers[0].volume.data
    assert display.layers[0].window == pytest.approx(tuple(np.percentile(data, [1, 99.5])))


def test_labels_are_never_interpolated(display: Display) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:8] = 2
    display.add_image(Volume(labels, AFFINE, "labels"))
    display.set_interpolation("nearest")
    display.set_interpolation("linear")
    assert [layer.interpolation for layer in display.layers] == [*["linear"] * 4, "nearest"]


@pytest.mark.parametrize(
    ("plane", "expected"),
    [(Plane.SAGITTAL, (7, 6, 6)), (Plane.CORONAL, (5, 8, 6)), (Plane.AXIAL, (5, 6, 8))],
)
def test_steps_go_to_right_anterior_and_superior(display: Display, plane, expected) -> None:
    display.step_slice(plane, 2)
    assert display.crosshair_voxel == expected


def test_steps_stop_at_the_last_slice(display: Display) -> None:
    display.step_slice(Plane.AXIAL, 999)
    assert display.crosshair_voxel == (5, 6, 12)


def test_right_on_the_screen_is_the_persons_left_in_radiological_pictures(display: Display):
    display.move_voxel(Plane.AXIAL, 0, 1)
    assert display.crosshair_voxel == (4, 6, 6)
    display.set_convention(Convention.NEUROLOGICAL)
    display.move_voxel(Plane.AXIAL, 0, 1)
    assert display.crosshair_voxel == (5, 6, 6)


def test_down_on_the_screen_is_posterior_in_axial_pictures(display: Display) -> None:
    display.move_voxel(Plane.AXIAL, 3, 0)
    assert display.crosshair_voxel == (5, 3, 6)


def test_a_typed_point_is_kept_and_one_outside_is_brought_in(display: Display) -> None:
    display.set_crosshair((0.3, 0.0, 0.0))
    assert display.crosshair == (0.3, 0.0, 0.0)
    display.set_crosshair((0.0, 0.0, 500.0))
    assert display.crosshair == (0.0, 0.0, 14.0)


def test_a_zoom_keeps_the_point_under_the_pointer(display: Display) -> None:
    point = (6.0, -4.0)
    display.zoom_at(Plane.AXIAL, 2.0, point)
    display.pan(Plane.AXIAL, 1.0, 0.5)
    before = display.view(Plane.AXIAL)
    display.zoom_at(Plane.AXIAL, 1.5, point)
    after = display.view(Plane.AXIAL)
    for place, c, d in zip(point, before.centre, after.centre, strict=True):
        assert (place - c) * before.zoom == pytest.approx((place - d) * after.zoom)


def test_a_zoom_holds_for_all_planes_and_keeps_the_crosshair_in_place_in_the_others(
    display: Display,
) -> None:
    display.set_crosshair((4.0, 2.0, 6.0))
    reference, crosshair = display.reference, display.crosshair
    display.zoom_at(Plane.AXIAL, 2.0, (-6.0, 4.0))
    assert {display.view(plane).zoom for plane in Plane} == {2.0}
    for plane in (Plane.CORONAL, Plane.SAGITTAL):
        x, y = frame_of(reference, plane, crosshair, display.convention).point_of(crosshair)
        left, top = display.view(plane).centre
        assert ((x - left) * 2.0, (y - top) * 2.0) == pytest.approx((x, y))


def test_a_zoom_tells_once(display: Display, told: list[str]) -> None:
    display.zoom_at(Plane.AXIAL, 2.0, (0.0, 0.0))
    display.zoom_at(Plane.AXIAL, 1.0, (0.0, 0.0))
    assert told == ["view"]


def test_a_picture_cannot_be_lost(display: Display) -> None:
    display.pan(Plane.AXIAL, 1e6, -1e6)
    assert display.view(Plane.AXIAL).centre == (-11.0, 12.0)
    display.zoom_at(Plane.AXIAL, 1e9, (0.0, 0.0))
    assert display.view(Plane.AXIAL).zoom == 40.0


def test_fit_shows_everything_again(display: Display, told: list[str]) -> None:
    display.pan(Plane.AXIAL, 1.0, 1.0)
    display.fit()
    assert (display.view(Plane.AXIAL), told) == (View(), ["view", "view"])


def test_changing_the_convention_keeps_what_is_in_the_middle(display: Display) -> None:
    for plane in Plane:
        display.pan(plane, 3.0, 1.0)
    display.set_convention(Convention.NEUROLOGICAL)
    centres = [display.view(plane).centre for plane in (Plane.AXIAL, Plane.SAGITTAL)]
    assert centres == [(3.0, -1.0), (-3.0, -1.0)]


def test_values_are_those_of_the_visible_layers_nearest_voxel(display: Display) -> None:
    small = Volume(np.full((2, 2, 2), 7.25), np.diag([2.0, 2.0, 2.0, 1.0]), "small")
    display.add_image(small)
    display.set_crosshair((0.4, 0.2, 0.1))
    base, last = display.values_at_crosshair()
    assert base == (TISSUE_CONTRAST, display.layers[0].volume.data[5, 5, 5], "intensity", "")
    assert last == ("small", 7.25, "intensity", "")
    display.set_crosshair((-8.0, 0.0, 0.0))
    assert np.isnan(display.values_at_crosshair()[-1].value)


def test_the_crosshair_can_be_hidden(display: Display, told: list[str]) -> None:
    display.toggle_crosshair()
    assert (display.crosshair_visible, told) == (False, ["view"])


def test_removing_all_leaves_an_empty_display(display: Display) -> None:
    for _ in range(4):
        display.remove_layer(0)
    assert (display.layers, display.reference) == ((), None)


def test_the_very_edge_of_the_volume_is_in_its_last_voxel(display: Display) -> None:
    display.set_crosshair((0.0, 13.0, 15.0))
    assert display.crosshair == (0.0, 13.0, 15.0)
    assert display.crosshair_voxel == (5, 11, 12)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("turn_degrees", [0.0, 17.0])
def test_both_outer_faces_of_the_volume_have_the_values_of_their_voxels(
    axis: int, turn_degrees: float
) -> None:
    angle = np.deg2rad(turn_degrees)
    affine = AFFINE.copy()
    affine[:2, :2] = 2 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    display = Display()
    # Even sizes: the last face rounds to an even number, which is outside.
    volume = Volume(np.random.default_rng(2).random((10, 12, 8)), affine, "scan")
    display.add_image(volume)
    for index, face in ((0, -0.5), (volume.shape[axis] - 1, volume.shape[axis] - 0.5)):
        voxel = [4.0, 4.0, 4.0]
        voxel[axis] = face
        display.set_crosshair(voxel_to_world(affine, voxel))
        expected = tuple(index if it == axis else 4 for it in range(3))
        assert display.crosshair_voxel == expected
        assert display.values_at_crosshair()[0].value == volume.data[expected]


def test_on_the_face_between_two_voxels_slice_voxel_and_value_agree(display: Display) -> None:
    data = display.layers[0].volume.data
    for z in (-3.0, -1.0, 1.0, 3.0):
        display.set_crosshair((0.0, 0.0, z))
        frame = frame_of(display.reference, Plane.AXIAL, display.crosshair, display.convention)
        assert display.crosshair_voxel == (5, 5, frame.index)
        assert display.values_at_crosshair()[0].value == data[5, 5, frame.index]
