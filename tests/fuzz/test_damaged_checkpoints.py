"""Damaged checkpoints: usable, or a sentence in the list; the others are not touched."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.torch import save_file

from brainviewer.core.features import FeatureError
from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import (
    CheckpointError,
    find_checkpoints,
    load_generator,
    open_checkpoint,
)
from brainviewer.session.model import first_state, recipe_of
from brainviewer.session.request import structures_of
from brainviewer.session.sweep import swept_features
from brainviewer.session.trajectory import trajectory_ages
from tests.fakes import FakeGenerator, fake_training, write_fake_checkpoint
from tests.fuzz.mutation import answered, damaged_bytes, damaged_json_text, nested_json
from tests.tiny import AFFINE, RECIPE, SHAPE, SIZES, tiny_cvae

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("population.csv", "card.md", "scores.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "checkpoints"
    write_fake_checkpoint(root, "good")
    return write_fake_checkpoint(root, "torn")


def list_and_use(folder: Path) -> list[str]:
    """List the checkpoints, and begin with the damaged one where it is usable."""
    usable, problems = find_checkpoints(folder.parent)
    assert "good" in [it.name for it in usable]
    assert {it.name for it in usable} | set(problems) == {"good", "torn"}
    for checkpoint in usable:
        if checkpoint.name == "torn":
            begin_with(folder)
    return list(problems.values())


def begin_with(folder: Path) -> None:
    """Do what the window does before the first brain."""
    checkpoint = open_checkpoint(folder)
    state = first_state(checkpoint, FakeGenerator(checkpoint))
    json.dumps(recipe_of(state).to_json(), allow_nan=False)
    swept_features(checkpoint.schema)
    for age in trajectory_ages(checkpoint.schema)[:3]:
        state.course.at(float(age))
    checkpoint.schema.encode(state.conditions)
    for structure in structures_of(checkpoint):
        checkpoint.population.percentile(structure, "all", 50.0, 400.0)


def test_damaged_configurations(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    refused = 0
    for number in range(1200):
        rng = np.random.default_rng([31, number])
        (folder / "config.json").write_bytes(damaged_json_text(config, rng))
        with answered(CheckpointError, FeatureError) as sentences:
            sentences += list_and_use(folder)
        refused += len(sentences)
    assert refused > 300


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_beside(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for number in range(250):
        rng = np.random.default_rng([32, number])
        (folder / name).write_bytes(damaged_bytes(whole, rng))
        with answered(CheckpointError, FeatureError) as sentences:
            sentences += list_and_use(folder)


def test_deep_nesting_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(nested_json(100_000))
    with answered() as sentences:
        sentences += list_and_use(folder)
    assert sentences


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A real, untrained C-VAE of the fake features."""
    folder = write_fake_checkpoint(tmp_path / "real", "tiny", shape=SHAPE)
    schema, _ = fake_training()
    model = tiny_cvae(len(schema.columns))
    config = json.loads((folder / "config.json").read_text())
    config |= {"generator": "cvae", "model": model.config.to_json(), "affine": AFFINE.tolist()}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "weights.safetensors")
    assert SIZES["latent"] == RECIPE.model["latent"]
    return folder


def make_a_brain(folder: Path) -> None:
    checkpoint = open_checkpoint(folder)
    with warnings.catch_warnings():
        # Of a layer without width, whose weights do not fit then.
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        generator = load_generator(checkpoint, device="cpu")
    state = first_state(checkpoint, generator)
    generator.generate(state.person.identity, state.conditions)


def test_a_tiny_checkpoint_is_good(tiny: Path) -> None:
    make_a_brain(tiny)


def test_damaged_weights(tiny: Path) -> None:
    path = tiny / "weights.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for number in range(120):
        rng = np.random.default_rng([33, number])
        damaged = damaged_bytes(whole[:header], rng) + whole[header:]
        path.write_bytes(damaged if number % 2 else damaged_bytes(whole, rng))
        with answered(CheckpointError, FeatureError, GenerationError):
            make_a_brain(tiny)


def test_damaged_configurations_of_a_real_generator(tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    keys = ("channels", "shape", "affine", "space", "model", "generator")
    for number in range(150):
        rng = np.random.default_rng([34, number])
        part = json.loads(json.dumps({key: config[key] for key in keys}))
        text = damaged_json_text(part, rng)
        try:
            changed = {**config, **json.loads(text)}
        except (ValueError, TypeError):
            continue
        (tiny / "config.json").write_text(json.dumps(changed))
        with answered(CheckpointError, FeatureError, GenerationError):
            make_a_brain(tiny)
