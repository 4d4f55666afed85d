"""What the commands do, with a fake generator: the person they make, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from brainviewer import commands
from brainviewer.cohort import importing, preparing
from brainviewer.cohort.filling import CohortSummary
from brainviewer.cohort.limits import ScanRefusedError
from brainviewer.commands import (
    Ages,
    CarryWish,
    Wishes,
    encode_own_scan,
    evaluate_generators,
    generate_brains,
    import_people,
    parse_setting,
    reproduce_brain,
    write_local_change,
    write_saliency,
    write_trajectory,
)
from brainviewer.core.features import FeatureError
from brainviewer.core.nifti import read_volume
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.recipe import read_recipe
from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import CheckpointError, open_checkpoint
from brainviewer.session.export import ExportError
from brainviewer.session.weights import weights_hash
from tests.fakes import (
    FEATURES,
    FakeLoader,
    LabelledGenerator,
    SearchingGenerator,
    WarpingGenerator,
    fake_scan,
    write_fake_checkpoint,
)

if TYPE_CHECKING:
    from pathlib import Path

AGE, SEX, HEIGHT, EDUCATION, OCCUPATION = FEATURES
QUIET = {"device": "cpu", "overwrite": False}


@pytest.fixture
def loader(monkeypatch) -> FakeLoader:
    loader = FakeLoader()
    monkeypatch.setattr(commands, "load_generator", loader)
    return loader


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_fake_checkpoint(tmp_path / "checkpoints")


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def wishes(folder: Path, *settings: str, **changes: Any) -> Wishes:
    told = {"age": None, "sex": None, "seed": 1, "extrapolate": False, **changes}
    return Wishes(str(folder), settings=settings, **told)


def asked(loader: FakeLoader) -> dict[str, Any]:
    """The conditions of the last brain that was asked for."""
    return loader.last.calls[-1][1]


@pytest.mark.parametrize(
    ("feature", "text", "value"),
    [
        (HEIGHT, "171.5", 171.5),
        (HEIGHT, "n/a", None),
        (HEIGHT, "", None),
        (SEX, "F", "F"),
        (SEX, "m", "M"),
        (SEX, "Female", "F"),
        (EDUCATION, "3", "3"),
        (EDUCATION, "degree", "3"),
        (OCCUPATION, "At Work", "a"),
    ],
)
def test_a_setting_is_a_number_or_a_level_by_code_or_name(feature, text, value) -> None:
    assert parse_setting(feature, text) == value


@pytest.mark.parametrize(
    ("feature", "text", "sentence"),
    [
        (HEIGHT, "tall", "height must be a number of cm, got 'tall'"),
        (SEX, "X", r"sex must be one of F \(female\), M \(male\), got 'X'"),
        (EDUCATION, "4", r"education must be one of 1 \(none\), 2 \(school\), 3 \(degree\)"),
    ],
)
def test_a_setting_that_is_neither_is_refused(feature, text, sentence) -> None:
    with pytest.raises(FeatureError, match=sentence):
        parse_setting(feature, text)


def test_what_is_not_said_is_typical(loader, folder, out) -> None:
    generate_brains(wishes(folder, age=50.0), out, count=1, **QUIET)
    assert asked(loader) == {**loader.last.schema.typical(), "age": 50.0}


def test_what_is_said_is_asked_for(loader, folder, out) -> None:
    wanted = wishes(folder, "height=181", "occupation=retired", "education=n/a", sex="male")
    generate_brains(wanted, out, count=1, **QUIET)
    assert asked(loader) == {
        "age": loader.last.schema["age"].typical(), "sex": "M", "height": 181.0,
        "education": None, "occupation": "c",
    }  # fmt: skip


def test_a_count_makes_people_of_following_seeds(loader, folder, out) -> None:
    paths = generate_brains(wishes(folder, seed=5), out, count=3, **QUIET)
    assert [label for label, _ in loader.last.calls] == ["seed 5", "seed 6", "seed 7"]
    assert {path.parts[-3] for path in paths} == {"sub-seed5", "sub-seed6", "sub-seed7"}


@pytest.mark.parametrize(
    ("settings", "changes", "sentence"),
    [
        (["iq=100"], {}, "there is no feature 'iq'"),
        (["height"], {}, "--set needs NAME=VALUE, got 'height'"),
        (["height=300"], {}, "height must lie in .* cm for checkpoint 'fake', got 300"),
        ([], {"age": 12.0}, "age must lie in 20-80 years for checkpoint 'fake', got 12"),
        ([], {"sex": "X"}, "sex must be one of"),
        (["age=n/a"], {}, "needs an age in years"),
    ],
)
def test_a_person_that_cannot_be_is_refused_before_anything_is_made(
    loader, folder, out, settings, changes, sentence
) -> None:
    person = wishes(folder, *settings, **changes)
    for action in (
        lambda: generate_brains(person, out, count=1, **QUIET),
        lambda: write_trajectory(person, Ages(30, 50, 10, "ideal"), out, **QUIET),
    ):
        with pytest.raises(FeatureError, match=sentence):
            action()
    assert not out.exists()
    assert not any(generator.calls for generator in loader.generators)


@pytest.mark.parametrize("count", [0, -3])
def test_nobody_is_refused(loader, folder, out, count) -> None:
    for action in (generate_brains, write_saliency):
        with pytest.raises(ValueError, match=f"count must be 1 or more, got {count}"):
            action(wishes(folder), out, count=count, **QUIET)
    assert loader.loads == []


def test_an_average_brain_is_refused_where_the_generator_knows_none(loader, folder, out) -> None:
    with pytest.raises(GenerationError, match="it has no average brain"):
        generate_brains(wishes(folder, average=True), out, count=1, **QUIET)
    assert not out.exists()


@pytest.fixture
def bare(tmp_path) -> Path:
    """A checkpoint that takes no features."""
    return write_fake_checkpoint(tmp_path / "checkpoints", "bare", features=())


def test_people_are_drawn_where_no_features_are_taken(loader, bare, out) -> None:
    images = generate_brains(wishes(bare, seed=3), out, count=2, **QUIET)
    assert loader.last.calls == [("seed 3", {}), ("seed 4", {})]
    sidecar = images[0].with_name(images[0].name.replace(".nii.gz", ".json"))
    assert json.loads(sidecar.read_text(encoding="utf-8"))["conditions"] == {}
    reproduce_brain(sidecar, out / "again", checkpoint=str(bare), **QUIET)
    assert loader.last.calls == [("seed 3", {})]


@pytest.mark.parametrize(
    ("settings", "changes"), [([], {"age": 50.0}), ([], {"sex": "F"}), (["height=170"], {})]
)
def test_features_are_refused_where_none_are_taken(loader, bare, out, settings, changes) -> None:
    sentence = "leave out --age, --sex and --set: checkpoint 'bare' takes no features"
    with pytest.raises(FeatureError, match=sentence):
        generate_brains(wishes(bare, *settings, **changes), out, count=1, **QUIET)
    assert loader.loads == []


def test_without_features_there_is_neither_trajectory_nor_saliency(loader, bare, out) -> None:
    for action in (
        lambda: write_trajectory(wishes(bare), Ages(30, 50, 10, "ideal"), out, **QUIET),
        lambda: write_saliency(wishes(bare), out / "s.csv", count=1, **QUIET),
    ):
        with pytest.raises(FeatureError, match="checkpoint 'bare' takes no features"):
            action()
    assert not out.exists()


def test_a_sidecar_makes_the_same_request_again(loader, folder, out) -> None:
    person = wishes(folder, "height=171.3", age=63.1, sex="M", seed=9)
    image = generate_brains(person, out, count=1, **QUIET)[0]
    first = loader.last
    sidecar = image.with_name(image.name.replace(".nii.gz", ".json"))
    reproduce_brain(sidecar, out / "again", checkpoint=str(folder), **QUIET)
    assert loader.last is not first
    assert loader.last.calls == first.calls


def test_a_recipe_outside_the_range_is_refused_unless_it_says_so(loader, folder, out) -> None:
    image = generate_brains(wishes(folder, age=50.0), out, count=1, **QUIET)[0]
    sidecar = image.with_name(image.name.replace(".nii.gz", ".json"))
    entry = json.loads(sidecar.read_text(encoding="utf-8"))
    entry["conditions"]["age"] = 99.0
    sidecar.write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(FeatureError, match="age must lie in 20-80 years"):
        reproduce_brain(sidecar, out / "again", checkpoint=str(folder), **QUIET)
    sidecar.write_text(json.dumps(entry | {"extrapolated": True}), encoding="utf-8")
    reproduce_brain(sidecar, out / "again", checkpoint=str(folder), **QUIET)
    assert asked(loader)["age"] == 99


def test_a_regressed_trajectory_moves_the_other_features(loader, folder, out) -> None:
    person = wishes(folder, "occupation=a", age=40.0, seed=3)
    write_trajectory(person, Ages(30, 70, 20, "regressed"), out, **QUIET)
    own = {c["age"]: c for label, c in loader.last.calls if label == "seed 3"}
    assert sorted(own) == [30, 50, 70]
    assert own[70]["occupation"]["c"] > own[50]["occupation"].get("c", 0)
    assert own[70]["height"] < own[30]["height"]


def test_a_trajectory_has_the_regions_that_are_asked_for(tmp_path, monkeypatch, out) -> None:
    loader = FakeLoader(kind=LabelledGenerator)
    monkeypatch.setattr(commands, "load_generator", loader)
    folder = write_fake_checkpoint(tmp_path, "labelled")
    person = wishes(folder, age=40.0)
    ages = Ages(30, 70, 20, "ideal")
    *_, table, _picture = write_trajectory(person, ages, out, regions=["left half"], **QUIET)
    header, *rows = (line.split(",") for line in table.read_text().splitlines())
    column = header.index("left_half_ml")
    generator = loader.last
    own = {c["age"]: c for label, c in generator.calls if label == "seed 1"}
    wanted = [generator.region_volumes(generator.draw(1), own[age])[0] for age in (30, 50, 70)]
    assert [float(row[column]) for row in rows] == pytest.approx(wanted, rel=1e-4)
    with pytest.raises(GenerationError, match="no region 'left haf'; there is left half"):
        write_trajectory(person, ages, out / "b", regions=["left haf"], **QUIET)


def test_the_ages_of_a_trajectory_are_those_of_the_training_people_if_not_said(
    loader, folder, out
) -> None:
    write_trajectory(wishes(folder), Ages(None, None, 20, "ideal"), out, **QUIET)
    assert set(loader.last.ages) >= {20, 40, 60, 80}


@pytest.mark.parametrize("ages", [Ages(50, 30, 5, "ideal"), Ages(30, 50, 0, "ideal")])
def test_ages_that_do_not_go_up_are_refused(loader, folder, out, ages) -> None:
    with pytest.raises(ValueError, match="ages must go up in steps above 0"):
        write_trajectory(wishes(folder), ages, out, **QUIET)


def test_a_trajectory_beyond_the_range_is_refused_unless_allowed(loader, folder, out) -> None:
    ages = Ages(60, 90, 15, "ideal")
    with pytest.raises(FeatureError, match=r"age must lie in 20-80 years .* got 90"):
        write_trajectory(wishes(folder), ages, out, **QUIET)
    write_trajectory(wishes(folder, extrapolate=True), ages, out, **QUIET)
    assert max(loader.last.ages) == 90


@pytest.mark.parametrize("suffix", ["csv", "png"])
def test_a_table_or_picture_that_exists_stops_a_trajectory_before_it_begins(
    loader, folder, out, suffix
) -> None:
    out.mkdir()
    there = out / f"sub-seed1_desc-ideal_volumes.{suffix}"
    there.write_text("mine", encoding="utf-8")
    with pytest.raises(ExportError, match=rf"volumes\.{suffix} exists already; .* --overwrite"):
        write_trajectory(wishes(folder), Ages(30, 50, 20, "ideal"), out, **QUIET)
    assert list(out.iterdir()) == [there]
    assert there.read_text(encoding="utf-8") == "mine"
    assert loader.loads == []


def test_saliency_is_averaged_over_people_and_not_written_over(loader, folder, tmp_path) -> None:
    path = tmp_path / "saliency.csv"
    assert write_saliency(wishes(folder), path, count=2, **QUIET) == [path]
    before = path.read_bytes()
    rows = before.decode().splitlines()
    assert rows[0] == "structure,feature,level,ml_per_sd,ml_per_unit,unit"
    assert len(rows) == 1 + 3 * len(loader.last.schema.columns)
    with pytest.raises(ExportError, match="exists already"):
        write_saliency(wishes(folder), path, count=2, **QUIET)
    write_saliency(wishes(folder), path, count=1, device="cpu", overwrite=True)
    assert path.read_bytes() == before


def test_local_change_is_written_with_its_unit_and_opens_as_a_recipe(loader, folder, out) -> None:
    loader.kind = WarpingGenerator
    who = wishes(folder, age=50.0, sex="F", seed=3)
    (path,) = write_local_change(who, out, along="age", recipe_path=None, **QUIET)
    assert path.name == "sub-seed3_desc-age_localchange.nii.gz"
    sidecar = path.with_name("sub-seed3_desc-age_localchange.json")
    assert json.loads(sidecar.read_text())["Units"] == "% per decade"
    data = read_volume(path).data
    assert data.max() == pytest.approx(100 * np.expm1(0.1), rel=1e-3)
    assert data[0, 0, 0] == 0
    other = out / "again"
    (again,) = write_local_change(
        wishes(folder), other, along="sex=M", recipe_path=sidecar, **QUIET
    )
    assert again.name == "sub-seed3_desc-sexM_localchange.nii.gz"


def test_local_change_needs_a_generator_that_warps(loader, folder, out) -> None:
    with pytest.raises(GenerationError, match="makes every brain voxel by voxel"):
        write_local_change(wishes(folder), out, along="age", recipe_path=None, **QUIET)
    assert not out.exists()


def test_a_scan_is_encoded_and_carried_in_one_go(loader, folder, out, monkeypatch) -> None:
    loader.kind = WarpingGenerator
    scan = fake_scan()
    monkeypatch.setattr(preparing, "prepare_own_scan", lambda path, on_stage: scan)
    person = out.with_suffix(".json")
    carry = CarryWish(out, 70.0, ["height=180"])
    who = wishes(folder, "height=171", age=44.0, sex="F")
    paths = encode_own_scan(out / "sub-X_T1w.nii.gz", who, person, carry=carry, **QUIET)
    assert paths[0] == person
    about = json.loads(
        (out / "sub-X" / "anat" / "sub-X_space-orig_desc-carried_T1w.json").read_text()
    )
    assert about["ConditionsOfTheScan"]["age"] == 44.0
    assert (about["Conditions"]["age"], about["Conditions"]["height"]) == (70.0, 180.0)
    with pytest.raises(FeatureError, match=r"age must lie in 20-80 years .* got 99"):
        encode_own_scan(
            out / "sub-X_T1w.nii.gz",
            who,
            out.with_suffix(".other"),
            carry=CarryWish(out / "other", 99.0, []),
            **QUIET,
        )


@pytest.fixture
def prepared(monkeypatch) -> list[Path]:
    """The scans that were prepared: none, where a wish is refused in time."""
    asked: list[Path] = []

    def prepare(path: Path, on_stage: Any) -> Any:
        asked.append(path)
        return replace(fake_scan(), doubts=("the voxels are 2.5 mm long",))

    monkeypatch.setattr(preparing, "prepare_own_scan", prepare)
    return asked


SUBJECT = {"age": 50.0, "sex": "F"}


def test_files_of_a_carried_scan_stop_it_before_the_scan_is_prepared(
    loader, folder, out, prepared
) -> None:
    loader.kind = WarpingGenerator
    there = out / "sub-X" / "anat" / "sub-X_space-orig_desc-carried_T1w.json"
    there.parent.mkdir(parents=True)
    there.touch()
    with pytest.raises(ExportError, match="exist already"):
        encode_own_scan(
            out / "sub-X_T1w.nii.gz",
            wishes(folder, **SUBJECT),
            out.with_suffix(".json"),
            carry=CarryWish(out, 70.0, []),
            **QUIET,
        )
    assert (prepared, loader.loads) == ([], [])


@pytest.mark.parametrize("extrapolate", [False, True])
def test_the_scan_of_a_child_is_refused_before_it_is_prepared(
    loader, folder, out, prepared, extrapolate
) -> None:
    child = wishes(folder, age=7.0, sex="F", extrapolate=extrapolate)
    with pytest.raises(ScanRefusedError, match="somebody of 7 years is a child"):
        encode_own_scan(out / "sub-X_T1w.nii.gz", child, out.with_suffix(".json"), **QUIET)
    assert prepared == []


def test_doubts_and_the_error_and_what_it_is_not_are_said(
    loader, folder, out, prepared, capsys
) -> None:
    out.mkdir()
    encode_own_scan(
        out / "sub-X_T1w.nii.gz", wishes(folder, **SUBJECT), out / "person.json", **QUIET
    )
    said = capsys.readouterr().err
    assert "doubtful: the voxels are 2.5 mm long" in said
    assert "sub-X as rebuilt: WM" in said
    assert NOT_CLINICAL in said


def test_an_identity_is_refined_for_the_seconds_that_are_given(
    loader, folder, out, prepared, capsys
) -> None:
    loader.kind = SearchingGenerator
    out.mkdir()
    scan, who = out / "sub-X_T1w.nii.gz", wishes(folder, **SUBJECT)
    encode_own_scan(scan, who, out / "plain.json", **QUIET)
    encode_own_scan(scan, who, out / "refined.json", refine_s=0.2, **QUIET)
    plain, refined = (read_recipe(out / f"{name}.json") for name in ("plain", "refined"))
    assert np.abs(plain.latent - refined.latent).max() > 0.1
    assert "refined, before its error was" in capsys.readouterr().err


def test_a_generator_that_cannot_refine_says_so_before_the_scan_is_prepared(
    loader, folder, out, prepared
) -> None:
    with pytest.raises(GenerationError, match="leave refining out"):
        encode_own_scan(
            out / "sub-X_T1w.nii.gz",
            wishes(folder, **SUBJECT),
            out / "person.json",
            refine_s=5.0,
            **QUIET,
        )
    assert prepared == []


def test_the_picture_and_the_table_hold_the_volumes(loader, folder, out) -> None:
    paths = write_trajectory(wishes(folder), Ages(30, 50, 10, "ideal"), out, **QUIET)
    table = np.genfromtxt(next(p for p in paths if p.suffix == ".csv"), delimiter=",", names=True)
    assert table["age_years"].tolist() == [30, 40, 50]
    assert (np.diff(table["CSF_ml"]) > 0).all()
    picture = next(p for p in paths if p.suffix == ".png")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("names", [["fake"], ["fake", "other"]])
def test_scores_are_kept_with_each_checkpoint_that_was_evaluated(
    tmp_path, out, monkeypatch, names
) -> None:
    asked_for = []

    def evaluate(checkpoints, store, folder, *, settings, on_progress) -> None:
        asked_for.append((store.folder, settings))
        for checkpoint in checkpoints:
            own = folder / checkpoint.name if len(checkpoints) > 1 else folder
            own.mkdir(parents=True)
            (own / "scores.json").write_text(json.dumps({"checkpoint": checkpoint.name}))
            on_progress(1, 1, "drawing brains")

    monkeypatch.setattr("brainviewer.evaluation.comparison.evaluate_checkpoints", evaluate)
    folders = [write_fake_checkpoint(tmp_path / "checkpoints", name) for name in names]
    evaluate_generators(
        [str(folder) for folder in folders],
        tmp_path / "cohort",
        out,
        draws=3,
        device="cpu",
        networks=(tmp_path / "medicalnet.pt", None),
    )
    for folder in folders:
        kept = json.loads((folder / "scores.json").read_text())
        assert kept["checkpoint"] == folder.name
        assert kept["weights"] == weights_hash(open_checkpoint(folder))
    ((cohort, settings),) = asked_for
    assert cohort == tmp_path / "cohort"
    assert (settings.draws, settings.device) == (3, "cpu")
    assert (settings.files.volumes, settings.files.slices) == (tmp_path / "medicalnet.pt", None)


def test_scores_of_maps_and_images_are_kept_side_by_side_until_the_weights_change(
    tmp_path, out, monkeypatch
) -> None:
    def judge(name: str):
        def evaluate(checkpoints, store, folder, **_more) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "scores.json").write_text(json.dumps({name: 1}))

        return evaluate

    monkeypatch.setattr("brainviewer.evaluation.comparison.evaluate_checkpoints", judge("maps"))
    monkeypatch.setattr("brainviewer.evaluation.images.evaluate_images", judge("images"))
    folder = write_fake_checkpoint(tmp_path, "fake")

    def evaluate(*, images: bool) -> dict:
        evaluate_generators(
            [str(folder)], tmp_path / "cohort", out, draws=3, device="cpu",
            networks=(None, None), images=images,
        )  # fmt: skip
        return json.loads((folder / "scores.json").read_text())

    evaluate(images=False)
    assert {"maps", "images"} <= set(evaluate(images=True))
    (folder / "weights.safetensors").write_bytes(b"others")
    assert "maps" not in evaluate(images=True)


def test_nothing_is_evaluated_when_one_checkpoint_is_unknown(folder, tmp_path, out) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint 'lost'"):
        evaluate_generators(
            [str(folder), "lost"], tmp_path, out, draws=3, device="cpu", networks=(None, None)
        )
    assert not out.exists()


def test_an_import_tells_what_training_will_not_take(tmp_path, monkeypatch, capsys) -> None:
    summary = CohortSummary(0, 0, {}, ("site is HH for everybody",))
    monkeypatch.setattr(importing, "import_cohort", lambda *_, **__: summary)
    code = import_people(tmp_path, tmp_path / "out", workers=1, tools="deepbet", command="import")
    assert code == 1
    assert "site is HH for everybody\n" in capsys.readouterr().err
