"""Writing files so that an existing one is never lost half-way."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPORARY = ".brainviewer-"
"""How the name of everything begins that is not finished."""

# Nothing takes longer to be written.
STALE_S = 24 * 3600.0

_REASONS = {
    errno.ENOENT: "the file or its folder does not exist",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the disk is read-only",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "its folder is a file",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EFBIG: "the file would be larger than the system allows",
}


def write_atomically(path: Path | str, write: Callable[[BinaryIO], None]) -> None:
    """Write a file under a temporary name, then put it in its place in one step.

    Whatever goes wrong on the way, a file that was there before stays as it was and no temporary
    one is left. A link is followed; the permissions of an existing file are kept.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    write : function
        Receives the open file and writes all of its content.

    Raises
    ------
    OSError
        The file cannot be written; `reason_for` puts it in words.
    """
    target = Path(path).resolve()
    temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes_atomically(path: Path | str, content: bytes) -> None:
    """Write bytes; the guarantees are those of `write_atomically`."""
    write_atomically(path, lambda file: _write_all(file, content))


def write_text_atomically(path: Path | str, text: str) -> None:
    """Write a text as UTF-8; the guarantees are those of `write_atomically`."""
    write_bytes_atomically(path, text.encode())


def write_json_atomically(path: Path | str, value: object) -> None:
    """Write a value as indented JSON; the guarantees are those of `write_atomically`.

    Raises
    ------
    ValueError, TypeError
        The value holds NaN, infinity or something that JSON has no word for.
    OSError
        The file cannot be written.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text_atomically(path, text + "\n")


def remove_stale(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder: only what is a day old.

    A disk that refuses is no error: nobody needs what stays.
    """
    oldest = time.time() - STALE_S
    with suppress(OSError):
        for path in folder.glob(f"{TEMPORARY}*"):
            if path.lstat().st_mtime < oldest:
                _remove(path)


def reason_for(error: OSError) -> str:
    """Say in plain words why the system refused to read or write a file."""
    if error.errno in _REASONS:
        return _REASONS[error.errno]
    return error.strerror or str(error) or type(error).__name__


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write_all(file: BinaryIO, content: bytes) -> None:
    file.write(content)
