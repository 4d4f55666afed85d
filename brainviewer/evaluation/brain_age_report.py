"""What synthetic people were good for in telling ages, as scores, tables and a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.files import write_text_atomically
from brainviewer.evaluation.figures import GENERATOR_COLOUR, new_figure
from brainviewer.evaluation.report import plain
from brainviewer.evaluation.scores import Estimate, estimate, mean_absolute_error, r_squared
from brainviewer.evaluation.tables import UNDEFINED, Cell, Table, to_csv, to_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brainviewer.evaluation.scores import Array

DEFINITIONS = """\
Networks of one kind learn ages from coarse T1 images of the real training people with synthetic
ones added, in the same number of steps each; of every network that state is taken which errs least
on validation people. **MAE** and **R2** are those of people whom neither network nor generator has
seen, averaged over networks from different starts, and **change** is the MAE less that without
synthetic people. In brackets: 95 % interval, bootstrap over people. BrainSynth's paper goes from
14.99 to 4.49 years (R2 from -0.08 to 0.80) with 5000 synthetic people, on people of 55 to 80 years
elsewhere.
"""
COLUMNS = {
    "mae_years": "MAE (years)",
    "r2": "R2",
    "change_years": "Change (years)",
}
NOBODY = "mean age of the training people"


@dataclass(frozen=True, slots=True, eq=False)
class AgeScores:
    """How well ages are told.

    Attributes
    ----------
    ages : (N,) float64 ndarray, years
        Of the test people.
    told : mapping of number of synthetic people to (runs, N) float64 ndarray, years
    scores : mapping of number of synthetic people to a mapping of a name in `COLUMNS` to Estimate
        There is no change without synthetic people.
    mean_age : Estimate, years
        MAE when everybody is told to have the mean age of the training people.
    """

    ages: Array
    told: Mapping[int, Array]
    scores: Mapping[int, Mapping[str, Estimate]]
    mean_age: Estimate


def score_ages(trained: Array, ages: Array, told: Mapping[int, Array]) -> AgeScores:
    """Score told ages.

    Parameters
    ----------
    trained, ages : (M,), (N,) ndarrays, years
        Of the real training and of the test people.
    told : mapping of number of synthetic people, 0 among them, to (runs, N) ndarray, years
    """
    alone = [*told[0]]

    def change(true: Array, *both: Array) -> Array:
        own, other = both[: len(both) - len(alone)], both[-len(alone) :]
        return _error(true, *own) - _error(true, *other)

    scores = {}
    for number, runs in told.items():
        scores[number] = {
            "mae_years": estimate(_error, ages, *runs),
            "r2": estimate(_r_squared, ages, *runs),
        }
        if number:
            scores[number]["change_years"] = estimate(change, ages, *runs, *alone)
    nobody = estimate(_error, ages, np.full(len(ages), trained.mean()))
    return AgeScores(ages, told, scores, nobody)


def age_json(scores: AgeScores) -> dict[str, Any]:
    """Return plain values for scores.json."""
    by_number = {str(number): plain(own) for number, own in scores.scores.items()}
    return {"synthetic_people": by_number, "mean_age_mae_years": plain(scores.mean_age)}


def write_age_tables(scores: Mapping[str, AgeScores], out: Path) -> None:
    """Write ``brain_age.md`` and ``brain_age.csv`` to a folder, made when absent."""
    out.mkdir(parents=True, exist_ok=True)
    table = age_table(scores)
    write_text_atomically(out / "brain_age.md", f"{to_markdown(table)}\n{DEFINITIONS}")
    write_text_atomically(out / "brain_age.csv", to_csv(table))


def age_table(scores: Mapping[str, AgeScores]) -> Table:
    """Put what was found with the people of each generator below each other."""
    first = next(iter(scores.values()))
    rows: list[Sequence[Cell]] = [
        (NOBODY, UNDEFINED, first.mean_age, UNDEFINED, UNDEFINED, UNDEFINED)
    ]
    for name, own in scores.items():
        for number, found in own.scores.items():
            cells = (found.get(column, UNDEFINED) for column in COLUMNS)
            errors = mean_absolute_error(own.ages, own.told[number])
            runs = ", ".join(f"{error:.2f}" for error in errors)
            rows.append((name, str(number), *cells, runs))
    columns = ("Generator", "Synthetic people", *COLUMNS.values(), "MAE of each network (years)")
    return Table("brain_age", "Ages told from T1 images", columns, rows)


def plot_brain_age(scores: AgeScores) -> Figure:
    """Plot the error against the number of synthetic people, and told ages with none and most."""
    numbers = sorted(scores.scores)
    figure = new_figure(12.0, 4.2)
    axes = figure.add_subplot(1, 3, 1)
    found = [scores.scores[number]["mae_years"] for number in numbers]
    values = np.array([own.value for own in found])
    ends = np.array([(own.value - own.low, own.high - own.value) for own in found]).T
    places = np.arange(len(numbers))  # equally far apart: they grow by factors
    axes.axhline(scores.mean_age.value, color="0.6", linewidth=1, label=NOBODY)
    axes.errorbar(
        places, values, yerr=ends.clip(0.0), color=GENERATOR_COLOUR, marker="o", capsize=3,
        label="networks, 95 % interval",
    )  # fmt: skip
    axes.set_xticks(places, [str(number) for number in numbers])
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("synthetic people added")
    axes.set_ylabel("mean absolute error (years)")
    axes.legend(fontsize="small")
    for place, number in enumerate((numbers[0], numbers[-1])):
        _draw_told(figure.add_subplot(1, 3, place + 2), scores, number)
    return figure


def _draw_told(axes: Axes, scores: AgeScores, number: int) -> None:
    told, own = scores.told[number].mean(axis=0), scores.scores[number]
    both = np.concatenate([scores.ages, told])
    ends = (float(both.min()), float(both.max()))
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.scatter(scores.ages, told, s=18, color=GENERATOR_COLOUR)
    error, r2 = own["mae_years"].value, own["r2"].value
    axes.set_title(f"{number} synthetic: MAE {error:.1f} years, R2 {r2:.2f}", fontsize="medium")
    axes.set_xlabel("age (years)")
    axes.set_ylabel("told age, mean of the networks (years)")


def _error(true: Array, *told: Array) -> Array:
    """Average the MAE over networks."""
    return np.asarray(np.mean([mean_absolute_error(true, one) for one in told], axis=0))


def _r_squared(true: Array, *told: Array) -> Array:
    """Average R2 over networks."""
    return np.asarray(np.mean([r_squared(true, one) for one in told], axis=0))
