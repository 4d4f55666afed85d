from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.scores import Estimate
from brainviewer.evaluation.tables import Table, significant, to_csv, to_markdown

TABLE = Table(
    "volumes",
    "Volumes",
    ("Tissue", "MAE (mL)", "r"),
    [
        ("WM", Estimate(36.4449, 31.2, 42.05), Estimate(np.nan, np.nan, np.nan)),
        ("GM", Estimate(1234.5678, 1000.0, 2000.0), "–"),
    ],
)


def test_markdown_shows_scores_with_their_intervals() -> None:
    assert to_markdown(TABLE) == (
        "## Volumes\n\n"
        "| Tissue | MAE (mL) | r |\n"
        "| --- | --- | --- |\n"
        "| WM | 36.44 [31.2, 42.05] | – |\n"
        "| GM | 1235 [1000, 2000] | – |\n"
    )


def test_a_bar_does_not_end_a_cell_of_markdown() -> None:
    table = Table("t", "T", ("|delta SSIM|",), [("a|b",)])
    assert to_markdown(table).splitlines()[2:] == [
        r"| \|delta SSIM\| |",
        "| --- |",
        r"| a\|b |",
    ]


def test_csv_gives_scores_and_ends_their_own_columns() -> None:
    assert to_csv(TABLE).splitlines() == [
        "Tissue,MAE (mL),MAE (mL) low,MAE (mL) high,r,r low,r high",
        "WM,36.4449,31.2,42.05,,,",
        "GM,1234.57,1000,2000,–,,",
    ]


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.123456, 0.1235), (36.4449, 36.44), (np.nan, None), (0.0, 0.0)]
)
def test_numbers_keep_four_digits(value, rounded) -> None:
    assert significant(value) == rounded
