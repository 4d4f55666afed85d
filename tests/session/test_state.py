"""What a session answers to a wish."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from brainviewer.core.features import FeatureError
from brainviewer.core.scenario import Scenario
from brainviewer.generators.checkpoint import CheckpointError
from brainviewer.session.request import Person
from brainviewer.session.state import SessionError
from tests.fakes import FEATURES, write_fake_checkpoint


def test_nothing_is_open_at_first(empty_session) -> None:
    assert [c.name for c in empty_session.checkpoints] == ["fake"]
    assert (empty_session.checkpoint, empty_session.person, empty_session.shown) == (None,) * 3
    assert math.isnan(empty_session.age)
    with pytest.raises(SessionError, match="open one first"):
        empty_session.set_age(60)


def test_opening_a_checkpoint_shows_a_typical_person(session, checkpoint) -> None:
    assert session.checkpoint.name == "fake"
    assert session.device_name == "CPU"
    assert session.conditions == checkpoint.schema.typical()
    assert session.person.label == "seed 1"
    assert session.shown.exact
    assert session.factual_volumes_ml == session.shown.volumes_ml
    assert session.trajectory.complete


def test_an_unusable_checkpoint_is_listed_with_its_problem(root, make_session, loader) -> None:
    (root / "broken").mkdir()
    session = make_session(loader)
    assert "broken is not a checkpoint" in session.problems["broken"]
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        session.open_checkpoint("broken")


def test_an_age_changes_the_conditions_and_then_the_brain(session, diary) -> None:
    session.set_age(71)
    session.wait_idle()
    assert session.conditions == {**session.person.factual, "age": 71.0}
    assert diary.of("conditions_changed") == [session.conditions]
    expected = session.generator.generate(session.person.identity, session.conditions)
    np.testing.assert_array_equal(session.shown.brain.data, expected.data)
    assert session.shown.volumes_ml["CSF"] > session.factual_volumes_ml["CSF"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("age", 19, "age must lie in 20-80 years for checkpoint 'fake', got 19"),
        ("age", None, "age in years"),
        ("age", "old", "age in years"),
        ("sex", "X", "sex must be one of"),
        ("height", 400, "height must lie in"),
        ("height", math.nan, "height must be a number"),
        ("shoe_size", 43, "there is no feature 'shoe_size'"),
    ],
)
def test_a_bad_value_is_refused_in_a_sentence_and_changes_nothing(
    session, diary, name, value, sentence
) -> None:
    before = session.conditions
    with pytest.raises(FeatureError, match=sentence):
        session.set_feature(name, value)
    assert session.conditions == before
    assert diary.entries == []


def test_edits_are_kept_apart_from_the_person_and_can_be_reset(session) -> None:
    session.set_feature("height", 180)
    session.set_feature("sex", "M")
    assert session.edits == {"height": 180, "sex": "M"}
    assert session.person.factual["sex"] == "F"
    session.reset_feature("sex")
    assert session.conditions["sex"] == "F"
    session.reset_features()
    assert session.edits == {}
    session.set_age(30)
    session.reset_feature("age")
    assert session.age == session.person.factual["age"]
    with pytest.raises(FeatureError, match="shoe_size"):
        session.reset_feature("shoe_size")


def test_regressed_moves_what_was_not_edited(session) -> None:
    session.set_scenario(Scenario.REGRESSED)
    session.set_age(75)
    assert session.conditions["height"] < session.person.factual["height"]
    assert session.conditions["occupation"]["c"] > 0.4
    session.set_feature("height", 170.0)
    session.set_age(25)
    assert session.conditions["height"] == 170.0


def test_ideal_moves_nothing_but_age(session) -> None:
    session.set_age(75)
    assert session.conditions == {**session.person.factual, "age": 75.0}


def test_the_two_scenarios_have_different_trajectories(session) -> None:
    ideal = session.trajectory
    session.set_scenario(Scenario.REGRESSED)
    session.wait_idle()
    assert session.trajectory.scenario is Scenario.REGRESSED
    old = session.trajectory.ages > 70
    assert (session.trajectory.volumes["GM"][old] < ideal.volumes["GM"][old]).all()


def test_make_factual_turns_the_present_conditions_into_the_persons_own(session) -> None:
    session.set_age(64)
    session.set_feature("sex", "M")
    conditions = session.conditions
    session.make_factual()
    session.wait_idle()
    assert (session.person.factual, session.edits, session.age) == (conditions, {}, 64)
    assert session.factual_volumes_ml == session.shown.volumes_ml


def test_a_new_person_keeps_what_the_user_set(session) -> None:
    session.set_age(64)
    session.set_feature("sex", "M")
    conditions, before = session.conditions, session.person.identity.key
    session.new_person(7)
    assert session.conditions == conditions
    assert session.person.label == "seed 7"
    assert session.person.identity.key != before


def test_a_new_person_without_a_seed_can_be_drawn_again(session) -> None:
    session.new_person()
    identity = session.person.identity
    session.new_person(identity.seed)
    assert session.person.identity.key == identity.key


def test_an_adopted_person_is_shown_as_given(session) -> None:
    session.set_feature("sex", "M")
    identity = replace(session.generator.draw(5), seed=None, label="sub-5")
    factual = {"age": 33.0, "sex": "F", "height": 170.0}
    session.adopt_person(Person(identity, factual, "sub-5"))
    session.wait_idle()
    assert session.conditions == factual
    assert session.factual_volumes_ml == session.shown.volumes_ml
    assert session.recipe().latent is not None


def test_a_person_without_an_age_is_refused(session) -> None:
    person = Person(session.generator.draw(5), {"sex": "F"}, "sub-5")
    with pytest.raises(FeatureError, match="needs an age in years, got None"):
        session.adopt_person(person)


def test_extrapolation_must_be_asked_for_and_marks_the_recipe(session, diary) -> None:
    session.set_extrapolation(True)
    session.set_age(95)
    assert session.recipe().extrapolated
    with pytest.raises(FeatureError, match="age must lie in 20-80"):
        session.set_extrapolation(False)
    assert session.extrapolate
    session.set_age(80)
    assert not session.recipe().extrapolated
    session.set_extrapolation(False)
    assert diary.of("extrapolation_changed") == [True, False]


def test_another_checkpoint_keeps_what_it_shares(session, root, diary) -> None:
    write_fake_checkpoint(root, "small", features=FEATURES[:3])
    session.new_person(3)
    session.set_age(42)
    session.set_feature("height", 170.0)
    session.set_feature("occupation", "b")
    session.open_checkpoint("small")
    assert session.checkpoint.name == "fake"
    session.wait_idle()
    assert session.checkpoint.name == "small"
    assert session.conditions == {"age": 42.0, "sex": "F", "height": 170.0}
    assert session.person.label == "seed 3"
    assert diary.of("notice") == ["small cannot take over occupation"]
    assert [c.name for c in session.checkpoints] == ["fake", "small"]


def test_a_checkpoint_that_fails_to_load_leaves_the_present_one_in_use(
    session, loader, diary
) -> None:
    loader.failures.append(CheckpointError("the weights are broken; copy it again"))
    session.open_checkpoint("fake")
    session.set_age(66)
    session.wait_idle()
    assert diary.of("failed") == ["the weights are broken; copy it again"]
    assert session.shown.conditions["age"] == 66
    assert session.shown.exact


def test_a_slot_that_hears_of_a_new_person_sees_no_factual_volumes_of_the_old(session) -> None:
    seen = []
    session.person_changed.connect(lambda person: seen.append(session.factual_volumes_ml))
    session.new_person(9)
    assert seen == [{}]
