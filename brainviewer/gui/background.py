"""Slow reading away from the window: one short-lived thread a piece of work."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainviewer.gui.bridge import Bridge

Result = TypeVar("Result")
THREAD_NAME = "brainviewer-reader"


class Background:
    """Runs functions on threads and answers on the thread of a bridge.

    Parameters
    ----------
    bridge : Bridge
        When it is closed, answers that are still on their way are dropped.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def run(
        self,
        work: Callable[[], Result],
        *,
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Do some work; then one of two functions is called on the bridge's thread.

        Parameters
        ----------
        work : function
        done : function of what the work returns
        failed : function of the exception that the work raises
        """
        job = partial(self._do, work, done, failed)
        threading.Thread(target=job, name=THREAD_NAME, daemon=True).start()

    def _do(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        try:
            answer = partial(done, work())
        except Exception as error:  # noqa: BLE001  a thread has nobody above it to tell
            answer = partial(failed, error)
        self._bridge.post(answer)
