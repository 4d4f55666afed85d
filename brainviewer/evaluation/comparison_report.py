"""Tables I-IV of CSegSynth for all systems together, each with what the paper printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation import published
from brainviewer.evaluation.regressions import REGRESSION_NAMES
from brainviewer.evaluation.scores import (
    estimate,
    kendall,
    mean_absolute_error,
    mean_absolute_percentage_error,
    pearson,
    r_squared,
    rank_p_values,
    spearman,
)
from brainviewer.evaluation.tables import UNDEFINED, Cell, Table
from brainviewer.evaluation.volumes import relative_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.evaluation.feature_networks import Embedders
    from brainviewer.evaluation.future import Future
    from brainviewer.evaluation.gradients import GradientRow
    from brainviewer.evaluation.likeness import Likeness
    from brainviewer.evaluation.scores import Array

TOP = 5
REAL = "real, other people"
BRACKETS = "In brackets: 95 % interval, bootstrap over people."
GRADIENT_COLUMNS = (
    "System",
    "People",
    "Volume",
    "Rank",
    "Feature",
    "mL per sd",
    "mL per unit",
    "Unit",
)
ACCURACY = {
    "MAPE (%)": mean_absolute_percentage_error,
    "MAE (mL)": mean_absolute_error,
    "R2": r_squared,
}


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """What was found of one checkpoint.

    Attributes
    ----------
    name : str
    likeness : Likeness
        Its entries of Table I.
    brain : (3, I, J, K) uint8 ndarray
        For Fig. 2, 255 x partial volume.
    predictions_ml : (N, 3) ndarray or None, mL
        Mean volumes over draws; None for a generator without features, as everything below.
    gradients : sequence of GradientRow
        Empty where it cannot be differentiated.
    deviation : float
        Of the gradients from finite differences, as a share of the largest.
    future : Future or None
    """

    name: str
    likeness: Likeness
    brain: NDArray[np.uint8]
    predictions_ml: Array | None = None
    gradients: Sequence[GradientRow] = ()
    deviation: float = np.nan
    future: Future | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was found of all checkpoints, on the same people.

    Attributes
    ----------
    systems : sequence of System
    real : Likeness or None
        Table I of real people held against other real people; None when there are too few.
    networks : Embedders
    true_ml : (N, 3) ndarray, mL
        Of the test people.
    regressions : mapping of regression to (N, 3) ndarray, mL
        Predictions of the same people; empty when no checkpoint takes features.
    crossvalidated : tuple of (M, 3) true and mapping of regression to (M, 3) predicted, mL
        Of everybody.
    fitted_to : str
        Whom the regressions were fitted to, in words.
    draws : int
    """

    systems: Sequence[System]
    real: Likeness | None
    networks: Embedders
    true_ml: Array
    regressions: Mapping[str, Array]
    crossvalidated: tuple[Array, Mapping[str, Array]]
    fitted_to: str
    draws: int


@dataclass(frozen=True, slots=True)
class Report:
    """A Markdown file, and its tables.

    Attributes
    ----------
    name : str
    preamble : str
    tables : sequence of Table
        In the Markdown, and each as CSV.
    long_tables : sequence of Table
        As CSV alone.
    """

    name: str
    preamble: str
    tables: Sequence[Table]
    long_tables: Sequence[Table] = ()


def write_reports(found: Comparison) -> list[Report]:
    """Return Table I, and Tables II-IV where a system takes features."""
    reports = [_report_likeness(found)]
    if found.regressions:
        reports += [_report_accuracy(found), _report_correlation(found)]
    if any(system.gradients for system in found.systems):
        reports.append(_report_gradients(found))
    return reports


