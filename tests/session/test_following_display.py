"""The second display: the same place, look and images, also on another grid."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.space import Convention, Plane
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.display import Display
from brainviewer.session.following_display import FollowingDisplay
from brainviewer.session.slicing import frame_of

TISSUES = ("WM", "GM", "CSF")
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
# Another grid: voxels of 3 mm, and another origin.
OTHER_AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
OTHER_AFFINE[:3, 3] = [-9.0, 6.0, 3.0]


def brain(affine: np.ndarray = AFFINE, size: int = 20, seed: int = 0) -> Brain:
    data = np.random.default_rng(seed).random((3, size, size, size), np.float32) / 3
    return Brain(TISSUES, data, affine)


@pytest.fixture
def leader() -> Display:
    display = Display()
    display.show_brain(brain())
    return display


@pytest.fixture
def follower(leader):
    display = FollowingDisplay(leader)
    display.show_brain(brain(OTHER_AFFINE, 16, seed=1))
    yield display
    display.close()


def test_without_a_brain_there_are_no_layers(leader) -> None:
    assert FollowingDisplay(leader).layers == ()


def test_layers_take_the_look_of_the_leaders(leader, follower) -> None:
    leader.set_layer(2, visible=True, opacity=0.3, colormap="viridis")
    assert [it.name for it in follower.layers] == [it.name for it in leader.layers]
    layer = follower.layers[2]
    assert (layer.visible, layer.opacity, layer.colormap) == (True, 0.3, "viridis")
    assert layer.volume.shape == (16, 16, 16)


def test_the_users_images_are_on_both(leader, follower) -> None:
    leader.add_image(Volume(np.ones((4, 4, 4)), AFFINE, "scan"))
    assert follower.layers[-1] is leader.layers[-1]


def test_a_brain_of_other_maps_has_its_own_look(leader) -> None:
    follower = FollowingDisplay(leader)
    follower.show_brain(Brain(("T1w",), np.ones((1, 8, 8, 8), np.float32), AFFINE))
    assert [it.name for it in follower.layers] == ["T1w"]


def test_the_crosshair_is_the_same_place_from_both_sides(leader, follower) -> None:
    told = []
    follower.crosshair_changed.connect(lambda: told.append(True))
    leader.set_crosshair((10.0, 12.0, 14.0))
    assert follower.crosshair == (10.0, 12.0, 14.0)
    follower.step_slice(Plane.AXIAL, 2)
    assert leader.crosshair == follower.crosshair
    assert follower.crosshair_voxel == (6, 2, 6)
    assert len(told) == 2


def test_a_place_outside_the_other_brain_is_no_place_to_be_stuck_at(leader, follower) -> None:
    leader.set_crosshair((2.0, 2.0, 2.0))
    assert leader.crosshair == (2.0, 2.0, 2.0)  # outside of the follower's grid in y and z
    assert np.isnan(follower.values_at_crosshair()[0].value)


@pytest.mark.parametrize("plane", list(Plane))
def test_zoom_and_pan_keep_the_same_place_in_the_middle(leader, follower, plane) -> None:
    leader.set_crosshair((10.0, 12.0, 14.0))
    leader.zoom_at(plane, 2.0, (3.0, -5.0))
    leader.pan(plane, 2.0, 1.0)
    assert follower.view(plane).zoom == leader.view(plane).zoom
    places = []
    for display in (leader, follower):
        frame = frame_of(display.reference, plane, display.crosshair, display.convention)
        x, y = frame.point_of(display.crosshair)
        centre = display.view(plane).centre
        places.append((x - centre[0], y - centre[1]))
    assert places[0] == pytest.approx(places[1])


def test_zooming_on_the_other_side_keeps_the_place_under_the_pointer(leader, follower) -> None:
    plane, point = Plane.AXIAL, (4.0, 2.0)
    before = follower.view(plane)
    follower.zoom_at(plane, 1.5, point)
    after = follower.view(plane)
    for axis in (0, 1):
        was = (point[axis] - before.centre[axis]) * before.zoom
        assert (point[axis] - after.centre[axis]) * after.zoom == pytest.approx(was)


def test_wishes_on_one_side_hold_for_both(leader, follower) -> None:
    follower.set_convention(Convention.NEUROLOGICAL)
    follower.toggle_crosshair()
    follower.set_window(0, 0.2, 0.6)
    follower.set_interpolation("nearest")
    assert leader.convention is follower.convention is Convention.NEUROLOGICAL
    assert not leader.crosshair_visible
    assert leader.layers[0].window == follower.layers[0].window == (0.2, 0.6)
    assert leader.interpolation == "nearest"
    follower.pan(Plane.AXIAL, 3.0, 0.0)
    follower.fit()
    assert leader.view(Plane.AXIAL).centre == (0.0, 0.0)


def test_another_brain_of_the_leader_leaves_the_layers_as_they_are(leader, follower) -> None:
    told, before = [], follower.layers
    follower.layers_changed.connect(lambda: told.append(True))
    leader.show_brain(brain(seed=2))
    assert follower.layers == before
    assert told == []


def test_the_active_layer_is_the_leaders(leader, follower) -> None:
    leader.set_active(2)
    assert follower.active == 2


def test_a_closed_one_hears_nothing(leader, follower) -> None:
    follower.close()
    told = []
    follower.crosshair_changed.connect(lambda: told.append(True))
    leader.set_crosshair((4.0, 4.0, 4.0))
    assert told == []
