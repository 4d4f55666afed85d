"""The command line with a generator of T1 images, which have no tissue volumes."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
import torch

from brainviewer import cli
from brainviewer.cohort import preparing
from brainviewer.cohort.own_scan import OwnScan
from brainviewer.core.volume import Brain
from brainviewer.evaluation import brain_age
from brainviewer.evaluation.age_network import AgePlan
from brainviewer.evaluation.brain_age import AgeSettings
from brainviewer.generators.brainsynth import BrainSynthGenerator
from brainviewer.generators.checkpoint import open_checkpoint
from brainviewer.session.weights import weights_hash
from tests.tiny import GRID_AFFINE, SHAPE
from tests.tiny_brainsynth import publish_tiny_brainsynth, write_pictured_cohort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WOMAN = ("--age", "44", "--sex", "F")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_pictured_cohort(tmp_path_factory.mktemp("images") / "cohort")


@pytest.fixture(scope="module")
def checkpoint(cohort) -> Path:
    return publish_tiny_brainsynth(cohort.folder.parent / "tiny", cohort)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(checkpoint, capsys):
    def command(name: str, *words: object) -> tuple[int, str]:
        code = cli.main([name, "--checkpoint", str(checkpoint), *map(str, words)])
        return code, capsys.readouterr().err

    return command


def image_in(folder: Path) -> np.ndarray:
    (path,) = folder.glob("sub-*/anat/*.nii.gz")
    assert path.name.endswith("_T1w.nii.gz")
    return np.asarray(nib.load(path).dataobj)


def test_generate_writes_an_image_that_its_sidecar_makes_again(run, tmp_path) -> None:
    assert run("generate", *WOMAN, "--seed", 3, "--out", tmp_path / "a")[0] == 0
    image = image_in(tmp_path / "a")
    assert image.shape == SHAPE
    assert 0.0 <= image.min() < image.max() <= 1.0
    (sidecar,) = (tmp_path / "a").glob("sub-*/anat/*_T1w.json")
    assert run("generate", "--recipe", sidecar, "--out", tmp_path / "b")[0] == 0
    np.testing.assert_array_equal(image_in(tmp_path / "b"), image)


def test_an_own_scan_becomes_a_person_who_can_be_made_older(run, tmp_path, monkeypatch) -> None:
    channels = ("WM", "GM", "CSF", "T1w")
    maps = np.random.default_rng(1).uniform(0.1, 0.9, (4, *SHAPE)).astype(np.float32)
    brain = Brain(channels, maps, GRID_AFFINE)
    prepared = OwnScan("sub-X_T1w", brain.volume("T1w"), brain, np.eye(4), {})
    monkeypatch.setattr(preparing, "prepare_own_scan", lambda path, on_stage: prepared)
    recipe = tmp_path / "person.json"
    scan = tmp_path / "sub-X_T1w.nii.gz"
    assert run("encode", scan, *WOMAN, "--out", recipe)[0] == 0
    assert recipe.stat().st_size < 10_000
    assert run("generate", "--recipe", recipe, "--out", tmp_path / "now")[0] == 0
    entry = json.loads(recipe.read_text(encoding="utf-8"))
    for part in ("conditions", "factual"):
        entry[part]["age"] = 70.0
    recipe.write_text(json.dumps(entry | {"age": 70.0}), encoding="utf-8")
    assert run("generate", "--recipe", recipe, "--out", tmp_path / "later")[0] == 0
    assert not np.array_equal(image_in(tmp_path / "now"), image_in(tmp_path / "later"))


def test_a_trajectory_of_images_is_the_images_alone(run, tmp_path) -> None:
    ages = ("--from", 30, "--to", 50, "--step", 10)
    words = ("--sex", "F", "--scenario", "ideal", *ages)
    assert run("trajectory", *words, "--out", tmp_path)[0] == 0
    assert image_in(tmp_path).shape == (*SHAPE, 3)
    assert not [*tmp_path.glob("*.csv"), *tmp_path.glob("*.png")]


def test_the_average_brain_of_an_age_and_sex_is_nobodys(run, tmp_path) -> None:
    assert run("generate", *WOMAN, "--average", "--out", tmp_path / "a")[0] == 0
    (sidecar,) = (tmp_path / "a").glob("sub-average/anat/*_T1w.json")
    assert run("generate", "--recipe", sidecar, "--out", tmp_path / "b")[0] == 0
    np.testing.assert_array_equal(image_in(tmp_path / "b"), image_in(tmp_path / "a"))
    assert run("generate", *WOMAN, "--seed", 1, "--out", tmp_path / "c")[0] == 0
    assert not np.array_equal(image_in(tmp_path / "c"), image_in(tmp_path / "a"))
    ages = ("--from", 44, "--to", 54, "--step", 10)
    assert run("trajectory", *WOMAN, *ages, "--average", "--out", tmp_path / "d")[0] == 0
    first = image_in(tmp_path / "d")[..., 0]
    np.testing.assert_allclose(first, image_in(tmp_path / "a"), atol=1e-4)


def test_there_is_one_average_brain_alone(run, tmp_path) -> None:
    code, complaint = run("generate", *WOMAN, "--average", "--count", 2, "--out", tmp_path)
    assert code == 1
    assert "there is one average brain of an age and sex, got --count 2" in complaint


def test_what_needs_volumes_is_refused_before_anybody_is_drawn(run, tmp_path, monkeypatch) -> None:
    monkeypatch.delattr(BrainSynthGenerator, "draw")
    code, complaint = run("saliency", "--out", tmp_path / "s.csv")
    assert code == 1
    assert "makes T1-weighted images without tissue maps" in complaint


def test_evaluate_keeps_the_scores_with_the_checkpoint(run, checkpoint, cohort, tmp_path) -> None:
    out = tmp_path / "scores"
    assert run("evaluate", "--cohort", cohort.folder, "--out", out)[0] == 0
    found = json.loads((checkpoint / "scores.json").read_text(encoding="utf-8"))
    assert found.items() >= json.loads((out / "scores.json").read_text(encoding="utf-8")).items()
    assert "ms_ssim" in found["image_quality"]["generator"]
    assert (out / "images.md").is_file()


def test_ages_are_told_beside_the_scores_there_were(
    run, checkpoint, cohort, tmp_path, monkeypatch
) -> None:
    quick = partial(AgeSettings, plan=AgePlan(steps=2, look_every=1, runs=1))
    monkeypatch.setattr(brain_age, "AgeSettings", quick)
    weights = weights_hash(open_checkpoint(checkpoint))
    (checkpoint / "scores.json").write_text(json.dumps({"weights": weights, "overlap": 1}))
    words = ("--brain-age", "--synthetic", 2, "--cohort", cohort.folder, "--out", tmp_path)
    assert run("evaluate", *words)[0] == 0
    found = json.loads((checkpoint / "scores.json").read_text(encoding="utf-8"))
    assert found["overlap"] == 1
    assert found["brain_age"]["runs"] == 1
    assert set(found["brain_age"]["synthetic_people"]) == {"0", "2"}
