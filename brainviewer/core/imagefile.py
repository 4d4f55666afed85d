"""Opening image files: what can be wrong with one is found here, before its data are read."""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.mghformat import MGHError, MGHHeader
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from brainviewer.core.files import reason_for
from brainviewer.core.sentences import SentenceError
from brainviewer.core.volume import Affine, voxel_spacing

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".img.gz", ".hdr.gz", ".img", ".hdr")
MGH_SUFFIXES = (".mgh", ".mgz")
GZIP_SUFFIXES = (".gz", ".mgz")
GZIP_MAGIC = b"\x1f\x8b"
# DEFLATE can do no better, so the size of a .gz file bounds what is in it.
MAX_GZIP_RATIO = 1032

# One frame, 2 GiB as float32: a whole head at 0.3 mm.
MAX_VOXELS = 2**29
SPACING_RANGE_MM = (1e-4, 1e3)
MAX_DISTANCE_MM = 1e6
# |det| of the direction cosines: 1 for axes at right angles, 0 for axes that coincide.
MIN_INDEPENDENCE = 1e-3

# What nibabel, numpy and zlib raise on a damaged file, besides OSError.
_DAMAGE = (
    *(ImageFileError, HeaderDataError, HeaderTypeError, WrapStructError, MGHError, zlib.error),
    *(EOFError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError),
)
_COPY_AGAIN = "copy or download it again"
_CORRECT_HEADER = "correct its header or convert the scan again"
# The units of length, other than mm, among NIfTI's xyzt_units.
_UNITS_MM = {1: 1e3, 3: 1e-3}
_CHUNK_BYTES = 2**20


class ImageError(SentenceError):
    """An image cannot be read or written; one sentence names it, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of an image file says.

    Attributes
    ----------
    shape : (int, int, int), voxels
        In the order in which the file stores them.
    spacing_mm : (float, float, float), mm
        In the same order.
    frames : int
        1 for a plain volume.
    dtype : str
        The type in which the file stores values, such as ``"int16"``.
    orientation : str
        Where the stored axes point, such as ``"LAS"``.
    sform_code, qform_code : int or None
        NIfTI's codes, None in formats without. Both 0: left and right are only a guess.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    frames: int
    dtype: str
    orientation: str
    sform_code: int | None
    qform_code: int | None

    @property
    def has_orientation(self) -> bool:
        """Whether the file says where left and right are."""
        return (self.sform_code, self.qform_code) != (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class OpenImage:
    """An image file whose header is good; its values are still on the disk.

    `image` is nibabel's; `affine` leads from its stored voxels to the world, in mm.
    """

    path: Path
    image: Any
    affine: Affine
    info: ImageInfo


def open_image(path: Path | str) -> OpenImage:
    """Open an image file and check all that can be checked without reading its values.

    Raises
    ------
    ImageError
        It cannot be opened, or its header describes no volume that could be shown.
    """
    path = Path(path)
    with damage_in_words(path):
        _check_file(path)
        image = _load(path)
        _check_format(path, image)
        _check_shape(path, image.shape)
        _check_dtype(path, image.get_data_dtype())
        affine = _affine_mm(image)
        _check_zooms(path, image)
        _check_affine(path, affine)
        _check_size(path, image)
        return OpenImage(path, image, affine, _describe(image, affine))


def check_compressed(opened: OpenImage) -> None:
    """Decompress a .gz file once, to see that it is whole: nibabel does not check the checksum.

    Raises
    ------
    ImageError
        The file is damaged, or holds less than its header claims.
    """
    data_file = _data_file(opened.image)
    if not data_file.name.lower().endswith(GZIP_SUFFIXES):
        return
    with damage_in_words(opened.path), gzip.open(data_file) as stream:
        held = sum(len(chunk) for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""))
    _check_holds(opened.path, held=held, claimed=_claimed_bytes(opened.image))


@contextmanager
def damage_in_words(path: Path) -> Iterator[None]:
    """Turn whatever the libraries raise on a bad file into an `ImageError`."""
    try:
        with np.errstate(all="ignore"):
            yield
    except ImageError:
        raise
    except OSError as error:
        # Libraries that find a file damaged raise OSError too, but without the system's number.
        if error.errno is None:
            raise _damaged(path, error) from error
        raise unreadable(path, reason_for(error), "check its name and permissions") from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def unreadable(path: Path, wrong: str, advice: str) -> ImageError:
    """Make the sentence for a file that cannot be read."""
    return ImageError(f"cannot read {path}: {wrong}; {advice}")


def _damaged(path: Path, error: Exception) -> ImageError:
    detail = " ".join(str(error).replace(str(path), path.name).split()) or type(error).__name__
    return unreadable(path, f"it is damaged or not an image ({detail})", _COPY_AGAIN)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise unreadable(path, "there is no such file", "check its name and folder")
    if path.is_dir():
        raise unreadable(path, "it is a folder", "choose an image file inside it")
    if not path.is_file():
        raise unreadable(path, "it is a device or pipe", "choose an image file")
    if not path.name.lower().endswith(SUFFIXES):
        known = ".nii.gz, .nii, .mgz, .mgh or .img/.hdr"
        raise unreadable(path, "it is not named like an image", f"choose one that ends in {known}")
    if path.stat().st_size == 0:
        raise unreadable(path, "it is empty", _COPY_AGAIN)
    _check_compression(path)


def _check_compression(path: Path) -> None:
    with path.open("rb") as file:
        is_compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    if is_compressed == path.name.lower().endswith(GZIP_SUFFIXES):
        return
    said = "it is compressed with gzip" if is_compressed else "it is not compressed with gzip"
    right = ".nii.gz or .mgz" if is_compressed else ".nii or .mgh"
    raise unreadable(path, f"{said}, unlike its name says", f"if it is an image, name it {right}")


def _load(path: Path) -> Any:  # noqa: ANN401  nibabel has no types
    if not path.name.lower().endswith(MGH_SUFFIXES):
        return nib.load(path, mmap=False)
    # As nib.load does, which however leaves MGH files open.
    with ImageOpener(path) as file:
        header = MGHHeader.from_fileobj(file)
    image = nib.MGHImage(ArrayProxy(path, header, mmap=False), header.get_affine(), header)
    image.set_filename(path)
    return image


def _check_format(path: Path, image: object) -> None:
    if isinstance(image, nib.Nifti1Pair | nib.MGHImage):
        return
    if isinstance(image, nib.AnalyzeImage):
        wrong = "it is in the Analyze format, which does not tell left from right"
        raise unreadable(path, wrong, "convert the original scan to NIfTI")
    wrong = f"it holds {type(image).__name__.removesuffix('Image')} data, not a volume"
    raise unreadable(path, wrong, "choose a NIfTI or MGH volume")


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    written = " x ".join(str(n) for n in shape)
    if len(shape) < 3 or any(n != 1 for n in shape[4:]):
        wrong = f"it has {len(shape)} axes ({written})"
        raise unreadable(path, wrong, "give a volume of 3 axes, or 4 where the last is time")
    if min(shape) < 1:
        raise unreadable(path, f"its shape is {written}", _CORRECT_HEADER)
    if math.prod(int(n) for n in shape[:3]) > MAX_VOXELS:
        wrong = f"its shape {written} is more than {MAX_VOXELS / 1e6:.0f} million voxels"
        raise unreadable(path, wrong, "resample it to larger voxels or crop it")


def _check_dtype(path: Path, dtype: np.dtype[Any]) -> None:
    if dtype.names:
        raise unreadable(path, "it holds colours (RGB)", "give the scan itself, in shades of grey")
    if dtype.kind not in "iuf":
        advice = "save it as integers or real numbers"
        raise unreadable(path, f"its values are of type {dtype}", advice)


def _affine_mm(image: Any) -> Affine:  # noqa: ANN401
    """Nibabel's affine (sform, else qform, else spacing alone), in mm also where units differ."""
    affine = np.array(image.affine, dtype=np.float64)
    if isinstance(image, nib.Nifti1Pair):
        affine[:3] *= _UNITS_MM.get(int(image.header["xyzt_units"]) & 7, 1.0)
    return affine


