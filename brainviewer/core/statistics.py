"""What the training people had of one feature."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.core.plain import count_of, mapping_of, number_of, numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

QUANTILES = np.linspace(0.0, 1.0, 21)

# More people than there are: a count beyond is none.
_MOST_PEOPLE = 10**11
# What rounding may do to means and shares.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the training people had of one feature.

    Attributes
    ----------
    count : int
        People with a value.
    mean, sd : float
        In the feature's unit; of the rank (0, 1, ...) for ordered levels; unused for levels.
    low, high : float
        The range, in the same unit.
    quantiles : tuple of 21 float
        The 0th, 5th, ..., 100th percentile, in the same unit.
    shares : tuple of float
        The fraction of people on each level; empty for numeric features.
    """

    count: int
    mean: float
    sd: float
    low: float
    high: float
    quantiles: tuple[float, ...]
    shares: tuple[float, ...] = ()


def statistics_from_json(entry: Mapping[str, Any], *, levels: int) -> Statistics:
    """Rebuild the statistics of a feature with this many levels.

    Raises
    ------
    KeyError, TypeError, ValueError
        When they cannot be those of any people.
    """
    known = mapping_of(entry, "the statistics")
    unknown = known.keys() - set(Statistics.__dataclass_fields__)
    if unknown:
        raise ValueError(f"the statistics cannot have {', '.join(sorted(unknown))}")
    mean, sd, low, high = (number_of(known[name], name) for name in ("mean", "sd", "low", "high"))
    quantiles = numbers_of(known["quantiles"], "the quantiles", count=len(QUANTILES))
    shares = numbers_of(known["shares"], "the shares", count=levels)
    _check_ascending((low, mean, high), "low, mean and high")
    _check_ascending((low, *quantiles, high), "low, the quantiles and high")
    if sd < 0:
        raise ValueError(f"the standard deviation must be 0 or more, got {sd:g}")
    if shares and (min(shares) < 0 or abs(sum(shares) - 1) > _ROUNDING):
        raise ValueError("the shares of the levels are not those of a whole")
    count = count_of(known["count"], "the count", most=_MOST_PEOPLE)
    return Statistics(count, mean, sd, low, high, quantiles, shares)


def _check_ascending(numbers: tuple[float, ...], what: str) -> None:
    slack = _ROUNDING * max(map(abs, numbers))
    if any(second < first - slack for first, second in pairwise(numbers)):
        raise ValueError(f"{what} are out of order")
