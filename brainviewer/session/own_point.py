"""The trajectory of somebody whose scan was measured, from where the scan says that they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.scenario import AGE
from brainviewer.session.trajectory import SPREAD_PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brainviewer.session.encoding import Encoded
    from brainviewer.session.trajectory import Trajectory

OWN_SCAN = "own scan"
OWN_COLOR = "#ef476f"


@dataclass(frozen=True, slots=True, eq=False)
class OwnPoint:
    """What was measured on a scan.

    Attributes
    ----------
    age : float, years
    volumes_ml : mapping of structure to float, mL
    """

    age: float
    volumes_ml: Mapping[str, float]


def own_point_of(encoded: Encoded | None) -> OwnPoint | None:
    """Return what was measured on the scan of somebody; None without a scan, age or volumes."""
    if encoded is None or not encoded.scan.volumes_ml:
        return None
    age = encoded.person.factual.get(AGE)
    if isinstance(age, bool) or not isinstance(age, int | float):
        return None
    return OwnPoint(float(age), encoded.scan.volumes_ml)


def from_own_point(trajectory: Trajectory, point: OwnPoint) -> Trajectory:
    """Let a trajectory go through what was measured.

    v(t) = v_scan m(t) / m(t0), with the modelled volumes m of the person, the age t0 of the scan
    and what was measured, v_scan. The spread has the modelled courses of other draws for m: how
    differently people change who begin at this point; at t0 it is none.

    Returns
    -------
    Trajectory
        NaN where the model's is not known yet, or not at t0.
    """
    ages = trajectory.ages
    volumes, spread = {}, {}
    for structure, own in trajectory.volumes.items():
        start = point.volumes_ml.get(structure, np.nan)
        volumes[structure] = start * _relative(own[None], ages, point.age)[0]
        others = trajectory.draws.get(structure)
        nothing = np.full((len(SPREAD_PERCENTILES), len(ages)), np.nan)
        spread[structure] = (
            nothing
            if others is None or not len(others)
            else start
            * np.percentile(_relative(others, ages, point.age), SPREAD_PERCENTILES, axis=0)
        )
    return replace(trajectory, volumes=volumes, spread=spread, draws={})


def _relative(
    courses: NDArray[np.float64], ages: NDArray[np.float64], age: float
) -> NDArray[np.float64]:
    """Divide courses (D, N) by what they are at an age, linear between the known ages."""
    found = np.full_like(courses, np.nan)
    for row, course in enumerate(courses):
        known = np.isfinite(course)
        if known.any() and ages[known][0] <= age <= ages[known][-1]:
            found[row] = course / np.interp(age, ages[known], course[known])
    return found
