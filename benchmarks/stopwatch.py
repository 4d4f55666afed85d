"""How long something took: by the clock and by the processor."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_MS = 10_000.0


@dataclass(frozen=True, slots=True)
class Taken:
    """How long something took.

    Attributes
    ----------
    elapsed_s : float, s
        By the clock; other work on the machine makes it longer.
    processor_s : float, s
        Of all threads of this process; other work changes it little.
    """

    elapsed_s: float
    processor_s: float


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Runs from when it is made."""

    clock: float = field(default_factory=time.perf_counter)
    processor: float = field(default_factory=time.process_time)

    def read(self) -> Taken:
        """Tell how long it has been running."""
        return Taken(time.perf_counter() - self.clock, time.process_time() - self.processor)


def median(taken: Sequence[Taken]) -> Taken:
    """Return the median of each kind of time."""
    return Taken(
        statistics.median(it.elapsed_s for it in taken),
        statistics.median(it.processor_s for it in taken),
    )


def print_times(heading: str, rows: Sequence[tuple[str, Taken]]) -> None:
    """Print times as a Markdown table."""
    print(f"\n| {heading} | elapsed | of the processor |")
    print("|---|---|---|")
    for what, taken in rows:
        print(f"| {what} | {in_words(taken.elapsed_s)} | {in_words(taken.processor_s)} |")


def in_words(seconds: float) -> str:
    """Write a time in ms, a long one in s."""
    milliseconds = 1000 * seconds
    return f"{seconds:.0f} s" if milliseconds >= MOST_MS else f"{milliseconds:.0f} ms"
