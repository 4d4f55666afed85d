"""Trajectories: coarse to fine, complete in the end, reproducible, stoppable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.core.tissues import TISSUES
from brainviewer.session.request import Course, measured_volumes_ml
from brainviewer.session.trajectory import (
    SPREAD_AGES,
    TrajectoryPlan,
    age_range,
    coarse_to_fine,
    compute_trajectory,
    spread_identities,
    trajectory_ages,
    trajectory_steps,
)


@pytest.fixture
def course(checkpoint) -> Course:
    schema = checkpoint.schema
    return Course(schema, checkpoint.regression, schema.typical(), {}, Scenario.IDEAL)


@pytest.fixture
def plan(generator) -> TrajectoryPlan:
    return TrajectoryPlan(
        identity=generator.draw(1),
        others=spread_identities(generator, TISSUES),
        ages=trajectory_ages(generator.schema),
        start_age=61.0,
        structures=TISSUES,
        scenario=Scenario.IDEAL,
    )


@pytest.fixture
def measure(generator, course):
    return lambda identity, age: measured_volumes_ml(generator.generate(identity, course.at(age)))


def test_ages_are_every_second_year_of_the_training_range_with_both_ends(generator) -> None:
    np.testing.assert_array_equal(trajectory_ages(generator.schema), np.arange(20, 81, 2))


@pytest.mark.parametrize(
    ("first", "last", "step", "expected"),
    [
        (20, 27, 3, [20, 23, 26, 27]),
        (20, 26, 3, [20, 23, 26]),
        (20, 20, 5, [20]),
        (20, 21, 5, [20, 21]),
        (20, 20.3, 0.1, [20, 20.1, 20.2, 20.3]),
    ],
)
def test_a_range_ends_on_its_last_age(first, last, step, expected) -> None:
    np.testing.assert_allclose(age_range(first, last, step_years=step), expected)


@pytest.mark.parametrize(("first", "last", "step"), [(80, 20, 5), (20, 80, 0), (20, 80, -1)])
def test_a_range_that_does_not_go_up_is_refused(first, last, step) -> None:
    with pytest.raises(ValueError, match="ages must go up"):
        age_range(first, last, step_years=step)


def test_coarse_to_fine_begins_at_the_start_and_halves_the_gaps() -> None:
    assert coarse_to_fine(9, 3) == [3, 0, 8, 4, 2, 6, 1, 5, 7]
    assert coarse_to_fine(1, 0) == [0]
    for count in range(40):
        assert sorted(coarse_to_fine(count, count // 3)) == list(range(count))


def test_the_first_steps_span_all_ages_and_the_rest_is_nan(plan, measure) -> None:
    steps = trajectory_steps(plan, measure)
    known = [np.isfinite(next(steps).volumes["GM"]) for _ in range(4)]
    assert [row.sum() for row in known] == [0, 1, 2, 3]
    np.testing.assert_array_equal(plan.ages[known[3]], [20, 60, 80])


def test_a_finished_trajectory_has_every_number(plan, measure, generator, course) -> None:
    steps = list(trajectory_steps(plan, measure))
    assert len(steps) == plan.step_count + 1
    assert [step.complete for step in steps] == [False] * plan.step_count + [True]
    last = steps[-1]
    for index, age in enumerate(plan.ages):
        brain = generator.generate(plan.identity, course.at(float(age)))
        for tissue, volume in measured_volumes_ml(brain).items():
            assert last.volumes[tissue][index] == volume
    assert np.isfinite(last.spread["GM"]).all()


def test_the_spread_holds_the_percentiles_of_the_other_draws(plan, measure) -> None:
    *_, last = trajectory_steps(plan, measure)
    at_end = [measure(other, 80.0)["WM"] for other in plan.others]
    np.testing.assert_allclose(last.spread["WM"][:, -1], np.percentile(at_end, [5, 50, 95]))
    assert (np.diff(last.spread["WM"], axis=0) >= 0).all()


def test_the_person_is_computed_before_the_spread_and_each_brain_once(plan, generator, course):
    compute_trajectory(generator, course, plan)
    labels = [label for label, _ in generator.calls]
    assert labels[: len(plan.ages)] == ["seed 1"] * len(plan.ages)
    assert "seed 1" not in labels[len(plan.ages) :]
    assert len(labels) == plan.step_count == len(plan.ages) + 8 * SPREAD_AGES
    assert len({(label, c["age"]) for label, c in generator.calls}) == len(labels)


def test_the_same_plan_gives_the_same_trajectory(plan, generator, course) -> None:
    first, second = (compute_trajectory(generator, course, plan) for _ in range(2))
    for tissue in TISSUES:
        np.testing.assert_array_equal(first.volumes[tissue], second.volumes[tissue])
        np.testing.assert_array_equal(first.spread[tissue], second.spread[tissue])


def test_without_other_draws_there_is_no_spread(plan, generator, course) -> None:
    trajectory = compute_trajectory(generator, course, replace(plan, others=()))
    assert trajectory.complete
    assert np.isnan(trajectory.spread["GM"]).all()
    assert len(generator.calls) == len(plan.ages)


def test_what_is_known_is_not_computed_again(plan, measure, generator) -> None:
    *_, last = trajectory_steps(plan, measure)
    known = dict(zip(plan.ages, last.volumes["GM"], strict=True))
    generator.calls.clear()

    def recall(identity, age):
        if identity is not plan.identity or age == 40:
            return None
        return {"GM": known[age], "WM": 1.0, "CSF": 1.0}

    first = next(trajectory_steps(replace(plan, others=()), measure, recall=recall))
    assert generator.calls == []
    assert np.isnan(first.volumes["GM"]).sum() == 1
    *_, last = trajectory_steps(replace(plan, others=()), measure, recall=recall)
    assert generator.ages == [40]


def test_regressed_and_ideal_differ_by_what_the_regression_says(plan, generator, course) -> None:
    plan = replace(plan, others=())
    ideal = compute_trajectory(generator, course, plan)
    regressed = compute_trajectory(generator, replace(course, scenario=Scenario.REGRESSED), plan)
    own = list(plan.ages).index(50)
    assert ideal.volumes["GM"][own] == regressed.volumes["GM"][own]
    assert regressed.volumes["GM"][-1] < ideal.volumes["GM"][-1]
    assert regressed.volumes["GM"][0] > ideal.volumes["GM"][0]


# In a session


def test_a_session_computes_it_in_the_background_and_fills_the_cache(session, loader) -> None:
    generator = loader.last
    made = len(generator.calls)
    generator.hold()
    for age in session.trajectory.ages:
        session.set_age(float(age))
        assert session.shown.conditions["age"] == age
    generator.release()
    session.wait_idle()
    assert len(generator.calls) <= made + 2  # of all positions, one that ran and the last


def test_moving_age_keeps_the_trajectory(session, diary) -> None:
    before = session.trajectory
    session.set_age(66.6)
    session.wait_idle()
    assert session.trajectory is before
    assert diary.of("trajectory_changed") == []


def test_an_edit_begins_a_new_one_and_returning_recalls_the_old(session, loader) -> None:
    before = session.trajectory
    session.set_feature("height", 180.0)
    assert np.isnan(session.trajectory.volumes["GM"]).any()
    session.wait_idle()
    assert (session.trajectory.volumes["GM"] > before.volumes["GM"]).all()
    made = len(loader.last.calls)
    session.reset_features()
    assert session.trajectory.complete
    np.testing.assert_array_equal(session.trajectory.volumes["GM"], before.volumes["GM"])
    session.wait_idle()
    assert len(loader.last.calls) <= made + 1


def test_another_person_keeps_the_spread_which_is_over_other_draws(session) -> None:
    before = session.trajectory
    session.new_person(2)
    assert np.isnan(session.trajectory.volumes["GM"]).any()
    np.testing.assert_array_equal(session.trajectory.spread["GM"], before.spread["GM"])


def test_a_drag_goes_before_the_trajectory(session, loader) -> None:
    generator = loader.last
    generator.hold()
    session.set_feature("sex", "M")
    generator.wait_started()
    made = len(generator.calls)
    session.set_age(71.5)
    generator.release()
    session.wait_idle()
    assert generator.ages[made] == 71.5
    assert session.trajectory.complete


def test_a_newer_person_ends_the_trajectory_of_the_older(session, loader) -> None:
    generator = loader.last
    generator.hold()
    session.new_person(2)
    generator.wait_started()
    session.new_person(3)
    made = len(generator.calls)
    generator.release()
    session.wait_idle()
    assert "seed 2" not in {label for label, _ in generator.calls[made:]}
    assert session.trajectory.complete


def test_nobody_is_drawn_where_nothing_is_measured(generator) -> None:
    assert len(spread_identities(generator, TISSUES)) == 8
    assert spread_identities(generator, ()) == []
