"""Damaged participants tables and their descriptions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.bids import BidsError, read_participants
from brainviewer.core.features import FeatureError, fit_schema
from tests.fuzz.mutation import answered, damaged_bytes, damaged_json_text, nested_json

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    "participant_id\tage\tsex\theight\tsite",
    *(f"sub-{n:02d}\t{20 + 3 * n}\t{'FM'[n % 2]}\t{160.5 + n}\tsite{n % 3}" for n in range(16)),
    "sub-16\tn/a\tF\t170\tsite1",
]
TABLE = "\n".join(ROWS).encode() + b"\n"
DESCRIBED = {
    "age": {"Description": "Age", "Units": "years"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "site": {"Levels": {"site0": "A", "site1": {"Description": "B"}, "site2": "C"}},
}


def use(folder: Path) -> None:
    """Read the people, and fit their features as an import does."""
    people = read_participants(folder / "participants.tsv", folder / "participants.json")
    fit_schema(people.features, list(people.people.values()))


def write(folder: Path, table: bytes, described: bytes) -> None:
    (folder / "participants.tsv").write_bytes(table)
    (folder / "participants.json").write_bytes(described)


def test_damaged_tables(tmp_path: Path) -> None:
    refused = 0
    for number in range(1000):
        rng = np.random.default_rng([11, number])
        write(tmp_path, damaged_bytes(TABLE, rng), json.dumps(DESCRIBED).encode())
        with answered(BidsError, FeatureError) as sentences:
            use(tmp_path)
        refused += len(sentences)
    assert 300 < refused < 1000


def test_damaged_descriptions(tmp_path: Path) -> None:
    for number in range(700):
        rng = np.random.default_rng([12, number])
        write(tmp_path, TABLE, damaged_json_text(DESCRIBED, rng))
        with answered(BidsError, FeatureError):
            use(tmp_path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    write(tmp_path, TABLE, nested_json(100_000).encode())
    with answered(BidsError) as sentences:
        use(tmp_path)
    assert sentences
