"""How the parts around the slices are looked at: which is in front, and what they list and plot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from brainviewer.core.plain import list_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Side = Literal["", "person", "layers", "history"]
RegionOrder = Literal["change", "size", "name"]


@dataclass(frozen=True, slots=True)
class Panels:
    """The parts beside and below the slices.

    Attributes
    ----------
    side : ``"person"``, ``"layers"``, ``"history"`` or empty
        The part that is in front of those on the left; empty leaves them.
    unplotted : tuple of str
        The structures whose curves over age are left out.
    other_scenario, all_spreads : bool
        Whether the curve of the other scenario is plotted, and the spread of every curve.
    own_units : bool
        Whether gradients are told for one year, cm or level, instead of one standard deviation.
    region_order : ``"change"``, ``"size"`` or ``"name"``
        Which regions come first.
    """

    side: Side = ""
    unplotted: tuple[str, ...] = ()
    other_scenario: bool = True
    all_spreads: bool = False
    own_units: bool = False
    region_order: RegionOrder = "change"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "unplotted": list(self.unplotted)}


def panels_from_json(entry: Mapping[str, Any]) -> Panels:
    """Rebuild from `Panels.to_json`; what is absent is as at the first start.

    Raises
    ------
    TypeError, ValueError
        When something is not a possible value.
    """
    first = Panels()
    return Panels(
        _one_of(entry, "side", get_args(Side), first.side),  # type: ignore[arg-type]
        _structures(entry.get("unplotted", [])),
        _flag(entry, "other_scenario", first.other_scenario),
        _flag(entry, "all_spreads", first.all_spreads),
        _flag(entry, "own_units", first.own_units),
        _one_of(entry, "region_order", get_args(RegionOrder), first.region_order),  # type: ignore[arg-type]
    )


def _structures(names: object) -> tuple[str, ...]:
    return tuple(text_of(it, "a structure") for it in list_of(names, "unplotted"))


def _flag(entry: Mapping[str, Any], key: str, absent: bool) -> bool:
    value = entry.get(key, absent)
    if not isinstance(value, bool):
        raise TypeError(f"{key} must be true or false, got {value!r}")
    return value


def _one_of(entry: Mapping[str, Any], key: str, choices: tuple[str, ...], absent: str) -> str:
    value = entry.get(key, absent)
    if value not in choices:
        known = ", ".join(filter(None, choices))
        raise ValueError(f"{key} must be one of {known}, got {value!r}")
    return str(value)
