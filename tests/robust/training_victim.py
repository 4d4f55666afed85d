"""A training that can be killed while it writes its state; it is imported where it runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from brainviewer.cli import main
from brainviewer.core.files import write_atomically
from brainviewer.training import loop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.synchronize import Event
    from pathlib import Path
    from typing import BinaryIO

STOP_S = 0.02


class SlowFile:
    """A file that stops now and then, so that whoever kills the writer meets it half-way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._next = file, 0

    def write(self, content: bytes) -> int:
        if self._file.tell() >= self._next:
            time.sleep(STOP_S)
            self._next = self._file.tell() + 20_000
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def train(begun: Event, words: Sequence[str], steps: int) -> None:
    """Run `brainviewer train`, which writes its state after every step; begun after some steps."""
    torch.set_num_threads(1)
    loop.SAVE_EVERY_SECONDS = 0.0
    saved = 0

    def write(path: Path, save: Callable[[BinaryIO], None]) -> None:
        nonlocal saved
        if saved == steps:
            begun.set()
        write_atomically(path, lambda file: save(SlowFile(file)))
        saved += 1

    loop.write_atomically = write
    raise SystemExit(main(words))