def _report_likeness(found: Comparison) -> Report:
    networks = found.networks
    preamble = (
        f"One brain of each of {_people(found)}, each from a seed of its own, against the real "
        f"ones. A FID depends on the network in whose features it is taken. 2D-FID: "
        f"{networks.slices.name}. 3D-FID and the RBF-MMD: {networks.volumes.name}. The linear MMD "
        f"is MONAI's, divided by the number of voxels. '{REAL}' are as many training people: what "
        f"a perfect generator would score. {BRACKETS} {published.SOURCE}\n"
    )
    systems = {} if found.real is None else {REAL: found.real}
    systems |= {system.name: system.likeness for system in found.systems}
    names = {
        "mmd_linear": "MMD, linear, a voxel",
        "mmd_rbf": f"MMD, RBF ({networks.volumes.label})",
        "fid_2d": f"2D-FID ({networks.slices.label})",
        "fid_3d": f"3D-FID ({networks.volumes.label})",
        "delta_ssim": "|delta SSIM|",
    }
    rows: list[Sequence[Cell]] = [
        (tissue, name, *(scores[tissue][metric] for metric in names))
        for tissue in TISSUES
        for name, scores in systems.items()
    ]
    columns = ("Tissue", "System", *names.values())
    table = Table("table1_likeness", "Table I: brains as a sample", columns, rows)
    printed = _published(
        "table1", "I", ("MMD", "2D-FID", "3D-FID", "|delta SSIM|"), published.TABLE_1
    )
    return Report("table1_likeness", preamble, (table, printed))


def _report_accuracy(found: Comparison) -> Report:
    title = "Table II: volumes from features alone"
    bars = [
        min(found.regressions, key=lambda name: _error(found, name, index))
        for index in range(len(TISSUES))
    ]
    preamble = (
        f"{_predicted(found)} The best regression has the least error on these people: "
        + ", ".join(
            f"{REGRESSION_NAMES[name]} for {tissue}"
            for name, tissue in zip(bars, TISSUES, strict=True)
        )
        + ". In cross-validation everybody is predicted by regressions fitted without their fold. "
        f"{published.SOURCE}\n"
    )
    rows: list[Sequence[Cell]] = []
    for index, tissue in enumerate(TISSUES):
        true, bar = found.true_ml[:, index], found.regressions[bars[index]][:, index]
        for name, predicted in _systems(found).items():
            own = predicted[:, index]
            scores = [estimate(metric, true, own) for metric in ACCURACY.values()]
            rows.append((tissue, name, *scores, estimate(relative_error, true, own, bar)))
    columns = ("Tissue", "System", *ACCURACY, "MAE / best regression")
    table = Table("table2_accuracy", title, columns, rows)
    printed = _published("table2", "II", tuple(ACCURACY), published.TABLE_2)
    return Report("table2_accuracy", preamble, (table, _crossvalidated(found), printed))


def _crossvalidated(found: Comparison) -> Table:
    true, predictions = found.crossvalidated
    rows: list[Sequence[Cell]] = [
        (
            tissue,
            REGRESSION_NAMES[name],
            *(
                estimate(metric, true[:, index], predicted[:, index])
                for metric in (*ACCURACY.values(), pearson)
            ),
        )
        for index, tissue in enumerate(TISSUES)
        for name, predicted in predictions.items()
    ]
    title = f"Regressions in cross-validation over all {len(true)} people"
    columns = ("Tissue", "System", *ACCURACY, "Pearson r")
    return Table("table2_crossvalidated", title, columns, rows)


def _report_correlation(found: Comparison) -> Report:
    rows: list[Sequence[Cell]] = []
    for index, tissue in enumerate(TISSUES):
        true = found.true_ml[:, index]
        for name, predicted in _systems(found).items():
            own = predicted[:, index]
            r, rho, tau = (estimate(metric, true, own) for metric in (pearson, spearman, kendall))
            p_rho, p_tau = (_p_value(p) for p in rank_p_values(true, own))
            rows.append((tissue, name, r, rho, p_rho, tau, p_tau))
    title = "Table III: true and predicted volumes"
    columns = ("Pearson r", "Spearman rho", "p of rho", "Kendall tau", "p of tau")
    table = Table("table3_correlation", title, ("Tissue", "System", *columns), rows)
    printed = _published("table3", "III", columns, published.TABLE_3)
    preamble = (
        f"{_predicted(found)} p is two-sided, without correction for many tests. "
        f"{published.SOURCE}\n"
    )
    return Report("table3_correlation", preamble, (table, printed))


