"""The whole evaluation, on a tiny cohort and a generator without a network."""

from __future__ import annotations

import json

import pytest

from brainviewer.cohort.store import CohortError, CohortStore
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.evaluate import evaluate_checkpoint
from brainviewer.evaluation.people import EvaluationError
from brainviewer.generators.checkpoint import open_checkpoint
from tests.evaluation.conftest import PEOPLE, change_config, features_of, person_id, write_table
from tests.fakes import FakeLoader

DRAWS = 3
FILES = {
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
FIGURES = {f"figures/{name}.png" for name in ("volumes", "trajectories", "montage", "training")}


@pytest.fixture
def loader(monkeypatch) -> FakeLoader:
    loader = FakeLoader()
    monkeypatch.setattr("brainviewer.evaluation.evaluate.load_generator", loader)
    return loader


@pytest.fixture
def _without_figures(monkeypatch) -> None:
    """Drawing takes longer than all the rest."""
    monkeypatch.setattr("brainviewer.evaluation.evaluate._draw_figures", lambda *evidence: {})


def written(folder) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_an_evaluation_writes_scores_tables_and_figures(
    checkpoint, store, loader, tmp_path
) -> None:
    out = tmp_path / "out"
    log = tmp_path / "log.csv"
    log.write_text("0,total,1.5\n1,total,1.25\n")
    steps: list[tuple[int, int, str]] = []
    scores = evaluate_checkpoint(
        checkpoint,
        store,
        out,
        draws=DRAWS,
        training_log=log,
        on_progress=lambda *step: steps.append(step),
    )
    assert written(out) == FILES | FIGURES
    assert json.loads((out / "scores.json").read_text()) == scores
    assert scores["people"] == {"training": 28, "test": 8}
    assert not [i for i in range(PEOPLE) if person_id(i) in (out / "scores.json").read_text()]
    for tissue in TISSUES:
        # The cohort is the generator's own, so that it must beat a constant.
        systems = {name: own[tissue]["mae_ml"]["value"] for name, own in scores["volumes"].items()}
        assert systems["generator"] < systems["mean"]
        own = scores["volumes"]["generator"][tissue]["mae_ml"]
        assert own["low"] <= own["value"] <= own["high"]
        assert scores["volumes"]["mean"][tissue]["pearson_r"]["value"] is None
    assert scores["ventricles"]["from_features"]["pearson_r"]["value"] > 0.9
    assert scores["ventricles"]["labelled"]["pearson_r"]["value"] > 0.8
    apart = scores["voxel_difference"]
    assert 0 < apart["between_seeds"]["value"] < apart["between_people"]["value"]
    reading = [step[:2] for step in steps if step[2] == "reading people"]
    assert reading == [(done, 36) for done in range(1, 37)]
    assert {what for _, _, what in steps} == {
        "reading people",
        "drawing brains",
        "comparing brains",
        "ageing people",
    }


@pytest.mark.usefixtures("_without_figures")
def test_the_same_evaluation_gives_the_same_numbers(checkpoint, store, loader, tmp_path) -> None:
    first = evaluate_checkpoint(checkpoint, store, tmp_path / "a", draws=2)
    assert evaluate_checkpoint(checkpoint, store, tmp_path / "b", draws=2) == first


@pytest.mark.usefixtures("_without_figures")
def test_a_stopped_evaluation_writes_nothing_but_its_cache(
    checkpoint, store, loader, tmp_path
) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if what == "ageing people":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_checkpoint(checkpoint, store, tmp_path / "out", draws=DRAWS, on_progress=stop)
    assert {name.split("/")[0] for name in written(tmp_path / "out")} == {"cache"}
    evaluate_checkpoint(checkpoint, store, tmp_path / "out", draws=DRAWS)
    assert written(tmp_path / "out") == FILES
    drawn = [label for label, _ in loader.generators[1].calls if label != "encoded"]
    # Eight people at seven ages in two scenarios; no draw is made again.
    assert len(drawn) == 8 * 7 * 2


@pytest.mark.usefixtures("_without_figures")
def test_a_generator_without_encoder_is_judged_without_reconstructions(
    checkpoint, store, loader, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("tests.fakes.FakeGenerator.can_encode", False)
    scores = evaluate_checkpoint(checkpoint, store, tmp_path / "out", draws=2)
    assert set(scores["overlap"]) == {"from_features"}


@pytest.mark.usefixtures("_without_figures")
def test_a_cohort_without_ventricle_labels_is_judged_without_ventricles(
    checkpoint, store, loader, tmp_path
) -> None:
    path = store.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"region_names": {}}))
    scores = evaluate_checkpoint(checkpoint, store, tmp_path / "out", draws=2)
    assert scores["ventricles"] == {}
    assert "ventricles.csv" not in written(tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"folds": None}, "does not say whom it was trained on"),
        ({"grid": {}}, "does not say which part of the cohort's grid"),
        ({"grid": {"first_voxel": [0, 0, 2]}}, "differ by 10 mm"),
        ({"channels": ["T1w"]}, "needs a generator of WM, GM, CSF maps in native space"),
        ({"space": "template"}, "in template space"),
        ({"test_folds": []}, "has 0 and 36"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    checkpoint, store, loader, tmp_path, changes, complaint
) -> None:
    change_config(checkpoint.folder, **changes)
    with pytest.raises(EvaluationError, match=complaint):
        evaluate_checkpoint(open_checkpoint(checkpoint.folder), store, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not loader.generators


def test_a_grid_beyond_the_cohorts_is_refused(checkpoint, store, loader, tmp_path) -> None:
    change_config(checkpoint.folder, grid={"first_voxel": [9, 0, 2]})
    with pytest.raises(CohortError, match="do not fit into the cohort's grid"):
        evaluate_checkpoint(open_checkpoint(checkpoint.folder), store, tmp_path / "out")


def without(name: str) -> list[dict]:
    rows = [{"participant_id": person_id(i), **features_of(i)} for i in range(PEOPLE)]
    return [{key: value for key, value in row.items() if key != name} for row in rows]


def test_a_cohort_without_a_feature_is_refused(checkpoint, store, loader, tmp_path) -> None:
    write_table(store.folder, without("height"))
    with pytest.raises(EvaluationError, match=r"takes height \(numeric\) .* it is not there"):
        evaluate_checkpoint(checkpoint, store, tmp_path / "out")


@pytest.mark.parametrize("who", [0, 5])
def test_a_cohort_that_lacks_people_is_refused(checkpoint, store, loader, tmp_path, who) -> None:
    store.details_path(person_id(who)).unlink()
    with pytest.raises(EvaluationError, match=f"1 of the .* not in this cohort.*{person_id(who)}"):
        evaluate_checkpoint(checkpoint, store, tmp_path / "out")


def test_a_folder_that_is_no_cohort_is_refused(checkpoint, loader, tmp_path) -> None:
    with pytest.raises(CohortError, match="is not a cohort"):
        evaluate_checkpoint(checkpoint, CohortStore(tmp_path / "nothing"), tmp_path / "out")


def test_one_draw_is_too_few(checkpoint, store, loader, tmp_path) -> None:
    with pytest.raises(EvaluationError, match="at least 2 draws, got 1"):
        evaluate_checkpoint(checkpoint, store, tmp_path / "out", draws=1)
