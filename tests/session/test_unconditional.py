"""Generators without features: people can be drawn, and nothing else can be asked of them."""

from __future__ import annotations

import math

import pytest

from brainviewer.core.features import FeatureError
from brainviewer.core.recipe import Recipe
from brainviewer.core.scenario import Scenario
from brainviewer.generators.checkpoint import open_checkpoint
from brainviewer.session.bids import Destination
from brainviewer.session.export import brain_export_steps
from brainviewer.session.model import FIRST_CHECKPOINT, first_choice
from tests.fakes import FEATURES, Diary, write_fake_checkpoint


@pytest.fixture
def drawn(session, root):
    """A session that went over from a generator with features to one without."""
    session.set_scenario(Scenario.REGRESSED)
    session.set_feature("height", 181.0)
    session.set_age(63.0)
    session.new_person(5)
    write_fake_checkpoint(root, "bare", features=())
    session.open_checkpoint("bare")
    session.wait_idle()
    return session


def test_it_opens_with_the_same_seed_and_no_conditions(drawn) -> None:
    assert drawn.checkpoint.name == "bare"
    assert drawn.person.identity.seed == 5
    assert drawn.conditions == {}
    assert math.isnan(drawn.age)
    assert drawn.shown.exact
    assert drawn.shown.volumes_ml["GM"] > 0
    assert dict(drawn.factual_volumes_ml) == dict(drawn.shown.volumes_ml)


def test_it_can_be_the_first_thing_that_is_opened(empty_session, root) -> None:
    write_fake_checkpoint(root, "bare", features=())
    empty_session.open_checkpoint("bare")
    empty_session.wait_idle()
    assert empty_session.person.identity.seed == 1


def test_another_person_is_another_brain(drawn) -> None:
    before = drawn.shown.volumes_ml
    drawn.new_person(6)
    drawn.wait_idle()
    assert drawn.shown.volumes_ml != before


def test_its_trajectory_is_empty_and_complete(drawn) -> None:
    assert drawn.trajectory.complete
    assert drawn.trajectory.ages.size == 0
    assert all(volumes.size == 0 for volumes in drawn.trajectory.volumes.values())


@pytest.mark.parametrize(
    "wish",
    [
        lambda session: session.set_age(40.0),
        lambda session: session.set_feature("height", 170.0),
        lambda session: session.reset_feature("height"),
    ],
)
def test_what_it_cannot_take_is_refused_in_a_sentence(drawn, wish) -> None:
    with pytest.raises(FeatureError, match="checkpoint 'bare' takes no features"):
        wish(drawn)
    assert drawn.conditions == {}


def test_wishes_that_mean_nothing_change_nothing(drawn) -> None:
    diary = Diary(drawn)
    drawn.reset_features()
    drawn.reset_feature("age")
    drawn.make_factual()
    drawn.wait_idle()
    assert diary.of("conditions_changed") == diary.of("failed") == []


def test_the_next_generator_with_features_gets_them_back(drawn) -> None:
    drawn.new_person(9)
    drawn.open_checkpoint("fake")
    drawn.wait_idle()
    assert dict(drawn.edits) == {"height": 181.0}
    assert drawn.age == 63.0
    assert drawn.scenario is Scenario.REGRESSED
    assert drawn.person.identity.seed == 9


def test_a_recipe_makes_the_same_brain_again(drawn) -> None:
    recipe = Recipe.from_json(drawn.recipe().to_json())
    assert recipe.age is None
    brain = drawn.shown.brain
    drawn.new_person(77)
    drawn.wait_idle()
    drawn.apply_recipe(recipe)
    drawn.wait_idle()
    assert drawn.person.identity.seed == 5
    assert drawn.shown.brain.data.tobytes() == brain.data.tobytes()


def test_a_recipe_with_features_does_not_suit_it(drawn, session) -> None:
    recipe = drawn.recipe()
    wrong = Recipe(
        checkpoint="bare", label="seed 1", seed=1,
        conditions={"age": 30.0}, factual={"age": 30.0}, edits={}, age=30.0,
    )  # fmt: skip
    with pytest.raises(FeatureError, match="takes no features"):
        drawn.apply_recipe(wrong)
    assert drawn.recipe().to_json() == recipe.to_json()


def test_it_can_be_exported(drawn, tmp_path) -> None:
    steps = brain_export_steps(drawn.decoder, drawn.recipe(), Destination(tmp_path, "seed5"))
    assert list(steps)
    names = {path.name for path in (tmp_path / "sub-seed5" / "anat").iterdir()}
    assert "sub-seed5_label-GM_desc-factual_probseg.nii.gz" in names


def test_without_a_choice_the_first_one_with_features_is_opened(root) -> None:
    bare = open_checkpoint(write_fake_checkpoint(root, "a-bare", features=()))
    full = open_checkpoint(write_fake_checkpoint(root, "b-full", features=FEATURES))
    assert first_choice([bare, full]) is full
    assert first_choice([bare]) is bare


def test_without_a_choice_the_shipped_one_that_looks_most_like_people_is_opened(root) -> None:
    first = open_checkpoint(write_fake_checkpoint(root, "a-full", features=FEATURES))
    liked = open_checkpoint(write_fake_checkpoint(root, FIRST_CHECKPOINT, features=FEATURES))
    assert first_choice([first, liked]) is liked
