"""Long work in a session: progress, result, failure, cancelling."""

from __future__ import annotations

import threading

from brainviewer.session.export import ExportError


def test_a_task_tells_its_progress_and_hands_over_its_result(session, diary) -> None:
    def steps():
        yield 0.5
        yield 1.0
        return threading.current_thread().name

    results = []
    session.start_task("Exporting", steps(), done=results.append)
    session.wait_idle()
    assert results == ["brainviewer-worker"]
    assert diary.of("progress_changed") == [0.5, 1.0]
    assert diary.of("busy_changed") == ["Exporting", ""]


def test_a_task_that_ends_early_is_done_all_the_same(session, diary) -> None:
    def steps():
        yield 0.9

    session.start_task("Encoding", steps(), done=lambda result: None)
    session.wait_idle()
    assert diary.of("progress_changed") == [0.9, 1.0]


def test_a_task_that_fails_is_one_sentence_and_has_no_result(session, diary) -> None:
    def steps():
        yield 0.1
        raise ExportError("the disk is full")

    results = []
    session.start_task("Exporting", steps(), done=results.append)
    session.wait_idle()
    assert diary.of("failed") == ["the disk is full"]
    assert results == []
    assert diary.of("progress_changed") == [0.1, 1.0]


def test_a_cancelled_task_cleans_up_and_has_no_result(session, diary) -> None:
    cleaned, results = [], []

    def steps():
        try:
            while True:
                yield 0.1
        finally:
            cleaned.append(True)

    session.start_task("Exporting", steps(), done=results.append)
    session.wait_for(lambda: diary.of("progress_changed") != [])
    session.cancel_tasks()
    session.wait_idle()
    assert (cleaned, results) == ([True], [])
    assert diary.of("progress_changed")[-1] == 1.0
    assert diary.of("failed") == []


def test_pictures_go_before_a_task(session, loader) -> None:
    def endless():
        while True:
            yield 0.0

    session.start_task("Exporting", endless(), done=lambda result: None)
    session.set_age(61.5)
    session.wait_for(lambda: session.shown.exact and session.shown.conditions["age"] == 61.5)
    session.cancel_tasks()
    session.wait_idle()
