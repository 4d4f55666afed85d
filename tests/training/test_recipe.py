"""Training recipes: read from TOML, refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainviewer.generators.networks import NetworkConfig
from brainviewer.training.recipe import TrainingRecipeError, read_training_recipe
from brainviewer.training.vae import VAEWeights

SHIPPED = Path(__file__).parents[2] / "resources" / "recipes" / "cvae-ixi.toml"
LINES = {
    "generator": '"cvae"',
    "title": '"Tiny"',
    "features": '["age", "sex"]',
    "shape": "[16, 24, 16]",
    "first_voxel": "[0, 1, 2]",
    "steps": "3",
    "batch_size": "4",
    "learning_rate": "1e-3",
}


@pytest.fixture
def write(tmp_path):
    def write_recipe(text: str = "", **changes: str | None) -> Path:
        lines = {name: value for name, value in (LINES | changes).items() if value is not None}
        path = tmp_path / "tiny.toml"
        path.write_text("\n".join(f"{k} = {v}" for k, v in lines.items()) + "\n" + text)
        return path

    return write_recipe


def test_the_shipped_recipe_reads() -> None:
    recipe = read_training_recipe(SHIPPED)
    assert recipe.generator == "cvae"
    assert recipe.shape == (80, 112, 80)
    assert recipe.test_folds == (0, 1)
    NetworkConfig(recipe.shape, 12, **recipe.model)
    VAEWeights(**recipe.losses)


def test_what_is_not_said_has_a_default(write) -> None:
    recipe = read_training_recipe(write())
    assert (recipe.features, recipe.first_voxel) == (("age", "sex"), (0, 1, 2))
    assert (recipe.seed, recipe.validation_folds, recipe.model) == (1, (2,), {})


def test_tables_say_sizes_and_weights(write) -> None:
    recipe = read_training_recipe(write("[model]\nlatent = 6\n[losses]\nvolume = 0.5\n"))
    assert (recipe.model, recipe.losses) == ({"latent": 6}, {"volume": 0.5})


def test_an_unknown_key_is_named_beside_the_known_ones(write) -> None:
    with pytest.raises(
        TrainingRecipeError,
        match=r"tiny\.toml has the unknown keys epochs, lr; known are batch_size, .* weight_decay",
    ):
        read_training_recipe(write(lr="1", epochs="2"))


def test_missing_keys_are_named(write) -> None:
    with pytest.raises(TrainingRecipeError, match=r"tiny\.toml lacks features, steps$"):
        read_training_recipe(write(steps=None, features=None))


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("steps", '"many"', "a whole number above 0, got 'many'"),
        ("steps", "0", "a whole number above 0, got 0"),
        ("batch_size", "2.5", "a whole number above 0"),
        ("batch_size", "true", "a whole number above 0"),
        ("learning_rate", "-1e-3", "a number above 0"),
        ("shape", "[16, 16]", r"three whole numbers, got \(16, 16\)"),
        ("shape", "16", "three whole numbers"),
        ("first_voxel", "[0, 0.5, 0]", "three whole numbers"),
        ("features", '["age", "height"]', "a list with age and sex"),
        ("features", '"age"', "a list with age and sex"),
        ("test_folds", "[10]", "a list of numbers from 0 to 9"),
        ("validation_folds", "2", "a list of numbers from 0 to 9"),
        ("condition_dropout", "1.5", "a number from 0 to below 1"),
        ("ema_decay", "1", "a number from 0 to below 1"),
        ("warp_mm", "-1", "a number, 0 or more"),
        ("model", "3", "a table"),
        ("losses", "[1]", "a table"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(write, key, value, wanted) -> None:
    with pytest.raises(TrainingRecipeError, match=rf"^{key} in tiny\.toml must be {wanted}"):
        read_training_recipe(write(**{key: value}))


@pytest.mark.parametrize("content", [b"steps = ", b"\xff\xfe", b"{}"])
def test_what_is_not_toml_is_one_sentence(tmp_path, content) -> None:
    (tmp_path / "broken.toml").write_bytes(content)
    with pytest.raises(TrainingRecipeError, match=r"broken\.toml cannot be read as TOML"):
        read_training_recipe(tmp_path / "broken.toml")


def test_a_recipe_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(TrainingRecipeError, match=r"lost\.toml cannot be read"):
        read_training_recipe(tmp_path / "lost.toml")
