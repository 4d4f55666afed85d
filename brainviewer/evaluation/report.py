"""What an evaluation found, as scores.json and as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.regressions import REGRESSION_NAMES
from brainviewer.evaluation.scores import Estimate
from brainviewer.evaluation.tables import UNDEFINED, Cell, Table, significant
from brainviewer.evaluation.volumes import RELATIVE_ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.evaluation.regions import RegionScores

FORMAT_VERSION = 1
GENERATOR = "generator"
RECONSTRUCTED = "reconstructed"
FROM_FEATURES = "from_features"
LABELLED = "labelled"

_SYSTEMS = {GENERATOR: "generator, mean over draws"} | REGRESSION_NAMES
_MADE = {
    RECONSTRUCTED: "reconstructed from the scan",
    FROM_FEATURES: "from features, mean over draws",
    LABELLED: "labels of the real brain",
}
_METRICS = {
    "mae_ml": "MAE (mL)",
    "mape_percent": "MAPE (%)",
    "r2": "R2",
    "pearson_r": "Pearson r",
    "spearman_r": "Spearman rho",
    "kendall_tau": "Kendall tau",
    RELATIVE_ERROR: "MAE / MAE of ridge",
}
_MATCH = {
    "soft_dice": "Soft Dice",
    "hard_dice": "Dice",
    "volume_error_ml": "Volume error (mL)",
}
_VENTRICLES = {
    "pearson_r": "Pearson r with the real size",
    "mae_ml": "Error (mL)",
    "mape_percent": "Error (%)",
    "bias_ml": "Made - real (mL)",
}
_WARPED = {"reconstructed": "reconstructed from the scan", "drawn": "drawn, of the same features"}
_FOLDING = {
    "smallest_jacobian": "Smallest Jacobian determinant of all",
    "folded_percent": "Places that fold (%)",
}
_SLOPES = {
    "training_people": "Training people (mL/year)",
    "ideal": "Generator, ideal (mL/year)",
    "regressed": "Generator, regressed (mL/year)",
}
_SPREAD = {
    "between_seeds": "Between seeds, same features",
    "between_people": "Between people, like features",
}

_REGION_SUMMARY = {
    "below_small": "Share of regions with |d| < 0.2",
    "below_middle": "Share of regions with |d| < 0.5",
    "age_r": "Correlation over regions of the effects of age, test people",
    "sex_r": "Correlation over regions of the effects of sex, test people",
    "all_age_r": "Correlation over regions of the effects of age, everybody",
    "all_sex_r": "Correlation over regions of the effects of sex, everybody",
    "size_r": "Correlation over regions of |d| with log volume",
    "dice": "Dice of the regions of reconstructed people, mean",
}
_REGIONS = {
    "real_ml": "Real, test people (mL)",
    "made_ml": "Made (mL)",
    "d": "Cohen's d, made - real",
    "real_age_r": "r with age, real",
    "made_age_r": "r with age, made",
    "real_sex_d": "d women - men, real",
    "made_sex_d": "d women - men, made",
    "dice": "Dice, reconstructed",
}

Scores = Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Results:
    """What was found, each score with its interval.

    Attributes
    ----------
    checkpoint, device_name : str
    train_count, test_count, draws : int
    volumes : system -> tissue -> metric -> Estimate
    matches : made -> tissue -> score -> Estimate
        Reconstructions (where the model encodes), and means over draws.
    ventricles : made -> score -> Estimate
        Empty without ventricle labels. `LABELLED` says how well CSF in the mask of the real brain
        measures its labelled ventricles.
    ageing : tissue -> source -> Estimate, mL a year
    spread : tissue -> source -> Estimate, mL
    differences : source -> Estimate, partial volume
    regions : RegionScores or None
        For generators that know the regions of their brains.
    folding : made -> score -> Estimate
        What `judge_folding` gives; empty for generators that do not warp.
    """

    checkpoint: str
    device_name: str
    train_count: int
    test_count: int
    draws: int
    volumes: Mapping[str, Mapping[str, Scores]]
    matches: Mapping[str, Mapping[str, Scores]]
    ventricles: Mapping[str, Scores]
    ageing: Mapping[str, Scores]
    spread: Mapping[str, Scores]
    differences: Scores
    regions: RegionScores | None = None
    folding: Mapping[str, Scores] = field(default_factory=dict)


def scores_json(
    results: Results, likeness: Mapping[str, Scores], networks: Mapping[str, str]
) -> dict[str, Any]:
    """Return plain values for scores.json: each score with its 95 % interval, nobody by name.

    Parameters
    ----------
    likeness : tissue -> metric of Table I -> Estimate
    networks : ``volumes`` and ``slices`` -> whose features 3D-FID and 2D-FID are taken in
    """
    content = {
        "format_version": FORMAT_VERSION,
        "checkpoint": results.checkpoint,
        "device": results.device_name,
        "people": {"training": results.train_count, "test": results.test_count},
        "draws": results.draws,
        "volumes": results.volumes,
        "overlap": results.matches,
        "ventricles": results.ventricles,
        "ageing_ml_per_year": results.ageing,
        "spread_ml": results.spread,
        "voxel_difference": results.differences,
        "likeness": likeness,
        "feature_networks": networks,
    }
    if results.regions is not None:
        content["regions"] = results.regions.summary
    if results.folding:
        content["folding"] = results.folding
    return {key: plain(entry) for key, entry in content.items()}


def likeness_json(
    checkpoint: str,
    device_name: str,
    test_count: int,
    likeness: Mapping[str, Scores],
    networks: Mapping[str, str],
) -> dict[str, Any]:
    """Return plain values for the scores.json of a generator without features."""
    return {
        "format_version": FORMAT_VERSION,
        "checkpoint": checkpoint,
        "device": device_name,
        "people": {"test": test_count},
        "likeness": plain(likeness),
        "feature_networks": dict(networks),
    }


def preamble(results: Results) -> str:
    """Say in a sentence what the numbers of every table are."""
    return (
        f"{results.checkpoint} on {results.test_count} people that it never saw, "
        f"{results.draws} draws each; regressions and slopes are those of its "
        f"{results.train_count} training people. In brackets: 95 % interval, bootstrap over "
        f"people.\n"
    )


def tables(results: Results) -> dict[str, list[Table]]:
    """Return the tables of each report: ``volumes``, ``reconstruction`` and ``ageing``."""
    return {
        "volumes": [_volume_table(results)],
        "reconstruction": [
            _match_table(results),
            *_ventricle_tables(results),
            *_folding_tables(results),
        ],
        "ageing": [
            _tissue_table("ageing", "Slopes over age", results.ageing, _SLOPES),
            _tissue_table("spread", "Standard deviation of volumes (mL)", results.spread, _SPREAD),
            _difference_table(results),
        ],
    } | ({} if results.regions is None else {"regions": region_tables(results.regions)})


def _volume_table(results: Results) -> Table:
    rows: list[Sequence[Cell]] = [
        (tissue, _SYSTEMS[system], *(scores[tissue][name] for name in _METRICS))
        for tissue in TISSUES
        for system, scores in results.volumes.items()
    ]
    columns = ("Tissue", "System", *_METRICS.values())
    return Table("volumes", "Volumes from features alone", columns, rows)


def _match_table(results: Results) -> Table:
    rows: list[Sequence[Cell]] = [
        (tissue, _MADE[made], *(scores[tissue][name] for name in _MATCH))
        for tissue in TISSUES
        for made, scores in results.matches.items()
    ]
    columns = ("Tissue", "Brain", *_MATCH.values())
    return Table("reconstruction", "Brains against the real ones", columns, rows)


def _ventricle_tables(results: Results) -> list[Table]:
    if not results.ventricles:
        return []
    rows: list[Sequence[Cell]] = [
        (_MADE[made], *(scores.get(name, UNDEFINED) for name in _VENTRICLES))
        for made, scores in results.ventricles.items()
    ]
    columns = ("Brain", *_VENTRICLES.values())
    return [Table("ventricles", "Size of the ventricles", columns, rows)]


def _folding_tables(results: Results) -> list[Table]:
    if not results.folding:
        return []
    rows: list[Sequence[Cell]] = [
        (_WARPED[made], *(scores[name] for name in _FOLDING))
        for made, scores in results.folding.items()
    ]
    return [Table("folding", "Warps that fold", ("Brain", *_FOLDING.values()), rows)]


def region_tables(scores: RegionScores) -> list[Table]:
    """Return what is said of all regions together, and of each."""
    summary = [(said, scores.summary[name]) for name, said in _REGION_SUMMARY.items()]
    rows: list[Sequence[Cell]] = [
        (name, *(f"{scores.regions[column][index]:.4g}" for column in _REGIONS))
        for index, name in enumerate(scores.names)
    ]
    title = (
        "Regions, real and generated, both found by a network"
        if scores.by_network
        else ("Regions, labelled and generated")
    )
    return [
        Table("regions_summary", title, ("Score", "Value"), summary),
        Table("regions", "Each region", ("Region", *_REGIONS.values()), rows),
    ]


def _difference_table(results: Results) -> Table:
    title = "Mean absolute difference of partial volumes, over the voxels of a brain"
    row = [results.differences[name] for name in _SPREAD]
    return Table("differences", title, tuple(_SPREAD.values()), [row])


def _tissue_table(
    name: str, title: str, scores: Mapping[str, Scores], columns: Mapping[str, str]
) -> Table:
    rows: list[Sequence[Cell]] = [
        (tissue, *(scores[tissue][column] for column in columns)) for tissue in TISSUES
    ]
    return Table(name, title, ("Tissue", *columns.values()), rows)


def plain(value: object) -> object:
    """Turn scores into what JSON has words for, rounded; null for a score that is not defined."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, Estimate):
        numbers = {"value": value.value, "low": value.low, "high": value.high}
        return {name: significant(number) for name, number in numbers.items()}
    return value
