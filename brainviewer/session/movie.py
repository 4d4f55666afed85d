"""Movies as files: MP4 through ffmpeg, GIF through Pillow; whole or not at all."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import TEMPORARY, reason_for, remove_stale
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.session.export import ExportError
from brainviewer.session.ffmpeg import Ffmpeg, FfmpegError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

MP4, GIF = ".mp4", ".gif"
KINDS = (MP4, GIF)
RATE_RANGE_HZ = (1, 60)


class Movie(ABC):
    """A movie that is being written, under a temporary name until it is whole.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    rate_hz : int in `RATE_RANGE_HZ`
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self._rate_hz = rate_hz
        name = f"{TEMPORARY}{secrets.token_hex(8)}{path.suffix.lower()}"
        self._temporary = path.with_name(name)

        self._size: tuple[int, int] | None = None

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Add a frame (rows, columns, 3), red, green, blue.

        One of another size than the first, as of a window that was resized meanwhile, is cut or
        filled up with black.
        """
        if self._size is None:
            self._size = picture.shape[0], picture.shape[1]
        self._add(_of_size(picture, self._size))

    @abstractmethod
    def _add(self, picture: NDArray[np.uint8]) -> None:
        """Add a frame; all are of one size."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what is left to the temporary file."""

    @abstractmethod
    def _stop(self) -> None:
        """End what writes."""

    def finish(self) -> Path:
        """Put the movie in its place.

        Raises
        ------
        ExportError
            The disk or ffmpeg refuses; nothing is left then.
        """
        try:
            self._finish()
            self._temporary.replace(self._path)
        except OSError as error:
            raise ExportError(f"cannot write {self._path}: {reason_for(error)}") from error
        finally:
            self.discard()
        return self._path

    def discard(self) -> None:
        """Stop, and leave nothing; does nothing to a movie that is finished."""
        self._stop()
        self._temporary.unlink(missing_ok=True)


class GifMovie(Movie):
    """A GIF that begins again at its end."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        super().__init__(path, rate_hz)
        self._frames: list[Image] = []

    def _add(self, picture: NDArray[np.uint8]) -> None:
        """Add a frame, in 256 colours of its own."""
        from PIL import Image

        self._frames.append(Image.fromarray(picture).quantize(256))

    def _finish(self) -> None:
        first, *others = self._frames
        milliseconds = round(1000 / self._rate_hz)
        first.save(
            self._temporary,
            save_all=True,
            append_images=others,
            duration=milliseconds,
            loop=0,
            comment=NOT_CLINICAL,
        )

    def _stop(self) -> None:
        self._frames = []


class Mp4Movie(Movie):
    """An MP4 in H.264, encoded by a process of ffmpeg."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        super().__init__(path, rate_hz)
        self._process: Ffmpeg | None = None

    def _add(self, picture: NDArray[np.uint8]) -> None:
        """Add a frame; a last odd row or column, which H.264 cannot hold, is left out."""
        rows, columns = (size - size % 2 for size in picture.shape[:2])
        try:
            if self._process is None:
                self._process = Ffmpeg(
                    self._temporary, rows=rows, columns=columns, rate_hz=self._rate_hz
                )
            self._process.add(picture[:rows, :columns])
        except FfmpegError as error:
            raise self._given_up(error) from error

    def _finish(self) -> None:
        if self._process is None:
            raise ExportError(f"cannot write {self._path}: it has no frames")
        try:
            self._process.finish()
        except FfmpegError as error:
            raise self._given_up(error) from error

    def _stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _given_up(self, error: FfmpegError) -> ExportError:
        return ExportError(f"cannot write {self._path}: ffmpeg gave up ({error})")


def _of_size(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if picture.shape[:2] == size:
        return picture
    cut = picture[: size[0], : size[1]]
    whole = np.zeros((*size, 3), np.uint8)
    whole[: cut.shape[0], : cut.shape[1]] = cut
    return whole


def open_movie(path: Path, rate_hz: int, *, overwrite: bool = False) -> Movie:
    """Begin a movie; the ending of its name says which kind.

    Raises
    ------
    ExportError
        The ending is another one, the rate is outside `RATE_RANGE_HZ`, the folder is not there, or
        the file is and may not be replaced.
    """
    low, high = RATE_RANGE_HZ
    if not low <= rate_hz <= high:
        raise ExportError(f"a movie has {low}-{high} frames a second, got {rate_hz}")
    if path.suffix.lower() not in KINDS:
        raise ExportError(f"a movie ends in {' or '.join(KINDS)}, got {path.name!r}")
    if not path.parent.is_dir():
        raise ExportError(f"cannot write {path}: its folder does not exist")
    if path.exists() and not overwrite:
        raise ExportError(f"{path} exists already; choose another name, or allow it to be replaced")
    remove_stale(path.parent)
    kind = Mp4Movie if path.suffix.lower() == MP4 else GifMovie
    return kind(path, rate_hz)
