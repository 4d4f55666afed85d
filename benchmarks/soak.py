"""Use the window for a while, and see whether it grows.

`tools/on_screen.sh python -m benchmarks.soak --minutes 60`

Prints memory, threads, files and widgets over time and a verdict; exit code 1 when one of them
grows, or when anything failed on the way.
"""

from __future__ import annotations

import argparse
import gc
import sys
import threading
import time
from collections import Counter
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from benchmarks.soak_actions import Hands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.gui.main_window import MainWindow

SAMPLES = 30
WARM_UP_SHARE = 0.4
"""Of the time: until then caches fill, libraries are imported and pools of threads start."""

MOST_GROWTH_MB_PER_HOUR = 200.0
MOST_GROWTH_MB = 60.0
"""What the sizes of single brains, pictures and undo steps make of noise."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds at a moment when it has nothing to do."""

    minutes: float
    actions: int
    memory_mb: float
    own_threads: int
    threads: int
    files: int
    widgets: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Use the window, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--checkpoint", default="diffeo-ixi")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        window = open_window(options.checkpoint)
        hands = Hands(window, Path(folder), np.random.default_rng(options.seed))
        hands.wait(lambda: window.session.shown is not None)
        hands.wait(lambda: window.viewing.pane_3d.view is not None)
        samples, done = use(hands, options.minutes)
        failures = list(hands.failures)
        window.close()
    left = sorted(it.name for it in threading.enumerate() if it.name.startswith("brainviewer-"))
    print("actions: " + ", ".join(f"{name} {count}" for name, count in done.most_common()))
    complaints = [*judge(samples), *(f"failed: {it}" for it in failures)]
    complaints += [f"left running after the window: {it}" for it in left]
    print("verdict: " + ("; ".join(complaints) or "flat, nothing left over"))
    return 1 if complaints else 0


def use(hands: Hands, minutes: float) -> tuple[list[Sample], Counter[str]]:
    """Do things at random until the time is over; print a sample now and then."""
    start, done = time.monotonic(), Counter[str]()
    samples: list[Sample] = []
    print(" ".join(f"{it.name:>12}" for it in fields(Sample)), flush=True)
    while (elapsed := time.monotonic() - start) < 60 * minutes:
        if elapsed >= len(samples) * 60 * minutes / SAMPLES:
            samples.append(sample(hands, elapsed / 60, sum(done.values())))
            print(" ".join(f"{it:12.1f}" for it in astuple(samples[-1])), flush=True)
        action = hands.any_action()
        action()
        done[action.__name__] += 1
    samples.append(sample(hands, minutes, sum(done.values())))
    print(" ".join(f"{it:12.1f}" for it in astuple(samples[-1])), flush=True)
    return samples, done


def sample(hands: Hands, minutes: float, actions: int) -> Sample:
    """Let everything come to rest, then count."""
    hands.wait_idle()
    hands.pause(0.3)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    names = [it.name for it in threading.enumerate()]
    process = Path("/proc/self")
    return Sample(
        minutes,
        actions,
        _memory_mb(),
        sum(name.startswith("brainviewer-") for name in names),
        len(list((process / "task").iterdir())),
        len(list((process / "fd").iterdir())),
        len(QApplication.allWidgets()),
    )


def judge(samples: Sequence[Sample]) -> list[str]:
    """Say what grows once everything is warm; nothing when it is flat.

    Memory is judged by a line through the samples, and by the middle of the last third against
    that of the first; the rest by the largest count of the last third against the first.
    """
    warm = [it for it in samples if it.minutes >= WARM_UP_SHARE * samples[-1].minutes]
    third = max(1, len(warm) // 3)
    early, late = warm[:third], warm[-third:]
    complaints = []
    memory = [it.memory_mb for it in warm]
    growth = float(np.median(memory[-third:]) - np.median(memory[:third]))
    per_hour = 60 * float(np.polyfit([it.minutes for it in warm], memory, 1)[0])
    if growth > MOST_GROWTH_MB and per_hour > MOST_GROWTH_MB_PER_HOUR:
        complaints.append(f"memory grows by {growth:.0f} MB, {per_hour:.0f} MB an hour")
    for name, slack in (("own_threads", 0), ("threads", 2), ("files", 2), ("widgets", 20)):
        before, after = (max(getattr(it, name) for it in part) for part in (early, late))
        if after > before + slack:
            complaints.append(f"{name.replace('_', ' ')} grow from {before} to {after}")
    return complaints


def open_window(checkpoint: str) -> MainWindow:
    """Open a window on a checkpoint, as the application does."""
    from brainviewer.gui.app import begin, make_application, make_window

    global _application  # Qt's application must outlive its windows
    _application = make_application()
    window = make_window()
    window.resize(1400, 900)
    window.show()
    begin(window, checkpoint=checkpoint)
    return window


_application: QCoreApplication | None = None


def _memory_mb() -> float:
    """Return the memory that is really taken."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(it for it in lines if it.startswith("VmRSS:")).split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
