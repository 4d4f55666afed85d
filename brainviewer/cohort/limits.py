"""What a scan of one's own must be like: the limits, and where each of them comes from.

The numbers in the comments were measured on the 150 imported people of the IXI data set (3 T, 2 mm,
20 to 82 years): all of them lie within. Beyond `doubtful` a scan is told of, beyond `refused` it is
not taken. `doubtful` lies outside of all 150 by a margin for other scanners, `refused` where scans
that were spoilt on purpose begin; volumes and head sizes leave room for every adult.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Pair = tuple[float, float]

ONE_IMAGE = "take a T1-weighted scan of one adult's whole head"
WHOLE = "the scan must show one whole adult brain"
LESION = "a brain with a large lesion is like nobody's the generators know, and cannot be shown"
RIGHT_SIZE = "check the voxel sizes in the header, and that an adult was scanned"


@dataclass(frozen=True, slots=True)
class Limit:
    """Between which numbers something must lie.

    Attributes
    ----------
    doubtful, refused : (low, high)
    words : str
        What is wrong, with ``{}`` for the number.
    advice : str
        What a scan must be like.
    """

    doubtful: Pair
    refused: Pair
    words: str
    advice: str


def at_most(doubtful: float, refused: float, words: str, advice: str) -> Limit:
    """Limit what grows as a scan gets worse."""
    return Limit((float("-inf"), doubtful), (float("-inf"), refused), words, advice)


# Whoever is younger is a child here, whatever the range of a generator's training people.
ADULT_YEARS = 18.0

# Most T1-weighted scans of adults have 0.7 to 2 mm (the 150: 2 mm). At 3 mm cortex is as thick as a
# voxel; the tissues of a voxel that is much longer than wide are those along its length.
SPACING_MM = Limit(
    (0.4, 2.1), (0.25, 2.99), "the voxels are {:.3g} mm long", "they must be 0.7-2 mm"
)
ELONGATION = at_most(
    2.0, 4.0, "the voxels are {:.3g} times as long as wide", "they must be 0.7-2 mm"
)
# The field of view along its three sides, sorted: no adult's brain is smaller. Brains of the 150
# measure at least 124 x 138 x 155 mm.
LEAST_FIELD_MM = (90.0, 105.0, 130.0)
# Labels and masks have few values; the images of the 150 have 200 and more.
FEWEST_VALUES = 40
# The second largest thing in the image, in mL: 0-24; two heads have more than 2000 each.
SECOND_HEAD_ML = 500.0
SECOND_HEAD_SHARE = 0.25

# Of the brain, cm2. 150 people: 0 at the border; 1-19 in the outermost planes, most at the vertex.
BORDER_CONTACT_CM2 = at_most(
    2.0, 15.0, "the brain is cut off at the border of the image, over {:.0f} cm²", WHOLE
)
FLAT_FACE_CM2 = at_most(
    28.0, 45.0, "the brain ends in a flat face of {:.0f} cm², as if cut off", WHOLE
)

# Of the affine to the template. 150 people: 0.96-1.33 along its axes, their ratios up to 1.29.
LEAST_STRETCH = Limit(
    (0.88, 2.0), (0.75, 2.0), "the head is {:.2f} times as small as the template's", RIGHT_SIZE
)
MOST_STRETCH = at_most(1.45, 1.65, "the template's head is {:.2f} times as large", RIGHT_SIZE)
UNEQUAL_STRETCH = at_most(
    1.4, 1.6, "the proportions of the head are off by a factor of {:.2f}", RIGHT_SIZE
)
# Share of the template's brain, 6 mm below its surface, that the aligned brain lacks at the top,
# the bottom, ... 150 people: at most 0.007.
MISSING_SHARE = {
    side: at_most(0.04, 0.15, f"{{:.0%}} of the {side} of the brain is missing", WHOLE)
    for side in ("top", "bottom", "front", "back", "left side", "right side")
}
# Share of the aligned brain that lies 6 mm and more outside of the template's. 150: 0.002-0.029.
OUTSIDE_SHARE = at_most(
    0.05, 0.1, "{:.0%} of what was taken for brain lies where none is expected", WHOLE
)
# One minus the Dice of both. 150 people: 0.06-0.09.
UNLIKE_TEMPLATE = at_most(
    0.12, 0.2, "after alignment brain and template differ in {:.0%} of their volume", WHOLE
)

# Medians of the intensity where the aligned template has ventricles, cortex and white matter.
# CSF in the unit of white matter, 150 people: 0.34-0.77 (ventricles that are narrow hold others);
# grey matter 0.81-0.87.
CSF_INTENSITY = at_most(0.85, 0.97, "CSF has {:.0%} of the brightness of white matter", ONE_IMAGE)
GM_INTENSITY = Limit(
    (0.6, 0.92), (0.4, 0.97), "grey matter has {:.0%} of the brightness of white matter", ONE_IMAGE
)

# Volumes. 150 people: 1081-1838 mL in all, WM 36-45 %, GM 32-48 %, CSF 13-27 %.
TOTAL_ML = Limit(
    (950.0, 1950.0), (800.0, 2200.0), "WM, GM and CSF together have {:.0f} mL", RIGHT_SIZE
)
SHARES = {
    "WM": Limit((0.28, 0.52), (0.20, 0.60), "white matter makes up {:.0%} of the brain", ONE_IMAGE),
    "GM": Limit((0.26, 0.57), (0.20, 0.68), "grey matter makes up {:.0%} of the brain", ONE_IMAGE),
    "CSF": Limit((0.09, 0.33), (0.05, 0.45), "CSF makes up {:.0%} of the brain", ONE_IMAGE),
}

# mL of white matter's own place that hold something else. 150 people: median 8, 99 % below 22, one
# with wide ventricles 65.
NO_WHITE_ML = at_most(
    50.0, 130.0, "{:.0f} mL where white matter is expected hold something else", LESION
)
# mL of the largest piece that is unlike its mirror image, 8 mm and more below the surface. Tissues
# that differ by half: 149 people below 0.5, one 1.5. Brightness that differs by a quarter of that
# of white matter: at most 3.3.
ONE_SIDED_TISSUE_ML = at_most(
    4.0, 12.0, "{:.0f} mL are of another tissue than on the other side, as in a lesion", LESION
)
ONE_SIDED_BRIGHTNESS_ML = at_most(
    6.0, 15.0, "{:.0f} mL are darker or brighter than on the other side, as in a lesion", LESION
)
# mL of the largest piece deep in the brain that is a fifth brighter than white matter: 0.
BRIGHT_ML = at_most(
    1.0, 8.0, "{:.0f} mL are far brighter than white matter, as after contrast agent", LESION
)


class ScanRefusedError(ValueError):
    """A scan that the application cannot use; the sentence says why and what it takes."""


def judge(measured: Iterable[tuple[float, Limit]]) -> list[str]:
    """Hold numbers against their limits.

    Returns
    -------
    list of str
        A sentence for each that is doubtful.

    Raises
    ------
    ScanRefusedError
        For the first that is beyond what is taken.
    """
    doubts = []
    for value, limit in measured:
        sentence = limit.words.format(value)
        if not limit.refused[0] <= value <= limit.refused[1]:
            raise ScanRefusedError(f"{sentence}; {limit.advice}")
        if not limit.doubtful[0] <= value <= limit.doubtful[1]:
            doubts.append(sentence)
    return doubts


def check_age(age: float) -> None:
    """Raise ScanRefusedError for children."""
    if age < ADULT_YEARS:
        raise ScanRefusedError(
            f"somebody of {age:g} years is a child; the generators know adults of "
            f"{ADULT_YEARS:g} years and more, whom children's brains do not resemble"
        )
