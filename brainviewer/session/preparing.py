"""Preparing a person's own scan in a process of its own, which can be stopped at any moment."""

from __future__ import annotations

import multiprocessing
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from brainviewer.core.processes import end_with_parent
from brainviewer.session.failures import sentence_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan

    Post = Callable[[Callable[[], None]], None]
    Work = Callable[[Path, Callable[[int], None]], OwnScan]

THREAD_NAME = "brainviewer-prepare"
END_TIMEOUT_S = 5.0


class Preparation:
    """Prepares one scan at a time; a newer one ends the one before.

    Half a minute of registration would hold up a thread that nobody can stop, and a library that
    crashes takes only this process with it.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread, from whatever thread it is called on.
    work : function of path and of a function that is told each stage
        What the process does; tests give something faster. It must be importable.
    """

    def __init__(self, post: Post, work: Work | None = None) -> None:
        self._post = post
        self._work = work or prepare
        self._process: BaseProcess | None = None

    @property
    def is_running(self) -> bool:
        """Whether a scan is being prepared."""
        return self._process is not None

    def start(
        self,
        path: Path,
        *,
        on_stage: Callable[[int], None],
        done: Callable[[OwnScan], None],
        failed: Callable[[str], None],
    ) -> None:
        """Prepare a scan; the functions are called on the owner's thread.

        Parameters
        ----------
        path : Path
        on_stage : function of the index of one of `brainviewer.cohort.own_scan.STAGES`
        done : function of the prepared scan
        failed : function of one sentence
        """
        self.cancel()
        context = multiprocessing.get_context("spawn")
        answers, sender = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(sender, self._work, path), daemon=True)
        process.start()
        sender.close()
        self._process = process
        tell = {"stage": on_stage, "done": done, "failed": failed}
        threading.Thread(
            target=self._listen,
            args=(process, answers, tell, path.name),
            name=THREAD_NAME,
            daemon=True,
        ).start()

    def cancel(self) -> None:
        """Stop at once; nothing is told any more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join(END_TIMEOUT_S)

    # On the listening thread

    def _listen(
        self,
        process: BaseProcess,
        answers: Connection,
        tell: dict[str, Callable[[Any], None]],
        name: str,
    ) -> None:
        with answers:
            while True:
                try:
                    kind, answer = answers.recv()
                except (EOFError, OSError):
                    kind, answer = "failed", _ended(name)
                self._post(partial(self._deliver, process, kind, tell[kind], answer))
                if kind != "stage":
                    return

    # On the owner's thread

    def _deliver(
        self, process: BaseProcess, kind: str, tell: Callable[[Any], None], answer: object
    ) -> None:
        if process is not self._process:
            return  # cancelled meanwhile
        if kind != "stage":
            self._process = None
            process.join(END_TIMEOUT_S)
        tell(answer)


def prepare(path: Path, on_stage: Callable[[int], None]) -> OwnScan:
    """Prepare a scan; the libraries are imported where the work is done."""
    from brainviewer.cohort.preparing import prepare_own_scan

    return prepare_own_scan(path, on_stage=on_stage)


def _serve(sender: Connection, work: Work, path: Path) -> None:
    """Do the work in the process and send what comes of it."""
    end_with_parent()
    with sender:
        try:
            found = work(path, lambda stage: sender.send(("stage", stage)))
        except Exception as error:  # noqa: BLE001  a process has nobody above it to tell
            sender.send(("failed", sentence_for(error)))
        else:
            sender.send(("done", found))


def _ended(name: str) -> str:
    return (
        f"the preparation of {name} ended without an answer, perhaps for lack of memory; close "
        f"other programs and try again"
    )
