"""The trajectory from what was measured on a scan, in numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.scenario import Scenario
from brainviewer.session.own_point import OwnPoint, from_own_point, own_point_of
from brainviewer.session.trajectory import Trajectory
from tests.fakes import fake_scan

AGES = np.array([20.0, 40.0, 60.0, 80.0])
KNOWN = {"age": 44.0, "sex": "F", "height": 171.0}


def course(own, draws) -> Trajectory:
    draws = np.array(draws, dtype=float).reshape(-1, len(AGES))
    return Trajectory(
        AGES, {"GM": np.array(own, dtype=float)}, {}, Scenario.IDEAL, True, {"GM": draws}
    )


def test_it_goes_through_the_point_and_changes_as_the_model_does() -> None:
    found = from_own_point(course([800, 700, 600, 500], []), OwnPoint(50.0, {"GM": 585.0}))
    # The model has 650 at 50 years: the scan has 0.9 of it.
    np.testing.assert_allclose(found.volumes["GM"], [720, 630, 540, 450])
    assert np.interp(50.0, AGES, found.volumes["GM"]) == pytest.approx(585.0)
    assert np.isnan(found.spread["GM"]).all()


def test_the_spread_is_that_of_change_and_none_at_the_own_age() -> None:
    draws = [[1000, 900, 800, 700], [500, 400, 300, 200], [700, 650, 600, 550]]
    found = from_own_point(course([800, 700, 600, 500], draws), OwnPoint(40.0, {"GM": 700.0}))
    low, middle, high = found.spread["GM"]
    assert low[1] == middle[1] == high[1] == pytest.approx(700.0)
    relative = np.array([700 / 900, 200 / 400, 550 / 650])
    np.testing.assert_allclose(
        [low[3], middle[3], high[3]], 700 * np.percentile(relative, [5, 50, 95])
    )


def test_what_is_not_known_yet_stays_unknown() -> None:
    nan = np.nan
    point = OwnPoint(50.0, {"GM": 650.0})
    partly = from_own_point(course([nan, 700, 600, nan], []), point).volumes["GM"]
    np.testing.assert_allclose(partly, [nan, 700, 600, nan])
    assert np.isnan(from_own_point(course([800, 700, nan, nan], []), point).volumes["GM"]).all()
    assert np.isnan(from_own_point(course([800] * 4, []), OwnPoint(50.0, {})).volumes["GM"]).all()


def test_the_point_of_a_scan_is_what_was_measured_on_it(session) -> None:
    assert session.own_point is None
    session.encode_scan(fake_scan(), KNOWN)
    session.wait_idle()
    point = session.own_point
    assert point.age == 44.0
    assert point.volumes_ml == session.comparison.encoded.scan.volumes_ml
    whole = from_own_point(session.trajectory, point)
    for tissue, volume in point.volumes_ml.items():
        near = np.interp(44.0, whole.ages, whole.volumes[tissue])
        assert near == pytest.approx(volume, rel=1e-3)
        assert np.isfinite(whole.spread[tissue]).all()
    session.new_person(3)
    assert own_point_of(session.comparison.encoded) is None
