"""The report on a person as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from brainviewer.core.features import Kind
from brainviewer.core.population import PERCENTILES
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.tissues import TISSUE_NAMES
from brainviewer.gui.volumes_table import NORMALISED_WHY
from brainviewer.gui.wording import millilitres, plain_range, signed, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brainviewer.core.features import Feature
    from brainviewer.core.recipe import Recipe
    from brainviewer.generators.base import Space
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.gui.volumes_table import VolumeRow
    from brainviewer.session.encoding import Encoded

LIMITS = (
    "The brain was made by a generative model; it is no scan.",
    "The training people were scanned once each: what looks like ageing is the difference between "
    "people of different ages, not the course of one of them.",
    "Percentiles are those of the training people of the same age and sex.",
)
EXTRAPOLATED = "A value lies outside the range of the training people: nothing is known there."

STYLE = """
:root { color-scheme: light dark; --text: #1b1f23; --muted: #57606a; --line: #d0d7de;
        --page: #ffffff; --warn: #fdf0c8; --on-warn: #4a3a05; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ec; --muted: #a2abb4; --line: #3a4148; --page: #1d2023;
          --warn: #4c3a10; --on-warn: #fbe9b7; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
       max-width: 62rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
h1 { font-size: 1.6rem; margin: .6rem 0 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p.meta, figcaption, caption { color: var(--muted); }
p.warning { background: var(--warn); color: var(--on-warn); padding: .6rem .9rem;
            border-radius: 4px; }
div.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr));
               gap: .6rem; }
