"""Damaged settings, cohorts and training recipes: the rest of what is read from the disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brainviewer.cohort.store import CohortError, CohortStore
from brainviewer.session.settings import Settings, read_settings, write_settings
from brainviewer.training.recipe import TrainingRecipeError, read_training_recipe
from tests.fuzz.mutation import answered, damaged_bytes, damaged_json_text, nested_json
from tests.tiny import person_id, write_tiny_cohort

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = b"""
generator = "cvae"
title = "Tiny C-VAE"
features = ["age", "sex"]
shape = [16, 24, 16]
first_voxel = [0, 0, 0]
steps = 3
batch_size = 4
learning_rate = 1e-3
test_folds = [0, 1]

[model]
latent = 6
channels = [8, 8, 8]
"""


def test_damaged_settings_are_those_of_the_first_start(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(Settings(("a.nii",), "fake", b"layout"), path)
    entry = json.loads(path.read_text())
    for number in range(700):
        path.write_bytes(damaged_json_text(entry, np.random.default_rng([41, number])))
        with answered():
            read_settings(path)


@pytest.mark.parametrize("name", ["manifest.json", f"people/{person_id(0)}.json"])
def test_damaged_descriptions_of_a_cohort(tmp_path: Path, name: str) -> None:
    store = write_tiny_cohort(tmp_path / "cohort", people=1)
    path = store.folder / name
    entry = json.loads(path.read_text())
    for number in range(400):
        path.write_bytes(damaged_json_text(entry, np.random.default_rng([42, number])))
        with answered(CohortError):
            use(store)


def test_damaged_arrays_of_a_cohort(tmp_path: Path) -> None:
    store = write_tiny_cohort(tmp_path / "cohort", people=1)
    path = store.person_path(person_id(0))
    whole = path.read_bytes()
    refused = 0
    for number in range(300):
        path.write_bytes(damaged_bytes(whole, np.random.default_rng([43, number])))
        with answered(CohortError) as sentences:
            use(store)
        refused += len(sentences)
    assert refused > 200


def use(store: CohortStore) -> None:
    store.read_manifest()
    store.read_person(person_id(0))
    store.read_tissues(person_id(0))


def test_deep_nesting_is_no_cohort(tmp_path: Path) -> None:
    store = write_tiny_cohort(tmp_path / "cohort", people=1)
    (store.folder / "manifest.json").write_text(nested_json(100_000))
    with answered(CohortError) as sentences:
        store.read_manifest()
    assert sentences


def test_damaged_training_recipes(tmp_path: Path) -> None:
    path, refused = tmp_path / "recipe.toml", 0
    path.write_bytes(RECIPE)
    read_training_recipe(path)
    for number in range(700):
        path.write_bytes(damaged_bytes(RECIPE, np.random.default_rng([44, number])))
        with answered(TrainingRecipeError) as sentences:
            read_training_recipe(path)
        refused += len(sentences)
    assert refused > 400
