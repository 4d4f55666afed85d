"""A slider drag: latest wins, the cache answers at once, what is stale is dropped."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest

from brainviewer.generators.base import GenerationError
from brainviewer.session.state import SessionError
from tests.fakes import WAIT_S, Diary, FakeLoader, write_fake_checkpoint


def _ages_shown(diary) -> list[tuple[float, bool]]:
    return [(shown.conditions["age"], shown.exact) for shown in diary.of("brain_changed")]


def test_a_drag_shows_the_running_one_and_ends_on_the_last_wish(make_session, loader) -> None:
    session = make_session(loader, quiet_s=1000.0)  # so that no background fills the cache
    session.open_checkpoint("fake")
    session.wait_for(lambda: session.shown is not None)
    generator, diary = loader.last, Diary(session)
    generator.hold()
    session.set_age(30)
    generator.wait_started()
    for age in (40, 56.5, 60, 70):
        session.set_age(age)
    generator.release()
    session.wait_for(lambda: session.shown.exact and session.shown.conditions["age"] == 70)
    assert _ages_shown(diary) == [(30, False), (70, True)]
    assert generator.ages[-2:] == [30, 70]


def test_a_cached_age_shows_at_once_and_exactly_right_after(session, diary) -> None:
    age = float(session.trajectory.ages[3])
    exact = session.generator.generate(session.person.identity, {**session.conditions, "age": age})
    session.set_age(age)
    assert _ages_shown(diary) == [(age, False)]
    np.testing.assert_allclose(session.shown.brain.data, exact.data, atol=0.5 / 255 + 1e-6)
    session.wait_idle()
    assert _ages_shown(diary) == [(age, False), (age, True)]
    np.testing.assert_array_equal(session.shown.brain.data, exact.data)


def test_between_cached_ages_the_nearest_is_shown_with_its_own_numbers(session, diary) -> None:
    session.set_age(60.8)
    shown = session.shown
    assert (shown.conditions["age"], shown.exact) == (60.0, False)
    index = list(session.trajectory.ages).index(60)
    assert shown.volumes_ml["CSF"] == session.trajectory.volumes["CSF"][index]
    session.wait_idle()
    assert _ages_shown(diary) == [(60.0, False), (60.8, True)]


def test_an_older_answer_does_not_replace_a_newer_stand_in(session, loader, diary) -> None:
    generator = loader.last
    generator.hold()
    session.set_age(30.3)
    generator.wait_started()
    session.set_age(70.3)
    generator.release()
    session.wait_idle()
    assert _ages_shown(diary) == [(30.0, False), (70.0, False), (70.3, True)]


def test_returning_to_what_is_shown_needs_no_new_brain(session, loader, diary) -> None:
    generator = loader.last
    age, made = session.age, len(generator.calls)
    session.set_age(age)
    session.wait_idle()
    assert len(generator.calls) == made
    assert diary.of("brain_changed") == []


def test_the_answer_for_another_person_is_dropped(session, loader, diary) -> None:
    generator = loader.last
    generator.hold()
    session.set_feature("sex", "M")
    generator.wait_started()
    session.new_person(5)
    generator.release()
    session.wait_idle()
    assert {shown.identity.label for shown in diary.of("brain_changed")} == {"seed 5"}
    assert {label for label, _ in generator.calls[-1:]} != {"seed 1"}


def test_the_answer_of_another_checkpoint_is_dropped(session, loader, root, diary) -> None:
    write_fake_checkpoint(root, "other")
    generator = loader.last
    generator.hold()
    session.set_age(33.3)
    generator.wait_started()
    session.open_checkpoint("other")
    generator.release()
    session.wait_for(lambda: session.checkpoint.name == "other")
    diary.clear()
    session.wait_idle()
    assert session.generator is loader.last
    assert {s.identity is session.person.identity for s in diary.of("brain_changed")} == {True}


def test_an_error_becomes_a_sentence_and_the_worker_lives_on(session, loader, diary) -> None:
    loader.last.failures.append(GenerationError("the latent is too long"))
    session.set_age(33.3)
    session.wait_idle()
    assert diary.of("failed") == ["the latent is too long"]
    session.set_age(44.4)
    session.wait_idle()
    assert (session.shown.conditions["age"], session.shown.exact) == (44.4, True)


def test_an_unforeseen_error_is_named_and_its_trace_is_logged(
    session, loader, diary, caplog
) -> None:
    loader.last.failures.append(ZeroDivisionError("division by zero\nand more"))
    session.set_age(33.3)
    session.wait_idle()
    assert diary.of("failed") == [
        "something unforeseen went wrong (ZeroDivisionError: division by zero); see the log"
    ]
    assert "Traceback" in caplog.text


def test_a_full_gpu_moves_the_generator_to_the_cpu_and_answers(make_session) -> None:
    loader = FakeLoader("Fast GPU")
    session = make_session(loader)
    session.open_checkpoint("fake")
    session.wait_idle()
    diary = Diary(session)
    loader.last.failures.append(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    session.set_age(33.3)
    session.wait_idle()
    assert loader.loads == [("fake", "auto"), ("fake", "cpu")]
    assert diary.of("notice") == ["the memory of the GPU is used up; fake now runs on the CPU"]
    assert (diary.of("device_changed"), diary.of("failed")) == (["CPU"], [])
    assert (session.shown.conditions["age"], session.shown.exact) == (33.3, True)


def test_all_signals_are_emitted_on_the_owners_thread(session) -> None:
    threads = set()
    for signal in (session.brain_changed, session.trajectory_changed, session.busy_changed):
        signal.connect(lambda value: threads.add(threading.current_thread()))
    session.set_feature("sex", "M")
    session.wait_idle()
    assert threads == {threading.current_thread()}


def test_a_post_of_ones_own_is_used(make_session, loader) -> None:
    posted = queue.SimpleQueue()
    session = make_session(loader, post=posted.put)
    session.open_checkpoint("fake")
    assert session.checkpoint is None
    while session.shown is None:
        posted.get(timeout=WAIT_S)()
    assert session.checkpoint.name == "fake"
    with pytest.raises(SessionError, match="its own loop"):
        session.wait_idle()


def test_closing_ends_the_thread_and_drops_what_is_still_made(session, loader, diary) -> None:
    generator = loader.last
    generator.hold()
    session.set_age(33.3)
    generator.wait_started()
    diary.clear()
    generator.release()
    session.close()
    session.process()
    assert not [t for t in threading.enumerate() if t.name == "brainviewer-worker"]
    assert diary.entries == []


def test_busy_says_what_runs_and_ends_empty(session, diary) -> None:
    session.set_feature("sex", "M")
    session.wait_idle()
    busy = diary.of("busy_changed")
    assert busy[0] == "Making the brain"
    assert "Measuring the trajectory" in busy
    assert busy[-1] == ""
