"""Images in recipes: named from the recipe's folder, and found again after a move."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from brainviewer.core.recipe import Recipe
from brainviewer.session.recipe_files import open_recipe, save_recipe

if TYPE_CHECKING:
    from pathlib import Path


def recipe(*images: str) -> Recipe:
    layers = [{"name": "GM", "image": ""}, *({"name": it, "image": it} for it in images)]
    return Recipe("fake", "seed 1", {}, {}, {}, None, seed=1, view={"layers": layers})


def written(path: Path) -> list[str]:
    return [it["image"] for it in json.loads(path.read_text())["view"]["layers"]]


def opened(path: Path) -> list[str]:
    view = open_recipe(path).view
    assert view is not None
    return [it["image"] for it in view["layers"]]


@pytest.fixture
def study(tmp_path) -> Path:
    folder = tmp_path / "study"
    for name in ("scan.nii.gz", "atlas/labels.nii"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"image")
    return folder


def test_images_in_the_folder_are_named_from_there_and_others_absolutely(study, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere.nii"
    images = [str(study / "scan.nii.gz"), str(study / "atlas/labels.nii"), str(elsewhere)]
    save_recipe(study / "recipe.json", recipe(*images))
    assert written(study / "recipe.json") == [
        "", "scan.nii.gz", "atlas/labels.nii", str(elsewhere),
    ]  # fmt: skip
    assert opened(study / "recipe.json") == ["", *images]


def test_a_folder_that_was_moved_keeps_its_images(study, tmp_path) -> None:
    save_recipe(study / "recipe.json", recipe(str(study / "atlas/labels.nii")))
    moved = tmp_path / "moved"
    shutil.move(study, moved)
    assert opened(moved / "recipe.json")[1] == str(moved / "atlas/labels.nii")


def test_an_image_that_was_moved_beside_its_recipe_is_found(study, tmp_path) -> None:
    path = tmp_path / "recipes" / "recipe.json"
    path.parent.mkdir()
    save_recipe(path, recipe(str(study / "scan.nii.gz")))
    assert written(path)[1] == str(study / "scan.nii.gz")
    shutil.move(study / "scan.nii.gz", path.parent)
    assert opened(path)[1] == str(path.parent / "scan.nii.gz")


def test_an_image_that_is_gone_keeps_its_path(study) -> None:
    save_recipe(study / "recipe.json", recipe("/nowhere/gone.nii"))
    assert opened(study / "recipe.json")[1] == "/nowhere/gone.nii"


@pytest.mark.parametrize("view", [None, {}, {"layers": 3}, {"layers": ["scan"]}])
def test_a_view_that_is_none_or_broken_is_left_alone(tmp_path, view) -> None:
    save_recipe(tmp_path / "it.json", Recipe("fake", "a", {}, {}, {}, None, seed=1, view=view))
    assert open_recipe(tmp_path / "it.json").view == view
