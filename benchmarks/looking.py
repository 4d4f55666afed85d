"""Measure how fast one looks around in a window: slices, 3D, an image that is opened."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEventLoop

from benchmarks.stopwatch import Stopwatch, Taken, median
from benchmarks.window import PaintCounter, wait_until
from brainviewer.core.nifti import read_volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from brainviewer.gui.main_window import MainWindow
    from brainviewer.gui.view_3d import View3D

STEPS = 60
SLICES = 30
TURNS = 12
TURN_DEGREES = 6.0
WINDOW_PIXELS = (1600, 960)
LONGEST_PAINT_S = 30.0


def measure_looking(window: MainWindow, scan: Path) -> list[tuple[str, Taken]]:
    """Scroll, turn and open a scan in a window whose brain is there.

    The session ends with it: what it computes in the background would be measured as well.
    """
    window.session.close()
    window.resize(*WINDOW_PIXELS)
    rows = [
        (f"three slices a step further, brain of {size_of(window)} voxels", scroll(window)),
        ("the same with a tissue map over it", scroll_with_tissue(window)),
        ("the same, by a cubic spline", scroll_cubic(window)),
        *measure_3d(window),
        *measure_opening(window, scan),
    ]
    show_alone(window, scan)
    rows.append((f"three slices a step further, scan of {size_of(window)} voxels", scroll(window)))
    return rows


def size_of(window: MainWindow) -> str:
    """Write how many voxels what is scrolled through has along each axis."""
    reference = window.viewing.display.reference
    assert reference is not None
    return " x ".join(map(str, reference.shape))


def scroll(window: MainWindow) -> Taken:
    """Move the crosshair through the brain; return the median time until all slices are painted."""
    display, views = window.viewing.display, window.viewing.ortho.slices.values()
    assert display.reference is not None
    middle = [size // 2 for size in display.reference.shape]

    def move(number: int) -> None:
        i, j, k = (it + number % SLICES - SLICES // 2 for it in middle)
        display.set_crosshair_voxel((i, j, k))

    return repeated(move, [PaintCounter(view) for view in views], times=STEPS)


def scroll_with_tissue(window: MainWindow) -> Taken:
    """Scroll with grey matter over the image."""
    display = window.viewing.display
    index = [layer.name for layer in display.layers].index("GM")
    display.set_layer(index, visible=True)
    taken = scroll(window)
    display.set_layer(index, visible=False)
    return taken


def scroll_cubic(window: MainWindow) -> Taken:
    """Scroll through an image that is interpolated by a spline."""
    display = window.viewing.display
    before = display.interpolation
    display.set_interpolation("cubic")
    taken = scroll(window)
    display.set_interpolation(before)
    return taken


def measure_3d(window: MainWindow) -> list[tuple[str, Taken]]:
    """Turn the brain as surfaces and as a volume; nothing where there is no OpenGL."""
    pane = window.viewing.pane_3d
    if pane.view is None or pane.view.interactor is None:
        return []
    rows = []
    for mode in ("Volume", "Surfaces"):
        pane.show_mode(mode)
        taken = turn(pane.view, pane.view.interactor)
        rows.append((f"the brain turned in 3D, {mode.lower()}", taken))
    return rows


def turn(view: View3D, picture: QWidget) -> Taken:
    """Turn the brain as the keys do; return the median time until it is painted."""

    def move(_number: int) -> None:
        view.scene.turn(TURN_DEGREES, 0.0)
        picture.update()

    return repeated(move, [PaintCounter(picture)], times=TURNS)


def measure_opening(window: MainWindow, scan: Path) -> list[tuple[str, Taken]]:
    """Open a scan as a layer until it is seen, beside reading its file alone."""
    watch = Stopwatch()
    read_volume(scan)
    read = watch.read()
    painted = PaintCounter(window.viewing.ortho.panes[0])
    watch = Stopwatch()
    window.opener.open_all([scan])
    wait_until(lambda: any(layer.source for layer in window.viewing.display.layers))
    before = len(painted.times)
    wait_until(lambda: len(painted.times) > before)
    return [("a scan read from its file", read), ("the same opened until it is seen", watch.read())]


def show_alone(window: MainWindow, scan: Path) -> None:
    """Show an image alone, and scroll through its voxels."""
    display = window.viewing.display
    index = [layer.source for layer in display.layers].index(str(scan.absolute()))
    display.move_layer(index, 0)
    for other in range(1, len(display.layers)):
        display.set_layer(other, visible=False)


def repeated(move: Callable[[int], None], counts: list[PaintCounter], *, times: int) -> Taken:
    """Repeat a movement; return the median time until all widgets are painted."""
    taken = []
    for number in range(times):
        before = [len(it.times) for it in counts]
        watch = Stopwatch()
        move(number)
        paint(counts, before)
        taken.append(watch.read())
    return median(taken)


def paint(counts: list[PaintCounter], before: list[int]) -> None:
    """Let Qt work until every widget was painted once more."""
    deadline = time.perf_counter() + LONGEST_PAINT_S
    waiting = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
    while any(len(it.times) <= old for it, old in zip(counts, before, strict=True)):
        if time.perf_counter() > deadline:
            raise TimeoutError(f"a picture was not painted within {LONGEST_PAINT_S:.0f} s")
        QCoreApplication.processEvents(waiting)
