"""Recipes in a session: written, applied, and made again bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainviewer.core.features import FeatureError
from brainviewer.core.scenario import Scenario
from brainviewer.generators.checkpoint import CheckpointError
from brainviewer.session.export import reproduce
from brainviewer.session.request import Person
from tests.fakes import write_fake_checkpoint


def _change_everything(session) -> None:
    session.new_person(11)
    session.set_scenario(Scenario.REGRESSED)
    session.set_feature("height", 171.3)
    session.set_age(77.7)
    session.wait_idle()


def test_a_recipe_makes_the_same_array_again(session) -> None:
    _change_everything(session)
    again = reproduce(session.recipe(), session.generator)
    np.testing.assert_array_equal(again.data, session.shown.brain.data)


def test_an_encoded_person_is_made_again_from_their_latent(session) -> None:
    identity = replace(session.generator.draw(5), seed=None, label="sub-5")
    session.adopt_person(Person(identity, {"age": 33.0, "sex": "F"}, "sub-5"))
    session.set_age(60.6)
    session.wait_idle()
    again = reproduce(session.recipe(), session.generator)
    np.testing.assert_array_equal(again.data, session.shown.brain.data)


def test_applying_a_recipe_brings_the_whole_state_back(session, diary) -> None:
    _change_everything(session)
    recipe, shown = session.recipe(), session.shown
    session.new_person(2)
    session.set_scenario(Scenario.IDEAL)
    session.reset_features()
    session.set_age(30)
    session.apply_recipe(recipe)
    session.wait_idle()
    assert session.recipe().to_json() == recipe.to_json()
    np.testing.assert_array_equal(session.shown.brain.data, shown.brain.data)
    assert diary.of("notice") == []


def test_a_recipe_opens_its_checkpoint(session, root, loader) -> None:
    write_fake_checkpoint(root, "other")
    recipe = replace(session.recipe(), checkpoint="other", seed=4, label="seed 4")
    session.apply_recipe(recipe)
    session.wait_idle()
    assert (session.checkpoint.name, session.person.label) == ("other", "seed 4")
    assert session.recipe().to_json() == recipe.to_json()


def test_a_recipe_can_be_the_first_thing_that_is_opened(empty_session, session) -> None:
    recipe = session.recipe()
    empty_session.apply_recipe(recipe)
    empty_session.wait_idle()
    assert empty_session.recipe().to_json() == recipe.to_json()


def test_conditions_win_over_a_person_they_do_not_follow_from(session, diary) -> None:
    recipe = session.recipe()
    bent = replace(recipe, conditions={**recipe.conditions, "height": 182.0, "age": 44.0})
    session.apply_recipe(bent)
    assert session.conditions == bent.conditions
    assert session.person.factual == bent.conditions
    assert diary.of("notice") == [
        "the conditions of the recipe do not follow from its person and edits; "
        "they are now the factual ones"
    ]


def test_an_extrapolated_recipe_is_applied_as_such(session) -> None:
    session.set_extrapolation(True)
    session.set_age(99)
    recipe = session.recipe()
    session.set_age(50)
    session.set_extrapolation(False)
    session.apply_recipe(recipe)
    assert (session.age, session.extrapolate) == (99, True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"age": 99.0}, "age must lie in 20-80"),
        ({"edits": {"sex": "X"}}, "sex must be one of"),
        ({"edits": {"age": 30}}, "edits of a recipe cannot hold age"),
        ({"factual": {"sex": "F"}}, "needs an age in years"),
        ({"factual": {"age": 30, "iq": 100}}, "there is no feature 'iq'"),
    ],
)
def test_a_recipe_that_does_not_suit_the_checkpoint_changes_nothing(
    session, change, sentence
) -> None:
    before = session.recipe().to_json()
    with pytest.raises(FeatureError, match=sentence):
        session.apply_recipe(replace(session.recipe(), **change))
    assert session.recipe().to_json() == before


def test_a_recipe_that_does_not_suit_the_checkpoint_it_opens_is_a_sentence(
    session, root, diary
) -> None:
    write_fake_checkpoint(root, "other")
    session.apply_recipe(replace(session.recipe(), checkpoint="other", age=99.0))
    session.wait_idle()
    assert session.checkpoint.name == "fake"
    assert diary.of("failed") == ["age must lie in 20-80 years for checkpoint 'other', got 99"]


def test_a_recipe_for_an_unknown_checkpoint_names_the_known_ones(session) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'lost'; the checkpoints are: fake"):
        session.apply_recipe(replace(session.recipe(), checkpoint="lost"))
