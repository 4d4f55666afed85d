"""The frames of an image file: read one at a time, whichever is wanted."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.imagefile import (
    GZIP_SUFFIXES,
    SUFFIXES,
    ImageInfo,
    OpenImage,
    check_compressed,
    damage_in_words,
    open_image,
    unreadable,
)
from brainviewer.core.memory import GB, available_bytes
from brainviewer.core.space import to_ras
from brainviewer.core.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_FLOAT32_BYTES = 4
# Beyond, float32 cannot hold squares any more; no scan has such values.
LARGEST_VALUE = 1e18
# How much of the free memory the frames of a compressed file may take.
_KEPT_SHARE = 0.4


class FrameFile:
    """An image file that is asked for one frame after the other.

    A compressed file can only be read from its beginning on: with the second frame that is asked
    for, all of its frames are kept in memory as they are stored, where there is room for them.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ImageError
        As `open_image`.
    """

    def __init__(self, path: Path | str) -> None:
        self._opened = open_image(path)
        self._asked = False
        self._kept: NDArray[Any] | None = None

    @property
    def info(self) -> ImageInfo:
        """What the header says."""
        return self._opened.info

    def check(self) -> None:
        """Check what the header cannot tell: that a compressed file is whole, and fits.

        Raises
        ------
        ImageError
            It is damaged, or a frame takes more memory than there is.
        """
        path = self._opened.path
        if not self.info.has_orientation:
            logger.warning("%s does not say where left and right are; they are guessed", path)
        _check_memory(self._opened)
        check_compressed(self._opened)

    def read(self, frame: int) -> Volume:
        """Read a frame, counted from 0, as `read_volume` gives it.

        Raises
        ------
        ImageError
            There is no such frame, or it cannot be read.
        """
        opened = self._opened
        _check_frame(opened.path, frame, opened.info.frames)
        with damage_in_words(opened.path):
            stored = _finite(opened.path, self._values(frame))
            data, affine = to_ras(stored, opened.affine)
            return Volume(np.ascontiguousarray(data), affine, image_name(opened.path))

    def _values(self, frame: int) -> NDArray[Any]:
        """One frame (I, J, K) as stored: integers where there is no scaling, else float32."""
        if self._kept is None and self._asked and self._can_be_kept:
            self._kept = _without_single_axes(np.asarray(self._opened.image.dataobj.get_unscaled()))
        self._asked = True
        if self._kept is None:
            return _read_frame(self._opened.image, frame)
        slope, inter = _scaling(self._opened.image)
        if (slope, inter) == (1.0, 0.0):
            return _native(self._kept[..., frame])
        return _scaled(self._kept[..., frame], slope, inter)

    @property
    def _can_be_kept(self) -> bool:
        is_compressed = self._opened.path.name.lower().endswith(GZIP_SUFFIXES)
        if not is_compressed or self.info.frames == 1:
            return False
        info, free = self.info, available_bytes()
        needed = math.prod(info.shape) * info.frames * np.dtype(info.dtype).itemsize
        return free is None or needed < _KEPT_SHARE * free


def image_name(path: Path | str) -> str:
    """Give the name of an image file without folder and suffix."""
    name = Path(path).name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def _check_frame(path: Path, frame: int, frames: int) -> None:
    if not 0 <= frame < frames:
        wrong = f"it has no frame {frame}"
        raise unreadable(path, wrong, f"choose one from 0 to {frames - 1}")


def _read_frame(image: Any, frame: int) -> NDArray[Any]:  # noqa: ANN401  nibabel has no types
    """Read one frame (I, J, K) from the file."""
    slope, inter = _scaling(image)
    if len(image.shape) == 3 and (slope, inter) != (1.0, 0.0):
        return _scaled(image.dataobj.get_unscaled(), slope, inter)
    further = (frame, *[0] * len(image.shape))[: len(image.shape) - 3]
    return _native(np.asarray(image.dataobj[(slice(None),) * 3 + further]))


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Return integers in the byte order of the machine, all else as float32."""
    if values.dtype.kind in "iu":
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    return values.astype(np.float32, copy=False)


def _without_single_axes(stored: NDArray[Any]) -> NDArray[Any]:
    """Drop the axes after that of the frames, which have one place each."""
    return stored.reshape(stored.shape[:4], order="F")


def _scaling(image: Any) -> tuple[np.float64, np.float64]:  # noqa: ANN401
    """Return slope and intercept; float64, so that float32 values are scaled in it too."""
    return np.float64(image.dataobj.slope), np.float64(image.dataobj.inter)


def _scaled(stored: NDArray[Any], slope: np.float64, inter: np.float64) -> NDArray[np.float32]:
    """Scale plane by plane: all at once, in float64, would take twice the memory."""
    scaled = np.empty(stored.shape, np.float32, order="F")
    for k in range(stored.shape[2]):
        scaled[..., k] = stored[..., k] * slope + inter
    return scaled


def _check_memory(opened: OpenImage) -> None:
    """Refuse what would not fit: as stored, and in RAS+ order; as float32 between, if scaled."""
    stored = np.dtype(opened.info.dtype)
    is_kept = stored.kind in "iu" and _scaling(opened.image) == (1.0, 0.0)
    copies = 2 * stored.itemsize if is_kept else stored.itemsize + 2 * _FLOAT32_BYTES
    needed = math.prod(opened.info.shape) * copies
    free = available_bytes()
    if free is not None and needed > free:
        wrong = f"it needs {needed / GB:.1f} GB of memory, {free / GB:.1f} GB are free"
        raise unreadable(opened.path, wrong, "close other programs or resample it to larger voxels")


def _finite(path: Path, data: NDArray[Any]) -> NDArray[Any]:
    if data.dtype.kind != "f":
        return data
    good = (data >= -LARGEST_VALUE) & (data <= LARGEST_VALUE)  # false for NaN
    bad = data.size - int(np.count_nonzero(good))
    if bad == 0:
        return data
    if bad == data.size:
        raise unreadable(path, "none of its values is a finite number", "choose another image")
    logger.warning(
        "%s: %d of %d values are NaN, infinite or beyond %g; shown as 0",
        path, bad, data.size, LARGEST_VALUE,
    )  # fmt: skip
    return np.where(good, data, data.dtype.type(0))
