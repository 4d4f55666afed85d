"""The worker's order of things; every wait is on an event of the test's own."""

from __future__ import annotations

import queue
import threading

import pytest

from brainviewer.session.worker import THREAD_NAME, Worker
from tests.fakes import WAIT_S


class Bench:
    """A worker, what it did in order, and a way to hold it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.errors: list[Exception] = []
        self.activities: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.worker = Worker(self.errors.append, self.activities.put, quiet_s=0.0)
        self._entered = threading.Event()
        self._gate = threading.Event()

    def hold(self) -> None:
        """Have the worker wait inside a job."""
        self.worker.submit("hold", self._wait)
        assert self._entered.wait(WAIT_S)

    def release(self) -> None:
        self._gate.set()

    def finish(self) -> None:
        """Wait until nothing is left."""
        self.release()
        while self.activities.get(timeout=WAIT_S):
            pass

    def note(self, name: str):
        return lambda: self.done.append(name)

    def steps(self, name: str, count: int):
        try:
            for index in range(count):
                self.done.append(f"{name}{index}")
                yield
        finally:
            self.done.append(f"{name} closed")

    def _wait(self) -> None:
        self._entered.set()
        assert self._gate.wait(WAIT_S)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.release()
    bench.worker.close()


def test_a_newer_wish_takes_the_waiting_place(bench) -> None:
    bench.hold()
    for name in "abc":
        bench.worker.submit(name, bench.note(name))
    bench.finish()
    assert bench.done == ["c"]


def test_a_withdrawn_wish_is_not_done(bench) -> None:
    bench.hold()
    bench.worker.submit("a", bench.note("a"))
    bench.worker.withdraw()
    bench.finish()
    assert bench.done == []


def test_wishes_come_before_tasks_and_tasks_before_the_background(bench) -> None:
    bench.hold()
    bench.worker.run_background("background", bench.steps("b", 2))
    bench.worker.add_task("task", bench.steps("t", 2))
    bench.worker.submit("wish", bench.note("wish"))
    bench.finish()
    assert bench.done == ["wish", "t0", "t1", "t closed", "b0", "b1", "b closed"]


def test_a_wish_comes_between_two_steps_of_the_background(bench) -> None:
    def steps():
        bench.done.append("step 1")
        bench.worker.submit("wish", bench.note("wish"))
        yield
        bench.done.append("step 2")

    bench.worker.run_background("background", steps())
    bench.finish()
    assert bench.done == ["step 1", "wish", "step 2"]


def test_a_newer_background_replaces_and_closes_the_older(bench) -> None:
    def replaced():
        try:
            bench.worker.run_background("newer", bench.steps("n", 1))
            yield
            bench.done.append("never")
        finally:
            bench.done.append("older closed")

    bench.worker.run_background("older", replaced())
    bench.finish()
    assert bench.done == ["older closed", "n0", "n closed"]


def test_cancelled_tasks_are_closed_after_the_step_that_runs(bench) -> None:
    def task():
        try:
            bench.worker.cancel_tasks()
            bench.done.append("step finished")
            yield
            bench.done.append("never")
        finally:
            bench.done.append("cleaned up")

    bench.worker.add_task("task", task())
    bench.worker.add_task("next", bench.steps("n", 1))
    bench.finish()
    assert bench.done == ["step finished", "cleaned up"]


def test_the_background_rests_until_the_hand_does(monkeypatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("brainviewer.session.worker.time.monotonic", lambda: clock[0])
    worker = Worker(lambda error: None, lambda title: None, quiet_s=0.2)
    went_on, shown = queue.SimpleQueue(), threading.Semaphore(0)
    worker.submit("wish", shown.release)
    worker.run_background("background", (went_on.put(clock[0]) for _ in range(3)))
    worker.submit("wish", shown.release)
    assert shown.acquire(timeout=WAIT_S)
    clock[0] = 100.3
    worker.withdraw()
    try:
        assert [went_on.get(timeout=WAIT_S) for _ in range(3)] == [100.3] * 3
    finally:
        worker.close()


def test_a_delayed_wish_waits_and_a_newer_one_does_not(bench) -> None:
    bench.worker.submit("later", bench.note("later"), delay_s=1000.0)
    assert not bench.worker.is_idle
    bench.worker.submit("now", bench.note("now"))
    bench.finish()
    assert bench.done == ["now"]


def test_a_delayed_background_lets_a_higher_place_go_first(bench) -> None:
    bench.hold()
    bench.worker.run_background("late", bench.steps("late", 1), place=0, delay_s=0.3)
    bench.worker.run_background("soon", bench.steps("soon", 1), place=1)
    bench.finish()
    assert bench.done == ["soon0", "soon closed", "late0", "late closed"]


@pytest.mark.parametrize("kind", ["submit", "add_task", "run_background"])
def test_an_error_is_reported_and_the_worker_lives_on(bench, kind) -> None:
    def failing():
        raise ValueError("no")
        yield

    job = bench.worker
    getattr(job, kind)("failing", failing() if kind != "submit" else lambda: next(failing()))
    bench.finish()
    bench.worker.submit("a", bench.note("a"))
    bench.finish()
    assert [str(error) for error in bench.errors] == ["no"]
    assert bench.done == ["a"]


def test_the_thread_starts_with_the_first_job_and_ends_with_close(bench) -> None:
    def alive() -> list[str]:
        return [t.name for t in threading.enumerate() if t.name == THREAD_NAME]

    assert alive() == []
    bench.worker.submit("a", bench.note("a"))
    assert alive() == [THREAD_NAME]
    bench.worker.close()
    assert alive() == []
    bench.worker.submit("b", bench.note("b"))
    assert alive() == []


def test_closing_closes_what_has_begun(bench) -> None:
    begun = threading.Event()

    def endless():
        try:
            while True:
                begun.set()
                yield
        finally:
            bench.done.append("cleaned up")

    bench.worker.add_task("task", endless())
    assert begun.wait(WAIT_S)
    bench.worker.close()
    assert bench.done == ["cleaned up"]


def test_activity_is_told_once_a_change(bench) -> None:
    bench.hold()
    bench.worker.run_background("background", bench.steps("b", 3))
    bench.release()
    told = [bench.activities.get(timeout=WAIT_S) for _ in range(3)]
    assert told == ["hold", "background", ""]


def test_a_lower_place_of_the_background_goes_first_and_keeps_to_itself(bench) -> None:
    bench.hold()
    bench.worker.run_background("second", bench.steps("s", 2), place=2)
    bench.worker.run_background("first", bench.steps("f", 1), place=1)
    bench.worker.run_background("third", bench.steps("t", 1), place=3)
    bench.worker.cancel_background(3)
    bench.finish()
    assert bench.done == ["f0", "f closed", "s0", "s1", "s closed"]


@pytest.mark.parametrize("last", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_work_that_would_end_the_thread_is_told_and_survived(bench, last) -> None:
    def leave() -> None:
        raise last

    def leaving_steps():
        yield
        leave()

    bench.hold()
    bench.worker.submit("leaves", leave)
    bench.release()
    bench.finish()
    bench.worker.add_task("leaves", leaving_steps())
    bench.finish()
    bench.worker.run_background("leaves", leaving_steps())
    bench.finish()
    bench.worker.submit("later", bench.note("later"))
    bench.finish()
    assert bench.done == ["later"]
    assert len(bench.errors) == 3
    assert {str(it) for it in bench.errors} == {
        f"the work broke off ({type(last).__name__}); what is on the screen is from before, try "
        f"again"
    }
    assert bench.worker.is_idle