div.pictures img { width: 100%; aspect-ratio: 1; object-fit: cover; }
section.card h1 { font-size: 1rem; margin: 0; }
figure { margin: 0; } img { max-width: 100%; display: block; background: #fff; }
figcaption, caption { font-size: .85rem; text-align: left; padding: .2rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow: auto; border: 1px solid var(--line); padding: .6rem; }
@media print { p.warning { border: 1px solid #000; } }
"""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What a report says.

    Attributes
    ----------
    recipe : Recipe
    checkpoint : Checkpoint
    space : ``"native"`` or ``"template"``
    volumes : sequence of VolumeRow
        Empty where the generator makes no tissue maps.
    pictures : mapping of caption to the bytes of a PNG file
    trajectory : bytes
        A PNG file; empty where there is none.
    written : str
        When, in words.
    scan : Encoded or None
        Whose scan the person was encoded from.
    scan_standings : mapping of structure to float, 0-100
        Percentiles of what was measured on the scan.
    """

    recipe: Recipe
    checkpoint: Checkpoint
    space: Space
    volumes: Sequence[VolumeRow]
    pictures: Mapping[str, bytes]
    trajectory: bytes
    written: str
    scan: Encoded | None = None
    scan_standings: Mapping[str, float] = field(default_factory=dict)


def report_html(report: Report) -> str:
    """Write the page."""
    recipe, checkpoint = report.recipe, report.checkpoint
    title = f"{recipe.label}{_at(recipe)}"
    meta = (
        f"{checkpoint.title} ({checkpoint.name}) · BrainViewer {recipe.application} · "
        f"{report.written}"
    )
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="meta">{escape(meta)}</p>',
        f'<p class="warning"><strong>No clinical device.</strong> {escape(NOT_CLINICAL)}</p>',
        _pictures(report.pictures),
        _volumes(report),
        _scan(report),
        _trajectory(report.trajectory),
        _conditions(recipe, checkpoint),
        _limits(report),
        f'<h2>Card of the checkpoint</h2><section class="card">{_card(checkpoint)}</section>',
        _recipe(recipe),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} — BrainViewer</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(filter(None, sections))
        + "\n</body>\n</html>\n"
    )


def _at(recipe: Recipe) -> str:
    return "" if recipe.age is None else f" at {recipe.age:.1f} years"


def _pictures(pictures: Mapping[str, bytes]) -> str:
    figures = "".join(_figure(png, caption) for caption, png in pictures.items())
    return f'<h2>The brain</h2><div class="pictures">{figures}</div>'


def _figure(png: bytes, caption: str) -> str:
    data = base64.b64encode(png).decode("ascii")
    words = escape(caption)
    image = f'<img src="data:image/png;base64,{data}" alt="{words}">'
    return f"<figure>{image}<figcaption>{words}</figcaption></figure>"


def _volumes(report: Report) -> str:
    if not report.volumes:
        return ""
    rows = [
        (
            TISSUE_NAMES.get(row.structure, row.structure).capitalize(),
            millilitres(row.now_ml),
            millilitres(row.factual_ml),
            signed(row.change_ml),
            signed(row.change_percent),
            standing(row.percentile, lowest=PERCENTILES[0], highest=PERCENTILES[-1]),
        )
        for row in report.volumes
    ]
    headings = ("Structure", "Now, mL", "Factual, mL", "Change, mL", "Change, %", "Percentile")
    return "<h2>Volumes</h2>" + _table(headings, rows, numbers=True)


def _scan(report: Report) -> str:
    """Say how near the generator comes to the scan, and what is unusual about it."""
    encoded = report.scan
    if encoded is None:
        return ""
    alike, measured = encoded.likeness, encoded.scan.volumes_ml
    rows = [
        (
            TISSUE_NAMES.get(name, name).capitalize(),
            millilitres(volume),
            standing(
                report.scan_standings.get(name, math.nan),
                lowest=PERCENTILES[0],
                highest=PERCENTILES[-1],
            ),
            millilitres(encoded.rebuilt_ml.get(name, math.nan)),
            signed(encoded.rebuilt_ml.get(name, math.nan) - volume),
            f"{alike.dice.get(name, math.nan):.2f}",
        )
        for name, volume in measured.items()
    ]
    headings = ("Structure", "Scan, mL", "Percentile", "As rebuilt, mL", "Error, mL", "Overlap")
    words = [
        f"The person was encoded from the scan {encoded.source.name}. Under its own conditions "
        f"the generator rebuilds it with a mean absolute difference of {alike.difference:.3f}."
    ]
    if encoded.unrefined is not None:
        words.append(
            f"The identity was refined: its error was {encoded.unrefined.error:.3f} and is "
            f"{alike.error:.3f}."
        )
    doubts = "".join(f"<li>Unusual: {escape(it)}</li>" for it in encoded.source.doubts)
    return (
        f"<h2>The scan</h2><p>{escape(' '.join(words))}</p>"
        + (f"<ul>{doubts}</ul>" if doubts else "")
        + (_table(headings, rows, numbers=True) if rows else "")
    )


def _trajectory(png: bytes) -> str:
    if not png:
        return ""
    caption = (
        "Volumes over age: this person (strong, with the spread over other draws), the course from "
        "an own scan (red, with how differently others change), the other scenario (dashed) and "
        "the pins, before the percentiles of the training people"
    )
    return f"<h2>Over a lifetime</h2>{_figure(png, caption)}"


def _conditions(recipe: Recipe, checkpoint: Checkpoint) -> str:
    features = checkpoint.schema.features
    if not features:
        return "<h2>Conditions</h2><p>The generator takes no features: it only draws people.</p>"
    rows = [
        (
            feature.title,
            _value(feature, recipe.conditions),
            _value(feature, recipe.factual),
            "edited" if feature.name in recipe.edits else "",
            _known(feature),
        )
        for feature in features
    ]
    headings = ("Feature", "Now", "Factual", "", "Training people")
    scenario = f"<p>The scenario is <em>{escape(recipe.scenario.value)}</em>.</p>"
    return "<h2>Conditions</h2>" + _table(headings, rows) + scenario


def _value(feature: Feature, conditions: Mapping[str, object]) -> str:
    value = conditions.get(feature.name)
    if feature.kind is Kind.NUMERIC and isinstance(value, float | int):
        return f"{float(value):.5g} {feature.unit}".rstrip()
    return feature.label(value)  # type: ignore[arg-type]


def _known(feature: Feature) -> str:
    if feature.kind is Kind.NUMERIC:
        return plain_range(feature.fitted.low, feature.fitted.high, feature.unit)
    return ", ".join(level.label for level in feature.levels)


def _limits(report: Report) -> str:
    sentences = [*LIMITS]
    if report.space == "template":
        sentences.append(NORMALISED_WHY.replace("\n", " "))
    if report.recipe.extrapolated:
        sentences.append(EXTRAPOLATED)
    return "<h2>Limits</h2><ul>" + "".join(f"<li>{escape(it)}</li>" for it in sentences) + "</ul>"


def _card(checkpoint: Checkpoint) -> str:
    # HTML in a card is shown as text: a page that is passed on runs nothing.
    html: str = MarkdownIt("js-default").render(checkpoint.card)
    return html


def _recipe(recipe: Recipe) -> str:
    text = json.dumps(recipe.to_json(), indent=2, ensure_ascii=False)
    return (
        "<h2>Recipe</h2><p>Saved as a .json file, this makes the same brain again.</p>"
        f"<details><summary>Show it</summary><pre>{escape(text)}</pre></details>"
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    kinds = ["", *([' class="number"'] * (len(headings) - 1) if numbers else [""] * len(headings))]
    head = "".join(
        f"<th{it}>{escape(name)}</th>" for it, name in zip(kinds, headings, strict=False)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{it}>{escape(cell)}</td>" for it, cell in zip(kinds, row, strict=False))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
