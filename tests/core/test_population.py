"""Percentile curves: between the ages, outside them, on disk, and broken."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from brainviewer.core.population import (
    COLUMNS,
    Population,
    PopulationError,
    population_rows,
    read_population,
)

AGES = np.array([20.0, 40.0, 60.5])
WOMEN = np.array([[100.0, 200, 300, 400, 500], [110, 210, 310, 410, 510], [120] * 5]).T
EVERYONE = WOMEN + 1000.0


@pytest.fixture
def population() -> Population:
    return Population(AGES, {("WM", "F"): WOMEN, ("WM", "all"): EVERYONE, ("GM", "all"): WOMEN})


def write(path, rows) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def test_a_band_is_linear_between_the_ages(population) -> None:
    band = population.band("WM", "F", [20, 25, 40])
    assert band.shape == (5, 3)
    assert band[0].tolist() == [100, 102.5, 110]
    assert band[4].tolist() == [500, 502.5, 510]


def test_nobody_was_there_outside_the_table(population) -> None:
    band = population.band("WM", "F", [19.9, 20, 60.5, 60.6])
    assert np.isnan(band).tolist() == [[True, False, False, True]] * 5


@pytest.mark.parametrize("sex", ["M", "None", "all"])
def test_a_sex_that_the_table_lacks_falls_back_to_everyone(population, sex) -> None:
    assert population.band("WM", sex, [20])[:, 0].tolist() == EVERYONE[:, 0].tolist()


def test_an_unknown_structure_is_an_error(population) -> None:
    with pytest.raises(KeyError, match="no structure 'CSF'"):
        population.band("CSF", "F", [20])


@pytest.mark.parametrize(
    ("volume", "percent"),
    [(50, 5), (100, 5), (150, 15), (200, 25), (300, 50), (450, 85), (500, 95), (900, 95)],
)
def test_the_standing_is_read_between_the_percentiles(population, volume, percent) -> None:
    assert population.percentile("WM", "F", 20, volume) == pytest.approx(percent)


def test_the_standing_outside_the_table_is_not_a_number(population) -> None:
    assert np.isnan(population.percentile("WM", "F", 70, 300))


def test_a_table_comes_back_from_the_disk(population, tmp_path) -> None:
    path = tmp_path / "population.csv"
    write(path, population_rows(population))
    again = read_population(path)
    np.testing.assert_array_equal(again.ages, AGES)
    assert set(again.curves) == set(population.curves)
    for key, curve in population.curves.items():
        np.testing.assert_allclose(again.curves[key], curve, atol=0.005)


def test_the_order_of_the_rows_does_not_matter(population, tmp_path) -> None:
    header, *rows = population_rows(population)
    write(tmp_path / "population.csv", [header, *rows[::-1]])
    np.testing.assert_allclose(
        read_population(tmp_path / "population.csv").curves["WM", "F"], WOMEN
    )


def test_the_columns_say_structure_sex_age_and_millilitres(population) -> None:
    rows = population_rows(population)
    assert rows[0] == ["structure", "sex", "age_years"] + [
        f"p{p}_ml" for p in ("05", "25", "50", "75", "95")
    ]
    assert rows[1][:4] == ["GM", "all", "20", "100.00"]


ROW = ["WM", "all", "20", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [COLUMNS],
        [COLUMNS[1:], ROW[1:]],
        [COLUMNS[:-1], ROW[:-1]],
        [COLUMNS, ROW[:-1]],
        [COLUMNS, [*ROW[:-1], "many"]],
        [COLUMNS, ["WM", "all", "old", *ROW[3:]]],
        [COLUMNS, ROW, ["WM", "all", "30", *ROW[3:]], ["GM", *ROW[1:]]],
        [COLUMNS, ROW, ROW, ["GM", *ROW[1:]], ["GM", "all", "30", *ROW[3:]]],
    ],
    ids=[
        "empty",
        "no people",
        "no structure",
        "no p95",
        "short row",
        "no number",
        "no age",
        "an age is missing",
        "an age comes twice",
    ],
)
def test_a_broken_table_is_one_sentence(tmp_path, rows) -> None:
    write(tmp_path / "population.csv", rows)
    with pytest.raises(
        PopulationError, match=r"population\.csv is not a population table .*p95_ml"
    ):
        read_population(tmp_path / "population.csv")


def test_a_missing_or_binary_table_is_one_sentence_too(tmp_path) -> None:
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    for name in ("missing.csv", "binary.csv"):
        with pytest.raises(PopulationError, match=f"{name} is not a population table"):
            read_population(tmp_path / name)
