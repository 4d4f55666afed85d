"""Volumes from and to image files: reads NIfTI and MGH, writes NIfTI."""

from __future__ import annotations

import gzip
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import nibabel as nib
import numpy as np

from brainviewer.core.files import reason_for, write_atomically
from brainviewer.core.frames import FrameFile, image_name
from brainviewer.core.imagefile import ImageError, ImageInfo, open_image
from brainviewer.core.space import is_orthonormal, nearest_orthonormal
from brainviewer.core.storage import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from brainviewer.core.volume import Affine, Volume

__all__ = [
    "ImageError",
    "ImageInfo",
    "SpaceCode",
    "image_name",
    "peek",
    "read_volume",
    "write_frames",
    "write_volume",
]

WRITTEN_SUFFIXES = (".nii.gz", ".nii")
# The header's `descrip` has 80 bytes and ends in a zero.
MAX_DESCRIPTION_BYTES = 79
MAX_NIFTI1_SIDE = 2**15 - 1
# Level 4 writes a scan in half the time of level 6 and 7 % more bytes.
_GZIP_LEVEL = 4


class SpaceCode(IntEnum):
    """What NIfTI's sform_code and qform_code say about the world a volume lies in."""

    SCANNER = 1
    ALIGNED = 2
    MNI = 4


def peek(path: Path | str) -> ImageInfo:
    """Read only the header of an image file.

    Raises
    ------
    ImageError
        As `read_volume`, as far as a header can tell.
    """
    return open_image(path).info


def read_volume(path: Path | str, *, frame: int = 0) -> Volume:
    """Read a volume in RAS+ order with true mm.

    The affine is nibabel's: the sform if it has a code, else the qform if it has one, else the
    spacing alone, with a warning, as left and right are then a guess.

    Parameters
    ----------
    path : Path
        .nii, .nii.gz, .mgh, .mgz or a pair .img/.hdr, of NIfTI-1, NIfTI-2 or MGH.
    frame : int
        Of a 4D file, counted from 0.

    Returns
    -------
    Volume
        Integers that have neither slope nor intercept keep their type, so that labels stay exact;
        all else is float32. Always finite: NaN, infinite values and those beyond `LARGEST_VALUE`
        become 0, with a warning that counts them. Named as the file, without suffix.

    Raises
    ------
    ImageError
        The file cannot be read, is damaged, holds no volume, or has no such frame.
    """
    file = FrameFile(path)
    file.check()
    return file.read(frame)


def write_volume(
    path: Path | str,
    volume: Volume,
    *,
    dtype: DTypeLike | None = None,
    description: str = "",
    space: SpaceCode = SpaceCode.ALIGNED,
) -> None:
    """Write a volume as NIfTI-1; the same volume gives the same bytes.

    sform and qform are equal. The file appears in one step: an existing one is replaced by a
    complete one or stays as it was.

    Parameters
    ----------
    path : Path
        Ends in .nii.gz or .nii.
    volume : Volume
    dtype : dtype, optional
        One of `storage.STORED_DTYPES`. By default float32 for real numbers, for integers their own
        type. An unsigned type for real numbers in [0, 1], such as partial volumes, spreads them
        over its range with a slope: steps of 1/255 or 1/65535.
    description : str
        At most 79 bytes of ASCII.
    space : SpaceCode

    Raises
    ------
    ImageError
        The affine has a shear, a value is not finite or does not fit the type, or the disk refuses.
    """
    path = Path(path)
    header = _header(path, volume.data.shape, volume.affine, description=description, space=space)
    header.set_xyzt_units("mm", "sec")
    _write(path, volume.data, header, dtype=dtype)


