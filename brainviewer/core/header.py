"""What the header of an image file says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from brainviewer.core.imagefile import OpenImage, open_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Fact = tuple[str, str]

# NIfTI's names for what a world is.
WORLDS = {
    0: "unknown",
    1: "scanner",
    2: "aligned to another image",
    3: "Talairach",
    4: "MNI 152",
    5: "another template",
}
_LENGTHS = {0: "mm (not said)", 1: "m", 2: "mm", 3: "µm"}
_TIMES = {0: "not said", 8: "s", 16: "ms", 24: "µs", 32: "Hz", 40: "ppm", 48: "rad/s"}
_DIRECTIONS = {
    "L": "left",
    "R": "right",
    "A": "anterior",
    "P": "posterior",
    "S": "superior",
    "I": "inferior",
}


def header_facts(path: Path | str) -> tuple[Fact, ...]:
    """Read what the header of an image file says.

    Returns
    -------
    tuple of (str, str)
        What it is about, and the words.

    Raises
    ------
    ImageError
        As `open_image`.
    """
    opened = open_image(path)
    info = opened.info
    facts = [
        ("File", str(opened.path)),
        ("Format", _format(opened.image)),
        ("Shape", f"{_times(info.shape)} voxels"),
        ("Frames", str(info.frames)),
        ("Voxel size", f"{_times(info.spacing_mm)} mm"),
        ("Field of view", f"{_times(np.multiply(info.shape, info.spacing_mm))} mm"),
        ("Orientation", _orientation(info.orientation)),
        ("Data type", info.dtype),
        ("Scaling", _scaling(opened)),
    ]
    if isinstance(opened.image, nib.Nifti1Pair):
        facts += _nifti_facts(opened.image)
    return (*facts, *_rows("Voxel to world, mm", opened.affine))


def _nifti_facts(image: Any) -> list[Fact]:  # noqa: ANN401  nibabel has no types
    header = image.header
    units = int(header["xyzt_units"])
    length, time = _LENGTHS.get(units & 7, "unknown"), _TIMES.get(units & 56, "unknown")
    facts = [("Units", f"space {length}, time {time}")]
    if len(image.shape) > 3:
        step, unit = float(header["pixdim"][4]), time if units & 56 else "(unit not said)"
        facts.append(("Frame step", f"{step:g} {unit}"))
    facts += [
        ("sform code", _code(header["sform_code"])),
        ("qform code", _code(header["qform_code"])),
        *_rows("sform", header.get_sform()),
        *_qform(header),
        ("Intent", " ".join(filter(None, [header.get_intent()[0], header.get_intent()[2]]))),
        ("Description", _text(header["descrip"])),
        ("Auxiliary file", _text(header["aux_file"])),
    ]
    return facts


def _format(image: object) -> str:
    if isinstance(image, nib.Nifti2Pair):
        return "NIfTI-2"
    return "NIfTI-1" if isinstance(image, nib.Nifti1Pair) else "MGH"


def _orientation(code: str) -> str:
    towards = ", ".join(
        f"{axis} to {_DIRECTIONS[it]}" for axis, it in zip("ijk", code, strict=True)
    )
    return f"{code} ({towards})"


def _scaling(opened: OpenImage) -> str:
    slope, inter = (float(it) for it in (opened.image.dataobj.slope, opened.image.dataobj.inter))
    return "none" if (slope, inter) == (1.0, 0.0) else f"slope {slope:g}, intercept {inter:g}"


def _code(stored: NDArray[Any]) -> str:
    code = int(stored)
    return f"{code} ({WORLDS.get(code, 'not one of NIfTI')})"


def _qform(header: Any) -> list[Fact]:  # noqa: ANN401
    try:
        return _rows("qform", header.get_qform())
    except (ValueError, HeaderDataError) as error:
        # Where the sform has a code, an image can be shown without a good one.
        return [("qform", f"not a rotation ({error})")]


def _rows(name: str, matrix: NDArray[Any]) -> list[Fact]:
    lines = ["  ".join(f"{it + 0.0:g}" for it in row) for row in np.round(matrix[:3], 6)]
    return [(name if number == 0 else "", line) for number, line in enumerate(lines)]


def _text(stored: NDArray[Any]) -> str:
    return bytes(stored).split(b"\x00")[0].decode("latin-1").strip()


def _times(numbers: Any) -> str:  # noqa: ANN401  any three numbers
    return " × ".join(f"{float(it):g}" for it in numbers)
