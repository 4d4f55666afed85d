"""From a model to a checkpoint folder that opens, loads and says what it was trained on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from brainviewer.cohort.reading import People
from brainviewer.core.population import Population, read_population
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.generators.packing import read_weights
from brainviewer.training.publish import fit_population, population_csv
from tests.tiny import GRID_AFFINE, publish_tiny_checkpoint, tiny_cvae

COUNT = 160


@pytest.fixture(scope="module")
def population() -> Population:
    return fit_population(many_people())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data):
    return publish_tiny_checkpoint(tmp_path_factory.mktemp("published") / "tiny", data)


def people_of(ages: np.ndarray, sexes: str, volumes: np.ndarray) -> People:
    conditions = tuple({"age": float(a), "sex": s} for a, s in zip(ages, sexes, strict=True))
    ids = tuple(f"sub-{index}" for index in range(len(ages)))
    maps = np.zeros((len(ages), 3, 1, 1, 1), np.uint8)
    return People(ids, maps, volumes.astype(np.float32), conditions)


def many_people(low: float = 20.0, high: float = 80.0) -> People:
    rng = np.random.default_rng(1)
    ages = np.linspace(low, high, COUNT)
    # WM falls by 2 mL a year, with a spread that grows; women and men are 100 mL apart.
    sexes = "FM" * (COUNT // 2)
    wm = 600 - 2 * ages + 100 * (np.arange(COUNT) % 2) + rng.normal(0, 0.3, COUNT) * ages
    return people_of(ages, sexes, np.stack([wm, wm + 50, wm / 4], axis=1))


def test_a_published_checkpoint_opens_and_makes_brains(folder, data) -> None:
    checkpoint = open_checkpoint(folder)
    assert checkpoint.schema == data.schema
    generator = load_generator(checkpoint, device="cpu")
    np.testing.assert_array_equal(generator.affine, GRID_AFFINE)
    brain = generator.generate(generator.draw(1), checkpoint.schema.typical())
    assert 0 <= brain.data.min() < brain.data.max() <= 1


def test_weights_are_those_of_the_model(folder, data) -> None:
    stored = read_weights(folder / "weights.safetensors")
    state = tiny_cvae(len(data.schema.columns)).state_dict()
    assert set(stored) == set(state)
    for name, value in state.items():
        torch.testing.assert_close(stored[name], value, rtol=1e-3, atol=4e-3)


def test_the_configuration_says_who_was_trained_on_and_how(folder, data) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["trained_on"] == {
        "source": "Tiny people", "licence": "CC0", "people": len(data.train), "more_people": 0,
    }  # fmt: skip
    assert config["command"] == "brainviewer train tiny.toml"
    assert config["folds"] == data.folds
    assert (config["test_folds"], config["validation_folds"]) == ([0, 1], [2])
    assert config["recipe"]["batch_size"] == 4


def test_the_card_counts_the_people(folder, data) -> None:
    card = (folder / "card.md").read_text(encoding="utf-8")
    sexes = [row["sex"] for row in data.train.conditions]
    assert card.startswith("# Tiny C-VAE\n")
    assert f"{len(data.train)} of Tiny people" in card
    assert f"({sexes.count('F')} female, {sexes.count('M')} male; " in card
    assert f"{len(data.validation)} to watch the training and {len(data.test)} to" in card
    assert "licence CC0" in card
    assert "16 x 24 x 16 voxels" in card


def test_publishing_again_replaces_the_files(data, tmp_path) -> None:
    publish_tiny_checkpoint(tmp_path / "tiny", data)
    publish_tiny_checkpoint(tmp_path / "tiny", data, title="Tiny again")
    assert open_checkpoint(tmp_path / "tiny").title == "Tiny again"


# Population


def test_curves_are_ordered_and_cover_the_ages(population) -> None:
    assert (population.ages[0], population.ages[-1]) == (20, 80)
    assert np.diff(population.ages).max() <= 2
    assert set(population.curves) == {
        (t, s) for t in ("WM", "GM", "CSF") for s in ("F", "M", "all")
    }
    for curve in population.curves.values():
        assert (np.diff(curve, axis=0) >= 0).all()


def test_curves_find_the_percentiles_that_people_were_drawn_from(population) -> None:
    women = population.curves["WM", "F"]
    # The median falls by 2 mL a year from 560 at 20; the 95th percentile lies 1.645 sd above.
    np.testing.assert_allclose(women[2], 600 - 2 * population.ages, atol=12)
    middle = len(population.ages) // 2
    assert women[4, middle] - women[2, middle] == pytest.approx(1.645 * 0.3 * 50, rel=0.4)


def test_a_sex_with_few_people_has_no_curves_of_its_own() -> None:
    people = many_people()
    few = tuple({**row, "sex": "M" if index < 19 else "F"} for index, row in
                enumerate(people.conditions))  # fmt: skip
    population = fit_population(replace(people, conditions=few))
    assert {sex for _, sex in population.curves} == {"F", "all"}


def test_a_small_cohort_still_has_curves_of_everyone() -> None:
    whole = many_people()
    chosen = slice(0, COUNT, 10)
    small = people_of(
        np.array([row["age"] for row in whole.conditions])[chosen], "F" * (COUNT // 10),
        whole.volumes_ml[chosen],
    )  # fmt: skip
    assert set(fit_population(small).curves) == {(t, "all") for t in ("WM", "GM", "CSF")}


@pytest.mark.parametrize(("low", "high"), [(18.2, 38.2), (19.98, 86.32)])
def test_a_fitted_table_can_be_read_again(tmp_path, low, high) -> None:
    # From 18.2 to 38.2 in steps of 2, arange reaches the end by a rounding error.
    population = fit_population(many_people(low, high))
    (tmp_path / "population.csv").write_text(population_csv(population), encoding="utf-8")
    again = read_population(tmp_path / "population.csv")
    np.testing.assert_allclose(again.ages, population.ages, atol=1e-3)
    np.testing.assert_allclose(
        again.curves["GM", "all"], population.curves["GM", "all"], atol=0.006
    )
