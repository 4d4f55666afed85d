"""The quality-control page of a cohort: a picture and the numbers of everybody, outliers first."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from brainviewer.cohort.qc_picture import draw_person, write_png
from brainviewer.cohort.store import CohortError, PersonRecord, grid_affine
from brainviewer.core.files import write_text_atomically
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from brainviewer.cohort.store import CohortStore, Manifest

PAGE_FILE = "qc.html"
PICTURE_FOLDER = "qc"
OUTLIER_Z = 3.5
FEWEST_PEOPLE = 8  # for a median and a spread to mean something
MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that tells a failed person from the others.

    Attributes
    ----------
    name, unit : str
    decimals : int
        Shown.
    least_spread : float
        Deviations are counted in robust standard deviations, at least of this size.
    """

    name: str
    unit: str
    decimals: int
    least_spread: float


WM_SHARE = Measure("WM share", "%", 1, 0.5)
GM_SHARE = Measure("GM share", "%", 1, 0.5)
CSF_SHARE = Measure("CSF share", "%", 1, 0.5)
HEAD_SIZE = Measure("WM + GM + CSF", "mL", 0, 20.0)
VOLUME_FACTOR = Measure("volume factor of the affine", "", 2, 0.02)
OUTSIDE = Measure("outside the grid", "%", 2, 0.1)
MEASURES = (WM_SHARE, GM_SHARE, CSF_SHARE, HEAD_SIZE, VOLUME_FACTOR, OUTSIDE)


@dataclass(frozen=True, slots=True)
class PersonReport:
    """What the page says of one person; ``z`` has the robust deviation of each measure."""

    participant_id: str
    volumes_ml: Mapping[str, float]
    values: Mapping[Measure, float]
    z: Mapping[Measure, float]

    @property
    def distance(self) -> float:
        """How far out the measure is that is furthest out."""
        return max(abs(z) for z in self.z.values())

    @property
    def outlying(self) -> tuple[Measure, ...]:
        """The measures that are out, the furthest first."""
        out = [measure for measure in MEASURES if abs(self.z[measure]) > OUTLIER_Z]
        return tuple(sorted(out, key=lambda measure: -abs(self.z[measure])))


def write_qc(store: CohortStore) -> Path:
    """Write the quality-control page and its pictures into the cohort's folder.

    The page needs neither scripts nor a server. People who failed are at its top with the reason,
    then everybody, those first who are furthest from the others.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    CohortError
        When the folder is no cohort.
    """
    manifest = store.read_manifest()
    failed = dict(manifest.failed)
    measured: dict[str, tuple[Mapping[str, float], dict[Measure, float]]] = {}
    (store.folder / PICTURE_FOLDER).mkdir(exist_ok=True)
    for name in store.participant_ids:
        try:
            record = store.read_person(name)
        except CohortError as error:
            failed[name] = str(error)
            continue
        write_png(_picture_path(store, name), draw_person(record, grid_affine(manifest)))
        measured[name] = record.volumes_ml, measure_person(record)
    deviations = robust_z([values for _, values in measured.values()])
    reports = [
        PersonReport(name, volumes, values, z)
        for (name, (volumes, values)), z in zip(measured.items(), deviations, strict=True)
    ]
    page = store.folder / PAGE_FILE
    write_text_atomically(page, _page(store.folder.name, manifest, failed, reports))
    return page


def measure_person(record: PersonRecord) -> dict[Measure, float]:
    """Give a person's value of each measure."""
    total = sum(record.volumes_ml[tissue] for tissue in TISSUES)
    shares = zip((WM_SHARE, GM_SHARE, CSF_SHARE), TISSUES, strict=True)
    return {
        **{measure: 100.0 * record.volumes_ml[tissue] / total for measure, tissue in shares},
        HEAD_SIZE: total,
        VOLUME_FACTOR: record.affine_volume_factor,
        # Rounding can leave a trace more inside than there was.
        OUTSIDE: 100.0 * max(0.0, float(record.details.get("lost_share", 0.0))),
    }


def robust_z(people: Sequence[Mapping[Measure, float]]) -> list[dict[Measure, float]]:
    """Tell how far everybody lies from the median, in robust standard deviations.

    z = (x - median) / s, s = 1.4826 median |x - median|, but not less than the measure's least
    spread. All are zero when there are too few people to tell.
    """
    if len(people) < FEWEST_PEOPLE:
        return [dict.fromkeys(MEASURES, 0.0) for _ in people]
    values = np.array([[person[measure] for measure in MEASURES] for person in people])
    off = values - np.median(values, axis=0)
    spread = MAD_TO_SD * np.median(np.abs(off), axis=0)
    z = off / np.maximum(spread, [measure.least_spread for measure in MEASURES])
    return [dict(zip(MEASURES, row, strict=True)) for row in z.tolist()]


