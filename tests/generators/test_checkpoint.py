"""Checkpoint folders: opened, listed, and one sentence for each way to be broken."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from brainviewer.generators.base import DeviceError
from brainviewer.generators.checkpoint import (
    CheckpointError,
    find_checkpoints,
    load_generator,
    open_checkpoint,
    resolve_checkpoint,
)
from tests.fakes import write_fake_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PERSON = {"age": 40.0, "sex": "F"}


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "tiny"


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config)
    path.write_text(json.dumps(config), encoding="utf-8")


def sentence_of(action: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        action()
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_checkpoint_is_described_without_its_weights(folder) -> None:
    checkpoint = open_checkpoint(folder)
    assert (checkpoint.name, checkpoint.title) == ("tiny", "Tiny C-VAE")
    assert (checkpoint.generator, checkpoint.structures) == ("cvae", ("WM", "GM", "CSF"))
    assert checkpoint.schema["age"].fitted.count > 20
    assert checkpoint.card.startswith("# Tiny C-VAE")
    assert ("GM", "all") in checkpoint.population.curves


def test_a_checkpoint_loads_and_makes_a_brain(folder) -> None:
    generator = load_generator(open_checkpoint(folder), device="cpu")
    brain = generator.generate(generator.draw(1), PERSON)
    assert (generator.name, generator.device_name, generator.space) == ("tiny", "CPU", "native")
    assert brain.data.shape == (3, *generator.shape)
    assert np.isfinite(brain.data).all()


def test_loading_leaves_torchs_own_randomness_alone_for_people(folder) -> None:
    first, second = (load_generator(open_checkpoint(folder), device="cpu") for _ in range(2))
    np.testing.assert_array_equal(
        first.generate(first.draw(3), PERSON).data, second.generate(second.draw(3), PERSON).data
    )


@pytest.mark.parametrize("name", ["weights.safetensors", "card.md", "population.csv"])
def test_a_missing_file_is_named(folder, name) -> None:
    (folder / name).unlink()
    sentence = sentence_of(lambda: open_checkpoint(folder))
    assert sentence == f"checkpoint tiny has no {name}; copy it again"


def test_a_broken_population_table_is_named(folder) -> None:
    (folder / "population.csv").write_text("age,WM\n20,500\n", encoding="utf-8")
    assert sentence_of(lambda: open_checkpoint(folder)).startswith(
        "checkpoint tiny is broken (population.csv is not a population table"
    )


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"format_version": 1,}'])
def test_broken_json_is_one_sentence(folder, content) -> None:
    (folder / "config.json").write_bytes(content)
    sentence = sentence_of(lambda: open_checkpoint(folder))
    assert sentence.startswith("config.json of checkpoint tiny cannot be read")


@pytest.mark.parametrize(
    "content", ["[]", "3", "null", '{"model_type": "bert"}', '{"format_version": "one"}']
)
def test_a_foreign_folder_is_told_apart_from_a_broken_one(folder, content) -> None:
    (folder / "config.json").write_text(content, encoding="utf-8")
    assert sentence_of(lambda: open_checkpoint(folder)) == "tiny is not a BrainViewer checkpoint"


def test_a_newer_format_asks_for_an_update(folder) -> None:
    change_config(folder, lambda config: config.update(format_version=2))
    assert sentence_of(lambda: open_checkpoint(folder)) == (
        "checkpoint tiny has format 2, this program reads up to 1; update BrainViewer"
    )


@pytest.mark.parametrize("key", ["title", "generator", "channels", "features", "regression"])
def test_a_missing_entry_is_named(folder, key) -> None:
    change_config(folder, lambda config: config.pop(key))
    assert sentence_of(lambda: open_checkpoint(folder)) == (
        f"config.json of checkpoint tiny has no {key}; copy it again"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features", None),
        ("features", [{"name": "age"}]),
        ("regression", []),
        ("regression", {"all": {"height": 3}}),
    ],
)
def test_a_malformed_entry_is_one_sentence(folder, key, value) -> None:
    change_config(folder, lambda config: config.update({key: value}))
    sentence = sentence_of(lambda: open_checkpoint(folder))
    assert sentence.startswith("checkpoint tiny is broken")


# Weights


def test_a_generator_that_is_not_known_here_is_named_beside_those_that_are(folder) -> None:
    change_config(folder, lambda config: config.update(generator="diffusion"))
    sentence = sentence_of(lambda: load_generator(open_checkpoint(folder)))
    assert "generator 'diffusion' is unknown here; known: vae, cvae, " in sentence


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _rename_a_weight(path: Path) -> None:
    weights = load_file(path)
    weights["stranger"] = weights.pop("decoder.head.bias")
    save_file(weights, path)


def _reshape_a_weight(path: Path) -> None:
    save_file(load_file(path) | {"decoder.head.bias": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    "damage",
    [
        _truncate,
        _rename_a_weight,
        _reshape_a_weight,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"garbage" * 1000),
        lambda path: path.write_bytes(bytes(1000)),
        lambda path: path.write_bytes(b"\xff" * 1000),
    ],
    ids=["truncated", "other names", "other shape", "empty", "text", "zeros", "ones"],
)
def test_weights_that_cannot_be_used_are_one_sentence(folder, damage) -> None:
    damage(folder / "weights.safetensors")
    sentence = sentence_of(lambda: load_generator(open_checkpoint(folder), device="cpu"))
    assert sentence.startswith("the weights of checkpoint tiny cannot be loaded (")
    assert sentence.endswith("; copy it again")


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("model"),
        lambda config: config.update(model=None),
        lambda config: config["model"].pop("shape"),
        lambda config: config["model"].update(shape=[16, 20, 16]),
        lambda config: config["model"].update(wings=2),
        lambda config: config["model"].update(latent=7),
        lambda config: config["features"].pop(),
    ],
    ids=["none", "null", "no shape", "odd shape", "unknown", "other size", "a feature less"],
)
def test_a_configuration_that_does_not_fit_the_weights_is_one_sentence(folder, change) -> None:
    change_config(folder, change)
    sentence = sentence_of(lambda: load_generator(open_checkpoint(folder), device="cpu"))
    assert sentence.startswith("the weights of checkpoint tiny cannot be loaded (")


def test_a_device_that_is_not_there_is_not_blamed_on_the_weights(folder) -> None:
    with pytest.raises(DeviceError, match=r"^there is no device 'tpu'; use auto, cpu or cuda$"):
        load_generator(open_checkpoint(folder), device="tpu")


# Lists


def test_checkpoints_are_listed_by_name_and_broken_ones_do_not_hide_the_others(root) -> None:
    write_fake_checkpoint(root, "a-fake")
    (root / "broken").mkdir()
    (root / "newer").mkdir()
    (root / "newer" / "config.json").write_text('{"format_version": 9}', encoding="utf-8")
    (root / "README.md").write_text("not a folder", encoding="utf-8")
    usable, problems = find_checkpoints(root)
    assert [checkpoint.name for checkpoint in usable] == ["a-fake", "tiny"]
    assert set(problems) == {"broken", "newer"}
    assert problems["broken"] == "broken is not a checkpoint: it has no config.json"


def test_a_root_that_is_not_there_has_no_checkpoints(tmp_path) -> None:
    assert find_checkpoints(tmp_path / "nowhere") == ([], {})


def test_a_checkpoint_is_found_by_name_or_by_folder(root, folder, tmp_path) -> None:
    assert resolve_checkpoint("tiny", root).folder == folder
    assert resolve_checkpoint(str(folder), tmp_path / "nowhere").folder == folder


def test_an_unknown_name_is_refused_with_those_that_exist(root, tmp_path) -> None:
    assert sentence_of(lambda: resolve_checkpoint("lost", root)) == (
        "there is no checkpoint 'lost'; the checkpoints are: tiny"
    )
    assert sentence_of(lambda: resolve_checkpoint("lost", tmp_path / "nowhere")).endswith(": none")


def test_describing_checkpoints_does_not_load_torch() -> None:
    code = "import sys, brainviewer.generators.checkpoint; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
