"""Generators of T1 images, judged on people they never saw."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from brainviewer.evaluation.image_report import Nearness, Sample, copying
from brainviewer.evaluation.images import _Judge, evaluate_images, load_image_people, match_people
from brainviewer.evaluation.people import EvaluationError
from brainviewer.generators.checkpoint import open_checkpoint
from tests.fakes import write_fake_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def results(brainsynth, pictured, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    told = []
    evaluate_images(
        [brainsynth], pictured, out, device="cpu", on_progress=lambda *done: told.append(done)
    )
    assert {"reading people", "comparing images", "drawing with tiny"} <= {it[2] for it in told}
    return out


def test_an_evaluation_writes_scores_tables_and_a_figure(results) -> None:
    names = {path.name for path in results.iterdir()}
    assert names == {
        "scores.json", "images.md", "images.csv", "nearest.csv", "latents.csv", "figures",
    }  # fmt: skip
    assert (results / "figures" / "latents.png").stat().st_size > 1000
    assert (results / "figures" / "tiny.png").stat().st_size > 1000
    scores = json.loads((results / "scores.json").read_text(encoding="utf-8"))
    quality = scores["image_quality"]
    assert scores["people"]["test"] == 8
    assert (
        quality["generator"]["mmd_linear"]["value"]
        > quality["training_people"]["mmd_linear"]["value"]
    )  # it is untrained
    assert 0 < quality["unseen_people"]["ms_ssim"]["value"] < 1
    assert set(quality["unseen_people"]) == {"ms_ssim", "snr"}
    near = scores["nearest_training_person"]
    assert near["generator"]["median"]["value"] > near["unseen_people"]["median"]["value"]
    assert near["copies"] == 0
    latents = scores["nearest_training_latent"]
    assert latents["unseen_people"]["median"]["value"] > 0
    assert set(latents) == {"generator", "unseen_people", "copies", "p_nearer"}


def test_the_tables_hold_real_people_beside_the_generator(results) -> None:
    text = (results / "images.md").read_text(encoding="utf-8")
    assert "sub-" not in text
    with (results / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["Sample"] for row in rows] == [
        "unseen people", "training people of like age and sex", "tiny",
    ]  # fmt: skip
    with (results / "latents.csv").open(newline="", encoding="utf-8") as file:
        latents = list(csv.DictReader(file))
    assert [(row["Latent space of"], row["Sample"]) for row in latents] == [
        ("tiny", "unseen people"), ("tiny", "tiny"),
    ]  # fmt: skip
    assert rows[0]["MMD of voxels"] == "–"


def test_whoever_is_nearer_to_training_people_than_anybody_unseen_is_a_copy() -> None:
    def sample(*distance: float) -> Sample:
        return Sample({}, Nearness(np.zeros(len(distance), int), np.array(distance, np.float32)))

    found = copying(sample(0.1, 0.5, 0.6), sample(0.4, 0.5, 0.6))
    assert found["copies"] == 1
    assert 0 < found["p_nearer"] < 1
    assert copying(sample(5, 6, 7), sample(1, 2, 3))["p_nearer"] > 0.9


def test_a_training_person_who_is_handed_out_again_is_found(brainsynth, pictured) -> None:
    people = load_image_people(brainsynth, pictured)
    judge = _Judge(people, lambda done, total, what: None)
    found = judge.nearness(people.train.maps[:3, :, ::-1])  # mirrored
    assert found.index.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.distance, 0, atol=1e-6)
    real = judge.nearness(people.test.maps)
    assert copying(Sample({}, found), Sample({}, real))["copies"] == 3


def test_people_are_matched_by_sex_and_age_and_nobody_twice() -> None:
    pool = [{"age": a, "sex": s} for a, s in ((30.0, "F"), (31.0, "M"), (60.0, "F"), (70.0, "M"))]
    wanted = [{"age": 32.0, "sex": "F"}, {"age": 33.0, "sex": "F"}, {"age": 34.0, "sex": "F"}]
    assert match_people(wanted, pool).tolist() == [0, 2, 1]
    with pytest.raises(EvaluationError, match="as many training people as test people, got 1 and"):
        match_people(wanted, pool[:1])


def test_tissue_maps_and_images_are_not_put_into_one_table(brainsynth, pictured, tmp_path) -> None:
    other = open_checkpoint(write_fake_checkpoint(tmp_path))
    with pytest.raises(EvaluationError, match="fake makes no T1 images, others do; evaluate"):
        evaluate_images([brainsynth, other], pictured, tmp_path / "out")
    assert not (tmp_path / "out").exists()
