"""Generators that take seconds to draw: the present brain stays and moves meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.generators.base import GenerationError
from brainviewer.session.comparison import Choice
from brainviewer.session.scene import SavedPin
from brainviewer.session.state import STOPPED
from tests.fakes import Diary, FakeLoader, UnveilingGenerator, write_fake_checkpoint


@pytest.fixture
def root(root):
    """A folder with the fake checkpoint and two whose generators draw slowly."""
    for name in ("slow", "slower"):
        write_fake_checkpoint(root, name)
    return root


@pytest.fixture
def slow(empty_session):
    """A session with the first person of the slow generator."""
    empty_session.open_checkpoint("slow")
    empty_session.wait_idle()
    return empty_session


def settled(session) -> None:
    session.wait_for(lambda: not session.is_drawing)
    session.wait_idle()


def test_the_present_person_stays_until_the_new_one_is_drawn(slow, loader) -> None:
    diary, generator = Diary(slow), loader.last
    generator.hold_drawing()
    slow.new_person(7)
    slow.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    assert (slow.is_drawing, slow.person.label) == (True, "seed 1")
    assert "Drawing the person" in diary.of("busy_changed")
    generator.release()
    settled(slow)
    assert slow.person.label == slow.shown.identity.label == "seed 7"
    assert diary.of("progress_changed")[-1] == 1.0
    assert generator.drawn == [1, 7]


def test_age_moves_the_present_brain_while_another_person_is_drawn(slow, loader) -> None:
    loader.last.hold_drawing()
    slow.new_person(7)
    slow.set_age(71.0)
    slow.wait_for(lambda: slow.shown.exact and slow.shown.conditions["age"] == 71.0)
    assert slow.shown.identity.label == "seed 1"
    loader.last.release()
    settled(slow)
    assert (slow.shown.identity.label, slow.shown.conditions["age"]) == ("seed 7", 71.0)


def test_the_newest_wish_is_drawn(slow, loader) -> None:
    loader.last.hold_drawing()
    for seed in (7, 8, 9):
        slow.new_person(seed)
    loader.last.release()
    settled(slow)
    assert slow.person.label == "seed 9"
    assert loader.last.drawn == [1, 9]


def test_somebody_who_was_drawn_is_at_hand(slow, loader) -> None:
    slow.new_person(7)
    settled(slow)
    slow.new_person(1)
    assert slow.person.label == "seed 1"
    assert loader.last.drawn == [1, 7]


def test_drawing_can_be_stopped_and_the_present_person_stays(slow, loader) -> None:
    diary = Diary(slow)
    loader.last.hold_drawing()
    slow.new_person(7)
    slow.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    slow.cancel_tasks()
    slow.wait_idle()
    assert diary.of("drawing_stopped") == [STOPPED]
    assert diary.of("progress_changed")[-1] == 1.0
    assert slow.person.label == "seed 1"
    slow.cancel_tasks()
    assert diary.of("drawing_stopped") == [STOPPED]
    loader.last.release()
    slow.new_person(7)
    settled(slow)
    assert slow.person.label == "seed 7"


def test_drawing_that_fails_is_one_sentence(slow, loader) -> None:
    diary = Diary(slow)
    loader.last.drawing_failures.append(GenerationError("no luck with seed 7"))
    slow.new_person(7)
    settled(slow)
    assert diary.of("failed") == ["no luck with seed 7"]
    assert slow.person.label == "seed 1"


def test_who_is_chosen_meanwhile_stays(slow, loader) -> None:
    slow.new_person(2)
    settled(slow)
    loader.last.hold_drawing()
    slow.new_person(7)
    slow.new_person(1)  # at hand
    loader.last.release()
    settled(slow)
    assert slow.person.label == "seed 1"


# Looking on


@pytest.fixture
def watched(make_session):
    """A session whose generator can be looked at while it draws, and is held at half."""
    loader = FakeLoader(kind=UnveilingGenerator)
    session = make_session(loader)
    session.open_checkpoint("fake")
    session.wait_idle()
    loader.last.hold_drawing()
    return session


def test_who_is_being_drawn_can_be_seen(watched) -> None:
    loader, factual = watched.generator, watched.person.factual
    watched.new_person(7)
    watched.wait_for(lambda: watched.shown.identity.label == "half of seed 7")
    assert watched.person.label == "seed 1"
    assert not watched.shown.exact
    assert dict(watched.shown.conditions) == dict(factual)
    loader.release()
    settled(watched)
    assert (watched.shown.identity.label, watched.shown.exact) == ("seed 7", True)


def test_the_present_person_is_shown_again_when_the_drawing_is_stopped(watched) -> None:
    before = watched.shown.brain.data
    watched.new_person(7)
    watched.wait_for(lambda: watched.shown.identity.label == "half of seed 7")
    watched.cancel_tasks()
    watched.wait_for(lambda: watched.shown.exact)
    assert watched.shown.identity.label == "seed 1"
    np.testing.assert_array_equal(watched.shown.brain.data, before)


def test_who_is_moved_meanwhile_is_not_hidden_by_the_drawing(watched) -> None:
    diary = Diary(watched)
    watched.new_person(7)
    watched.set_age(71.0)
    watched.wait_for(lambda: watched.shown.conditions["age"] == 71.0 and watched.shown.exact)
    seen = len(diary.of("progress_changed"))
    watched.wait_for(lambda: len(diary.of("progress_changed")) > seen + 3)
    assert watched.shown.identity.label == "seed 1"


# Checkpoints


def test_the_brain_of_the_present_checkpoint_moves_while_the_next_one_draws(
    session, loader
) -> None:
    loader.holds_drawing = True
    session.new_person(3)
    diary = Diary(session)
    session.open_checkpoint("slow")
    session.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    session.set_age(71.0)
    session.wait_for(lambda: session.shown.exact and session.shown.conditions["age"] == 71.0)
    assert (session.checkpoint.name, session.person.label) == ("fake", "seed 3")
    loader.last.release()
    session.wait_idle()
    assert (session.checkpoint.name, session.person.label) == ("slow", "seed 3")
    assert session.shown.conditions["age"] == 71.0
    assert loader.last.drawn == [3]


def test_a_person_who_is_chosen_while_the_next_checkpoint_draws_is_carried_over(
    session, loader
) -> None:
    loader.holds_drawing = True
    diary = Diary(session)
    session.open_checkpoint("slow")
    session.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    session.new_person(5)
    loader.last.release()
    session.wait_idle()
    assert (session.checkpoint.name, session.person.label) == ("slow", "seed 5")


def test_a_checkpoint_whose_drawing_is_stopped_does_not_come(session, loader) -> None:
    loader.holds_drawing = True
    diary = Diary(session)
    session.open_checkpoint("slow")
    session.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    session.cancel_tasks()
    session.set_age(71.0)
    session.wait_idle()
    assert diary.of("drawing_stopped") == [STOPPED]
    assert (session.checkpoint.name, session.shown.conditions["age"]) == ("fake", 71.0)
    assert session.trajectory.complete


def test_the_first_checkpoint_can_be_stopped_and_opened_again(empty_session, loader) -> None:
    loader.holds_drawing = True
    diary = Diary(empty_session)
    empty_session.open_checkpoint("slow")
    empty_session.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    empty_session.cancel_tasks()
    empty_session.wait_idle()
    assert empty_session.state is None
    loader.holds_drawing = False
    empty_session.open_checkpoint("slow")
    empty_session.wait_idle()
    assert empty_session.shown.exact


def test_a_newer_checkpoint_replaces_one_that_draws(session, loader) -> None:
    loader.holds_drawing = True
    diary = Diary(session)
    session.open_checkpoint("slow")
    session.wait_for(lambda: 0.5 in diary.of("progress_changed"))
    loader.holds_drawing = False
    session.open_checkpoint("slower")
    session.wait_idle()
    assert session.checkpoint.name == "slower"
    assert [c.name for c in diary.of("checkpoint_changed")] == ["slower"]


def test_the_same_person_in_a_slow_checkpoint_is_drawn_once(session, loader) -> None:
    session.new_person(4)
    other = next(it for it in session.checkpoints if it.name == "slow")
    session.comparison.choose(Choice.of_checkpoint(other))
    session.wait_idle()
    assert session.comparison.compared.shown.identity.label == "seed 4"
    session.set_age(33.0)
    session.wait_idle()
    assert session.comparison.compared.shown.conditions["age"] == 33.0
    assert loader.last.drawn == [4]


# Recipes


def test_the_person_of_a_recipe_is_drawn_behind_the_pictures(slow, loader) -> None:
    slow.new_person(7)
    settled(slow)
    slow.set_age(64.0)
    recipe = slow.recipe()
    slow.open_checkpoint("slower")
    slow.wait_idle()
    slow.apply_recipe(recipe)
    slow.wait_idle()
    assert (slow.checkpoint.name, slow.person.label) == ("slow", "seed 7")
    assert slow.conditions["age"] == 64.0


def test_a_recipe_that_does_not_suit_the_checkpoint_changes_nothing(slow, loader) -> None:
    diary = Diary(slow)
    slow.new_person(7)
    settled(slow)
    recipe = slow.recipe()
    recipe.edits["height"] = 900.0
    slow.new_person(2)
    settled(slow)
    slow.open_checkpoint("slow")
    slow.wait_idle()
    slow.apply_recipe(recipe)
    settled(slow)
    (sentence,) = diary.of("failed")
    assert sentence.startswith("height must lie in")
    assert slow.person.label == "seed 2"


def test_pins_are_drawn_behind_the_pictures(slow, loader) -> None:
    pins = []
    for seed in (5, 6):
        slow.new_person(seed)
        settled(slow)
        pins.append(SavedPin(f"pin {seed}", visible=True, recipe=slow.recipe()))
    slow.open_checkpoint("slow")
    slow.wait_idle()
    slow.replace_pins(pins)
    slow.wait_for(lambda: len(slow.curves.pins) == 2)
    assert [pin.name for pin in slow.curves.pins] == ["pin 5", "pin 6"]
    assert [pin.state.person.label for pin in slow.curves.pins] == ["seed 5", "seed 6"]
    assert loader.last.drawn == [6, 5]
