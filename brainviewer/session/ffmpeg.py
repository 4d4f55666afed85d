"""A process of ffmpeg that turns pictures into an MP4 file, and is asked how it ended."""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np

from brainviewer.core.purpose import NOT_CLINICAL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CONSTANT_RATE_FACTOR = 10  # of 51, 0 without loss
TIMEOUT_S = 60.0
_SPEAKER = re.compile(r"^\[[^]]*\]")  # which part of ffmpeg says a line


class FfmpegError(RuntimeError):
    """The process ended without a whole movie; the message is its last word."""


class Ffmpeg:
    """Encodes in H.264 while pictures come.

    Parameters
    ----------
    path : Path
        Of the movie; an existing one is replaced, whatever comes of it.
    rows, columns : int, pixels
        Even numbers.
    rate_hz : int
    """

    def __init__(self, path: Path, *, rows: int, columns: int, rate_hz: int) -> None:
        raw = f"-f rawvideo -pix_fmt rgb24 -s {columns}x{rows} -r {rate_hz} -i -"
        coded = f"-an -c:v libx264 -pix_fmt yuv420p -crf {CONSTANT_RATE_FACTOR} -v error"
        # A pipe that nobody reads could hold the process up.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  closed in `stop`
        self._process = subprocess.Popen(
            [
                imageio_ffmpeg.get_ffmpeg_exe(),
                *("-y", *raw.split(), *coded.split()),
                *("-metadata", f"comment={NOT_CLINICAL}", str(path)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._words,
        )

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Encode a picture (rows, columns, 3), red, green, blue; FfmpegError when it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except OSError as error:
            raise FfmpegError(self._last_word()) from error

    def finish(self) -> None:
        """Wait for the whole movie; FfmpegError when there is none."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            if self._process.wait(TIMEOUT_S) == 0:
                return
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FfmpegError(self._last_word()) from error
        raise FfmpegError(self._last_word())

    def stop(self) -> None:
        """End the process, if it is still there."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            # What was still to be written is not wanted any more.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._words.close()

    def _last_word(self) -> str:
        self._process.kill()
        self._process.wait()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").split("\n")
        said = [_SPEAKER.sub("", line).strip() for line in lines if line.strip()]
        return said[-1] if said else f"it ended with {self._process.returncode}"
