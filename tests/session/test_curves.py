"""Both scenarios, and pins: computed behind the person's own trajectory, kept, and named."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.session.tables import write_curves_csv
from tests.fakes import write_fake_checkpoint


@pytest.fixture
def curves(session):
    return session.curves


def test_the_other_scenario_is_computed_too_with_its_own_spread(session, curves) -> None:
    session.set_feature("height", 180.0)
    session.wait_idle()
    assert curves.trajectory.scenario is Scenario.IDEAL
    assert curves.other.scenario is Scenario.REGRESSED
    assert curves.other.complete
    assert np.isfinite(curves.other.volumes["GM"]).all()
    assert np.isfinite(curves.other.spread["GM"]).all()


def test_changing_the_scenario_swaps_the_curves_and_makes_no_brain(session, curves, loader) -> None:
    chosen, other = curves.trajectory, curves.other
    made = len(loader.last.calls)
    session.set_scenario(Scenario.REGRESSED)
    session.wait_idle()
    np.testing.assert_array_equal(curves.trajectory.volumes["GM"], other.volumes["GM"])
    np.testing.assert_array_equal(curves.other.volumes["GM"], chosen.volumes["GM"])
    assert len(loader.last.calls) == made


def test_moving_the_factual_age_changes_only_the_regressed_curve(session, curves) -> None:
    session.set_age(70.0)
    session.wait_idle()
    chosen, other = curves.trajectory, curves.other
    session.make_factual()
    session.wait_idle()
    np.testing.assert_array_equal(curves.trajectory.volumes["GM"], chosen.volumes["GM"])
    assert not np.array_equal(curves.other.volumes["GM"], other.volumes["GM"])


def test_a_pin_keeps_what_the_person_leaves_behind(session, curves) -> None:
    before = curves.trajectory
    curves.pin()
    session.set_feature("height", 184.0)
    session.new_person(9)
    session.wait_idle()
    (pin,) = curves.pins
    np.testing.assert_array_equal(pin.trajectory.volumes["GM"], before.volumes["GM"])
    assert pin.trajectory.complete
    assert not np.array_equal(curves.trajectory.volumes["GM"], before.volumes["GM"])


def test_a_pin_that_was_begun_is_finished_in_the_background(session, curves, loader) -> None:
    session.new_person(4)
    loader.last.hold()
    curves.pin("early")
    assert not curves.pins[0].trajectory.complete
    session.new_person(5)
    loader.last.release()
    session.wait_idle()
    assert curves.pins[0].trajectory.complete
    assert curves.pins[0].name == "early"


def test_pins_are_named_after_person_edits_and_scenario(session, curves) -> None:
    session.set_feature("height", 181.0)
    session.set_feature("occupation", "c")
    session.set_scenario(Scenario.REGRESSED)
    curves.pin()
    assert curves.pins[0].name == "seed 1, height 181 cm, occupation retired, regressed"


def test_pins_are_renamed_hidden_and_removed(curves) -> None:
    told = []
    curves.pins_changed.connect(told.append)
    for name in ("a", "b", "c"):
        curves.pin(name)
    first, second, third = (pin.number for pin in curves.pins)
    curves.rename_pin(second, "  tall ")
    curves.show_pin(third, False)
    curves.remove_pin(first)
    assert [(pin.name, pin.visible) for pin in curves.pins] == [("tall", True), ("c", False)]
    assert told[-1] == curves.pins
    curves.rename_pin(second, " ")
    assert curves.pins[0].name == "seed 1, ideal"
    assert len({pin.color for pin in curves.pins}) == 2


def test_before_there_is_a_person_nothing_can_be_pinned(empty_session) -> None:
    empty_session.curves.pin()
    assert empty_session.curves.pins == ()


def test_pins_outlive_their_checkpoint_and_go_on_when_it_is_back(
    session, curves, root, loader
) -> None:
    session.new_person(4)
    loader.last.hold()
    curves.pin("early")
    write_fake_checkpoint(root, "other")
    session.open_checkpoint("other")
    loader.generators[0].release()
    session.wait_idle()
    known = curves.pins[0].trajectory
    assert not known.complete
    session.open_checkpoint("fake")
    session.wait_idle()
    assert curves.pins[0].trajectory.complete


def test_all_curves_go_into_one_table(session, curves, tmp_path) -> None:
    curves.pin("tall, and old")
    session.set_feature("height", 160.0)
    session.wait_idle()
    path = tmp_path / "curves.csv"
    write_curves_csv(path, curves.all())
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = {(row["pin"], row["scenario"]) for row in rows}
    assert groups == {("", "ideal"), ("", "regressed"), ("tall, and old", "ideal")}
    assert len(rows) == 3 * len(curves.trajectory.ages)
    pinned = [float(row["GM_ml"]) for row in rows if row["pin"]]
    np.testing.assert_allclose(pinned, curves.pins[0].trajectory.volumes["GM"], atol=1e-3)
    assert all(row["CSF_p95_ml"] for row in rows)
