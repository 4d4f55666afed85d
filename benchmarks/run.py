"""Measure what the README claims.

`tools/on_screen.sh python -m benchmarks.run [--cohort DIR] [--scan T1W]`

Prints Markdown tables for this machine. Everything is measured in one run; the last column of the
first relates each time to one decoding, the other tables tell the processor's time as well, which
other work on the machine changes little.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PySide6.QtCore import QTimer

from benchmarks.looking import measure_looking
from benchmarks.scan_steps import measure_steps
from benchmarks.stopwatch import Taken, print_times
from benchmarks.window import PaintCounter, first_start, open_window, wait_until
from brainviewer.core.volume import voxel_spacing
from brainviewer.generators.base import MakesFine
from brainviewer.generators.checkpoint import load_generator, resolve_checkpoint
from brainviewer.session.model import FIRST_CHECKPOINT

if TYPE_CHECKING:
    from brainviewer.gui.main_window import MainWindow

DECODES = 20
FINE_DECODES = 8
DRAG_MOVES = 180
MOVE_EVERY_MS = 16
DRAG_FROM_YEARS, DRAG_TO_YEARS = 25.0, 80.0
OTHER_SEED = 2026
STARTED = "first brain"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default=FIRST_CHECKPOINT)
    parser.add_argument("--cohort", type=Path, help="an imported cohort, for the time a person")
    parser.add_argument("--scan", type=Path, help="a T1-weighted image of 1 mm, to look at")
    parser.add_argument("--start", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with first_start():
        if options.start:
            start_window(options.checkpoint)
        else:
            measure(options)


def measure(options: argparse.Namespace) -> None:
    """Measure what there is data for, and print it."""
    rows = [("start to first brain", 1000 * time_start(options.checkpoint), "ms")]
    decode = time_decode(options.checkpoint)
    rows.append(("decode one brain", decode, "ms"))
    rows += time_fine(options.checkpoint)
    dragged, looked = measure_window(options.checkpoint, options.scan)
    rows += dragged
    rows.append(("largest memory of the window", _peak_mb(), "MB"))
    if options.cohort:
        rows.append(("import a person, one process", 1000 * import_seconds(options.cohort), "ms"))
    print_table(rows, decode)
    if options.scan:
        print_times("looking", looked)
        print_times("own scan", measure_steps(options.checkpoint, options.scan))


def time_start(checkpoint: str) -> float:
    """Time a fresh process from its start until a brain is painted, in s."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.run", "--start", "--checkpoint", checkpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == STARTED:
                elapsed = time.perf_counter() - start
                process.kill()
                return elapsed
    raise RuntimeError("the window ended before it showed a brain")


def start_window(checkpoint: str) -> None:
    """Open the window and say when the first brain has been painted."""
    window = open_window(checkpoint)
    painted = PaintCounter(window.viewing.ortho.panes[0])
    wait_until(lambda: window.session.shown is not None)
    before = len(painted.times)
    wait_until(lambda: len(painted.times) > before)
    print(STARTED, flush=True)
    wait_until(lambda: False)


def time_decode(checkpoint: str) -> float:
    """Return the median time of one decoding in ms."""
    generator = load_generator(resolve_checkpoint(checkpoint))
    conditions = generator.schema.typical()
    identity = generator.draw(1)
    times = []
    for _ in range(DECODES):
        start = time.perf_counter()
        generator.generate(identity, conditions)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def time_fine(checkpoint: str) -> list[tuple[str, float, str]]:
    """Time one brain on the fine grid, where the generator has one."""
    generator = load_generator(resolve_checkpoint(checkpoint))
    if not isinstance(generator, MakesFine) or generator.fine_affine is None:
        return []
    conditions, identity = generator.schema.typical(), generator.draw(1)
    times = []
    for _ in range(FINE_DECODES):
        start = time.perf_counter()
        for _ in generator.fine_steps(identity, conditions):
            pass
        times.append(time.perf_counter() - start)
    spacing = voxel_spacing(generator.fine_affine)[0]
    return [(f"make one brain at {spacing:g} mm", 1000 * statistics.median(times), "ms")]


def measure_window(
    checkpoint: str, scan: Path | None
) -> tuple[list[tuple[str, float, str]], list[tuple[str, Taken]]]:
    """Drag before and after the trajectory is there, then look around where there is a scan."""
    window = open_window(checkpoint)
    session = window.session
    wait_until(lambda: window.viewing.pane_3d.view is not None and session.shown is not None)
    session.new_person(OTHER_SEED)
    wait_until(lambda: session.shown is not None and session.shown.identity.seed == OTHER_SEED)
    first = drag(window)
    wait_until(lambda: session.trajectory is not None and session.trajectory.complete)
    later = drag(window)
    final = settle(window)
    looked: list[tuple[str, Taken]] = []
    if scan is not None:
        wait_until(lambda: is_fine(window))
        looked = measure_looking(window, scan)
    window.close()
    dragged = [
        ("slices while dragging, ages not seen before", first, "per s"),
        ("slices while dragging, ages in the cache", later, "per s"),
        ("last wish to exact volume", final, "ms"),
    ]
    return dragged, looked


def is_fine(window: MainWindow) -> bool:
    """Tell whether the brain on the screen is as fine as its generator makes it."""
    decoder, reference = window.session.decoder, window.viewing.display.reference
    if decoder is None or reference is None:
        return False
    generator = decoder.generator
    finest = generator.fine_affine if isinstance(generator, MakesFine) else None
    return np.allclose(reference.affine, generator.affine if finest is None else finest)


def drag(window: MainWindow) -> float:
    """Move the age 60 times a second and return how often the slices were painted a second."""
    painted = PaintCounter(window.viewing.ortho.panes[0])
    span = DRAG_TO_YEARS - DRAG_FROM_YEARS
    ages = [round(DRAG_FROM_YEARS + span * n / DRAG_MOVES, 1) for n in range(DRAG_MOVES)]
    timer = QTimer()

    def move() -> None:
        if ages:
            window.session.set_age(ages.pop(0))
        else:
            timer.stop()

    timer.timeout.connect(move)
    start = time.perf_counter()
    timer.start(MOVE_EVERY_MS)
    wait_until(lambda: not timer.isActive())
    elapsed = time.perf_counter() - start
    return sum(start <= t <= start + elapsed for t in painted.times) / elapsed


def settle(window: MainWindow) -> float:
    """Return how long after the last wish the exact volume is there, in ms."""
    session = window.session
    start = time.perf_counter()
    session.set_age(33.3)
    wait_until(lambda: session.shown is not None and session.shown.exact)
    return 1000 * (time.perf_counter() - start)


def import_seconds(cohort: Path) -> float:
    """Return the median time a person took in an import, from the cohort's own records."""
    records = [json.loads(p.read_text()) for p in (cohort / "people").glob("*.json")]
    return statistics.median(record["details"]["seconds"] for record in records)


def print_table(rows: list[tuple[str, float, str]], decode_ms: float) -> None:
    """Print the rows as Markdown, with the machine above."""
    print(describe_machine())
    print()
    print("| what | measured | of one decoding |")
    print("|---|---|---|")
    for what, value, unit in rows:
        ratio = f"{value / decode_ms:.1f} x" if unit == "ms" else ""
        print(f"| {what} | {value:.0f} {unit} | {ratio} |")


def describe_machine() -> str:
    """Name processor, threads and graphics card."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    cores = f"{torch.get_num_threads()} threads"
    return f"{platform.processor() or platform.machine()}, {cores}, {device}"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
