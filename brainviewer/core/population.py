"""The volumes of the training people by age and sex: percentiles to hold a person against."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.sentences import SentenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PERCENTILES = (5, 25, 50, 75, 95)
EVERYONE = "all"
COLUMNS = ("structure", "sex", "age_years", *(f"p{p:02d}_ml" for p in PERCENTILES))


class PopulationError(SentenceError):
    """A population table that cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Percentile curves of structure volumes.

    Attributes
    ----------
    ages : (N,) float64 ndarray, years, increasing
    curves : mapping of (structure, sex) to (5, N) float64 ndarray, mL
        The 5th, 25th, 50th, 75th and 95th percentile at each age. ``sex`` is a level code of the
        schema or ``"all"``.
    """

    ages: NDArray[np.float64]
    curves: Mapping[tuple[str, str], NDArray[np.float64]]

    def band(
        self, structure: str, sex: str, ages: Sequence[float] | NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the percentiles at some ages: (5, len(ages)) float64, mL.

        Ages outside the table get NaN: nobody was there to compare with. A sex the table does not
        have falls back to everyone.
        """
        curve = self.curves.get((structure, sex), self.curves.get((structure, EVERYONE)))
        if curve is None:
            raise KeyError(f"the population table has no structure {structure!r}")
        return np.stack(
            [np.interp(ages, self.ages, row, left=np.nan, right=np.nan) for row in curve]
        )

    def percentile(self, structure: str, sex: str, age: float, volume_ml: float) -> float:
        """Return where a volume stands among people of that age, 0-100; NaN outside the table.

        Between the tabulated percentiles the standing is interpolated; below the 5th and above
        the 95th it is reported as 5 and 95.
        """
        column = self.band(structure, sex, [age])[:, 0]
        if np.isnan(column).any():
            return float("nan")
        return float(np.interp(volume_ml, column, PERCENTILES))


def read_population(path: Path) -> Population:
    """Read a population.csv; PopulationError with one sentence when it cannot be used."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError("it is empty")
        ages = np.array(sorted({float(row["age_years"]) for row in rows}))
        if not np.isfinite(ages).all():
            raise ValueError("an age is not finite")
        curves = {
            key: _curve(rows, key, ages) for key in {(r["structure"], r["sex"]) for r in rows}
        }
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise PopulationError(
            f"{path.name} is not a population table ({error}); it needs the columns "
            f"{', '.join(COLUMNS)}"
        ) from error
    return Population(ages, curves)


def population_rows(population: Population) -> list[list[str]]:
    """Return the table as rows of text, header first, ready for a CSV file."""
    rows = [list(COLUMNS)]
    for (structure, sex), curve in sorted(population.curves.items()):
        for age, column in zip(population.ages, curve.T, strict=True):
            rows.append([structure, sex, f"{age:g}", *(f"{value:.2f}" for value in column)])
    return rows


def _curve(
    rows: Sequence[Mapping[str, str]], key: tuple[str, str], ages: NDArray[np.float64]
) -> NDArray[np.float64]:
    own = sorted(
        (row for row in rows if (row["structure"], row["sex"]) == key),
        key=lambda row: float(row["age_years"]),
    )
    if [float(row["age_years"]) for row in own] != ages.tolist():
        raise ValueError(f"{key[0]} of {key[1]} has other ages than the rest")
    curve = np.array([[float(row[name]) for row in own] for name in COLUMNS[3:]])
    if not np.isfinite(curve).all():
        raise ValueError(f"a volume of {key[0]} of {key[1]} is not finite")
    return curve
