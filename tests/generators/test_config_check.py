"""What of a checkpoint must fit together, and one sentence where it does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from brainviewer.generators.checkpoint import CheckpointError, open_checkpoint
from tests.fakes import write_fake_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

AFFINE = [[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 1.0]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_fake_checkpoint(tmp_path)


def changed(folder: Path, **entries: object) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"title": 3}, "title must be a text, got 3"),
        ({"channels": "WM"}, "channels must be a list"),
        ({"channels": []}, "1-16 different names"),
        ({"channels": ["WM", "WM"]}, "1-16 different names"),
        ({"channels": ["WM", None]}, "a channel must be a text, got None"),
        ({"shape": [16, 16]}, "shape must hold 3 numbers, got 2"),
        ({"shape": [16, 16, 0]}, "shape must lie in 1-1024, got 0"),
        ({"shape": [1024, 1024, 1024]}, "is more than 34 million voxels"),
        ({"affine": AFFINE[:3]}, "affine must have 4 rows, got 3"),
        ({"affine": [*AFFINE[:3], [0, 0, 1, 1]]}, "the last row of the affine"),
        ({"affine": [[2, 2, 0, 0], [2, 2, 0, 0], *AFFINE[2:]]}, "singular"),
        ({"affine": [[0, 0, 0, 0], *AFFINE[1:]]}, "voxels of 0.05-50 mm"),
        ({"affine": [[2, 0, 0, 1e9], *AFFINE[1:]]}, "far away"),
        ({"regression": {}}, "the regression has no 'all'"),
        ({"regression": {"all": {}}}, "the regression of height for all must have 1 rows"),
    ],
)
def test_what_does_not_fit_is_named(folder, entries, words) -> None:
    sentence = changed(folder, **entries)
    assert sentence.startswith("checkpoint fake is broken (")
    assert words in sentence


def test_a_regression_is_finite(folder) -> None:
    rows = json.loads((folder / "config.json").read_text())["regression"]
    rows["F"]["height"][0][2] = float("nan")
    assert "the regression of height for F is not finite" in changed(folder, regression=rows)


def test_every_tissue_has_percentiles(folder) -> None:
    table = folder / "population.csv"
    lines = [line for line in table.read_text().splitlines() if not line.startswith("GM,all")]
    table.write_text("\n".join(lines))
    with pytest.raises(CheckpointError, match="has no GM of 'all'"):
        open_checkpoint(folder)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_percentiles_are_finite(folder, value) -> None:
    table = folder / "population.csv"
    rows = table.read_text().splitlines()
    rows[3] = ",".join([*rows[3].split(",")[:-1], value])
    table.write_text("\n".join(rows))
    with pytest.raises(CheckpointError, match="is not finite"):
        open_checkpoint(folder)