def _picture_path(store: CohortStore, name: str) -> Path:
    return store.folder / PICTURE_FOLDER / f"{name}.png"


PAGE_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em;
  background: #16181c; color: #d8dade; }}
h1, h2, h3 {{ font-weight: 600; color: #fff; }}
img {{ max-width: 100%; display: block; background: #000; }}
section {{ margin: 0 0 2.5em; }}
table {{ border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums; }}
td, th {{ padding: .1em 1.2em .1em 0; text-align: left; font-weight: normal; }}
th {{ color: #9aa0a8; }}
.out {{ color: #ffb454; }}
.failed {{ color: #ff7b72; }}
code {{ color: #9aa0a8; }}
</style>
"""

_LEGEND = """<p>Rigidly aligned T1 image without skull: axial, coronal, sagittal, through the same
place of the template in everybody. The person's left is on the left. Outlines:
<span style="color:#ffd23f">white matter</span>, <span style="color:#ff5d5d">grey matter</span>,
<span style="color:#4db8ff">CSF</span> on the outside. The line should follow the edge that you
see.</p>
"""


def _page(
    title: str, manifest: Manifest, failed: Mapping[str, str], reports: Sequence[PersonReport]
) -> str:
    ordered = sorted(reports, key=lambda report: -report.distance)
    outliers = [report for report in ordered if report.outlying]
    others = [report for report in ordered if not report.outlying]
    parts = [
        PAGE_HEAD.format(title=f"Quality control of {escape(title)}"),
        f"<h1>Quality control of {escape(title)}</h1>\n",
        f"<p>{len(reports)} people {escape(manifest.kind)}, {len(outliers)} of them outliers, "
        f"{len(failed)} failed. <code>{escape(manifest.command)}</code></p>\n",
        failed_table(failed),
        _LEGEND,
        _summary(reports),
        f"<h2>Outliers</h2>\n<p>Further than {OUTLIER_Z} robust standard deviations from the "
        f"median of these people. An old person has more CSF: an outlier may be right.</p>\n",
        *([_section(report) for report in outliers] or ["<p>None.</p>\n"]),
        "<h2>Everybody else</h2>\n<p>Those first who are furthest from the others.</p>\n",
        *[_section(report) for report in others],
        "</html>\n",
    ]
    return "".join(parts)


def failed_table(failed: Mapping[str, str]) -> str:
    """Write who failed, with the reason, as a part of a page; nothing where nobody did."""
    if not failed:
        return ""
    rows = "".join(
        f'<tr><td class="failed">{escape(name)}</td><td>{escape(sentence)}</td></tr>\n'
        for name, sentence in sorted(failed.items())
    )
    return f"<h2>Failed</h2>\n<table>\n{rows}</table>\n"


def _summary(reports: Sequence[PersonReport]) -> str:
    """Median and range of every measure."""
    if not reports:
        return ""
    rows = []
    for measure in MEASURES:
        values = [report.values[measure] for report in reports]
        numbers = (np.median(values), min(values), max(values))
        cells = "".join(f"<td>{_number(measure, float(number))}</td>" for number in numbers)
        rows.append(f"<tr><th>{escape(measure.name)}</th>{cells}</tr>\n")
    head = "<tr><th></th><th>median</th><th>least</th><th>most</th></tr>\n"
    return f"<table>\n{head}{''.join(rows)}</table>\n"


def _section(report: PersonReport) -> str:
    name = escape(report.participant_id)
    source = f"{PICTURE_FOLDER}/{quote(report.participant_id)}.png"
    tissues = ", ".join(f"{t} {report.volumes_ml[t]:.0f} mL" for t in TISSUES)
    rest = ", ".join(
        f"{measure.name} {_number(measure, report.values[measure])}"
        for measure in (HEAD_SIZE, VOLUME_FACTOR, OUTSIDE)
    )
    out = "; ".join(
        f"{measure.name} {_number(measure, report.values[measure])} (z = {report.z[measure]:+.1f})"
        for measure in report.outlying
    )
    return (
        f'<section id="{name}">\n<h3>{name}</h3>\n'
        + (f'<p class="out">{escape(out)}</p>\n' if out else "")
        + f'<img src="{escape(source)}" alt="{name}" loading="lazy">\n'
        + f"<p>{escape(tissues)}; {escape(rest)}</p>\n</section>\n"
    )


def _number(measure: Measure, value: float) -> str:
    return f"{value:.{measure.decimals}f} {measure.unit}".rstrip()