def _check_zooms(path: Path, image: Any) -> None:  # noqa: ANN401
    """Refuse the zooms that nibabel would make 1 mm, where the affine rests on them."""
    if not isinstance(image, nib.Nifti1Pair) or image.header["sform_code"]:
        return
    with ImageOpener(image.file_map.get("header", image.file_map["image"]).filename) as file:
        zooms = type(image.header).from_fileobj(file, check=False)["pixdim"][1:4]
    if not (np.abs(zooms) > 0).all():
        written = " x ".join(f"{mm:g}" for mm in zooms)
        raise unreadable(path, f"its header gives voxels of {written} mm", _CORRECT_HEADER)


def _check_affine(path: Path, affine: Affine) -> None:
    if not np.isfinite(affine).all():
        raise unreadable(path, "its affine holds NaN or infinity", _CORRECT_HEADER)
    low, high = SPACING_RANGE_MM
    spacing = voxel_spacing(affine)
    if spacing.min() < low or spacing.max() > high:
        written = " x ".join(f"{mm:g}" for mm in spacing)
        raise unreadable(path, f"its affine gives voxels of {written} mm", _CORRECT_HEADER)
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < MIN_INDEPENDENCE:
        raise unreadable(path, "its affine is singular (two axes coincide)", _CORRECT_HEADER)
    if np.abs(affine[:3, 3]).max() > MAX_DISTANCE_MM:
        raise unreadable(path, "its affine puts it more than a kilometre away", _CORRECT_HEADER)


def _check_size(path: Path, image: Any) -> None:  # noqa: ANN401
    """Compare what the header claims with the size of the file, before any memory is taken."""
    data_file = _data_file(image)
    size = data_file.stat().st_size
    compressed = data_file.name.lower().endswith(GZIP_SUFFIXES)
    held = size * MAX_GZIP_RATIO if compressed else size
    _check_holds(path, held=held, claimed=_claimed_bytes(image))


def _check_holds(path: Path, *, held: int, claimed: int) -> None:
    if held < claimed:
        wrong = f"it is cut short (its header claims {claimed} bytes, it holds at most {held})"
        raise unreadable(path, wrong, _COPY_AGAIN)


def _claimed_bytes(image: Any) -> int:  # noqa: ANN401
    values = math.prod(int(n) for n in image.shape)
    return int(image.dataobj.offset) + values * int(image.get_data_dtype().itemsize)


def _data_file(image: Any) -> Path:  # noqa: ANN401
    return Path(image.file_map["image"].filename)


def _describe(image: Any, affine: Affine) -> ImageInfo:  # noqa: ANN401
    i, j, k, frames = (int(n) for n in (*image.shape, 1)[:4])
    x, y, z = (float(mm) for mm in voxel_spacing(affine))
    coded = isinstance(image, nib.Nifti1Pair)
    return ImageInfo(
        shape=(i, j, k),
        spacing_mm=(x, y, z),
        frames=frames,
        dtype=str(image.get_data_dtype().newbyteorder("=")),
        orientation="".join(nib.aff2axcodes(affine)),
        sform_code=int(image.header["sform_code"]) if coded else None,
        qform_code=int(image.header["qform_code"]) if coded else None,
    )
