"""BIDS folders in: the T1 images of each person, the table of features, label derivatives."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from brainviewer.core.features import Conditions, Feature, FeatureError, Kind, Level, Value
from brainviewer.core.scenario import AGE
from brainviewer.core.sentences import SentenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MISSING = frozenset({"", "n/a", "N/A", "NA", "nan", "NaN"})
ID_COLUMN = "participant_id"
ORDERED_WORDS = re.compile(r"\bordinal\b|\bordered\b", re.IGNORECASE)
PARTICIPANT = re.compile(r"(sub-[A-Za-z0-9]+)(?:_|$)")
# A text column without levels in participants.json: with more values than this it is no feature.
MOST_LEVELS = 20
# 45.5 as it is written in much of the world; Python reads no number in it.
COMMA_NUMBER = re.compile(r"\s*[+-]?\d+,\d+\s*")


class BidsError(SentenceError):
    """A folder or table that is not what BIDS says; one sentence with what to do."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One person's T1 image and, where known, its labelled regions."""

    participant_id: str
    image: Path
    labels: Path | None = None


@dataclass(frozen=True, slots=True)
class Participants:
    """The table of people.

    Attributes
    ----------
    features : tuple of Feature
        One a column, as participants.json describes it; no statistics yet.
    people : mapping of participant_id to Conditions
        Numbers for numeric features, level codes otherwise, None where missing.
    left_out : mapping of column to reason
        The columns that are no features: "it is empty".
    """

    features: tuple[Feature, ...]
    people: Mapping[str, Conditions]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def notices(self) -> tuple[str, ...]:
        """What training will not take, and why: one sentence a column."""
        left_out = [f"column {name} is no feature: {why}" for name, why in self.left_out.items()]
        constant = [
            f"{feature.name} is {feature.label(only) or only} for everybody; a generator can learn "
            f"nothing from it"
            for feature in self.features
            if (only := only_value(feature.name, self.people.values())) is not None
        ]
        return (*left_out, *constant) if len(self.people) > 1 else tuple(left_out)


def only_value(name: str, people: Iterable[Conditions]) -> Value:
    """Return the one value that a feature has in all who have any; None where there are several."""
    values = {row[name] for row in people if row.get(name) is not None}
    return values.pop() if len(values) == 1 else None


def find_scans(folder: Path) -> list[Scan]:
    """List the first T1 image of each person, by name.

    Images are looked for in ``sub-*/anat`` and ``sub-*/ses-*/anat``. Region labels are those of
    the first derivative whose labels have names, of the same session; see `find_label_table`.

    Raises
    ------
    BidsError
        When there is no such image.
    """
    scans: dict[str, Scan] = {}
    for pattern in ("sub-*/anat/*_T1w.nii*", "sub-*/ses-*/anat/*_T1w.nii*"):
        for image in sorted(folder.glob(pattern)):
            subject = image.relative_to(folder).parts[0]
            scans.setdefault(subject, Scan(subject, image))
    if not scans:
        raise BidsError(
            f"{folder} holds no sub-*/anat/*_T1w.nii.gz; give the top folder of a BIDS dataset"
        )
    table = find_label_table(folder)
    return [
        scan if table is None else replace(scan, labels=_find_labels(folder, table, scan))
        for _, scan in sorted(scans.items())
    ]


def find_label_table(folder: Path) -> Path | None:
    """Find the table that names the region labels: ``derivatives/*/*dseg.tsv``, the first."""
    return min(folder.glob("derivatives/*/*dseg.tsv"), default=None)


