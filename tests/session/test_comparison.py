"""The second brain: as given, a pin, another checkpoint; it follows, and its generator goes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from brainviewer.core.features import Feature, Kind
from brainviewer.generators.checkpoint import CheckpointError, open_checkpoint
from brainviewer.session.comparison import Against, Choice
from tests.fakes import FEATURES, write_fake_checkpoint


@pytest.fixture
def comparison(session):
    return session.comparison


@pytest.fixture
def other(root):
    """A checkpoint of other people: older ones, and without height."""
    features = tuple(feature for feature in FEATURES if feature.name != "height")
    return open_checkpoint(write_fake_checkpoint(root, "other", features=features))


def chosen(session, choice: Choice):
    session.comparison.choose(choice)
    session.wait_idle()
    return session.comparison.compared


def test_nothing_is_made_unless_it_is_wanted(session, comparison, loader) -> None:
    before = len(loader.last.calls)
    session.set_age(30.5)
    session.wait_idle()
    assert comparison.compared is None
    assert len(loader.last.calls) == before + 1


def test_the_person_as_given_stays_while_age_moves(session, loader) -> None:
    session.set_age(75.0)
    session.set_feature("height", 180.0)
    session.wait_idle()
    compared = chosen(session, Choice())
    assert dict(compared.shown.conditions) == dict(session.person.factual)
    made = len(loader.last.calls)
    session.set_age(74.95)
    session.wait_idle()
    assert session.comparison.compared is compared
    assert [it["age"] for _, it in loader.last.calls[made:]] == [74.95]


def test_a_pin_can_stay_at_its_own_age(session) -> None:
    session.set_age(30.0)
    session.curves.pin("young")
    session.set_age(80.0)
    session.wait_idle()
    pin = session.curves.pins[0].number
    compared = chosen(session, Choice(Against.PIN, pin=pin, own_age=True))
    assert compared.shown.conditions["age"] == 30.0
    session.set_age(79.0)
    session.wait_idle()
    assert session.comparison.compared is compared
    assert chosen(session, Choice(Against.PIN, pin=pin)).shown.conditions["age"] == 79.0


def test_a_pin_is_compared_at_the_age_that_is_looked_at(session) -> None:
    session.set_feature("height", 180.0)
    session.curves.pin("tall")
    session.reset_features()
    session.new_person(9)
    session.set_age(66.0)
    compared = chosen(session, Choice(Against.PIN, pin=session.curves.pins[0].number))
    assert compared.shown.exact
    assert compared.shown.identity.label == "seed 1"
    assert compared.shown.conditions["height"] == 180.0
    assert compared.shown.conditions["age"] == 66.0
    session.set_age(40.0)
    session.wait_idle()
    assert session.comparison.compared.shown.conditions["age"] == 40.0


def test_another_checkpoint_shows_the_same_person_as_far_as_it_knows_them(
    session, other, loader
) -> None:
    session.new_person(7)
    session.set_feature("height", 180.0)
    session.set_feature("occupation", "c")
    session.set_age(61.0)
    compared = chosen(session, Choice.of_checkpoint(other))
    assert compared.checkpoint is other
    assert compared.shown.identity.seed == 7
    assert compared.shown.conditions["occupation"] == "c"
    assert compared.shown.conditions["age"] == 61.0
    assert "height" not in compared.shown.conditions
    assert [generator.name for generator in loader.generators] == ["fake", "other"]
    assert session.checkpoint.name == "fake"


def test_the_second_generator_is_loaded_once_and_let_go_of(session, other, loader) -> None:
    chosen(session, Choice.of_checkpoint(other))
    for age in (30.0, 50.0, 70.0):
        session.set_age(age)
        session.wait_idle()
    assert len(loader.generators) == 2
    second = weakref.ref(loader.generators.pop())
    session.comparison.choose(None)
    session.wait_idle()
    gc.collect()
    assert second() is None


def test_a_generator_that_comes_when_it_is_no_longer_wanted_is_let_go_of(
    session, other, loader
) -> None:
    loader.last.hold()
    session.set_age(33.0)
    loader.last.wait_started()
    session.comparison.choose(Choice.of_checkpoint(other))
    session.comparison.choose(None)
    loader.last.release()
    session.wait_idle()
    assert session.comparison.compared is None
    assert session.comparison._second is None


def test_a_checkpoint_that_cannot_be_loaded_says_so_beside(session, other, loader) -> None:
    failed = []
    session.failed.connect(failed.append)
    loader.failures.append(CheckpointError("the weights of other are torn"))
    compared = chosen(session, Choice.of_checkpoint(other))
    assert compared.shown is None
    assert compared.sentence == "the weights of other are torn"
    assert failed == []
    session.set_age(44.0)
    session.wait_idle()
    assert session.comparison.compared.shown is not None  # tried again with the next wish


def test_a_pin_that_is_removed_gives_way_to_the_person_as_given(session) -> None:
    session.curves.pin()
    number = session.curves.pins[0].number
    chosen(session, Choice(Against.PIN, pin=number))
    session.curves.remove_pin(number)
    session.wait_idle()
    assert session.comparison.choice == Choice()
    assert dict(session.comparison.compared.shown.conditions) == dict(session.person.factual)


def test_the_checkpoint_beside_can_be_opened_and_gives_way_too(session, other) -> None:
    chosen(session, Choice.of_checkpoint(other))
    session.open_checkpoint("other")
    session.wait_idle()
    assert session.comparison.choice == Choice()
    assert session.comparison.compared.checkpoint.name == "other"


def test_a_pin_of_another_checkpoint_brings_its_generator(session, other, loader) -> None:
    session.set_feature("height", 181.0)
    session.curves.pin("tall")
    session.open_checkpoint("other")
    session.wait_idle()
    compared = chosen(session, Choice(Against.PIN, pin=session.curves.pins[0].number))
    assert compared.shown.conditions["height"] == 181.0
    assert [generator.name for generator in loader.generators] == ["fake", "other", "fake"]


def test_ages_outside_the_other_range_are_moved_into_it(session, root) -> None:
    narrow = tuple(
        Feature("age", Kind.NUMERIC, "", "years") if it.name == "age" else it for it in FEATURES
    )
    folder = write_fake_checkpoint(root, "narrow", features=narrow)
    checkpoint = open_checkpoint(folder)
    known = checkpoint.schema["age"].fitted
    session.set_extrapolation(True)
    session.set_age(known.high + 9.0)
    compared = chosen(session, Choice.of_checkpoint(checkpoint))
    assert compared.shown.conditions["age"] == known.high


def test_what_the_cache_has_is_shown_at_once(session) -> None:
    session.curves.pin()
    session.new_person(8)
    session.wait_idle()
    told = []
    session.comparison.changed.connect(told.append)
    session.comparison.choose(Choice(Against.PIN, pin=session.curves.pins[0].number))
    assert [it.shown.exact for it in told] == [False]
    session.wait_idle()
    assert told[-1].shown.exact
    assert np.abs(told[0].shown.brain.data - told[-1].shown.brain.data).max() < 0.2
