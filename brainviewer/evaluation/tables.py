"""Tables of scores, as Markdown to read and as CSV to compute with."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainviewer.evaluation.scores import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

Cell = str | Estimate
DIGITS = 4
UNDEFINED = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A file name, a title, columns with their units, and rows of texts and scores."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def to_markdown(table: Table) -> str:
    """Write a table for people: ``36.44 [31.2, 42.05]`` is a score with its 95 % interval."""
    rows = [[_say(cell) for cell in row] for row in (table.columns, *table.rows)]
    lines = [rows[0], ["---"] * len(table.columns), *rows[1:]]
    return f"## {table.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_csv(table: Table) -> str:
    """Write a table for programs: a score has the columns name, name low and name high."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    scored = [any(isinstance(row[i], Estimate) for row in table.rows) for i in _places(table)]
    header: list[str] = []
    for name, has_scores in zip(table.columns, scored, strict=True):
        header += [name, f"{name} low", f"{name} high"] if has_scores else [name]
    writer.writerow(header)
    writer.writerows([_fields(row, scored) for row in table.rows])
    return text.getvalue()


def significant(value: float) -> float | None:
    """Round to four significant digits; None for a score that is not defined."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _places(table: Table) -> range:
    return range(len(table.columns))


def _say(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.replace("|", r"\|")  # it would end the cell
    if not math.isfinite(cell.value):
        return UNDEFINED
    if not math.isfinite(cell.low):
        return f"{cell.value:.{DIGITS}g}"
    low, high = (f"{end:.{DIGITS}g}" for end in (cell.low, cell.high))
    return f"{cell.value:.{DIGITS}g} [{low}, {high}]"


def _fields(row: Sequence[Cell], scored: Sequence[bool]) -> list[str]:
    fields: list[str] = []
    for cell, has_scores in zip(row, scored, strict=True):
        if isinstance(cell, Estimate):
            fields += [_number(value) for value in (cell.value, cell.low, cell.high)]
        else:
            fields += [cell, "", ""] if has_scores else [cell]
    return fields


def _number(value: float) -> str:
    return f"{value:.{DIGITS + 2}g}" if math.isfinite(value) else ""
