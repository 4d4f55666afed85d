"""Undo and redo in a session: person, features, display, pins and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.core.space import Convention
from brainviewer.core.volume import Volume
from brainviewer.generators.checkpoint import CheckpointError
from brainviewer.session.display import Display
from brainviewer.session.history import History
from brainviewer.session.look import Look, look_of_layer
from tests.fakes import write_fake_checkpoint


@dataclass
class Eyes:
    """A display and its history, as the window has them."""

    display: Display
    history: History | None = None

    def see(self) -> Look:
        layers = tuple(look_of_layer(layer) for layer in self.display.layers)
        return Look(layers, self.display.maps, self.display.convention)

    def show(self, look: Look) -> None:
        self.display.set_convention(look.convention)
        self.display.arrange(look.layers)

    def show_brain(self, shown) -> None:
        self.display.show_brain(shown.brain)

    def note(self) -> None:
        self.history.note()


@pytest.fixture
def eyes(empty_session):
    made = Eyes(Display())
    made.history = History(empty_session, see=made.see, show=made.show)
    empty_session.brain_changed.connect(made.show_brain)
    made.display.layers_changed.connect(made.note)
    made.display.view_changed.connect(made.note)
    empty_session.open_checkpoint("fake")
    empty_session.wait_idle()
    yield made
    made.history.close()


@pytest.fixture
def session(eyes, empty_session):
    return empty_session


@pytest.fixture
def history(eyes) -> History:
    return eyes.history


@pytest.fixture
def display(eyes) -> Display:
    return eyes.display


def index_of(display: Display, name: str) -> int:
    return [layer.name for layer in display.layers].index(name)


def test_the_first_brain_leaves_nothing_to_undo(history) -> None:
    assert history.texts == ("Start",)
    assert (history.undo_text, history.redo_text) == ("", "")


def test_every_parameter_is_taken_back_and_done_again(session, history) -> None:
    start = session.recipe().to_json()
    wishes = [
        lambda: session.set_age(63.0),
        lambda: session.set_feature("sex", "M"),
        lambda: session.set_feature("height", 180.0),
        lambda: session.set_scenario(Scenario.REGRESSED),
        lambda: session.new_person(7),
        session.make_factual,
        lambda: session.set_extrapolation(True),
    ]
    for wish in wishes:
        wish()
        history.seal()
    assert len(history.texts) == len(wishes) + 1
    end = session.recipe().to_json()
    for _ in wishes:
        history.undo()
    assert session.recipe().to_json() == start
    assert history.undo_text == ""
    for _ in wishes:
        history.redo()
    assert session.recipe().to_json() == end
    assert session.extrapolate


def test_a_step_back_shows_the_old_brain_at_once(session, history) -> None:
    before = session.shown.volumes_ml
    session.set_age(70.0)
    session.wait_idle()
    history.undo()
    assert session.shown.volumes_ml == before
    session.wait_idle()
    assert session.shown.exact
    assert session.shown.volumes_ml == before


def test_a_click_in_the_list_goes_over_several_steps(session, history) -> None:
    for age in (30.0, 40.0, 50.0):
        session.set_age(age)
        history.seal()
    history.go(1)
    assert session.age == 30.0
    assert history.redo_text == "age 30 to 40 years"
    with pytest.raises(ValueError, match="0-3, got 9"):
        history.go(9)


def test_the_display_is_taken_back_and_the_crosshair_stays(session, history, display) -> None:
    grey = index_of(display, "GM")
    display.set_layer(grey, opacity=0.8)
    display.set_layer(grey, visible=True)
    display.set_convention(Convention.NEUROLOGICAL)
    display.set_crosshair((10.0, 0.0, 0.0))
    assert history.texts[1:] == (
        "GM opacity 50% to 80%",
        "show GM",
        "radiological to neurological",
    )
    for _ in range(3):
        history.undo()
    assert display.convention is Convention.RADIOLOGICAL
    assert (display.layers[grey].opacity, display.layers[grey].visible) == (0.5, False)
    assert display.crosshair == (10.0, 0.0, 0.0)


def test_an_image_that_was_removed_comes_back_in_its_look(history, display) -> None:
    scan = Volume(np.random.default_rng(0).random((9, 9, 9)), np.eye(4), "scan")
    display.add_image(scan)
    display.set_layer(index_of(display, "scan"), colormap="viridis")
    display.remove_layer(index_of(display, "scan"))
    assert history.undo_text == "remove scan"
    history.undo()
    layer = display.layers[index_of(display, "scan")]
    assert (layer.volume, layer.colormap) == (scan, "viridis")


def test_a_map_that_was_removed_comes_back_with_the_brain_of_now(session, history, display) -> None:
    display.remove_layer(index_of(display, "GM"))
    history.undo()
    grey = display.layers[index_of(display, "GM")]
    assert np.array_equal(grey.volume.data, session.shown.brain.volume("GM").data)


def test_brains_that_come_while_one_waits_are_no_steps(session, history) -> None:
    session.set_age(63.0)
    session.wait_idle()
    assert history.texts == ("Start", f"age {history.texts[1].split()[1]} to 63 years")


def test_pins_are_taken_back(session, history) -> None:
    session.curves.pin("before")
    session.curves.remove_pin(session.curves.pins[0].number)
    assert history.undo_text == "remove pin before"
    history.undo()
    session.wait_idle()
    assert [pin.name for pin in session.curves.pins] == ["before"]
    assert session.curves.pins[0].trajectory.complete
    history.undo()
    assert session.curves.pins == ()


def test_a_checkpoint_is_taken_back_with_the_look_of_its_brain(
    session, history, display, root
) -> None:
    write_fake_checkpoint(root, "other")
    display.set_layer(index_of(display, "GM"), opacity=0.9)
    history.seal()
    session.open_checkpoint("other")
    session.wait_idle()
    session.set_age(40.0)
    assert history.texts[2] == "checkpoint Fake brain, fake to Fake brain, other"
    history.undo()
    history.undo()
    assert session.checkpoint.name == "other"  # until the old one is loaded
    session.wait_idle()
    assert session.checkpoint.name == "fake"
    assert history.redo_text.startswith("checkpoint")
    assert len(history.texts) == 4


def test_a_checkpoint_that_is_gone_leaves_the_history_where_it_is(
    session, history, root, loader
) -> None:
    write_fake_checkpoint(root, "other")
    session.open_checkpoint("other")
    session.wait_idle()
    loader.failures.append(CheckpointError("the weights are gone"))
    history.undo()
    session.wait_idle()
    assert session.checkpoint.name == "other"
    assert history.undo_text.startswith("checkpoint")


def test_looks_of_maps_that_another_checkpoint_has_not_wait_for_their_brain(
    session, history, display, root, monkeypatch
) -> None:
    write_fake_checkpoint(root, "other")
    display.set_layer(index_of(display, "GM"), opacity=0.9)
    session.open_checkpoint("other")
    # The other checkpoint makes an image.
    monkeypatch.setattr(
        "brainviewer.session.display.layers_of",
        lambda brain: layers_of_image(brain) if session.checkpoint.name == "other" else real(brain),
    )
    session.wait_idle()
    assert display.maps == ("T1w",)
    assert len(history.texts) == 3
    history.undo()
    session.wait_idle()
    assert display.layers[index_of(display, "GM")].opacity == 0.9
    assert len(history.texts) == 3


def layers_of_image(brain):
    from brainviewer.session.layers import Layer

    return (Layer("T1w", brain.volume("WM"), generated=True),)


def real(brain):
    from brainviewer.session.layers import layers_of

    return layers_of(brain)
