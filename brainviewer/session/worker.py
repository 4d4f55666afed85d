"""One thread for everything slow: pictures first, latest wins; then tasks; then the background."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

_LOG = logging.getLogger(__name__)

THREAD_NAME = "brainviewer-worker"
CLOSE_TIMEOUT_S = 10.0

Job = Callable[[], None]
Steps = Generator[Any, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """A job in the waiting place."""

    title: str
    job: Job
    not_before: float


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Steps that are taken one by one."""

    title: str
    steps: Steps
    not_before: float = 0.0


class WorkerError(RuntimeError):
    """Work that wanted to end the thread it ran on; the message is one sentence."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"the work broke off ({type(error).__name__}); what is on the screen is from before, "
            f"try again"
        )


class Worker:
    """Runs jobs one at a time on a thread of its own.

    Three kinds, the first always before the others:

    - a *wish* (`submit`): one runs, one waits, and a newer one takes the waiting place;
    - *tasks* (`add_task`): in order, one step at a time;
    - the *background* (`run_background`): one a place, step by step, the lowest place first; a
      newer one replaces the one in its place.

    Tasks and background rest until no wish has come for a moment, so that a step never delays the
    next position of a slider that is being dragged.

    Parameters
    ----------
    on_error : function
        Called on the worker's thread with the exception of a job or step, which is then over.
    on_activity : function
        Called on the worker's thread with the title of what runs, ``""`` when nothing is left.
    quiet_s : float, s
        How long no wish must have come before tasks and background go on.
    """

    def __init__(
        self,
        on_error: Callable[[Exception], None],
        on_activity: Callable[[str], None],
        *,
        quiet_s: float = 0.2,
    ) -> None:
        self._on_error = on_error
        self._on_activity = on_activity
        self._quiet_s = quiet_s
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wish: _Wish | None = None
        self._tasks: deque[_Work] = deque()
        self._background: dict[int, _Work] = {}
        self._dropped: list[_Work] = []
        self._running = False
        self._closed = False
        self._activity = ""
        self._last_wish = -quiet_s

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        with self._changed:
            return not (self._running or self._is_wanted())

    def submit(self, title: str, job: Job, *, delay_s: float = 0.0) -> None:
        """Put a job in the waiting place, instead of the one that waits there.

        Parameters
        ----------
        delay_s : float, s
            Do not begin before; for jobs that only matter when no newer one comes.
        """
        with self._changed:
            self._last_wish = time.monotonic()
            self._wish = _Wish(title, job, self._last_wish + delay_s)
            self._wake()

    def withdraw(self) -> None:
        """Empty the waiting place."""
        with self._changed:
            self._wish = None
            self._changed.notify_all()

    def add_task(self, title: str, steps: Steps) -> None:
        """Run steps after the tasks that are already there."""
        with self._changed:
            self._tasks.append(_Work(title, steps))
            self._wake()

    def run_background(
        self, title: str, steps: Steps, *, place: int = 0, delay_s: float = 0.0
    ) -> None:
        """Run steps when there is nothing better to do, instead of the earlier ones there.

        Parameters
        ----------
        place : int
            The steps of a lower place go before those of a higher one.
        delay_s : float, s
            Do not begin before; higher places may go first until then.
        """
        with self._changed:
            self._drop_background(place)
            self._background[place] = _Work(title, steps, time.monotonic() + delay_s)
            self._wake()

    def cancel_tasks(self) -> None:
        """Drop all tasks; the step that runs is finished, then the steps are closed."""
        with self._changed:
            self._dropped.extend(self._tasks)
            self._tasks.clear()
            self._wake()

    def cancel_background(self, place: int = 0) -> None:
        """Drop the background of a place; the step that runs is finished, then it is closed."""
        with self._changed:
            self._drop_background(place)
            self._wake()

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Finish what runs, forget the rest and end the thread."""
        with self._changed:
            self._closed = True
            self._wish = None
            self._dropped.extend(self._tasks)
            self._tasks.clear()
            for place in list(self._background):
                self._drop_background(place)
            self._changed.notify_all()
        if self._thread is None or self._thread is threading.current_thread():
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _LOG.warning("the worker is still busy %g s after it was asked to end", timeout_s)

    def _drop_background(self, place: int) -> None:
        if place in self._background:
            self._dropped.append(self._background.pop(place))

    def _wake(self) -> None:
        """Start the thread when there is none, or tell it that there is something new."""
        if not self._closed and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while (job := self._take()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001  the worker lives on, whatever a job does
                self._on_error(error)
            except BaseException as error:  # noqa: BLE001  a library that would end the thread
                self._on_error(WorkerError(error))

    def _take(self) -> Job | None:
        """Wait for the next thing to do; None when the worker is closed."""
        with self._changed:
            self._running = False
            while (job := self._choose()) is None:
                if self._closed:
                    return None
                if not self._is_wanted():
                    self._announce("")
                self._changed.wait(self._pause_s())
            self._running = True
            return job

    def _choose(self) -> Job | None:
        """Return the first thing that may run now."""
        if self._dropped:
            return self._dropped.pop().steps.close
        now = time.monotonic()
        if self._wish is not None and now >= self._wish.not_before:
            wish, self._wish = self._wish, None
            self._announce(wish.title)
            return wish.job
        work = self._first_work(now)
        if work is None or now - self._last_wish < self._quiet_s:
            return None
        self._announce(work.title)
        return partial(self._step, work)

    def _first_work(self, now: float) -> _Work | None:
        if self._tasks:
            return self._tasks[0]
        ready = [place for place, work in self._background.items() if now >= work.not_before]
        return self._background[min(ready)] if ready else None

    def _step(self, work: _Work) -> None:
        """Take one step; work that ends or fails is over."""
        try:
            next(work.steps)
        except StopIteration:
            self._forget(work)
        except BaseException:
            self._forget(work)
            raise

    def _forget(self, work: _Work) -> None:
        with self._changed:
            for place in [place for place, it in self._background.items() if it is work]:
                del self._background[place]
            if work in self._tasks:
                self._tasks.remove(work)

    def _is_wanted(self) -> bool:
        return bool(self._wish or self._tasks or self._background or self._dropped)

    def _pause_s(self) -> float | None:
        """How long until something that waits may run; None when only a newcomer can."""
        now = time.monotonic()
        pauses = []
        if self._wish is not None:
            pauses.append(self._wish.not_before - now)
        begins = [work.not_before for work in (*self._tasks, *self._background.values())]
        if begins:
            pauses.append(max(self._last_wish + self._quiet_s, min(begins)) - now)
        return max(0.0, min(pauses)) if pauses else None

    def _announce(self, title: str) -> None:
        if title != self._activity:
            self._activity = title
            self._on_activity(title)
