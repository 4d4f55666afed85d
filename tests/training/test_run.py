"""From a recipe and a cohort to a checkpoint, end to end."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from brainviewer.cohort.store import CohortError
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.run import train_checkpoint
from tests.tiny import RECIPE


def run(store, out, recipe=RECIPE, **arguments) -> None:
    arguments = {"resume": False, "device": "cpu", "command": "brainviewer train", **arguments}
    train_checkpoint(recipe, store, out, **arguments)


def test_training_writes_a_checkpoint_that_makes_brains(cohort_once, tmp_path) -> None:
    steps = []
    run(cohort_once, tmp_path / "tiny", on_progress=lambda step, losses: steps.append(step))
    assert steps == [1, 2, 3]
    checkpoint = open_checkpoint(tmp_path / "tiny")
    assert checkpoint.config["trained_on"] == {
        "source": "cohort", "licence": "licence not stated", "people": 28,
    }  # fmt: skip
    generator = load_generator(checkpoint, device="cpu")
    brain = generator.generate(generator.draw(1), checkpoint.schema.typical())
    assert np.isfinite(brain.data).all()
    assert (tmp_path / "tiny" / "training" / "log.csv").is_file()


def test_a_finished_run_can_be_published_again_without_a_step(cohort_once, tmp_path) -> None:
    run(cohort_once, tmp_path / "tiny")
    weights = (tmp_path / "tiny" / "weights.safetensors").read_bytes()
    steps = []
    run(
        cohort_once,
        tmp_path / "tiny",
        resume=True,
        on_progress=lambda step, losses: steps.append(step),
    )
    assert steps == []
    assert (tmp_path / "tiny" / "weights.safetensors").read_bytes() == weights


def test_the_cohort_says_its_name_and_licence(store, tmp_path) -> None:
    about = {"Name": "Ellipsoids", "License": "CC0"}
    (store.folder / "dataset_description.json").write_text(json.dumps(about), encoding="utf-8")
    run(store, tmp_path / "tiny", replace(RECIPE, steps=1))
    card = open_checkpoint(tmp_path / "tiny").card
    assert "Ellipsoids" in card
    assert "licence CC0" in card


@pytest.mark.parametrize("content", ["{", "[1]", "3"])
def test_a_broken_description_is_found_before_the_training(store, tmp_path, content) -> None:
    (store.folder / "dataset_description.json").write_text(content, encoding="utf-8")
    with pytest.raises(CohortError, match=r"dataset_description\.json is not readable JSON"):
        run(store, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


def test_an_unknown_generator_is_refused_with_those_there_are(cohort_once, tmp_path) -> None:
    with pytest.raises(TrainingRecipeError, match="generator must be one of cvae, got 'gan'"):
        run(cohort_once, tmp_path / "tiny", replace(RECIPE, generator="gan"))
