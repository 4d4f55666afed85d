"""Saliency in the features' own units; the fake's gradients are 1, 2, 3, ... by column."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brainviewer.core.features import Feature, Kind, Level, fit_schema
from brainviewer.core.regions import LabelRegions
from brainviewer.core.tissues import TISSUES
from brainviewer.session.saliency import saliency_rows, saliency_steps


def run(generator, count: int, **more):
    """Return the rows of some people, and the progress that was told."""
    steps = saliency_steps(
        generator,
        [generator.draw(seed) for seed in range(count)],
        generator.schema.typical(),
        schema=generator.schema,
        channels=generator.channels,
        **more,
    )
    progress = []
    while True:
        try:
            progress.append(next(steps))
        except StopIteration as end:
            return end.value, progress


@pytest.fixture
def rows(generator):
    found, progress = run(generator, 3)
    assert progress == [1 / 3, 2 / 3, 1]
    return found


def test_labels_are_rows_of_their_own(generator) -> None:
    labels = np.zeros(generator.shape, np.int32)
    labels[:4], labels[4:] = 8, 3
    found, progress = run(generator, 2, regions=LabelRegions("labels", labels, (3, 8)))
    assert progress == pytest.approx([n / 6 for n in range(1, 7)])
    names = list(dict.fromkeys(row.structure for row in found))
    assert names[:3] == list(TISSUES)
    assert [name.split(maxsplit=1)[1] for name in names[3:]] == ["in label 3", "in label 8"]
    assert len(found) == 5 * len(generator.schema.columns)


def _one(rows, structure, feature, level=""):
    (row,) = [r for r in rows if (r.structure, r.feature, r.level) == (structure, feature, level)]
    return row


def test_a_number_is_per_sd_and_per_its_own_unit(rows, generator) -> None:
    row = _one(rows, "WM", "age")
    assert row.ml_per_sd == 1.0
    assert row.ml_per_unit == pytest.approx(1.0 / generator.schema["age"].fitted.sd)
    assert row.unit == "years"


def test_two_levels_are_one_rather_than_the_other(rows, generator) -> None:
    row = _one(rows, "WM", "sex", "male")
    assert row.ml_per_sd == 2.0
    assert row.ml_per_unit == pytest.approx(2.0 / 0.5)
    assert row.unit == "being male rather than female"


def test_ordered_levels_are_per_level(rows, generator) -> None:
    row = _one(rows, "WM", "education")
    assert row.ml_per_unit == pytest.approx(4.0 / generator.schema["education"].fitted.sd)
    assert row.unit == "level"


def test_each_of_several_levels_has_a_row(rows, generator) -> None:
    columns = len(generator.schema.columns)
    share = generator.schema["occupation"].fitted.shares[2]
    row = _one(rows, "CSF", "occupation", "retired")
    assert row.ml_per_unit == 3 * columns
    assert row.ml_per_sd == pytest.approx(3 * columns * math.sqrt(share * (1 - share)))
    assert row.unit == "being retired"


def test_rows_are_by_structure_the_heaviest_first(rows, generator) -> None:
    assert [row.structure for row in rows] == [
        tissue for tissue in TISSUES for _ in generator.schema.columns
    ]
    weights = [abs(row.ml_per_sd) for row in rows if row.structure == "GM"]
    assert weights == sorted(weights, reverse=True)


def test_two_seen_levels_of_three_are_counted_as_one_step() -> None:
    levels = (Level("a", "never"), Level("b", "once"), Level("c", "often"))
    schema = fit_schema(
        [Feature("smoking", Kind.LEVELS, levels=levels)], [{"smoking": c} for c in "aacc"]
    )
    (row,) = saliency_rows([[3.0]], schema, channels=["GM"])
    assert row.ml_per_unit == pytest.approx(6.0)  # sd of the ranks 0, 0, 2, 2 is 1
    assert row.unit == "being often rather than never"
