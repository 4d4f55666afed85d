"""Damaged recipes, from the file to the brain and the view."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brainviewer.core.features import FeatureError
from brainviewer.core.recipe import RecipeError, read_recipe
from brainviewer.core.space import Convention, Plane
from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from brainviewer.session.display import Display
from brainviewer.session.layers import layers_of
from brainviewer.session.lightbox import Lightbox
from brainviewer.session.look import look_of_layer
from brainviewer.session.model import first_state, recipe_of, state_of
from brainviewer.session.rulers import Ruler
from brainviewer.session.scene import Look3D, SavedPin, Scene, scene_from_json
from brainviewer.session.view import View
from tests.fakes import FakeGenerator, write_fake_checkpoint
from tests.fuzz.mutation import answered, damaged_json_text, nested_json

if TYPE_CHECKING:
    from pathlib import Path

REFUSALS = (RecipeError, FeatureError, CheckpointError, GenerationError)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return open_checkpoint(write_fake_checkpoint(tmp_path / "checkpoints"))


@pytest.fixture
def generator(checkpoint: Checkpoint) -> FakeGenerator:
    return FakeGenerator(checkpoint)


@pytest.fixture
def entry(checkpoint: Checkpoint, generator: FakeGenerator) -> dict:
    """A recipe with all that a view can hold."""
    recipe = recipe_of(first_state(checkpoint, generator))
    brain = generator.generate(generator.draw(1), recipe.conditions)
    scene = Scene(
        (1.0, 2.0, 3.0),
        True,
        Convention.RADIOLOGICAL,
        "axial",
        tuple(look_of_layer(it) for it in layers_of(brain)),
        {plane: View(2.0, (1.0, -1.0)) for plane in Plane},
        Look3D("Surfaces", ("cortex",), 0.5, (1.0, 2, 3), (0.0, 0, 0), (0.0, 0, 1), "L"),
        "factual",
        "GM",
        (SavedPin("a", True, recipe),),
        (Ruler(Plane.AXIAL, (0.0, 0, 0), (1.0, 0, 0)),),
        Lightbox(),
    )
    return {**recipe.to_json(), "view": scene.to_json()}


def use(path: Path, checkpoint: Checkpoint, generator: FakeGenerator) -> None:
    """Open a recipe as the window does."""
    recipe = read_recipe(path)
    if recipe.view is not None:
        scene = scene_from_json(recipe.view)
        scene.to_json()
    state, _ = state_of(recipe, checkpoint, generator)
    brain = generator.generate(state.person.identity, state.conditions)
    display = Display()
    display.show_brain(brain)
    if recipe.view is not None:
        display.arrange([it for it in scene.layers if not it.source])
        display.set_crosshair(scene.crosshair)
        display.set_views(scene.views)
        display.rulers.replace(scene.rulers)
        display.rulers.as_text()
        if scene.lightbox is not None and display.reference is not None:
            scene.lightbox.frames(display.reference, scene.convention)
    json.dumps(recipe_of(state).to_json(), allow_nan=False)


def test_damaged_recipes(tmp_path, entry, checkpoint, generator) -> None:
    path, refused = tmp_path / "recipe.json", 0
    for number in range(2000):
        path.write_bytes(damaged_json_text(entry, np.random.default_rng([21, number])))
        with answered(*REFUSALS) as sentences:
            use(path, checkpoint, generator)
        refused += len(sentences)
    assert 1000 < refused < 2000


def test_recipes_without_a_view(tmp_path, entry, checkpoint, generator) -> None:
    path, bare = tmp_path / "recipe.json", {**entry, "view": None}
    for number in range(1500):
        path.write_bytes(damaged_json_text(bare, np.random.default_rng([22, number])))
        with answered(*REFUSALS):
            use(path, checkpoint, generator)


@pytest.mark.parametrize("place", [[], ["view"], ["identity"], ["conditions", "age"]])
def test_deep_nesting_is_refused(tmp_path, entry, checkpoint, generator, place) -> None:
    text = nested_json(100_000)
    if place:
        owner = entry
        for key in place[:-1]:
            owner = owner[key]
        owner[place[-1]] = "HERE"
        text = json.dumps(entry).replace('"HERE"', text)
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with answered(*REFUSALS) as sentences:
        use(path, checkpoint, generator)
    assert sentences
