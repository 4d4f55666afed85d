"""Processes that are killed without a warning at moments that chance chooses.

They are forked from a server that has imported everything, as a new interpreter would take seconds.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN_S = 300.0
LONGEST_S = 0.15
PRELOADED = ("tests.robust.victims", "tests.robust.training_victim")


def kill(work: Callable[..., None], *arguments: Any, seed: int) -> None:
    """Start work that goes on for ever, and kill it some moments after it has begun.

    Parameters
    ----------
    work : function of an event, then of `arguments`
        It sets the event when it begins.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    begun = context.Event()
    process = context.Process(target=work, args=(begun, *arguments), daemon=True)
    process.start()
    try:
        assert begun.wait(BEGIN_S), "the work never began"
        time.sleep(np.random.default_rng(seed).uniform(0.0, LONGEST_S))
        assert process.is_alive(), "the work ended by itself"
    finally:
        process.kill()
        process.join()
