"""Kill -9 in the middle of a training: resumed, it gives what one gives that was left alone."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch

from brainviewer.cli import main
from brainviewer.core.files import STALE_S
from tests.robust import training_victim
from tests.robust.killing import kill
from tests.tiny import recipe_toml

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 12
KILLS = (1, 2)  # after so many states of each run
TOML = recipe_toml(steps=STEPS, batch_size=4)


def step_of(out: Path) -> int:
    return int(torch.load(out / "training" / "state.pt", weights_only=True)["step"])


def rows_of(out: Path) -> list[list[str]]:
    with (out / "training" / "log.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row[1] != "seconds"]


def config_of(out: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((out / "config.json").read_text(encoding="utf-8"))
    return {name: value for name, value in config.items() if name != "command"}


def grow_old(folder: Path) -> None:
    """Have what the killed runs left unfinished seem to be two days old."""
    then = time.time() - 2 * STALE_S
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)
def test_a_training_that_is_killed_and_resumed_gives_the_same_checkpoint(
    cohort_once, tmp_path
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TOML, encoding="utf-8")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = ["train", str(recipe), "--cohort", str(cohort_once.folder), "--device", "cpu"]
    assert main([*command, "--out", str(whole)]) == 0

    reached = 0
    for seed, states in enumerate(KILLS):
        words = [*command, "--out", str(killed), "--resume"]
        kill(training_victim.train, words, states, seed=seed)
        assert reached < step_of(killed) < STEPS
        reached = step_of(killed)
    assert not (killed / "weights.safetensors").exists()
    grow_old(killed)
    assert main([*command, "--out", str(killed), "--resume"]) == 0

    assert rows_of(killed) == rows_of(whole)
    assert config_of(killed) == config_of(whole)
    for name in ("weights.safetensors", "population.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    left = sorted(path.name for path in (killed / "training").iterdir())
    assert left == ["log.csv", "state.pt"]
