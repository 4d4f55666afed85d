"""What the numbers in a label image mean, as other viewers read it."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    RGB = tuple[int, int, int]

GOLDEN = 0.618033988749895  # of the circle of hues: neighbours in the list are far apart in it
SATURATIONS, VALUES = (0.75, 0.5), (0.95, 0.75)
SIDES = ("left ", "right ")


def label_colors(names: Sequence[str]) -> list[RGB]:
    """Give each name a colour of its own, 0-255; left and right of a region share one."""
    found: dict[str, RGB] = {}
    for name in names:
        kind = _without_side(name)
        if kind not in found:
            number = len(found)
            saturation, value = SATURATIONS[number % 2], VALUES[number // 2 % 2]
            parts = colorsys.hsv_to_rgb(number * GOLDEN % 1.0, saturation, value)
            red, green, blue = (round(255 * part) for part in parts)
            found[kind] = (red, green, blue)
    return [found[_without_side(name)] for name in names]


def bids_label_table(names: Sequence[str], volumes_ml: Mapping[str, float]) -> str:
    """Return the table of a ``dseg`` image as BIDS has it, with volumes in mL, tab-separated."""
    rows = ["index\tname\tcolor\tvolume_ml"]
    for index, (name, (red, green, blue)) in enumerate(
        zip(names, label_colors(names), strict=True), start=1
    ):
        rows.append(f"{index}\t{name}\t#{red:02x}{green:02x}{blue:02x}\t{volumes_ml[name]:.3f}")
    return "\n".join(rows) + "\n"


def freesurfer_lut(names: Sequence[str]) -> str:
    """Return a colour table as FreeSurfer has it, which FSLeyes and 3D Slicer read too."""
    rows = ["#No. Label_Name R G B A", "0 Unknown 0 0 0 0"]
    for index, (name, color) in enumerate(zip(names, label_colors(names), strict=True), start=1):
        rows.append(f"{index} {name.replace(' ', '_')} {' '.join(map(str, color))} 0")
    return "\n".join(rows) + "\n"


def itksnap_labels(names: Sequence[str]) -> str:
    """Return a label description file of ITK-SNAP (Segmentation > Import Label Descriptions)."""
    rows = ['0 0 0 0 0 0 0 "Clear Label"']
    for index, (name, color) in enumerate(zip(names, label_colors(names), strict=True), start=1):
        rows.append(f'{index} {" ".join(map(str, color))} 1 1 1 "{name}"')
    return "\n".join(rows) + "\n"


def _without_side(name: str) -> str:
    for side in SIDES:
        if name.startswith(side):
            return name.removeprefix(side)
    return name
