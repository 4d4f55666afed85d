"""Plain values from a file: what should be a text, a number or a list, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def text_of(value: object, what: str) -> str:
    """Return a text; TypeError names what should have been one."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a text, got {value!r}")
    return value


def number_of(value: object, what: str) -> float:
    """Return a finite number; TypeError or ValueError names what should have been one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what} must be finite, got {number:g}")
    return number


def count_of(value: object, what: str, *, most: int) -> int:
    """Return a whole number from 1 on; TypeError or ValueError names what should have been one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be a whole number, got {value!r}")
    if not 1 <= value <= most:
        raise ValueError(f"{what} must lie in 1-{most}, got {value}")
    return value


def numbers_of(values: object, what: str, *, count: int) -> tuple[float, ...]:
    """Return this many finite numbers; TypeError or ValueError names what should have held them."""
    listed = list_of(values, what)
    if len(listed) != count:
        raise ValueError(f"{what} must hold {count} numbers, got {len(listed)}")
    return tuple(number_of(value, what) for value in listed)


def list_of(value: object, what: str) -> list[Any]:
    """Return a list; TypeError names what should have been one."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{what} must be a list, got {value!r}")
    return list(value)


def mapping_of(value: object, what: str) -> Mapping[str, Any]:
    """Return a mapping; TypeError names what should have been one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} must map names to values, got {value!r}")
    return value
