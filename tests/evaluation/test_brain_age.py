"""Synthetic people in learning ages: they help where they can, and the work can be stopped."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

from brainviewer.cohort.reading import read_table
from brainviewer.core.scenario import feature_age
from brainviewer.evaluation.age_network import AgePlan, Scale, new_network, tell_ages
from brainviewer.evaluation.aged_pictures import (
    AgedPictures,
    AgePeople,
    block_of,
    coarse,
    draw_conditions,
    draw_pictures,
    load_age_people,
)
from brainviewer.evaluation.brain_age import AgeSettings, evaluate_brain_age, tell_with_synthetic
from brainviewer.evaluation.brain_age_report import plot_brain_age, score_ages
from brainviewer.evaluation.cache import ArrayCache
from brainviewer.evaluation.people import EvaluationError, find_people, validation_people
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.generators.device import choose_device
from tests.evaluation.conftest import change_config
from tests.fakes import write_fake_checkpoint
from tests.tiny_brainsynth import publish_tiny_brainsynth

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 16
QUICK = AgePlan(steps=200, look_every=20, runs=1, learning_rate=2e-3)


class StoppedError(Exception):
    """Somebody has had enough."""


def aged_people(count: int, seed: int) -> AgedPictures:
    """Make noisy balls of any size and brightness, whose dark middles grow with age."""
    source = np.random.default_rng(seed)
    ages = source.uniform(20, 80, count)
    grid = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), axis=-1)
    images = []
    for age in ages:
        radius = np.linalg.norm(grid - SIZE / 2 - source.normal(0, 1.2, 3), axis=-1)
        ball = radius < source.uniform(5.5, 8)
        hole = radius < 1.0 + 4.0 * (age - 20) / 60
        image = source.uniform(90, 230) * (ball & ~hole) + source.normal(0, 40, ball.shape)
        images.append(image.clip(0, 255).astype(np.uint8))
    return AgedPictures(np.stack(images), ages)


@pytest.fixture(scope="module")
def people() -> AgePeople:
    return AgePeople(aged_people(4, 1), aged_people(12, 2), aged_people(40, 3), block=1)


def test_more_people_who_are_like_real_ones_let_the_error_fall(people, tmp_path) -> None:
    settings = AgeSettings((0, 100), plan=QUICK, device="cpu")
    cache = ArrayCache(tmp_path, "ages")
    found = tell_with_synthetic(people, aged_people(100, 4), settings, cache=cache)
    scores = score_ages(people.train.ages, people.test.ages, found)
    alone, helped = (scores.scores[number] for number in (0, 100))
    assert helped["mae_years"].value < 0.7 * alone["mae_years"].value
    assert helped["change_years"].high < 0
    assert helped["r2"].value > 0.7
    assert helped["mae_years"].value < 0.5 * scores.mean_age.value


def test_every_network_takes_the_same_steps_and_is_not_fitted_again(people, tmp_path) -> None:
    settings = AgeSettings((3, 0), plan=AgePlan(steps=4, look_every=2, runs=2), device="cpu")
    synthetic, told = aged_people(3, 5), []

    def work(on_progress) -> dict[int, np.ndarray]:
        cache = ArrayCache(tmp_path, "ages")
        return tell_with_synthetic(
            people, synthetic, settings, cache=cache, on_progress=on_progress
        )

    def stop(done: int, total: int, what: str) -> None:
        told.append((done, total, what))
        if len(told) == 10:
            raise StoppedError

    with pytest.raises(StoppedError):
        work(stop)
    assert told[:4] == [(n, 4, "learning ages, 0 synthetic, 1 of 2") for n in range(1, 5)]
    del told[:]
    found = work(lambda *done: told.append(done))
    whats = [f"learning ages, 3 synthetic, {run} of 2" for run in (1, 2)]
    assert told == [(n, 4, what) for what in whats for n in range(1, 5)]
    again = work(lambda *done: pytest.fail("nothing was left to do"))
    for number in (0, 3):
        assert found[number].shape == (2, len(people.test))
        np.testing.assert_array_equal(again[number], found[number])
    assert not np.array_equal(found[0][0], found[0][1])  # they start differently


def test_the_state_is_taken_that_errs_least_on_validation_people(people) -> None:
    def told(watched: AgedPictures, steps: int) -> np.ndarray:
        return tell_ages(
            people.train,
            watched,
            people.test.images,
            scale=Scale.of(people.train),
            plan=AgePlan(steps=steps, look_every=1),
            seed=1,
            device=choose_device("cpu"),
        )

    # Whoever is watched is said to be as the network has them at the end, so the end is best.
    last = tell_ages(
        people.train, people.watched, people.watched.images, scale=Scale.of(people.train),
        plan=AgePlan(steps=6, look_every=6), seed=1, device=choose_device("cpu"),
    )  # fmt: skip
    ending = AgedPictures(people.watched.images, last)
    at_end = tell_ages(
        people.train, people.watched, people.test.images, scale=Scale.of(people.train),
        plan=AgePlan(steps=6, look_every=6), seed=1, device=choose_device("cpu"),
    )  # fmt: skip
    np.testing.assert_array_equal(told(ending, 6), at_end)
    assert not np.array_equal(told(people.watched, 6), told(people.watched, 1))


def test_the_same_seed_gives_the_same_network() -> None:
    first, second, other = (new_network(seed, (5, 17, 32)).head.weight for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == (1, 64 * 1 * 2 * 2)
    assert new_network(1, (5, 17, 32))(torch.zeros(3, 1, 5, 17, 32)).shape == (3,)


def test_scores_are_means_over_networks() -> None:
    ages = np.array([30.0, 40.0, 50.0, 60.0])
    told = {
        0: np.stack([ages + 4, ages - 8]),
        5: np.stack([ages + 1, ages + 3]),
    }
    found = score_ages(np.array([40.0, 50.0]), ages, told)
    assert found.scores[0]["mae_years"].value == 6
    assert found.scores[5]["mae_years"].value == 2
    assert found.scores[5]["change_years"].value == -4
    assert found.scores[5]["change_years"].high == -4  # of the same people
    assert "change_years" not in found.scores[0]
    assert found.scores[5]["r2"].value == pytest.approx(1 - (4 + 36) / 2 / 500)
    assert found.mean_age.value == 10
    curve = plot_brain_age(found).axes[0]
    assert [tick.get_text() for tick in curve.get_xticklabels()] == ["0", "5"]


def test_images_are_averaged_over_blocks() -> None:
    image = np.zeros((5, 4, 4), np.uint8)
    image[:2, :2, :2] = 255
    image[2:4, 2, 2] = 8
    assert coarse(image, 2).tolist() == [[[255, 0], [0, 0]], [[0, 0], [0, 2]]]
    assert block_of(np.diag([2.0, 2.0, 2.0, 1.0]), 4.0) == 2
    assert block_of(np.diag([10.0, 10.0, 10.0, 1.0]), 4.0) == 1


def test_synthetic_people_have_all_ages_of_the_training_people(brainsynth, pictured) -> None:
    _, train, _ = find_people(brainsynth, pictured, read_table(pictured), pictured.read_manifest())
    real = [feature_age(row) for row in train.values()]
    drawn = draw_conditions(brainsynth, [*train.values()], 200)
    ages = [feature_age(row) for row in drawn]
    assert min(real) <= min(ages) < max(ages) <= max(real)
    assert np.histogram(ages, 4)[0].min() > 25
    assert {row["sex"] for row in drawn} == {"F", "M"}
    assert draw_conditions(brainsynth, [*train.values()], 3) == drawn[:3]


def test_images_are_kept_small_and_not_made_twice(brainsynth, pictured, tmp_path) -> None:
    generator = load_generator(brainsynth, device="cpu")
    people, cache = [{"age": 30.0, "sex": "F"}, {"age": 70.0, "sex": "M"}], ArrayCache(tmp_path, "")
    first = draw_pictures(generator, people, block=2, cache=cache)
    assert first.images.dtype == np.uint8
    assert first.images.shape == (2, *(n // 2 for n in generator.shape))
    assert first.ages.tolist() == [30, 70]
    generator.generate = None
    again = draw_pictures(generator, people, block=2, cache=cache)
    np.testing.assert_array_equal(again.images, first.images)


def test_validation_people_are_neither_trained_nor_tested_on(brainsynth, pictured) -> None:
    table = read_table(pictured)
    watched = validation_people(brainsynth, pictured, table)
    _, train, test = find_people(brainsynth, pictured, table, pictured.read_manifest())
    assert watched
    assert not set(watched) & (set(train) | set(test))
    people = load_age_people(brainsynth, pictured, voxel_mm=20.0)
    assert len(people.watched) == len(watched)
    assert people.test.ages.tolist() == [feature_age(row) for row in test.values()]


def test_an_evaluation_writes_scores_a_table_and_a_figure(brainsynth, pictured, tmp_path) -> None:
    settings = AgeSettings((2,), plan=AgePlan(steps=2, look_every=1, runs=2), device="cpu")
    said = []
    evaluate_brain_age(
        [brainsynth], pictured, tmp_path, settings=settings,
        on_progress=lambda done, total, what: said.append(what),
    )  # fmt: skip
    assert {"reading people", "drawing with tiny", "learning ages, 2 synthetic, 2 of 2"} <= {*said}
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"scores.json", "brain_age.md", "brain_age.csv", "figures"}
    assert (tmp_path / "figures" / "brain_age.png").stat().st_size > 1000
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["brain_age"]
    assert set(scores["synthetic_people"]) == {"0", "2"}
    assert scores["synthetic_people"]["2"]["mae_years"]["value"] > 0
    assert scores["steps"] == 2
    with (tmp_path / "brain_age.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["Synthetic people"] for row in rows] == ["–", "0", "2"]
    assert "sub-" not in (tmp_path / "brain_age.md").read_text(encoding="utf-8")


def test_what_cannot_be_judged_is_told_before_anything_is_made(
    brainsynth, pictured, tmp_path
) -> None:
    out = tmp_path / "out"
    tissues = open_checkpoint(write_fake_checkpoint(tmp_path))
    with pytest.raises(EvaluationError, match="fake makes no T1 images"):
        evaluate_brain_age([tissues], pictured, out, settings=AgeSettings())
    unwatched = publish_tiny_brainsynth(tmp_path / "unwatched", pictured)
    folds = {name: fold for name, fold in brainsynth.config["folds"].items() if fold != 2}
    change_config(unwatched, folds=folds)
    with pytest.raises(EvaluationError, match="unwatched was trained without validation people"):
        evaluate_brain_age([open_checkpoint(unwatched)], pictured, out, settings=AgeSettings())
    with pytest.raises(EvaluationError, match="must not be negative, got -1"):
        AgeSettings((3, -1))
    assert not out.exists()
