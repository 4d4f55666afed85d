"""Recipes: written and read again without losing a bit, refused with a sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import brainviewer
from brainviewer.core.recipe import Recipe, RecipeError, read_recipe, write_recipe
from brainviewer.core.scenario import Scenario

CONDITIONS = {
    "age": 63.1 + 1e-13,
    "sex": "F",
    "height": 1 / 3,
    "education": None,
    "occupation": {"a": 0.1, "c": 0.9},
}
DRAWN = Recipe(
    checkpoint="cvae-ixi",
    label="seed 7",
    conditions=CONDITIONS,
    factual={**CONDITIONS, "age": 50},
    edits={"occupation": {"a": 0.1, "c": 0.9}},
    age=63.1 + 1e-13,
    scenario=Scenario.REGRESSED,
    seed=7,
    extrapolated=True,
    weights="9f86d0",
    view={"convention": "radiological"},
)
LATENT = np.array([0.1, -0.0, 1e-45, 3.4e38, np.pi, -1 / 3], dtype=np.float32)
BARE = replace(DRAWN, conditions={}, factual={}, edits={}, age=None, extrapolated=False)
ENCODED = replace(DRAWN, label="sub-Günther", seed=None, latent=LATENT)


@pytest.mark.parametrize("recipe", [DRAWN, ENCODED, BARE], ids=["seed", "latent", "no features"])
def test_a_recipe_comes_back_from_the_disk_bit_for_bit(tmp_path, recipe) -> None:
    write_recipe(tmp_path / "recipe.json", recipe)
    read = read_recipe(tmp_path / "recipe.json")
    for name in Recipe.__dataclass_fields__:
        if name != "latent":
            assert getattr(read, name) == getattr(recipe, name), name
    assert (read.latent is None) == (recipe.latent is None)
    if recipe.latent is not None:
        assert read.latent.dtype == np.float32
        assert read.latent.tobytes() == recipe.latent.tobytes()


def test_the_file_is_json_that_names_its_format_and_version(tmp_path) -> None:
    write_recipe(tmp_path / "recipe.json", DRAWN)
    entry = json.loads((tmp_path / "recipe.json").read_text(encoding="utf-8"))
    assert (entry["format"], entry["version"]) == ("brainviewer-recipe", 2)
    assert entry["application"] == brainviewer.__version__
    assert entry["identity"] == {"label": "seed 7", "seed": 7}


def test_keys_of_a_sidecar_beside_the_recipe_are_ignored(tmp_path) -> None:
    sidecar = {**DRAWN.to_json(), "SkullStripped": True, "Description": "a brain"}
    (tmp_path / "sidecar.json").write_text(json.dumps(sidecar), encoding="utf-8")
    assert read_recipe(tmp_path / "sidecar.json").to_json() == DRAWN.to_json()


def test_a_recipe_of_the_first_version_still_opens() -> None:
    entry = {**DRAWN.to_json(), "version": 1}
    del entry["weights"], entry["view"]
    old = Recipe.from_json(entry)
    assert (old.weights, old.view, old.age) == ("", None, DRAWN.age)


def test_latents_are_little_endian_whatever_the_array_was() -> None:
    swapped = replace(ENCODED, latent=LATENT.astype(">f4"))
    assert swapped.to_json() == ENCODED.to_json()


def test_a_recipe_knows_whether_it_is_the_person_as_given() -> None:
    assert not DRAWN.is_factual
    assert replace(DRAWN, factual=dict(CONDITIONS)).is_factual


@pytest.mark.parametrize("both", [{"latent": LATENT}, {"seed": None}], ids=["both", "neither"])
def test_an_identity_is_either_a_seed_or_a_latent(both) -> None:
    with pytest.raises(RecipeError, match="either a seed or a latent"):
        replace(DRAWN, **both)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON text"),
        ("[" * 100_000, "is not JSON text"),
        ("[1, 2]", "holds no BrainViewer recipe"),
        ('{"Manufacturer": "Philips"}', "holds no BrainViewer recipe"),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path, text, sentence) -> None:
    (tmp_path / "scan.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=f"scan.json .*{sentence}"):
        read_recipe(tmp_path / "scan.json")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 3}, "version 3, this program reads up to 2; update BrainViewer"),
        ({"version": "1"}, "version of a recipe must be a whole number"),
        ({"version": True}, "version of a recipe must be a whole number"),
        ({"age": "old"}, "age of a recipe must be a number"),
        ({"age": float("nan")}, "age of a recipe must be a number"),
        ({"scenario": "rosy"}, "'rosy' is not a valid Scenario"),
        ({"conditions": [1]}, "conditions of a recipe must map features to values"),
        ({"checkpoint": 3}, "checkpoint of a recipe must be a text"),
        ({"identity": {"label": "x"}}, "either a seed or a latent"),
        ({"identity": {"label": "x", "seed": 1.5}}, "seed of a recipe must be a whole number"),
        ({"identity": {"label": "x", "latent": "AAA"}}, "malformed"),
        ({"identity": {"label": "x", "latent": "AAAA"}}, "malformed"),
        ({"identity": 5}, "malformed"),
        ({"weights": 7}, "weights of a recipe must be a text"),
        ({"view": "from above"}, "view of a recipe must be an object"),
    ],
)
def test_a_broken_recipe_is_refused_with_what_is_wrong(tmp_path, change, sentence) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({**DRAWN.to_json(), **change}))
    with pytest.raises(RecipeError, match=sentence):
        read_recipe(tmp_path / "recipe.json")


@pytest.mark.parametrize("key", ["checkpoint", "identity", "conditions", "factual", "age"])
def test_a_missing_part_is_named(key) -> None:
    entry = DRAWN.to_json()
    del entry[key]
    with pytest.raises(RecipeError, match=f"the recipe has no '{key}'"):
        Recipe.from_json(entry)


def test_a_file_too_large_to_be_a_recipe_is_not_read(tmp_path) -> None:
    with (tmp_path / "scan.nii").open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(RecipeError, match=r"scan\.nii .* of this size is no recipe"):
        read_recipe(tmp_path / "scan.nii")


def test_disk_errors_are_one_sentence(tmp_path) -> None:
    with pytest.raises(RecipeError, match="does not exist"):
        read_recipe(tmp_path / "absent.json")
    with pytest.raises(RecipeError, match="cannot be written: the file or its folder does not"):
        write_recipe(tmp_path / "absent" / "recipe.json", DRAWN)
