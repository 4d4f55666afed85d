"""The state of the slices: what wishes do and which facts they tell."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.display import Display, View
from brainviewer.session.layers import TISSUE_CONTRAST

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
    assert display.view(Plane.CORONAL) == View()


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
    assert base == (TISSUE_CONTRAST, display.layers[0].volume.data[5, 5, 5], "intensity")
    assert last == ("small", 7.25, "intensity")
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
