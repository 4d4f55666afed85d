"""The command line with a tiny trained checkpoint: exit codes, sentences, files."""

from __future__ import annotations

import csv
import errno
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
import torch

from brainviewer import __version__, cli
from brainviewer.cohort import preparing
from brainviewer.cohort.own_scan import OwnScan
from brainviewer.core.nifti import read_volume
from brainviewer.core.volume import Brain
from brainviewer.generators.checkpoint import find_checkpoints, open_checkpoint, resolve_checkpoint
from brainviewer.training.dataset import load_training_data
from tests.tiny import GRID_AFFINE, RECIPE, SHAPE, publish_tiny_checkpoint, write_tiny_cohort

if TYPE_CHECKING:
    from collections.abc import Iterator

TISSUES = ("WM", "GM", "CSF")
PERSON = ("--age", "43.5", "--sex", "female", "--set", "occupation=Retired", "--set", "height=171")


@pytest.fixture(scope="module")
def published_once(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    data = load_training_data(write_tiny_cohort(folder / "cohort"), RECIPE)
    return publish_tiny_checkpoint(folder / "checkpoints" / "tiny", data)


@pytest.fixture
def root(published_once, tmp_path, monkeypatch) -> Path:
    """A folder of checkpoints, which takes the place of the repository's."""
    shutil.copytree(published_once.parent, tmp_path / "checkpoints")
    for function in (find_checkpoints, resolve_checkpoint):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "checkpoints",))
    return tmp_path / "checkpoints"


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(root, capsys):
    """Run a command line: the exit code, the lines on stdout, the text on stderr."""

    def command(*words: object) -> tuple[int, list[str], str]:
        code = cli.main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out.splitlines(), printed.err

    return command


def sidecar_of(folder: Path, tissue: str = "GM") -> Path:
    (path,) = folder.glob(f"sub-*/anat/*_label-{tissue}_*_probseg.json")
    return path


def arrays_in(folder: Path) -> dict[str, np.ndarray]:
    images = sorted(folder.glob("sub-*/anat/*.nii.gz"))
    return {path.name: np.asarray(nib.load(path).dataobj) for path in images}


# Usage


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["generate", "--help"]])
def test_asking_for_help_is_no_failure(run, words) -> None:
    code, printed, complaints = run(*words)
    assert (code, complaints) == (0, "")
    assert printed


