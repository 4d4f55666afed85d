"""Processes that end with the one that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait

THREAD_NAME = "brainviewer-parent"


def end_with_parent() -> None:
    """Have this process end as soon as the one that started it has.

    A process that is killed tells nobody: those it had started would wait for work for ever, with
    all the memory they took.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_watch, args=(parent.sentinel,), name=THREAD_NAME, daemon=True
        ).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
