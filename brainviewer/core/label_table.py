"""Names and colours of labels, from the tables that lie beside label images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainviewer.core.files import reason_for
from brainviewer.core.frames import image_name
from brainviewer.core.sentences import SentenceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RGB = tuple[int, int, int]

# What follows the name of the image; FreeSurfer's form, then ITK-SNAP's.
ENDINGS = (".lut.txt", "_LUT.txt", "_lut.txt", ".lut", ".itksnap.txt", ".label")
LARGEST_TABLE_BYTES = 2**22
_COLOR = r"(?P<red>\d{1,3})\s+(?P<green>\d{1,3})\s+(?P<blue>\d{1,3})"
# 17 Left-Hippocampus 220 216 20 0
_FREESURFER = re.compile(rf"(?P<label>\d+)\s+(?P<name>\S+)\s+{_COLOR}(?:\s+\d+)?$")
# 17 220 216 20 1 1 1 "Left hippocampus"
_ITKSNAP = re.compile(rf'(?P<label>\d+)\s+{_COLOR}\s+[\d.]+\s+\d\s+\d\s+"(?P<name>.*)"$')


class LabelTableError(SentenceError):
    """A table of labels cannot be read; one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """What the numbers of a label image are called and how they are coloured.

    Attributes
    ----------
    names : mapping of label to str
    colors : mapping of label to (red, green, blue), 0-255
        Of the same labels.
    """

    names: Mapping[int, str]
    colors: Mapping[int, RGB]


def table_beside(image: Path) -> LabelTable | None:
    """Read the table beside a label image; None where there is none.

    Raises
    ------
    LabelTableError
        There is one, and it is damaged.
    """
    stem = image_name(image)
    found = (image.with_name(stem + ending) for ending in ENDINGS)
    path = next((it for it in found if it.is_file()), None)
    return None if path is None else read_label_table(path)


def read_label_table(path: Path) -> LabelTable:
    """Read a colour table of FreeSurfer's, or a label description file of ITK-SNAP's.

    Raises
    ------
    LabelTableError
        It cannot be read, or a line is of neither form.
    """
    names: dict[int, str] = {}
    colors: dict[int, RGB] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line or line.startswith("#"):
            continue
        match = _ITKSNAP.match(line) or _FREESURFER.match(line)
        if match is None:
            raise _unreadable(path, f"line {number} is no label with a name and a colour: {line!r}")
        label, red, green, blue = (int(it) for it in match.group("label", "red", "green", "blue"))
        if max(red, green, blue) > 255:
            raise _unreadable(path, f"a colour in line {number} is beyond 255: {line!r}")
        names[label], colors[label] = match["name"], (red, green, blue)
    if not names:
        raise _unreadable(path, "it has no labels")
    return LabelTable(names, colors)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > LARGEST_TABLE_BYTES:
            raise _unreadable(path, "it is larger than any table of labels")
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise _unreadable(path, reason_for(error)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not text") from error


def _unreadable(path: Path, wrong: str) -> LabelTableError:
    return LabelTableError(
        f"cannot read the labels of {path}: {wrong}; give a colour table of FreeSurfer or a label "
        f"description file of ITK-SNAP"
    )
