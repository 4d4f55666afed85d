"""Frames of 4D images: which one is wished for, shown, kept and forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.volume import Brain, Volume
from brainviewer.session.display import Display
from brainviewer.session.following_display import FollowingDisplay
from brainviewer.session.look import look_of_layer

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (5, 6, 7)


def frame_of(number: int) -> Volume:
    """A frame that is full of its own number, and a little noise so that it is no label."""
    noise = np.random.default_rng(number).random(SHAPE) / 100
    return Volume((number + noise).astype(np.float32), AFFINE, "bold")


@pytest.fixture
def display() -> Display:
    shown = Display()
    shown.show_brain(Brain(("T1w",), np.ones((1, *SHAPE), np.float32), AFFINE))
    shown.add_image(frame_of(0), "/data/bold.nii.gz", frames=8)
    return shown


def come(display: Display) -> None:
    """Let the frames come that are wished for."""
    while (wish := display.frames.next(display.layers)) is not None:
        layer, frame = wish
        display.show_frame(layer.name, frame, frame_of(frame))


def test_a_wish_is_kept_until_its_frame_comes(display) -> None:
    layer = display.layers[1]
    display.frames.ask(layer, 5)
    assert (display.layers[1].frame, display.frames.wanted(layer)) == (0, 5)
    assert display.frames.is_waiting
    come(display)
    assert (display.layers[1].frame, display.frames.is_waiting) == (5, False)
    assert display.values_at_crosshair()[1].name == "bold [5]"
    assert display.values_at_crosshair()[1].value == pytest.approx(5, abs=0.01)


def test_steps_go_on_from_the_wish_and_stay_between_the_ends(display) -> None:
    display.step_frame(2)
    display.step_frame(2)
    assert display.frames.wanted(display.layers[1]) == 4
    display.step_frame(99)
    assert display.frames.wanted(display.layers[1]) == 7
    display.step_frame(-99)
    assert not display.frames.is_waiting  # the shown one


def test_a_newer_wish_stays_when_an_older_frame_comes(display) -> None:
    display.frames.ask(display.layers[1], 2)
    display.frames.ask(display.layers[1], 3)
    display.show_frame("bold", 2, frame_of(2))
    assert display.layers[1].frame == 2
    assert display.frames.next(display.layers) == (display.layers[1], 3)


def test_the_look_of_the_layer_and_the_active_one_stay(display) -> None:
    display.set_layer(1, colormap="hot", opacity=0.3)
    display.set_window(1, 2.0, 6.0)
    display.set_active(1)
    display.step_frame(1)
    come(display)
    layer = display.layers[1]
    assert (layer.colormap, layer.opacity, layer.window) == ("hot", 0.3, (2.0, 6.0))
    assert display.active == 1


def test_the_wish_of_a_layer_that_is_gone_is_forgotten(display) -> None:
    display.step_frame(3)
    display.remove_layer(1)
    assert display.frames.next(display.layers) is None
    assert not display.frames.is_waiting


def test_keys_are_for_the_active_layer_else_for_the_top_one_with_frames(display) -> None:
    display.add_image(frame_of(0), "/data/dwi.nii.gz", frames=3)
    assert display.series == 2
    display.set_active(1)
    assert display.series == 1
    display.remove_layer(2)
    display.remove_layer(1)
    assert display.series is None
    display.step_frame(1)
    assert not display.frames.is_waiting


def test_frames_are_no_steps_and_looks_of_before_keep_the_shown_one(display) -> None:
    before = [look_of_layer(it) for it in display.layers]
    display.step_frame(4)
    come(display)
    display.set_layer(1, opacity=0.5)
    display.arrange(before)
    layer = display.layers[1]
    assert (layer.frame, layer.opacity) == (4, 1.0)
    assert layer.volume.data.mean() == pytest.approx(4, abs=0.01)


def test_a_removed_image_comes_back_in_its_frame(display) -> None:
    display.step_frame(4)
    come(display)
    before = [look_of_layer(it) for it in display.layers]
    display.remove_layer(1)
    display.arrange(before)
    assert (display.layers[1].frame, display.layers[1].frames) == (4, 8)


def test_the_next_layer_is_the_one_above_and_the_ends_are_neighbours(display) -> None:
    display.add_image(frame_of(0), "/data/other.nii.gz")
    seen = []
    for steps in (1, 1, 1, -1):
        display.step_active(steps)
        seen.append(display.active)
    assert seen == [1, 2, 0, 2]
    Display().step_active(1)


def test_a_follower_shows_the_same_frame_and_passes_wishes_on(display) -> None:
    follower = FollowingDisplay(display)
    follower.show_brain(Brain(("T1w",), np.zeros((1, *SHAPE), np.float32), AFFINE))
    follower.step_frame(2)
    come(display)
    assert [it.frame for it in (display.layers[1], follower.layers[1])] == [2, 2]
    follower.close()
