"""Two processes that share each batch learn what one learns from the whole of it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean

import pytest

from brainviewer.generators.checkpoint import open_checkpoint
from tests.tiny import recipe_toml

REPOSITORY = Path(__file__).parents[2]
STEPS = 48
WINDOW = 12  # steps; single ones are noisy

TOML = recipe_toml(steps=STEPS, batch_size=8)


def train(folder: Path, cohort: Path, processes: int) -> dict[int, float]:
    """Train by the command, and return the reconstruction term of each step."""
    recipe = folder / "tiny.toml"
    recipe.write_text(TOML, encoding="utf-8")
    out = folder / f"with-{processes}"
    command = [sys.executable, "main.py", "train", recipe, "--cohort", cohort, "--out", out]
    done = subprocess.run(
        [*map(str, command), "--device", "cpu", "--processes", str(processes)],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert open_checkpoint(out).config["command"].startswith("brainviewer train tiny.toml")
    with (out / "training" / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row[1] == "reconstruction"]
    return {int(step): float(value) for step, _, value in rows}


def test_the_loss_curve_is_that_of_one_process(cohort_once, tmp_path) -> None:
    one, two = (train(tmp_path, cohort_once.folder, processes) for processes in (1, 2))
    assert list(two) == list(range(STEPS))
    windows = [
        [mean([curve[step] for step in range(start, start + WINDOW)]) for curve in (one, two)]
        for start in range(0, STEPS, WINDOW)
    ]
    fallen = windows[0][0] - windows[-1][0]
    assert fallen > 0.01
    for alone, shared in windows:
        assert shared == pytest.approx(alone, abs=0.25 * fallen)
