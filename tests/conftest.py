"""What every test stands on: a private home, a screen or none, and nothing left behind."""

import gc
import os
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
GRACE_S = 1.0
"""How long a thread that was told to stop may take to do so."""

HAS_DISPLAY = sys.platform != "linux" or any(
    os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
)
_home = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config: pytest.Config) -> None:
    """Set the process up before a test can import Qt, torch, ITK or Matplotlib."""
    config.stash[_home] = tempfile.TemporaryDirectory(prefix="brainviewer-tests-")
    home = Path(config.stash[_home].name)
    for kind in ("CONFIG", "DATA", "CACHE", "STATE"):
        os.environ[f"XDG_{kind}_HOME"] = str(home / kind.lower())
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))

    os.environ["MPLBACKEND"] = "Agg"
    for library in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(library, "2")
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "2")
    if not HAS_DISPLAY:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_home].cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "gui" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("screen"))  # windows would take the focus
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
        if item.get_closest_marker("opengl") and not HAS_DISPLAY:
            item.add_marker(pytest.mark.skip(reason="needs OpenGL: no display and no xvfb-run"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is absent: no real scans on this machine")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a Qt thread, a Qt timer or a window behind, and name it."""
    failed_before = request.session.testsfailed
    threads = set(threading.enumerate())
    widgets = _top_level_widgets()
    with pytest.MonkeyPatch.context() as patch:
        started = _record_qt_starts(patch)
        yield
    if request.session.testsfailed > failed_before:
        return  # the traceback of a failed test holds on to what it made

    left = [*_running_threads(threads), *_running_qt(started), *_new_windows(widgets)]
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


def _running_threads(before: set[threading.Thread]) -> list[str]:
    """Threads that would keep the application alive, or that are the application's own."""
    new = [thread for thread in threading.enumerate() if thread not in before]
    ours = [t for t in new if not t.daemon or t.name.startswith("brainviewer-")]
    for thread in ours:
        thread.join(timeout=GRACE_S)
    return [f"running thread '{thread.name}'" for thread in ours if thread.is_alive()]


def _record_qt_starts(patch: pytest.MonkeyPatch) -> list[weakref.ref]:
    """Note every QThread and QTimer that is started from Python from now on."""
    started: list[weakref.ref] = []
    if "PySide6.QtCore" not in sys.modules:
        return started
    from PySide6.QtCore import QThread, QTimer

    for kind in (QThread, QTimer):
        patch.setattr(kind, "start", _recording(kind.start, started))
    return started


def _recording(start: Callable[..., Any], started: list[weakref.ref]) -> Callable[..., Any]:
    @wraps(start)
    def recorded(self: object, *args: object) -> object:
        started.append(weakref.ref(self))
        return start(self, *args)

    return recorded


def _running_qt(started: list[weakref.ref]) -> list[str]:
    if not started:
        return []
    from PySide6.QtCore import QThread, QTimer
    from shiboken6 import isValid

    _delete_what_was_asked_to()
    alive = {id(it): it for ref in started if (it := ref()) is not None and isValid(it)}.values()
    threads = [it for it in alive if isinstance(it, QThread) and not it.wait(int(GRACE_S * 1000))]
    timers = [it for it in alive if isinstance(it, QTimer) and it.isActive()]
    return [f"running {_qt_name(it)}" for it in (*threads, *timers)]


def _top_level_widgets() -> list[Any]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    return widgets.QApplication.topLevelWidgets() if widgets else []


def _new_windows(before: list[Any]) -> list[str]:
    def new() -> list[Any]:
        windows = [it for it in _top_level_widgets() if it not in before]
        return [it for it in windows if it.parentWidget() is None]

    if new():
        _delete_what_was_asked_to()
        gc.collect()
    return [f"window {_qt_name(it)}" for it in new()]


def _delete_what_was_asked_to() -> None:
    """Run pending deleteLater() calls, which wait for an event loop that a test does not have."""
    from PySide6.QtCore import QCoreApplication, QEvent

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _qt_name(it: Any) -> str:
    owner = it.parent()
    name = f"{type(it).__name__} '{it.objectName()}'"
    return name if owner is None else f"{name} of {type(owner).__name__} '{owner.objectName()}'"
