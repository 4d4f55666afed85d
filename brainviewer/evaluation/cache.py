"""What an evaluation has measured, on disk, so that a stopped one goes on where it was."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainviewer.core.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from brainviewer.generators.checkpoint import Checkpoint

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ArrayCache:
    """Arrays on disk, one file a request.

    Attributes
    ----------
    folder : Path
        Made when needed.
    model : str
        What identifies weights and device.
    """

    folder: Path
    model: str

    def get(self, request: Sequence[object], make: Callable[[], Mapping[str, Any]]) -> Arrays:
        """Return the arrays of a request, made now unless they were before.

        Parameters
        ----------
        request : sequence of what JSON has words for
            The kind of work first, then everything that its result depends on.
        make : function without arguments to a mapping of name to ndarray
        """
        found = self.load(request)
        if found is None:
            found = {name: np.asarray(array) for name, array in make().items()}
            self.save(request, found)
        return found

    def load(self, request: Sequence[object]) -> Arrays | None:
        """Return the arrays of a request; None when there are none or a damaged file."""
        path = self._path(request)
        if not path.is_file():
            return None
        try:
            # np.load leaves a damaged file open when it opened it itself.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None

    def save(self, request: Sequence[object], arrays: Mapping[str, Any]) -> None:
        """Keep the arrays of a request."""

        def write(file: BinaryIO) -> None:
            np.savez_compressed(file, **arrays)

        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(request), write)

    def _path(self, request: Sequence[object]) -> Path:
        text = json.dumps([self.model, *request], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def fingerprint(checkpoint: Checkpoint, device_name: str) -> str:
    """Return a text that changes with a checkpoint's configuration, weights or device."""
    digest = hashlib.sha256(device_name.encode())
    for name in ("config.json", "weights.safetensors"):
        digest.update((checkpoint.folder / name).read_bytes())
    return digest.hexdigest()
