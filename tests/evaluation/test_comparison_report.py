from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.comparison_report import Comparison, System, write_reports
from brainviewer.evaluation.feature_networks import Embedder, Embedders
from brainviewer.evaluation.gradients import GradientRow
from brainviewer.evaluation.scores import Estimate
from brainviewer.evaluation.tables import to_csv

BRAIN = np.zeros((3, 1, 1, 1), np.uint8)
METRICS = ("mmd_linear", "mmd_rbf", "fid_2d", "fid_3d", "delta_ssim")
TRUE = np.random.default_rng(0).normal(500.0, 50.0, (12, 3))


def likeness(value: float) -> dict:
    return {
        tissue: {name: Estimate(value, value - 1, value + 1) for name in METRICS}
        for tissue in TISSUES
    }


def gradients() -> list[GradientRow]:
    number = Estimate(1.0, 0.5, 1.5)
    return [
        GradientRow(group, tissue, f"feature {n}", "", number, number, "years")
        for group in ("everyone", "female")
        for tissue in (*TISSUES, "ventricles")
        for n in range(7)
    ]


def comparison(**changes) -> Comparison:
    volumes = Embedder("medicalnet.pt", lambda images: images, own=False)
    slices = Embedder("a network fitted here", lambda images: images, own=True)
    told = {
        "systems": [
            System(
                "csegsynth",
                likeness(1.0),
                BRAIN,
                predictions_ml=TRUE + 10,
                gradients=gradients(),
                deviation=0.0123,
            ),
            System("gan", likeness(2.0), BRAIN),
        ],
        "real": likeness(0.5),
        "networks": Embedders(volumes, slices),
        "true_ml": TRUE,
        "regressions": {"ridge": TRUE + np.array([5, 40, 5]), "mean": TRUE + np.array([40, 5, 40])},
        "crossvalidated": (TRUE, {"ridge": TRUE + 1}),
        "fitted_to": "the 30 training people of csegsynth",
        "draws": 16,
    } | changes
    return Comparison(**told)


def report(name: str, **changes):
    (found,) = [r for r in write_reports(comparison(**changes)) if r.name == name]
    return found


def rows(table) -> list[dict]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_table_one_names_the_network_of_each_distance() -> None:
    found = report("table1_likeness")
    table, _ = found.tables
    assert table.columns == (
        "Tissue", "System", "MMD, linear, a voxel", "MMD, RBF (medicalnet.pt)",
        "2D-FID (own network)", "3D-FID (medicalnet.pt)", "|delta SSIM|",
    )  # fmt: skip
    assert [row[1] for row in table.rows] == ["real, other people", "csegsynth", "gan"] * 3
    assert "2D-FID: a network fitted here" in found.preamble
    assert report("table1_likeness", real=None).tables[0].rows[0][1] == "csegsynth"


def test_table_two_holds_everybody_against_the_best_regression_of_the_tissue() -> None:
    found = report("table2_accuracy")
    errors = {(r["Tissue"], r["System"]): r for r in rows(found.tables[0])}
    assert len(errors) == 3 * 3
    # Ridge is 5 mL off in WM and CSF, the mean 5 mL in GM; the generator is 10 mL off everywhere.
    for tissue in TISSUES:
        own = errors[tissue, "csegsynth"]
        assert own["MAE (mL)"].value == pytest.approx(10)
        assert own["MAE / best regression"].value == pytest.approx(2)
    assert "ridge regression for WM, mean of the training people for GM" in found.preamble
    assert "the 30 training people of csegsynth" in found.preamble
    assert found.tables[1].name == "table2_crossvalidated"
    assert rows(found.tables[1])[0]["MAE (mL)"].value == pytest.approx(1)


def test_table_three_has_p_values_beside_the_rank_correlations() -> None:
    own = rows(report("table3_correlation").tables[0])[2]
    assert own["System"] == "csegsynth"
    assert own["Spearman rho"].value == pytest.approx(1)
    assert float(own["p of rho"]) < 1e-6
    assert float(own["p of tau"]) < 1e-6


def test_table_four_shows_five_and_keeps_all() -> None:
    found = report("table4_gradients")
    assert len(found.tables[0].rows) == 2 * 4 * 5
    assert len(found.long_tables[0].rows) == 2 * 4 * 7
    assert [row[3] for row in found.tables[0].rows[:5]] == [*"12345"]
    assert "csegsynth 1.2%" in found.preamble
    assert "gan" not in found.preamble


def test_without_features_there_is_table_one_alone() -> None:
    systems = [System("gan", likeness(2.0), BRAIN)]
    found = write_reports(comparison(systems=systems, regressions={}))
    assert [r.name for r in found] == ["table1_likeness"]


@pytest.mark.parametrize(
    ("report_name", "tissue", "system", "expected"),
    [
        ("table1_likeness", "GM", "CSegSynth", ("0.0240", "0.0438", "0.0020", "0.0204")),
        ("table1_likeness", "WM", "C-VAE", ("0.0529", "0.2940", "0.1439", "0.1188")),
        ("table2_accuracy", "WM", "CSegSynth", ("6.82", "36.44", "0.57")),
        ("table2_accuracy", "CSF", "C-LDM", ("30.80", "92.69", "-2.27")),
        ("table2_accuracy", "GM", "LR", ("40.60", "228.43", "-22.72")),
        ("table3_correlation", "CSF", "CSegSynth", ("0.70", "0.76", "1e-9", "0.56", "4e-8")),
        ("table3_correlation", "GM", "PR", ("0.18", "0.21", "2e-1", "0.15", "1e-1")),
    ],
)
def test_the_published_numbers_are_the_papers_and_said_to_be(
    report_name, tissue, system, expected
) -> None:
    found = report(report_name)
    table = found.tables[-1]
    assert "as published, for other data (CamCAN, 198 features, 46 test people)" in table.title
    assert "not to be held against ours" in found.preamble
    (row,) = [row for row in table.rows if tuple(row[:2]) == (tissue, system)]
    assert tuple(row[2:]) == expected
    assert table.name.endswith("_published")


def test_every_table_can_be_written_for_programs() -> None:
    for found in write_reports(comparison()):
        for table in (*found.tables, *found.long_tables):
            header, *lines = csv.reader(io.StringIO(to_csv(table)))
            assert len(lines) == len(table.rows)
            assert len(set(header)) == len(header)
            assert {len(line) for line in lines} == {len(header)}
