"""Regions over age: measured behind the tissues by the warp alone, kept, of pins and facts too."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.session.trajectory import named_volumes
from tests.fakes import write_fake_checkpoint

LEFT, RIGHT = "left half", "right half"


@pytest.fixture
def labelled(session, root):
    """A session whose generator knows regions, with its trajectory complete."""
    write_fake_checkpoint(root, "labelled")
    session.open_checkpoint("labelled")
    session.wait_idle()
    return session


@pytest.fixture
def generator(labelled, loader):
    return loader.last


def test_nothing_is_measured_until_a_region_is_asked_for(labelled) -> None:
    assert labelled.curves.regions == ()
    assert set(labelled.trajectory.volumes) == {"WM", "GM", "CSF"}


def test_a_region_is_measured_at_every_age_without_making_a_brain(labelled, generator) -> None:
    made = len(generator.calls)
    tissues = labelled.trajectory.volumes["GM"]
    labelled.curves.measure_regions([LEFT])
    np.testing.assert_array_equal(labelled.trajectory.volumes["GM"], tissues)  # at once
    labelled.wait_idle()
    assert len(generator.calls) == made
    trajectory = labelled.trajectory
    assert trajectory.complete
    for index in (0, 17, -1):
        conditions = labelled.state.course.at(float(trajectory.ages[index]))
        expected = generator.region_volumes(labelled.person.identity, conditions)
        assert trajectory.volumes[LEFT][index] == pytest.approx(expected[0])
    assert np.isfinite(trajectory.spread[LEFT]).all()
    assert (trajectory.spread[LEFT][0] < trajectory.spread[LEFT][2]).all()


def test_with_regions_no_more_brains_are_made_than_without(session, root, loader) -> None:
    write_fake_checkpoint(root, "labelled")
    session.curves.measure_regions([RIGHT])
    session.open_checkpoint("labelled")
    session.wait_idle()
    without, labelled = (sorted(map(repr, it.calls)) for it in loader.generators)
    assert labelled == without
    assert np.isfinite(session.trajectory.volumes[RIGHT]).all()


def test_another_region_is_there_at_once(labelled) -> None:
    labelled.curves.measure_regions([LEFT])
    labelled.wait_idle()
    labelled.curves.measure_regions([LEFT, RIGHT])
    assert np.isfinite(labelled.trajectory.volumes[RIGHT]).all()
    assert labelled.trajectory.complete


def test_the_other_scenario_and_pins_have_the_region_too(labelled) -> None:
    labelled.curves.pin()
    labelled.set_feature("height", 180.0)
    labelled.curves.measure_regions([LEFT])
    labelled.wait_idle()
    pin = labelled.curves.pins[0].trajectory
    assert np.isfinite(pin.volumes[LEFT]).all()
    assert labelled.curves.other.scenario is Scenario.REGRESSED
    assert np.isfinite(labelled.curves.other.volumes[LEFT]).all()
    assert (labelled.trajectory.volumes[LEFT] > pin.volumes[LEFT]).all()


def test_the_person_as_given_is_measured_where_edits_lead_away(labelled, generator) -> None:
    told = []
    labelled.curves.factual_regions_changed.connect(told.append)
    labelled.set_feature("height", 180.0)
    labelled.curves.measure_regions([LEFT])
    labelled.wait_idle()
    person = labelled.person
    expected = generator.region_volumes(person.identity, person.factual)
    assert told[-1] == {LEFT: pytest.approx(expected[0])}
    labelled.make_factual()
    labelled.wait_idle()
    assert told[-1][LEFT] > expected[0]


def test_a_drag_measures_no_region(labelled, generator, monkeypatch) -> None:
    labelled.curves.measure_regions([LEFT])
    labelled.wait_idle()
    asked = []
    monkeypatch.setattr(generator, "region_volumes", lambda *args: asked.append(args))
    for age in (31.0, 44.5, 61.25):
        labelled.set_age(age)
    labelled.wait_for(lambda: labelled.is_up_to_date)
    labelled.wait_idle()
    assert asked == []


def test_regions_that_a_generator_does_not_know_wait_for_one_that_does(session, root) -> None:
    session.curves.measure_regions([LEFT])
    assert session.curves.regions == ()
    write_fake_checkpoint(root, "labelled")
    session.open_checkpoint("labelled")
    session.wait_idle()
    assert session.curves.regions == (LEFT,)
    assert np.isfinite(session.trajectory.volumes[LEFT]).all()
    session.open_checkpoint("fake")
    session.wait_idle()
    assert LEFT not in session.trajectory.volumes


def test_a_region_that_nobody_wants_any_more_leaves_the_curves(labelled) -> None:
    labelled.curves.pin()
    labelled.curves.measure_regions([LEFT])
    labelled.wait_idle()
    labelled.curves.measure_regions([])
    labelled.wait_idle()
    assert LEFT not in labelled.trajectory.volumes
    assert LEFT not in labelled.curves.pins[0].trajectory.volumes
    assert labelled.curves.factual_regions == {}


def test_regions_are_picked_by_name() -> None:
    volumes = np.array([1.0, 2.0, 3.0], np.float32)
    assert named_volumes(volumes, ("a", "b", "c"), ["c", "a"]) == {"c": 3.0, "a": 1.0}