def _report_gradients(found: Comparison) -> Report:
    systems = [system for system in found.systems if system.gradients]
    deviations = ", ".join(f"{system.name} {system.deviation:.1%}" for system in systems)
    preamble = (
        f"How much a volume changes with a feature: gradients of generators, averaged over "
        f"{_people(found)}, for one standard deviation of the training people and for one natural "
        f"unit. {BRACKETS} Held against finite "
        f"differences of brains, the largest deviation is, as a share of the volume's largest "
        f"gradient: {deviations}. {published.SOURCE}\n"
    )
    columns = ("Volume", "Feature", "Gradient, no unit given")
    rows = [(tissue, *row) for tissue, own in published.TABLE_4.items() for row in own]
    printed = Table("table4_published", _published_title("IV"), columns, rows)
    heaviest = [row for row in _gradient_rows(systems) if int(str(row[3])) <= TOP]
    return Report(
        "table4_gradients",
        preamble,
        (
            Table("table4_gradients", "Table IV: top five", GRADIENT_COLUMNS, heaviest),
            printed,
        ),
        [Table("table4_all", "All features", GRADIENT_COLUMNS, _gradient_rows(systems))],
    )


def _gradient_rows(systems: Sequence[System]) -> list[Sequence[Cell]]:
    rows: list[Sequence[Cell]] = []
    for system in systems:
        ranks: dict[tuple[str, str], int] = {}
        for row in system.gradients:
            place = (row.group, row.structure)
            ranks[place] = ranks.get(place, 0) + 1
            rows.append(
                (
                    system.name,
                    row.group,
                    row.structure,
                    str(ranks[place]),
                    f"{row.feature}: {row.level}" if row.level else row.feature,
                    row.ml_per_sd,
                    row.ml_per_unit,
                    row.unit,
                )
            )
    return rows


def _published(name: str, number: str, columns: Sequence[str], printed: Mapping[str, str]) -> Table:
    """Return the paper's numbers in the form of our table.

    Table I prints the tissues of a metric beside each other, the others the metrics of a tissue.
    """
    rows: list[Sequence[Cell]] = []
    count, tissues = len(columns), len(TISSUES)
    for index, tissue in enumerate(TISSUES):
        for system, line in printed.items():
            numbers = line.split()
            own = numbers[index::tissues] if number == "I" else numbers[index * count :][:count]
            rows.append((tissue, system, *own))
    head = ("Tissue", "System", *columns)
    return Table(f"{name}_published", _published_title(number), head, rows)


def _published_title(number: str) -> str:
    return f"Table {number} as published, for other data ({published.DATA})"


def _systems(found: Comparison) -> dict[str, Array]:
    """Return the predictions of regressions and generators by their names in tables."""
    named = {REGRESSION_NAMES[name]: own for name, own in found.regressions.items()}
    return named | {
        system.name: system.predictions_ml
        for system in found.systems
        if system.predictions_ml is not None
    }


def _error(found: Comparison, regression: str, index: int) -> float:
    predicted = found.regressions[regression][:, index]
    return float(mean_absolute_error(found.true_ml[:, index], predicted))


def _people(found: Comparison) -> str:
    return f"{len(found.true_ml)} test people whom no system has seen"


def _predicted(found: Comparison) -> str:
    return (
        f"Volumes of {_people(found)}, from their features: by generators as the mean over "
        f"{found.draws} draws, by regressions fitted to {found.fitted_to}. {BRACKETS}"
    )


def _p_value(p: float) -> str:
    return f"{p:.1e}" if np.isfinite(p) else UNDEFINED