def write_frames(
    path: Path | str,
    frames: Sequence[Volume],
    *,
    dtype: DTypeLike | None = None,
    description: str = "",
    space: SpaceCode = SpaceCode.ALIGNED,
    start: float = 0.0,
    step: float = 1.0,
) -> None:
    """Write volumes of one grid as the frames of a 4D NIfTI-1 file, such as a trajectory.

    The guarantees are those of `write_volume`.

    Parameters
    ----------
    path : Path
        Ends in .nii.gz or .nii.
    frames : sequence of Volume
    dtype, description, space
        As for `write_volume`. NIfTI knows no years: let the description say what a step is.
    start, step : float
        The time of the first frame, and from one frame to the next, in the unit that the
        description names; a step below 0 is not kept, as NIfTI has none.

    Raises
    ------
    ImageError
        As for `write_volume`; or there are no frames, or their grids differ.
    """
    path = Path(path)
    _check_same_grid(path, frames)
    data = np.stack([frame.data for frame in frames], axis=-1)
    header = _header(path, data.shape, frames[0].affine, description=description, space=space)
    if step > 0:
        header.set_zooms((*header.get_zooms()[:3], step))
        header["toffset"] = start
    header.set_xyzt_units("mm", "unknown")
    _write(path, data, header, dtype=dtype)


def _check_same_grid(path: Path, frames: Sequence[Volume]) -> None:
    if not frames:
        raise _unwritable(path, "there are no frames", "give at least one volume")
    first = frames[0]
    for number, frame in enumerate(frames):
        if frame.shape != first.shape or not np.allclose(frame.affine, first.affine):
            wrong = f"frame {number} lies on another grid than frame 0"
            raise _unwritable(path, wrong, "resample all frames to one grid")


def _header(
    path: Path, shape: tuple[int, ...], affine: Affine, *, description: str, space: SpaceCode
) -> Any:  # noqa: ANN401
    """Make the NIfTI-1 header of an array (I, J, K) or (I, J, K, frames)."""
    _check_writable(path, shape, affine)
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header["descrip"] = _encode_description(path, description)
    # Without the last rounding errors, so that sform and qform say the same.
    exact = nearest_orthonormal(affine, centre=(np.array(shape[:3]) - 1) / 2)
    header.set_qform(exact, int(space))
    header.set_sform(exact, int(space))
    return header


def _check_writable(path: Path, shape: tuple[int, ...], affine: Affine) -> None:
    if not path.name.lower().endswith(WRITTEN_SUFFIXES):
        raise _unwritable(path, "only NIfTI is written", "let the name end in .nii.gz or .nii")
    if min(shape) < 1 or max(shape) > MAX_NIFTI1_SIDE:
        raise _unwritable(path, f"NIfTI-1 cannot hold the shape {shape}", "crop or resample it")
    if not is_orthonormal(affine):
        wrong = "the volume's axes do not meet at right angles, which other programs refuse"
        raise _unwritable(path, wrong, "resample it to a grid with right angles first")


def _encode_description(path: Path, description: str) -> bytes:
    if not description.isascii() or len(description) > MAX_DESCRIPTION_BYTES:
        wrong = f"the header cannot hold the description {description!r}"
        raise _unwritable(path, wrong, f"use at most {MAX_DESCRIPTION_BYTES} ASCII characters")
    return description.encode("ascii")


def _write(path: Path, data: NDArray[Any], header: Any, *, dtype: DTypeLike | None) -> None:  # noqa: ANN401
    try:
        stored, slope = encode(data, dtype)
    except ValueError as error:
        raise _unwritable(path, str(error), "correct the values or choose another type") from error
    header.set_data_dtype(stored.dtype)
    image = nib.Nifti1Image(stored, None, header)
    # Only now: an image forgets the slope of the header that it is made with.
    image.header.set_slope_inter(slope, 0.0)
    write = _write_gzipped if path.name.lower().endswith(".gz") else _write_plain
    try:
        write_atomically(path, lambda file: write(file, image))
    except OSError as error:
        raise _unwritable(path, reason_for(error), "choose another folder or name") from error


def _write_plain(file: BinaryIO, image: Any) -> None:  # noqa: ANN401
    image.to_stream(file)


def _write_gzipped(file: BinaryIO, image: Any) -> None:  # noqa: ANN401
    # Neither name nor time goes in, so that the same volume gives the same bytes.
    with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as stream:
        image.to_stream(stream)


def _unwritable(path: Path, wrong: str, advice: str) -> ImageError:
    return ImageError(f"cannot write {path}: {wrong}; {advice}")
