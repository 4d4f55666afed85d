"""The habits that no linter can see: what an import loads, and that nothing is left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

FORGETFUL_TESTS = """
import threading
from PySide6.QtCore import QObject, QThread, QTimer
from PySide6.QtWidgets import QWidget

kept = []

def test_thread():
    stop = threading.Event()
    kept.append(stop)
    threading.Thread(target=stop.wait, name="brainviewer-worker", daemon=True).start()

def test_timer(qapp):
    owner = QObject(objectName="slices")
    timer = QTimer(owner, objectName="redraw")
    timer.start(10_000)
    kept.append(owner)

def test_qthread(qapp):
    kept.append(QThread(objectName="decoder"))
    kept[-1].start()

def test_window(qapp):
    kept.append(QWidget(objectName="main_window"))

def test_all_is_ended(qapp):
    for it in kept:
        for end in ("set", "quit", "wait", "close"):
            getattr(it, end, int)()
"""

TIDY_TESTS = """
import threading
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QMenu, QWidget

kept = []

def test_thread():
    threading.Thread(target=int, name="brainviewer-worker").start()

def test_timer(qapp):
    timer = QTimer()
    timer.start(10_000)
    timer.stop()

def test_qthread_that_is_ending(qapp):
    kept.append(QThread())
    kept[-1].start()
    kept[-1].quit()

def test_window_in_a_cycle(qapp):
    window = QWidget()
    window.menu = QMenu(window)
    window.self = window

def test_window_deleted_later(qapp):
    window = QWidget()
    window.deleteLater()

def test_window_of_qtbot(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
"""


def test_importing_the_commands_loads_neither_torch_nor_qt() -> None:
    code = "import sys, brainviewer.cli; print({'torch', 'PySide6', 'vtk'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (loaded.stdout.strip(), loaded.stderr) == ("set()", "")


@pytest.fixture
def run_tests(pytester: pytest.Pytester):
    """Run tests under this project's conftest, in a process of their own."""

    def run(tests: str) -> pytest.RunResult:
        pytester.makeini("[pytest]\nmarkers =\n    shared\n    opengl\n")
        pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
        pytester.makepyfile(tests)
        return pytester.runpytest_subprocess()

    return run


def test_what_a_test_leaves_behind_fails_it_by_name(run_tests) -> None:
    result = run_tests(FORGETFUL_TESTS)
    result.assert_outcomes(passed=5, errors=4)
    for line in (
        "left behind: running thread 'brainviewer-worker'",
        "left behind: running QTimer 'redraw' of QObject 'slices'",
        "left behind: running QThread 'decoder'",
        "left behind: window QWidget 'main_window'",
    ):
        assert line in result.outlines


def test_a_tidy_test_passes(run_tests) -> None:
    run_tests(TIDY_TESTS).assert_outcomes(passed=6)


def test_the_users_own_settings_are_out_of_reach() -> None:
    from platformdirs import user_cache_dir, user_config_dir, user_data_dir
    from PySide6.QtCore import QSettings

    paths = [QSettings("brainviewer", "brainviewer").fileName()]
    paths += [folder("brainviewer") for folder in (user_cache_dir, user_config_dir, user_data_dir)]
    assert not [path for path in paths if "brainviewer-tests-" not in path]
