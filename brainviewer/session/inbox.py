"""A queue from the worker to the thread that owns a session, where there is no Qt loop."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Inbox:
    """Functions that wait to be run by the thread that reads the inbox."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._waiting.empty()

    def post(self, function: Callable[[], None]) -> None:
        """Put a function in; may be called from every thread."""
        self._waiting.put(function)

    def process(self) -> None:
        """Run what waits now."""
        for _ in range(self._waiting.qsize()):
            self._waiting.get()()

    def wait_for(self, holds: Callable[[], bool], *, timeout_s: float) -> None:
        """Run what comes in until a condition holds.

        Raises
        ------
        TimeoutError
            When it does not hold in time.
        """
        end = time.monotonic() + timeout_s
        while not holds():
            try:
                self._waiting.get(timeout=max(0.0, end - time.monotonic()))()
            except queue.Empty:
                raise TimeoutError(f"nothing came of it within {timeout_s:g} s") from None
