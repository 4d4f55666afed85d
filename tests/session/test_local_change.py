"""Maps of local change in the background: only while wanted, for the newest state, kept."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.features import FeatureError
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.directions import Direction, directions_of, parse_direction, span_of
from brainviewer.session.local_change import full_change, inside_brain, why_no_change
from tests.fakes import FakeGenerator, FakeLoader, WarpingGenerator, write_fake_checkpoint

AGE, MALE = Direction("age"), Direction("sex", "M")


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=WarpingGenerator)


@pytest.fixture
def watched(session):
    session.local_change.choose(AGE)
    session.wait_idle()
    return session


def percent(session) -> np.ndarray:
    return session.local_change.change.percent.data


def test_nothing_is_mapped_unless_somebody_looks(session) -> None:
    session.set_age(41.0)
    session.wait_idle()
    assert session.local_change.change is None


def test_the_map_of_age_is_in_percent_a_decade(watched) -> None:
    change = watched.local_change.change
    assert (change.title, change.unit) == ("Age", "% per decade")
    left, right = percent(watched)[0], percent(watched)[-1]
    np.testing.assert_allclose(left, 100 * np.expm1(0.1), rtol=1e-4)
    assert not right.any()


def test_at_the_end_of_the_range_it_is_still_a_decade(watched) -> None:
    watched.set_age(80.0)
    watched.wait_idle()
    np.testing.assert_allclose(percent(watched)[0], 100 * np.expm1(0.1), rtol=1e-4)


def test_a_level_is_compared_with_what_the_person_has(watched) -> None:
    watched.set_feature("sex", "F")
    watched.local_change.choose(MALE)
    watched.wait_idle()
    assert watched.local_change.change.unit == "% if male"
    np.testing.assert_allclose(percent(watched)[0], 100 * np.expm1(0.2), rtol=1e-4)
    watched.set_feature("sex", "M")
    watched.wait_idle()
    assert not percent(watched).any()


def test_it_follows_the_state_and_is_kept(watched) -> None:
    seen = []
    watched.local_change.changed.connect(seen.append)
    age, first = watched.age, watched.local_change.change
    watched.set_age(33.0)
    watched.wait_idle()
    assert seen[-1] is not first
    watched.set_age(age)
    assert seen[-1] is first


def test_no_map_is_wanted_any_more(watched) -> None:
    seen = []
    watched.local_change.changed.connect(seen.append)
    watched.local_change.choose(None)
    watched.set_age(33.0)
    watched.wait_idle()
    assert seen == [None]


def test_a_generator_that_cannot_ends_the_map_and_says_why(watched, root, loader) -> None:
    write_fake_checkpoint(root, "other")
    loader.kind = FakeGenerator
    watched.open_checkpoint("other")
    watched.wait_idle()
    assert watched.local_change.direction is None
    assert watched.local_change.change is None
    sentence = why_no_change(watched.state, watched.decoder)
    assert sentence.startswith("other makes every brain voxel by voxel")


def test_directions_are_named_on_a_command_line(checkpoint) -> None:
    schema = checkpoint.schema
    assert parse_direction("age", schema) == AGE
    assert parse_direction("sex=male", schema) == MALE
    assert Direction("occupation", "c") in directions_of(schema)
    with pytest.raises(FeatureError, match=r"along one of age, sex=F, sex=M, .* got 'shoes'"):
        parse_direction("shoes", schema)


@pytest.mark.parametrize(
    ("direction", "unit", "low", "high"),
    [
        (Direction("age"), "per decade", 45.0, 55.0),
        (Direction("education"), "per level", 0.5, 1.5),
    ],
)
def test_steps_go_half_down_and_half_up(session, direction, unit, low, high) -> None:
    session.set_age(50.0)
    session.set_feature("education", "2")
    span = span_of(direction, session.state.course, session.age)
    assert span.unit == unit
    assert span.scale == pytest.approx(1.0)
    ends = [conditions[direction.feature] for conditions in (span.low, span.high)]
    assert ends == pytest.approx([low, high])


def test_ends_stay_within_the_training_range(session) -> None:
    session.set_age(79.0)
    span = span_of(AGE, session.state.course, session.age)
    assert (span.low["age"], span.high["age"]) == pytest.approx((74.0, 80.0))
    assert span.scale == pytest.approx(10 / 6)


def test_outside_of_the_brain_there_is_no_change() -> None:
    maps = np.zeros((3, 2, 1, 1), np.float32)
    maps[1, 0] = 0.5
    change = Volume(np.full((2, 1, 1), 7.0, np.float32), np.eye(4), "Local change")
    inside = inside_brain(change, Brain(TISSUES, maps, np.eye(4))).data[:, 0, 0]
    assert inside[0] == 7.0
    assert np.isnan(inside[1])


@pytest.mark.parametrize(("largest", "full"), [(0.0, 1.0), (3.0, 5.0), (18.0, 20.0), (0.7, 1.0)])
def test_the_full_colour_is_at_a_round_number(largest, full) -> None:
    values = np.linspace(-largest, largest, 2001, dtype=np.float32).reshape(-1, 1, 1)
    assert full_change(Volume(values, np.eye(4), "x")) == full
