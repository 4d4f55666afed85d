"""Processes whose parent is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from brainviewer.core.processes import THREAD_NAME, end_with_parent

REPOSITORY = str(Path(__file__).parents[2])
PARENT = """
import multiprocessing, os, time
from brainviewer.core.processes import end_with_parent

def stay(queue):
    end_with_parent()
    queue.put(os.getpid())
    time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    for _ in range(2):
        context.Process(target=stay, args=(queue,)).start()
    print(queue.get(), queue.get(), flush=True)
    time.sleep(600)
"""


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_they_end_with_it(tmp_path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": REPOSITORY},
    ) as parent:
        children = [int(it) for it in parent.stdout.readline().split()]
        parent.kill()
    assert len(children) == 2
    deadline = time.monotonic() + 30
    while any(is_running(it) for it in children):
        assert time.monotonic() < deadline, "orphans"
        time.sleep(0.05)


def test_a_process_without_a_parent_of_ours_watches_nobody() -> None:
    end_with_parent()
    assert THREAD_NAME not in [it.name for it in threading.enumerate()]