def test_the_version_is_that_of_the_package(run) -> None:
    assert run("--version")[1] == [__version__]


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["generate"], "--out"),
        (["generate", "--out", "x", "--age", "old"], "--age"),
        (["generate", "--out", "x", "--colour", "red"], "--colour"),
        (["trajectory", "--out", "x", "--scenario", "best"], "--scenario"),
        (["evaluate", "--out", "x"], "--checkpoint"),
        (["simulate", "x"], "--people"),
    ],
)
def test_wrong_usage_is_exit_code_two_with_the_option_on_stderr(run, words, word) -> None:
    code, printed, complaints = run(*words)
    assert (code, printed) == (2, [])
    assert word in complaints


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["generate", "--age", 12],
            "brainviewer: age must lie in {low:g}-{high:g} years for checkpoint 'tiny', got 12",
        ),
        (["generate", "--sex", "X"], "brainviewer: sex must be one of F (female), M (male), got"),
        (["generate", "--set", "iq=100"], "brainviewer: there is no feature 'iq'; the features"),
        (["generate", "--count", 0], "brainviewer: the count must be 1 or more, got 0"),
        (["generate", "--device", "tpu"], "brainviewer: there is no device 'tpu'; use auto, cpu"),
        (
            ["generate", "--checkpoint", "lost"],
            "brainviewer: there is no checkpoint 'lost'; the checkpoints are: tiny",
        ),
        (["generate", "--recipe", "lost.json"], "brainviewer: lost.json cannot be read"),
        (["trajectory", "--from", 50, "--to", 30], "brainviewer: ages must go up"),
        (["train", "lost.toml", "--cohort", "x"], "brainviewer: lost.toml cannot be read as TOML"),
    ],
)
def test_a_failure_is_exit_code_one_with_one_sentence_on_stderr(
    run, root, out, words, sentence
) -> None:
    known = open_checkpoint(root / "tiny").schema["age"].fitted
    code, printed, complaints = run(*words, "--out", out)
    assert (code, printed) == (1, [])
    assert sentence.format(low=known.low, high=known.high) in complaints
    assert "Traceback" not in complaints
    assert not out.exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "ENOSPC", "a.nii"), "a.nii: no space is left on the disk"),
        (OSError(errno.EROFS, "EROFS"), "the system refused: the disk is read-only"),
        (MemoryError(), "the memory of this computer is used up; close other programs"),
        (RuntimeError("two\nlines"), "two lines"),
    ],
)
def test_what_the_system_refuses_is_one_sentence_too(
    run, out, monkeypatch, error, sentence
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("brainviewer.commands.generate_brains", fail)
    code, _, complaints = run("generate", "--out", out)
    assert code == 1
    assert complaints.startswith(f"brainviewer: {sentence}")
    assert complaints.count("\n") == 1


def test_a_command_that_is_stopped_says_so(run, out, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("brainviewer.commands.generate_brains", stop)
    assert run("generate", "--out", out) == (1, [], "stopped\n")


# List


def test_list_names_checkpoints_features_and_what_is_broken(run, root) -> None:
    (root / "broken").mkdir()
    code, printed, _ = run("list")
    assert code == 0
    assert printed == [
        "tiny: Tiny C-VAE; age, sex, height, education, occupation",
        "not usable: broken is not a checkpoint: it has no config.json",
    ]


def test_list_says_when_there_is_nothing(run, root) -> None:
    shutil.rmtree(root)
    assert run("list")[1] == ["no checkpoint is installed; train one with brainviewer train"]


def test_without_any_checkpoint_nothing_is_made(run, root, out) -> None:
    shutil.rmtree(root)
    code, _, complaints = run("generate", "--out", out)
    assert code == 1
    assert "no checkpoint is installed" in complaints


# Generate


def test_generate_writes_images_with_sidecars(run, out) -> None:
    code, printed, _ = run("generate", "--checkpoint", "tiny", *PERSON, "--out", out)
    assert code == 0
    assert printed == [str(path) for path in map(out.joinpath, (
        *(f"sub-seed1/anat/sub-seed1_label-{t}_desc-factual_probseg.nii.gz" for t in TISSUES),
        "sub-seed1/anat/sub-seed1_desc-factual_dseg.nii.gz",
    ))]  # fmt: skip
    image = nib.load(printed[1])
    assert image.shape == SHAPE
    np.testing.assert_array_equal(image.affine, GRID_AFFINE)
    entry = json.loads(sidecar_of(out).read_text(encoding="utf-8"))
    assert entry["checkpoint"] == "tiny"
    assert entry["identity"] == {"label": "seed 1", "seed": 1}
    assert entry["extrapolated"] is False
    expected = {"age": 43.5, "sex": "F", "height": 171.0, "occupation": "c"}
    assert {name: entry["conditions"][name] for name in expected} == expected


def test_the_sidecar_makes_the_bit_identical_arrays_again(run, out, tmp_path) -> None:
    assert run("generate", *PERSON, "--seed", 7, "--out", out)[0] == 0
    for tissue in TISSUES:
        again = tmp_path / tissue
        assert run("generate", "--recipe", sidecar_of(out, tissue), "--out", again)[0] == 0
        first, second = arrays_in(out), arrays_in(again)
        assert first.keys() == second.keys()
        for name, array in first.items():
            assert array.tobytes() == second[name].tobytes()


def test_another_seed_is_another_brain(run, out) -> None:
    assert run("generate", *PERSON, "--count", 2, "--out", out)[0] == 0
    one, other = (arrays_in_of(out, seed) for seed in (1, 2))
    assert not np.array_equal(one, other)


def arrays_in_of(folder: Path, seed: int) -> np.ndarray:
    (path,) = folder.glob(f"sub-seed{seed}/anat/*label-GM*.nii.gz")
    return np.asarray(nib.load(path).dataobj)


@pytest.mark.parametrize("sex", ["F", "f", "female", "Female"])
def test_levels_are_given_by_code_or_name(run, out, sex) -> None:
    assert run("generate", "--sex", sex, "--out", out)[0] == 0
    assert json.loads(sidecar_of(out).read_text(encoding="utf-8"))["conditions"]["sex"] == "F"


def test_extrapolation_marks_the_sidecar_and_the_sidecar_can_be_used(run, out, tmp_path) -> None:
    assert run("generate", "--age", 95, "--extrapolate", "--out", out)[0] == 0
    entry = json.loads(sidecar_of(out).read_text(encoding="utf-8"))
    assert entry["extrapolated"] is True
    assert "EXTRAPOLATED beyond the training people" in entry["Description"]
    assert run("generate", "--recipe", sidecar_of(out), "--out", tmp_path / "again")[0] == 0


def test_existing_images_stay_unless_overwriting_is_asked_for(run, out) -> None:
    run("generate", "--age", 30, "--out", out)
    before = arrays_in(out)
    code, _, complaints = run("generate", "--age", 60, "--out", out)
    assert code == 1
    assert "exist already" in complaints
    np.testing.assert_equal(arrays_in(out), before)
    assert run("generate", "--age", 60, "--out", out, "--overwrite")[0] == 0
    assert any(not np.array_equal(array, before[name]) for name, array in arrays_in(out).items())


def test_weights_that_are_damaged_are_one_sentence(run, root, out) -> None:
    (root / "tiny" / "weights.safetensors").write_bytes(b"garbage" * 100)
    code, _, complaints = run("generate", "--out", out)
    assert code == 1
    assert "the weights of checkpoint tiny cannot be loaded" in complaints
    assert "Traceback" not in complaints


# Trajectory and saliency


@pytest.fixture
def scan(tmp_path, monkeypatch) -> Path:
    """A file in a BIDS dataset; its preparation is known at once."""
    maps = np.full((3, *SHAPE), 0.2, np.float32)
    brain = Brain(TISSUES, maps, GRID_AFFINE)
    prepared = OwnScan("sub-X_T1w", brain.volume("WM"), brain, np.eye(4), {})
    monkeypatch.setattr(preparing, "prepare_own_scan", lambda path, on_stage: prepared)
    table = "participant_id\tage\tsex\nsub-X\t44\tF\n"
    (tmp_path / "participants.tsv").write_text(table, encoding="utf-8")
    return tmp_path / "sub-X_T1w.nii.gz"


def test_encode_writes_a_person_that_can_be_made_older(run, scan, out, tmp_path) -> None:
    recipe = tmp_path / "person.json"
    assert run("encode", scan, "--set", "height=171", "--out", recipe)[0] == 0
    entry = json.loads(recipe.read_text(encoding="utf-8"))
    assert entry["conditions"]["age"] == 44.0
    assert entry["conditions"]["height"] == 171.0
    assert entry["conditions"]["education"] is None
    code, lines, _ = run("generate", "--recipe", recipe, "--out", out)
    assert code == 0
    assert "sub-X" in lines[0]


def test_a_scan_is_carried_where_a_folder_is_given(run, scan, out, tmp_path) -> None:
    recipe = tmp_path / "person.json"
    code, _, error = run("encode", scan, "--out", recipe, "--to", 70)
    assert code == 1
    assert "say with --carried where" in error
    assert not recipe.exists()
    assert run("encode", scan, "--out", recipe, "--to", 50, "--carried", out)[0] == 0
    (carried,) = out.glob("sub-X/anat/sub-X_label-GM*carried*.nii.gz")
    assert read_volume(carried).data.any()


def test_encode_asks_who_is_on_the_scan(run, scan, tmp_path) -> None:
    stranger = scan.with_name("sub-Z_T1w.nii.gz")
    code, _, error = run("encode", stranger, "--sex", "F", "--out", tmp_path / "person.json")
    assert code == 1
    assert "say who is on the scan: --age" in error


def test_trajectory_writes_table_picture_and_images_over_age(run, out) -> None:
    ages = ("--from", 30, "--to", 55, "--step", 10, "--scenario", "regressed")
    code, printed, _ = run("trajectory", *PERSON, *ages, "--out", out)
    assert code == 0
    table, picture = (out / f"sub-seed1_desc-regressed_volumes.{end}" for end in ("csv", "png"))
    assert printed[-2:] == [str(table), str(picture)]
    assert picture.read_bytes().startswith(b"\x89PNG")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["age_years"] for row in rows] == ["30", "40", "50", "55"]
    image = nib.load(printed[1])
    assert image.shape == (*SHAPE, 4)
    volumes = image.get_fdata().sum(axis=(0, 1, 2)) * np.linalg.det(GRID_AFFINE) / 1000
    # The images are stored in steps of 1/65535.
    np.testing.assert_allclose(volumes, [float(row["GM_ml"]) for row in rows], rtol=1e-3)


def test_saliency_writes_a_row_a_tissue_and_column(run, root, tmp_path) -> None:
    path = tmp_path / "saliency.csv"
    code, printed, _ = run("saliency", "--count", 2, *PERSON, "--out", path)
    assert (code, printed) == (0, [str(path)])
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    schema = open_checkpoint(root / "tiny").schema
    assert len(rows) == 3 * len(schema.columns)
    assert {row["structure"] for row in rows} == set(TISSUES)
    assert {row["feature"] for row in rows} == set(schema.names)


# Evaluation


def test_evaluate_takes_several_checkpoints_and_published_networks(run, out, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        "brainviewer.commands.evaluate_generators",
        lambda *words, **more: asked.append((words, more)),
    )
    words = ("--checkpoint", "tiny", "--checkpoint", "other", "--cohort", "people", "--draws", 3)
    code, _, _ = run("evaluate", *words, "--network-2d", "net.pt", "--out", out)
    assert code == 0
    assert asked == [
        (
            (["tiny", "other"], Path("people"), out),
            {
                "draws": 3,
                "device": "auto",
                "networks": (None, Path("net.pt")),
                "labels": None,
                "images": False,
            },
        )
    ]


def test_evaluate_takes_how_many_synthetic_people_teach_ages(run, out, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        "brainviewer.commands.evaluate_brain_age",
        lambda *words, **more: asked.append((words, more)),
    )
    words = ("evaluate", "--checkpoint", "tiny", "--cohort", "people", "--out", out)
    assert run(*words, "--brain-age")[0] == 0
    assert run(*words, "--brain-age", "--synthetic", 0, "--synthetic", 9)[0] == 0
    assert asked == [
        ((["tiny"], Path("people"), out), {"synthetic": synthetic, "device": "auto"})
        for synthetic in (None, [0, 9])
    ]
    code, _, complaints = run(*words, "--synthetic", 9)
    assert code == 1
    assert "give --brain-age too" in complaints
    code, _, complaints = run(*words, "--brain-age", "--images")
    assert code == 1
    assert "--images and --brain-age are two runs" in complaints


def test_evaluate_says_in_a_sentence_what_does_not_fit(run, root, out, tmp_path) -> None:
    words = ("--checkpoint", "tiny", "--cohort", tmp_path, "--out", out)
    code, _, complaints = run("evaluate", *words)
    assert code == 1
    assert "is not a cohort" in complaints
    assert "Traceback" not in complaints
