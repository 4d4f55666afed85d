"""The fine brain: made when the hand rests, for the newest state alone, and at a spacing."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.generators.base import GenerationError
from brainviewer.generators.checkpoint import open_checkpoint
from brainviewer.session.comparison import Choice
from brainviewer.session.decoder import Decoder
from brainviewer.session.fine import maker_at
from tests.fakes import (
    SHAPE,
    FakeGenerator,
    FakeLoader,
    FineGenerator,
    write_fake_checkpoint,
)

FINE_SHAPE = tuple(2 * n for n in SHAPE)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=FineGenerator)


def test_the_brain_of_the_screen_is_made_fine(session, loader) -> None:
    brain = session.fine.of(session.shown)
    assert brain.data.shape[1:] == FINE_SHAPE
    assert loader.last.fine_calls == [session.age]


def test_the_next_brain_is_coarse_until_it_rests(session, loader) -> None:
    seen = []
    session.fine.changed.connect(seen.append)
    for age in (41.0, 42.0, 43.0):
        session.set_age(age)
    assert session.fine.of(session.shown) is None or session.shown.conditions["age"] != 43.0
    session.wait_idle()
    assert seen[-1].conditions["age"] == 43.0
    assert session.fine.of(session.shown) is seen[-1].brain
    calls = len(loader.last.fine_calls)
    session.set_age(43.0)
    session.wait_idle()
    assert len(loader.last.fine_calls) == calls


def test_a_generator_of_one_grid_makes_no_fine_brain(make_session) -> None:
    session = make_session(FakeLoader())
    session.open_checkpoint("fake")
    session.wait_idle()
    assert session.fine.of(session.shown) is None


def test_brains_are_made_at_the_spacings_there_are(checkpoint) -> None:
    fine, plain = (
        Decoder(checkpoint, FakeLoader(kind=it)) for it in (FineGenerator, FakeGenerator)
    )
    assert maker_at(fine, None) is fine
    assert maker_at(fine, 10.0) is fine
    maker = maker_at(fine, 5.0)
    person = {"age": 50.0}
    assert maker.generate(maker.draw(1), person).data.shape[1:] == FINE_SHAPE
    with pytest.raises(GenerationError, match="fake makes brains at 10 or 5 mm, got 1"):
        maker_at(fine, 1.0)
    with pytest.raises(GenerationError, match="fake makes brains at 10 mm, got 5"):
        maker_at(plain, 5.0)


def shapes(session) -> list[tuple[int, ...] | None]:
    return [None if it is None else it.data.shape[1:] for it in session.best_brains]


def test_two_brains_are_fine_together_or_not_at_all(session) -> None:
    assert shapes(session) == [FINE_SHAPE, None]
    pairs = []
    session.comparison.changed.connect(lambda _: pairs.append(shapes(session)))
    session.comparison.fine.changed.connect(lambda _: pairs.append(shapes(session)))
    session.set_age(70.0)
    session.wait_idle()
    session.comparison.choose(Choice())
    session.wait_idle()
    assert pairs[0] == [SHAPE, SHAPE]
    assert pairs[-1] == [FINE_SHAPE, FINE_SHAPE]
    assert all(own == other for own, other in pairs)
    session.comparison.choose(None)
    assert shapes(session) == [FINE_SHAPE, None]
    assert session.comparison.fine_brain is None


def test_a_brain_beside_one_of_a_single_grid_is_coarse(session, root) -> None:
    other = open_checkpoint(write_fake_checkpoint(root, "other"))
    session.comparison.choose(Choice.of_checkpoint(other))
    session.wait_idle()
    assert shapes(session) == [SHAPE, SHAPE]


def test_the_same_brain_beside_itself_has_the_same_values(session) -> None:
    session.comparison.choose(Choice())
    session.wait_idle()
    own, other = session.best_brains
    np.testing.assert_array_equal(own.data, other.data)
