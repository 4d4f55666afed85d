"""Regions in the background: only while they are watched, for the newest state, kept."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.volume import voxel_volume_ml
from brainviewer.generators.base import KnowsRegions
from brainviewer.session.regions import alike_conditions, percentiles_among
from tests.fakes import write_fake_checkpoint


@pytest.fixture
def labelled(session, root):
    """A session whose generator knows regions, with somebody looking at them."""
    write_fake_checkpoint(root, "labelled")
    session.open_checkpoint("labelled")
    session.wait_idle()
    session.regions.watch(True)
    session.wait_idle()
    return session


def test_regions_are_those_of_the_brain_on_the_screen(labelled, loader) -> None:
    assert isinstance(loader.last, KnowsRegions)
    rows = labelled.regions.regions.rows
    assert [row.name for row in rows] == ["left half", "right half"]
    maps = labelled.shown.brain.data
    assert sum(row.now_ml for row in rows) == pytest.approx(
        float(maps.sum()) * voxel_volume_ml(labelled.shown.brain.affine), rel=1e-4
    )
    left, right = (row.centre_mm[0] for row in rows)
    assert left < right


def test_change_is_against_the_person_as_given(labelled) -> None:
    assert all(row.change_ml == 0 for row in labelled.regions.regions.rows)
    labelled.set_feature("height", 180.0)
    labelled.wait_idle()
    rows = labelled.regions.regions.rows
    assert all(row.change_ml > 0 for row in rows)
    for row in rows:
        assert row.change_percent == pytest.approx(100 * row.change_ml / row.factual_ml)


def test_what_was_measured_once_is_shown_at_once_again(labelled) -> None:
    age, first = labelled.age, labelled.regions.regions
    labelled.set_age(33.0)
    labelled.wait_idle()
    assert labelled.regions.regions is not first
    labelled.set_age(age)
    assert labelled.regions.regions is first


def test_nothing_is_measured_unless_somebody_looks(labelled) -> None:
    labelled.regions.watch(False)
    before = labelled.regions.regions
    labelled.set_age(33.0)
    labelled.wait_idle()
    assert labelled.regions.regions is before
    labelled.regions.watch(True)
    labelled.wait_idle()
    assert labelled.regions.regions is not before


def test_a_generator_without_regions_says_so(session) -> None:
    session.regions.watch(True)
    session.wait_idle()
    assert session.regions.regions.rows == ()
    assert "voxel by voxel" in session.regions.regions.sentence


def test_a_region_that_is_nowhere_has_no_place(labelled, loader, monkeypatch) -> None:
    nothing = np.zeros(loader.last.shape, np.int16)
    monkeypatch.setattr(loader.last, "region_labels", lambda identity, conditions: nothing)
    labelled.set_age(71.0)
    labelled.wait_idle()
    assert all(np.isnan(row.centre_mm).all() for row in labelled.regions.regions.rows)


def test_regions_have_their_place_among_drawn_people_of_the_same_age_and_sex(labelled) -> None:
    for row in labelled.regions.regions.rows:
        assert 0.0 <= row.percentile <= 100.0
    first = [row.percentile for row in labelled.regions.regions.rows]
    labelled.set_feature("height", 184.0)
    labelled.wait_idle()
    tall = [row.percentile for row in labelled.regions.regions.rows]
    assert all(after > before for before, after in zip(first, tall, strict=True))


def test_the_others_are_asked_for_nothing_but_age_and_sex() -> None:
    conditions = {"age": 44.4, "sex": "F", "height": 180.0}
    assert alike_conditions(conditions) == {"age": 44.0, "sex": "F"}
    assert alike_conditions({"height": 180.0}) == {}


def test_percentiles_are_those_counted_by_hand() -> None:
    others = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    assert percentiles_among(others, np.array([2.5, 5.0])) == [50.0, 50.0]
    assert percentiles_among(others, np.array([0.5, 6.0])) == [0.0, 100.0]
