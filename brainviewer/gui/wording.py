"""Numbers in words, the way the panels write them."""

from __future__ import annotations

import math

MINUS = "−"
NOT_KNOWN = "–"


def ordinal(number: float) -> str:
    """Write 1st, 2nd, 3rd, 4th, ... of a number rounded to a whole one."""
    whole = round(number)
    teen = 10 <= whole % 100 <= 20
    return f"{whole}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(whole % 10, 'th')}"


def standing(percentile: float, *, lowest: float = 0.0, highest: float = 100.0) -> str:
    """Write a percentile; at the ends of a table, where it only bounds, with ≤ or ≥."""
    if math.isnan(percentile):
        return NOT_KNOWN
    if percentile <= lowest:
        return f"≤ {ordinal(lowest)}"
    if percentile >= highest:
        return f"≥ {ordinal(highest)}"
    return ordinal(percentile)


def millilitres(volume_ml: float) -> str:
    """Write a volume with one decimal, without its unit; a dash for NaN."""
    return NOT_KNOWN if math.isnan(volume_ml) else f"{volume_ml:.1f}"


def volume_words(volume_ml: float) -> str:
    """Write a volume with three figures, without its unit: 512, 34.5, 3.41; a dash for NaN."""
    if math.isnan(volume_ml):
        return NOT_KNOWN
    decimals = 0 if abs(volume_ml) >= 100 else 1 if abs(volume_ml) >= 10 else 2
    return f"{volume_ml:.{decimals}f}"


def signed(number: float, *, decimals: int = 1) -> str:
    """Write a difference with its sign: +3.2, −0.4, 0.0; a dash for NaN."""
    if math.isnan(number):
        return NOT_KNOWN
    rounded = round(number, decimals)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.{decimals}f}"


def plain_range(low: float, high: float, unit: str) -> str:
    """Write a range with its unit: 142–203 cm."""
    return f"{low:g}–{high:g} {unit}".rstrip()
