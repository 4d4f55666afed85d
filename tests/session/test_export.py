"""Exports: BIDS names, sidecars that are recipes, all or nothing."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.recipe import read_recipe
from brainviewer.core.saliency import SaliencyRow
from brainviewer.core.scenario import Scenario
from brainviewer.core.tissues import TISSUES, label_map
from brainviewer.core.volume import Brain
from brainviewer.session.bids import Destination, subject_label
from brainviewer.session.export import (
    ExportError,
    brain_export_steps,
    export_brain,
    reproduce,
    trajectory_export_steps,
)
from brainviewer.session.model import course_of
from brainviewer.session.tables import write_saliency_csv, write_trajectory_csv

PROBSEGS = [f"sub-seed1_label-{tissue}_desc-counterfactual_probseg" for tissue in TISSUES]
DSEG = "sub-seed1_desc-counterfactual_dseg"


@pytest.fixture
def older(session):
    """A session on somebody who was made older."""
    session.set_scenario(Scenario.REGRESSED)
    session.set_age(73.3)
    session.wait_idle()
    return session


@pytest.fixture
def destination(tmp_path) -> Destination:
    return Destination(tmp_path / "out", "seed1")


def _export(session, destination):
    return _run(brain_export_steps(session.decoder, session.recipe(), destination))


def _run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _files(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_names_are_those_of_bids_derivatives(older, destination) -> None:
    paths = _export(older, destination)
    stems = [*PROBSEGS, DSEG]
    anat = "sub-seed1/anat"
    assert [path.name for path in paths] == [f"{stem}.nii.gz" for stem in stems]
    assert _files(destination.folder) == sorted(
        ["dataset_description.json", f"{anat}/{DSEG}.tsv"]
        + [f"{anat}/{stem}{ending}" for stem in stems for ending in (".nii.gz", ".json")]
    )


def test_the_person_as_given_is_named_factual(session, destination) -> None:
    assert "desc-factual" in _export(session, destination)[0].name


def test_the_images_hold_the_very_array_in_mm_with_equal_forms(older, destination) -> None:
    for path, tissue in zip(_export(older, destination), TISSUES, strict=False):
        image = nib.load(path)
        data = np.asarray(image.dataobj)
        assert data.dtype == np.float32
        np.testing.assert_array_equal(data, older.shown.brain.volume(tissue).data)
        np.testing.assert_array_equal(image.get_sform(), image.get_qform())
        np.testing.assert_allclose(image.affine, older.shown.brain.affine)
        assert image.header.get_xyzt_units()[0] == "mm"


def test_the_labels_are_the_likeliest_tissues_and_their_table_names_them(
    older, destination
) -> None:
    path = _export(older, destination)[-1]
    labels = np.asarray(nib.load(path).dataobj)
    np.testing.assert_array_equal(labels, label_map(older.shown.brain.data))
    table = (path.parent / f"{DSEG}.tsv").read_text().splitlines()
    assert table[:2] == ["index\tname\tabbreviation", "1\twhite matter\tWM"]


@pytest.mark.parametrize("stem", [*PROBSEGS, DSEG])
def test_a_sidecar_opened_as_a_recipe_gives_the_same_array(older, destination, stem) -> None:
    _export(older, destination)
    recipe = read_recipe(destination.anat / f"{stem}.json")
    assert recipe.to_json() == older.recipe().to_json()
    np.testing.assert_array_equal(reproduce(recipe, older.generator).data, older.shown.brain.data)


def test_a_sidecar_says_what_it_is_and_how_much(older, destination) -> None:
    _export(older, destination)
    sidecar = json.loads((destination.anat / f"{PROBSEGS[1]}.json").read_text())
    assert sidecar["Description"] == (
        "partial volume of grey matter, 0 to 1; "
        "a hypothetical brain made by a generative model, not a scan"
    )
    assert sidecar["VolumeML"] == older.shown.volumes_ml["GM"]


def test_what_is_extrapolated_or_head_size_normalised_says_so(session, destination) -> None:
    session.set_extrapolation(True)
    session.set_age(95)
    session.wait_idle()
    export_brain(session.shown.brain, session.recipe(), destination, space="template")
    sidecar = json.loads((destination.anat / f"{PROBSEGS[0]}.json").read_text())
    assert "normalised for head size; EXTRAPOLATED" in sidecar["Description"]
    assert sidecar["extrapolated"] is True
    image = nib.load(destination.anat / f"{PROBSEGS[0]}.nii.gz")
    assert int(image.header["sform_code"]) == 4


def test_an_image_generator_exports_one_image(session, destination) -> None:
    brain = Brain(("T1w",), session.shown.brain.data[:1], session.shown.brain.affine)
    paths = export_brain(brain, session.recipe(), destination, space="native")
    assert [path.name for path in paths] == ["sub-seed1_desc-factual_T1w.nii.gz"]


def test_existing_files_are_refused_before_anything_is_made(older, destination, loader) -> None:
    first = _export(older, destination)[0]
    content, made = first.read_bytes(), len(loader.last.calls)
    with pytest.raises(ExportError, match=r"probseg.nii.gz and 5 more exist already; choose"):
        _export(older, destination)
    assert len(loader.last.calls) == made
    assert first.read_bytes() == content


def test_existing_files_are_replaced_when_allowed(older, destination) -> None:
    first = _export(older, destination)[0]
    first.write_bytes(b"old")
    _export(older, Destination(destination.folder, "seed1", overwrite=True))
    assert nib.load(first).shape == older.shown.brain.data.shape[1:]


def test_a_dataset_description_that_is_there_stays(older, destination) -> None:
    destination.folder.mkdir()
    (destination.folder / "dataset_description.json").write_text("mine")
    _export(older, destination)
    assert (destination.folder / "dataset_description.json").read_text() == "mine"


@pytest.mark.parametrize("broken", ["write_volume", "write_json_atomically"])
def test_a_disk_that_fills_up_leaves_the_old_export_whole(
    older, destination, monkeypatch, broken
) -> None:
    _export(older, destination)
    before = {name: (destination.folder / name).read_bytes() for name in _files(destination.folder)}
    calls = []

    def full(*args, **kwargs) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        written(*args, **kwargs)

    from brainviewer.session import export

    written = getattr(export, broken)
    monkeypatch.setattr(export, broken, full)
    older.set_age(40)
    with pytest.raises(ExportError, match=r"cannot export to .*out: no space is left"):
        _export(older, Destination(destination.folder, "seed1", overwrite=True))
    after = {name: (destination.folder / name).read_bytes() for name in _files(destination.folder)}
    assert after == before


def test_a_folder_that_cannot_be_is_one_sentence(older, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"cannot export to .*: its folder is a file"):
        _export(older, Destination(tmp_path / "file" / "out", "seed1"))


@pytest.mark.parametrize(
    ("text", "label"), [("seed 7", "seed7"), ("sub-IXI012", "IXI012"), ("Günther!", "Gnther")]
)
def test_a_label_is_letters_and_digits(text, label) -> None:
    assert subject_label(text) == label


def test_a_label_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs letters or digits, got '!\?'"):
        subject_label("!?")


def test_a_trajectory_is_a_4d_image_a_channel_with_its_ages(older, destination) -> None:
    ages = np.array([20.0, 50.0, 80.0])
    recipe = older.recipe()
    course = course_of(recipe, older.checkpoint)
    paths = _run(
        trajectory_export_steps(older.decoder, recipe, destination, course=course, ages=ages)
    )
    assert paths[1].name == "sub-seed1_label-GM_desc-regressed_probseg.nii.gz"
    frames = np.asarray(nib.load(paths[1]).dataobj)
    for index, age in enumerate(ages):
        brain = older.generator.generate(older.person.identity, course.at(float(age)))
        np.testing.assert_allclose(frames[..., index], brain.volume("GM").data, atol=1e-5)
    sidecar = json.loads(paths[1].with_suffix("").with_suffix(".json").read_text())
    assert sidecar["AgesYears"] == [20.0, 50.0, 80.0]
    assert sidecar["VolumesML"][2] < sidecar["VolumesML"][0]


def test_a_trajectory_table_has_a_row_an_age(session, tmp_path) -> None:
    trajectory = session.trajectory
    write_trajectory_csv(tmp_path / "t.csv", trajectory)
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["age_years"]) for row in rows] == trajectory.ages.tolist()
    assert float(rows[5]["CSF_ml"]) == pytest.approx(trajectory.volumes["CSF"][5], abs=5e-4)
    assert float(rows[5]["CSF_p95_ml"]) == pytest.approx(trajectory.spread["CSF"][2, 5], abs=5e-4)
    with pytest.raises(ExportError, match="exists already"):
        write_trajectory_csv(tmp_path / "t.csv", trajectory)


def test_what_was_not_computed_is_empty_in_the_table(session, tmp_path) -> None:
    session.trajectory.volumes["GM"][2] = np.nan
    write_trajectory_csv(tmp_path / "t.csv", session.trajectory)
    assert (tmp_path / "t.csv").read_text().splitlines()[3].split(",")[5] == ""


def test_a_saliency_table_has_a_row_a_feature(tmp_path) -> None:
    row = SaliencyRow("GM", "age", "", -12.3456, -0.75, "years")
    write_saliency_csv(tmp_path / "s.csv", [row])
    assert (tmp_path / "s.csv").read_text() == (
        "structure,feature,level,ml_per_sd,ml_per_unit,unit\nGM,age,,-12.346,-0.75,years\n"
    )
