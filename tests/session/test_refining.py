"""The person of a scan, looked for further: within the time, cancelled, kept only when better."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from brainviewer.generators.base import GenerationError
from brainviewer.session.refining import refining_steps
from brainviewer.session.state import SessionError
from tests.fakes import FakeGenerator, FakeLoader, SearchingGenerator, StrayingGenerator, fake_scan

KNOWN = {"age": 50.0, "sex": "F", "height": 170.0}


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=SearchingGenerator)


@pytest.fixture
def encoded(session):
    found = []
    session.scan_changed.connect(found.append)
    session.encode_scan(fake_scan(), KNOWN)
    session.wait_idle()
    return found[0]


def refine(session, encoded, *, seconds: float, step_s: float = 1.0):
    """Refine by a clock that a step moves on."""
    ticks = itertools.count()
    parts = []
    steps = refining_steps(
        encoded, session.decoder, seconds=seconds, clock=lambda: step_s * next(ticks)
    )
    while True:
        try:
            parts.append(next(steps))
        except StopIteration as end:
            return end.value, parts


def test_it_ends_when_the_time_is_over_and_says_how_much_is(session, encoded) -> None:
    _, parts = refine(session, encoded, seconds=10.0)
    assert session.generator.steps == 9
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)


def test_a_better_identity_is_kept_with_what_it_was_before(session, encoded) -> None:
    found, _ = refine(session, encoded, seconds=20.0)
    assert found.likeness.error < encoded.likeness.error
    assert found.unrefined == encoded.likeness
    assert found.person.factual == encoded.person.factual
    assert found.scan.brain is encoded.scan.brain
    rebuilt = session.generator.generate(found.person.identity, KNOWN)
    np.testing.assert_allclose(rebuilt.data, encoded.scan.brain.data, atol=0.05)


def test_an_identity_that_is_no_better_is_not(make_session) -> None:
    session = make_session(FakeLoader(kind=StrayingGenerator))
    session.open_checkpoint("fake")
    session.wait_idle()
    session.encode_scan(fake_scan(), KNOWN)
    session.wait_idle()
    before, notices = session.comparison.encoded, []
    session.notice.connect(notices.append)
    found, _ = refine(session, before, seconds=5.0)
    assert found is before
    session.refine_scan(0.01)
    session.wait_idle()
    assert session.comparison.encoded is before
    assert "could not be brought closer" in notices[0]


def test_the_person_on_the_screen_becomes_the_refined_one_at_the_age_that_is_looked_at(
    session, encoded
) -> None:
    refined = []
    session.scan_refined.connect(refined.append)
    session.set_age(70.0)
    session.refine_scan(0.2)
    session.wait_idle()
    assert session.person.identity.key == refined[0].person.identity.key
    assert session.person.identity.key != encoded.person.identity.key
    assert session.age == session.shown.conditions["age"] == 70.0
    assert session.comparison.encoded is refined[0]


def test_refining_that_is_cancelled_leaves_the_person_that_was(session, encoded) -> None:
    titles = []
    session.busy_changed.connect(titles.append)
    session.refine_scan(600.0)
    session.wait_for(lambda: session.generator.steps > 3)
    session.cancel_tasks()
    session.wait_idle()
    assert session.person.identity is encoded.person.identity
    assert session.comparison.encoded is encoded
    assert "Refining sub-X, for 600 s at most" in titles


def test_somebody_else_who_came_meanwhile_stays(session, encoded) -> None:
    session.refine_scan(0.3)
    session.new_person(3)
    session.wait_idle()
    assert session.person.identity.seed == 3
    assert session.comparison.encoded is None


def test_without_a_scan_there_is_nothing_to_refine(session) -> None:
    with pytest.raises(SessionError, match="no scan of this person"):
        session.refine_scan(10.0)


def test_a_generator_that_cannot_refine_says_so(make_session) -> None:
    session = make_session(FakeLoader(kind=FakeGenerator))
    session.open_checkpoint("fake")
    session.wait_idle()
    session.encode_scan(fake_scan(), KNOWN)
    session.wait_idle()
    failures = []
    session.failed.connect(failures.append)
    session.refine_scan(1.0)
    session.wait_idle()
    assert failures == ["fake finds its best identity at once; leave refining out"]
    with pytest.raises(GenerationError):
        session.decoder.refining_steps(session.person.identity, None, KNOWN)