def read_label_names(folder: Path) -> dict[int, tuple[str, str]]:
    """Read the name and the tissue of each region label; none when there is no label table.

    Raises
    ------
    BidsError
        When the table lacks the columns ``index`` and ``name`` or cannot be read.
    """
    table = find_label_table(folder)
    if table is None:
        return {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            return {
                int(row["index"]): (row["name"], row.get("tissue") or "")
                for row in csv.DictReader(file, delimiter="\t")
            }
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise BidsError(
            f"{table.name} does not name labels; it needs the columns index, in whole numbers, "
            f"and name, with tabs between"
        ) from error


def read_participants(table: Path, description: Path | None = None) -> Participants:
    """Read participants.tsv and what participants.json says of its columns.

    A column with Levels has those levels, in order when its description says ordinal or ordered
    or it has ``"Ordered": true``. Others are numeric if they are called age or hold numbers for
    the most part, and must then hold nothing else; the rest are levels in alphabetic order. Empty
    columns and texts of more than twenty values are left out.

    Raises
    ------
    BidsError
        For a table without participant_id, with a person twice, with ragged rows, or that cannot
        be read.
    FeatureError
        For text among numbers, and for a value that is no level of its column.
    """
    rows = _read_rows(table)
    _check_once(table, [row[ID_COLUMN] for row in rows])
    described = _read_json(description) if description and description.is_file() else {}
    features = []
    left_out = {}
    for name in (column for column in rows[0] if column != ID_COLUMN):
        cells = {row[ID_COLUMN]: row[name] for row in rows if row[name] not in MISSING}
        entry = described.get(name, {})
        why = _reason_against(name, cells, entry)
        if why:
            left_out[name] = why
        else:
            features.append(_describe(name, cells, entry))
    people = {
        row[ID_COLUMN]: {f.name: _parse(f, row[f.name], row[ID_COLUMN]) for f in features}
        for row in rows
    }
    return Participants(tuple(features), people, left_out)


def _check_once(table: Path, people: Iterable[str]) -> None:
    known = set()
    for person in people:
        if person in known:
            raise BidsError(f"{table.name} names {person} twice; keep one row for each person")
        known.add(person)


def _find_labels(folder: Path, table: Path, scan: Scan) -> Path | None:
    """Find the label map of a scan beside the table, with the table's entities and no space's."""
    anat = table.parent / scan.image.parent.relative_to(folder)
    maps = anat.glob(f"{scan.participant_id}_*{table.stem}.nii*")
    return min((path for path in maps if "_space-" not in path.name), default=None)


def participant_of(name: str) -> str | None:
    """Return the participant_id that a BIDS file name begins with: ``sub-X`` of sub-X_T1w."""
    named = PARTICIPANT.match(name)
    return named.group(1) if named else None


def find_conditions(path: Path) -> Conditions:
    """Look for the person of a scan in the participants.tsv of the BIDS dataset that it lies in.

    Returns
    -------
    mapping of feature to value
        Empty where there is no such table or it does not name the person.

    Raises
    ------
    BidsError, FeatureError
        When the table is malformed.
    """
    participant = participant_of(path.name)
    if participant is None:
        return {}
    for folder in path.resolve().parents:
        table = folder / "participants.tsv"
        if table.is_file():
            known = read_participants(table, folder / "participants.json").people
            return known.get(participant, {})
    return {}


def _read_rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BidsError(f"{table.name} cannot be read ({error}); save it as UTF-8 text") from error
    if not rows or ID_COLUMN not in rows[0]:
        raise BidsError(
            f"{table.name} needs a header with the column {ID_COLUMN}, tabs between columns, "
            f"and a row for each person"
        )
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise BidsError(f"line {number} of {table.name} has another number of columns")
    return rows


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BidsError(f"{path.name} is not readable JSON ({error})") from error
    if not isinstance(content, dict):
        raise BidsError(f"{path.name} must hold an object with one entry a column")
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise BidsError(
                f"{path.name} must describe {name} by an object such as "
                f'{{"Description": ...}}, got {entry!r}'
            )
    return content


def _reason_against(name: str, cells: Mapping[str, str], entry: Mapping[str, Any]) -> str:
    """Say why a column is no feature, from what it holds for each person; nothing if it is."""
    if isinstance(entry.get("Levels"), dict):
        return ""
    if not cells:
        return "it is empty"
    count = len(set(cells.values()))
    if count > MOST_LEVELS and not _is_numeric(name, cells):
        return f"it has {count} different texts, and a feature has {MOST_LEVELS} at most"
    return ""


def _describe(name: str, cells: Mapping[str, str], entry: Mapping[str, Any]) -> Feature:
    description = str(entry.get("Description", entry.get("LongName", "")))
    levels = entry.get("Levels")
    if isinstance(levels, dict):
        ordered = entry.get("Ordered") is True or ORDERED_WORDS.search(description)
        named = tuple(
            Level(str(code), _level_name(label))
            for code, label in levels.items()
            if code not in MISSING
        )
        return Feature(name, Kind.ORDERED if ordered else Kind.LEVELS, description, "", named)
    if _is_numeric(name, cells):
        _check_numbers(name, cells)
        return Feature(name, Kind.NUMERIC, description, str(entry.get("Units", "")))
    named = tuple(Level(value, value) for value in sorted(set(cells.values())))
    return Feature(name, Kind.LEVELS, description, "", named)


def _is_numeric(name: str, cells: Mapping[str, str]) -> bool:
    """Say whether a column is meant to hold numbers: it is age, or more than half of it does."""
    meant = [text for text in cells.values() if _is_number(text) or COMMA_NUMBER.fullmatch(text)]
    return name == AGE or 2 * len(meant) > len(cells)


def _check_numbers(name: str, cells: Mapping[str, str]) -> None:
    for person, text in cells.items():
        if COMMA_NUMBER.fullmatch(text):
            raise FeatureError(
                f"{name} of {person} is {text!r}; write it with a point in participants.tsv, as "
                f"{text.strip().replace(',', '.')}"
            )
        if not _is_number(text):
            levels = "" if name == AGE else f", or list the Levels of {name} in participants.json"
            raise FeatureError(
                f"{name} of {person} is {text!r} in a column of numbers; correct it in "
                f"participants.tsv or write n/a if it is not known{levels}"
            )


def _level_name(entry: object) -> str:
    """Name a level, given as text or, as BIDS 1.8 allows, as an object with a description."""
    if isinstance(entry, dict):
        return str(entry.get("Description", entry.get("LongName", "")))
    return str(entry)


def _parse(feature: Feature, text: str, person: str) -> Value:
    if text in MISSING:
        return None
    if feature.kind is Kind.NUMERIC:
        return float(text)
    if text not in feature.codes:
        raise FeatureError(
            f"{feature.name} of {person} is {text!r}; its levels are {', '.join(feature.codes)}"
        )
    return text


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf") and "_" not in text  # Python reads 1_2 as 12
    except ValueError:
        return False
