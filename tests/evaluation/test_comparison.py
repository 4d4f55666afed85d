"""The whole evaluation, on a tiny cohort and generators without a network."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from brainviewer.cohort.store import CohortError, CohortStore
from brainviewer.core.features import FeatureError
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.comparison import Settings, evaluate_checkpoints
from brainviewer.evaluation.evaluate import TRAINING_LOG
from brainviewer.evaluation.feature_networks import Plan
from brainviewer.evaluation.people import EvaluationError
from brainviewer.evaluation.regressions import REGRESSIONS, predict_by_mean, predict_by_ridge
from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import open_checkpoint
from tests.evaluation.conftest import PEOPLE, change_config, features_of, person_id, write_table
from tests.fakes import FakeLoader

PLAN = Plan(volume_steps=2, volume_batch=2, slice_steps=2, slice_batch=2)
SETTINGS = Settings("cpu", 2, plan=PLAN)
OWN = {
    "scores.json",
    "volumes.md",
    "volumes.csv",
    "reconstruction.md",
    "reconstruction.csv",
    "ventricles.csv",
    "ageing.md",
    "ageing.csv",
    "spread.csv",
    "differences.csv",
}
OWN_FIGURES = {f"figures/{name}.png" for name in ("volumes", "trajectories", "montage")}
TABLE_1 = {"table1_likeness.md", "table1_likeness.csv", "table1_published.csv"}
JOINT = TABLE_1 | {
    "feature_networks.safetensors",
    "table2_accuracy.md",
    "table2_accuracy.csv",
    "table2_crossvalidated.csv",
    "table2_published.csv",
    "table3_correlation.md",
    "table3_correlation.csv",
    "table3_published.csv",
    "table4_gradients.md",
    "table4_gradients.csv",
    "table4_all.csv",
    "table4_published.csv",
}
JOINT_FIGURES = {"figures/fig2.png", "figures/fig3.png"}


@pytest.fixture
def loader(monkeypatch) -> FakeLoader:
    loader = FakeLoader()
    monkeypatch.setattr("brainviewer.evaluation.system.load_generator", loader)
    return loader


@pytest.fixture
def _without_figures(monkeypatch) -> None:
    """Drawing takes longer than all the rest."""
    monkeypatch.setattr("brainviewer.evaluation.evaluate._draw_figures", lambda *evidence: {})
    monkeypatch.setattr("brainviewer.evaluation.comparison.save_figure", lambda *figure: None)


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    monkeypatch.setattr("brainviewer.evaluation.likeness.DISTANCE_RESAMPLES", 3)
    for name in set(REGRESSIONS) - {"ridge", "mean"}:
        monkeypatch.delitem(REGRESSIONS, name)
    assert {"ridge": predict_by_ridge, "mean": predict_by_mean} == REGRESSIONS


def second(checkpoint, **changes):
    """A checkpoint like the first, under another name."""
    folder = checkpoint.folder.with_name("other")
    shutil.copytree(checkpoint.folder, folder)
    change_config(folder, **changes)
    return open_checkpoint(folder)


def written(folder) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def read(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def scores_of(folder) -> dict:
    return json.loads((folder / "scores.json").read_text())


def test_one_checkpoint_writes_its_scores_and_the_tables_beside_them(
    checkpoint, store, loader, tmp_path
) -> None:
    out = tmp_path / "out"
    log = checkpoint.folder / TRAINING_LOG
    log.parent.mkdir()
    log.write_text("0,total,1.5\n1,total,1.25\n")
    steps: list[tuple[int, int, str]] = []
    evaluate_checkpoints(
        [checkpoint], store, out, settings=SETTINGS, on_progress=lambda *step: steps.append(step)
    )
    assert written(out) == (OWN | OWN_FIGURES | {"figures/training.png"} | JOINT | JOINT_FIGURES)
    scores = scores_of(out)
    assert scores["people"] == {"training": 28, "test": 8}
    texts = [path.read_text() for path in out.glob("*.[cjm]*")]
    assert not [i for i in range(PEOPLE) for text in texts if person_id(i) in text]
    for tissue in TISSUES:
        # The cohort is the generator's own, so that it must beat a constant.
        systems = {name: own[tissue]["mae_ml"]["value"] for name, own in scores["volumes"].items()}
        assert systems["generator"] < systems["mean"]
        own = scores["volumes"]["generator"][tissue]["mae_ml"]
        assert own["low"] <= own["value"] <= own["high"]
        assert scores["volumes"]["mean"][tissue]["pearson_r"]["value"] is None
        assert scores["likeness"][tissue]["delta_ssim"]["value"] >= 0
    assert "not the paper's" in scores["feature_networks"]["slices"]
    assert scores["ventricles"]["from_features"]["pearson_r"]["value"] > 0.9
    assert scores["ventricles"]["labelled"]["pearson_r"]["value"] > 0.8
    apart = scores["voxel_difference"]
    assert 0 < apart["between_seeds"]["value"] < apart["between_people"]["value"]
    reading = [step[:2] for step in steps if step[2] == "reading people"]
    assert reading == [(done, 36) for done in range(1, 37)] * 2
    assert {what for _, _, what in steps} == {
        "reading people",
        "fitting feature networks",
        "looking at brains",
        "drawing brains",
        "comparing brains",
        "ageing people",
        "differentiating",
        "checking gradients",
        "cross-validating",
    }


@pytest.mark.usefixtures("_without_figures")
def test_two_checkpoints_stand_in_the_same_tables(checkpoint, store, loader, tmp_path) -> None:
    out, other = tmp_path / "out", second(checkpoint)
    labels = []
    evaluate_checkpoints(
        [checkpoint, other],
        store,
        out,
        settings=SETTINGS,
        on_progress=lambda done, total, what: labels.append(what),
    )
    assert written(out) == JOINT | {f"{n}/{f}" for n in ("fake", "other") for f in OWN}
    assert {"fake: drawing brains", "other: drawing brains"} <= set(labels)
    systems = ["ridge regression", "mean of the training people", "fake", "other"]
    for name in ("table2_accuracy", "table3_correlation"):
        rows = read(out / f"{name}.csv")
        assert [row["System"] for row in rows] == systems * 3
        assert [row["Tissue"] for row in rows] == [t for t in TISSUES for _ in systems]
    accuracy = {(r["Tissue"], r["System"]): r for r in read(out / "table2_accuracy.csv")}
    assert float(accuracy["WM", "ridge regression"]["MAE / best regression"]) == 1.0
    assert float(accuracy["GM", "fake"]["MAE (mL)"]) == pytest.approx(
        scores_of(out / "fake")["volumes"]["generator"]["GM"]["mae_ml"]["value"], rel=1e-3
    )
    likeness = read(out / "table1_likeness.csv")
    assert [row["System"] for row in likeness] == ["real, other people", "fake", "other"] * 3
    assert "3D-FID (own network)" in likeness[0]
    # The two make the same brains.
    assert likeness[1] | {"System": ""} == likeness[2] | {"System": ""}
    heaviest = read(out / "table4_gradients.csv")
    assert {row["Volume"] for row in heaviest} == {*TISSUES, "ventricles"}
    assert {row["Rank"] for row in heaviest} == {*"12345"}
    assert len({row["Rank"] for row in read(out / "table4_all.csv")}) == len(
        checkpoint.schema.columns
    )


@pytest.mark.usefixtures("_without_figures")
def test_a_generator_without_features_gets_table_one_alone(
    checkpoint, store, loader, tmp_path
) -> None:
    out, other = tmp_path / "out", second(checkpoint, features=[], regression={})
    evaluate_checkpoints([other], store, out, settings=SETTINGS)
    assert written(out) == TABLE_1 | {"scores.json", "feature_networks.safetensors"}
    assert set(scores_of(out)) == {
        "format_version",
        "checkpoint",
        "device",
        "people",
        "likeness",
        "feature_networks",
    }
    assert {str(conditions) for _, conditions in loader.last.calls} == {"{}"}
    out = tmp_path / "both"
    evaluate_checkpoints([other, checkpoint], store, out, settings=SETTINGS)
    assert {row["System"] for row in read(out / "table1_likeness.csv")} >= {"fake", "other"}
    assert "other" not in {row["System"] for row in read(out / "table2_accuracy.csv")}


@pytest.mark.usefixtures("_without_figures")
def test_the_same_evaluation_gives_the_same_numbers(checkpoint, store, loader, tmp_path) -> None:
    for name in "ab":
        evaluate_checkpoints([checkpoint], store, tmp_path / name, settings=SETTINGS)
    for path in (tmp_path / "a").iterdir():
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.usefixtures("_without_figures")
@pytest.mark.parametrize(
    ("last", "made_before"),
    [
        # Eight brains in Table I, eight people with two draws and their opposites, three aged
        # through seven ages twice.
        ("ageing people", 8 + 8 * 4 + 3 * 7 * 2),
        ("cross-validating", None),
    ],
)
def test_a_stopped_evaluation_goes_on_where_it_was(
    checkpoint, store, loader, tmp_path, last, made_before
) -> None:
    out = tmp_path / "out"

    def stop(done: int, total: int, what: str) -> None:
        if (what, done) == (last, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_checkpoints([checkpoint], store, out, settings=SETTINGS, on_progress=stop)
    assert not written(out) & JOINT - {"feature_networks.safetensors"}
    evaluate_checkpoints([checkpoint], store, out, settings=SETTINGS)
    assert written(out) == OWN | JOINT
    first, again = (len(generator.calls) for generator in loader.generators)
    evaluate_checkpoints([checkpoint], store, tmp_path / "whole", settings=SETTINGS)
    # Reconstructions and nothing else are made again.
    repeated = sum(label == "encoded" for label, _ in loader.generators[1].calls)
    whole = len(loader.last.calls)
    if made_before is None:
        assert again < whole / 2
    else:
        drawn = [label for label, _ in loader.generators[0].calls if label != "encoded"]
        assert len(drawn) == made_before
        assert first + again == whole + 8
    assert repeated


@pytest.mark.usefixtures("_without_figures")
def test_a_generator_without_encoder_is_judged_without_reconstructions(
    checkpoint, store, loader, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("tests.fakes.FakeGenerator.can_encode", False)
    evaluate_checkpoints([checkpoint], store, tmp_path / "out", settings=SETTINGS)
    assert set(scores_of(tmp_path / "out")["overlap"]) == {"from_features"}


@pytest.mark.usefixtures("_without_figures")
def test_a_generator_that_cannot_be_differentiated_has_no_table_four(
    checkpoint, store, loader, tmp_path, monkeypatch
) -> None:
    def refuse(*request: object) -> None:
        raise GenerationError("it samples in steps")

    monkeypatch.setattr("tests.fakes.FakeGenerator.volume_gradients", refuse)
    evaluate_checkpoints([checkpoint], store, tmp_path / "out", settings=SETTINGS)
    assert written(tmp_path / "out") == OWN | {n for n in JOINT if not n.startswith("table4")}


@pytest.mark.usefixtures("_without_figures")
def test_a_cohort_without_ventricle_labels_is_judged_without_ventricles(
    checkpoint, store, loader, tmp_path
) -> None:
    path = store.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"region_names": {}}))
    evaluate_checkpoints([checkpoint], store, tmp_path / "out", settings=SETTINGS)
    assert scores_of(tmp_path / "out")["ventricles"] == {}
    assert "ventricles.csv" not in written(tmp_path / "out")
    rows = read(tmp_path / "out" / "table4_all.csv")
    assert {row["Volume"] for row in rows} == set(TISSUES)


# What is refused


def refused(checkpoints, store, loader, tmp_path, complaint, error=EvaluationError) -> None:
    with pytest.raises(error, match=complaint):
        evaluate_checkpoints(checkpoints, store, tmp_path / "out", settings=SETTINGS)
    assert not (tmp_path / "out").exists()
    assert not loader.generators


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"folds": None}, "does not say whom it was trained on"),
        ({"grid": {}}, "does not say which part of the cohort's grid"),
        ({"grid": {"first_voxel": [0, 0, 2]}}, "differ by 10 mm"),
        ({"channels": ["T1w"]}, "needs a generator of WM, GM, CSF maps in native space"),
        ({"space": "template"}, "in template space"),
        ({"test_folds": []}, "has 0 and 36"),
        (
            {"test_folds": [*range(8)], "validation_folds": []},
            "and 20 trained on; fake has 32 and 8",
        ),
        ({"folds": {person_id(0): 0}}, "fake has 1 and 0"),
        ({"folds": {"sub-stranger": 0}}, "1 of the 1 test people .* sub-stranger; give the cohort"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    checkpoint, store, loader, tmp_path, changes, complaint
) -> None:
    change_config(checkpoint.folder, **changes)
    refused([open_checkpoint(checkpoint.folder)], store, loader, tmp_path, complaint)


def test_a_grid_beyond_the_cohorts_is_refused(checkpoint, store, loader, tmp_path) -> None:
    change_config(checkpoint.folder, grid={"first_voxel": [9, 0, 2]})
    refused(
        [open_checkpoint(checkpoint.folder)],
        store,
        loader,
        tmp_path,
        "do not fit into the cohort's grid",
        CohortError,
    )


def test_checkpoints_of_other_test_people_are_refused(checkpoint, store, loader, tmp_path) -> None:
    other = second(checkpoint, test_folds=[0, 3])
    refused([checkpoint, other], store, loader, tmp_path, "has seen 4 of the test people")


def rows_without(name: str) -> list[dict]:
    rows = [{"participant_id": person_id(i), **features_of(i)} for i in range(PEOPLE)]
    return [{key: value for key, value in row.items() if key != name} for row in rows]


def changed_rows(**values: object) -> list[dict]:
    """The table with other values for the first person."""
    rows = rows_without("")
    return [rows[0] | values, *rows[1:]]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (rows_without("height"), r"takes height \(numeric\) .* it is not there"),
        (changed_rows(age=""), "1 of the 8 test people .* with age and sex, .* sub-000"),
        (rows_without("")[:20], "not in this cohort"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    checkpoint, store, loader, tmp_path, rows, complaint
) -> None:
    write_table(store.folder, rows)
    refused([checkpoint], store, loader, tmp_path, complaint)


def test_text_among_numbers_is_refused(checkpoint, store, loader, tmp_path) -> None:
    write_table(store.folder, changed_rows(height="tall"))
    complaint = "height of sub-000 is 'tall' in a column of numbers"
    refused([checkpoint], store, loader, tmp_path, complaint, FeatureError)


def test_a_level_that_is_none_is_refused(checkpoint, store, loader, tmp_path) -> None:
    write_table(store.folder, changed_rows(education="7"))
    refused(
        [checkpoint],
        store,
        loader,
        tmp_path,
        "education of sub-000 is '7'; its levels",
        FeatureError,
    )


@pytest.mark.usefixtures("_without_figures")
def test_columns_that_nobody_asked_for_and_missing_values_do_no_harm(
    checkpoint, store, loader, tmp_path
) -> None:
    rows = [row | {"shoe_size": "42"} for row in changed_rows(height="", education="n/a")]
    write_table(store.folder, rows)
    evaluate_checkpoints([checkpoint], store, tmp_path / "out", settings=SETTINGS)
    assert written(tmp_path / "out") == OWN | JOINT


@pytest.mark.parametrize("who", [0, 5])
def test_a_cohort_that_lacks_people_is_refused(checkpoint, store, loader, tmp_path, who) -> None:
    store.details_path(person_id(who)).unlink()
    refused(
        [checkpoint], store, loader, tmp_path, f"1 of the .* not in this cohort.*{person_id(who)}"
    )


def test_a_folder_that_is_no_cohort_is_refused(checkpoint, loader, tmp_path) -> None:
    store = CohortStore(tmp_path / "nothing")
    refused([checkpoint], store, loader, tmp_path, "is not a cohort", CohortError)


def test_one_draw_is_too_few(checkpoint, store, loader, tmp_path) -> None:
    with pytest.raises(EvaluationError, match="at least 2 draws, got 1"):
        evaluate_checkpoints([checkpoint], store, tmp_path / "out", settings=Settings("cpu", 1))


def test_a_person_without_a_tissue_is_refused(checkpoint, store, loader, tmp_path) -> None:
    path = store.person_path(person_id(5))
    with np.load(path) as arrays:
        stored = {name: arrays[name] for name in arrays.files}
    np.savez(path, **(stored | {"CSF": np.zeros_like(stored["CSF"])}))
    refused([checkpoint], store, loader, tmp_path, "sub-005 has no CSF at all; look at the scan")
