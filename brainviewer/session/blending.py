"""How two brains are looked at together, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Together(StrEnum):
    """Ways to look at two brains."""

    SIDE_BY_SIDE = "Side by side"
    DIFFERENCE = "Difference"
    SWIPE = "Swipe"
    CHECKERBOARD = "Checkerboard"
    FLICKER = "Flicker"


# Not the middle, where the crosshair is at first.
FIRST_DIVIDER = 0.45


@dataclass(frozen=True, slots=True)
class Blending:
    """A way to look at two brains, and what it needs.

    Attributes
    ----------
    together : Together
    divider : float in [0, 1]
        Where B begins in a pane, as a share of its width.
    layer : str
        The name of the layer whose difference is shown; empty for the first.
    spans : mapping of a layer's name to float, positive
        The difference that gets the full colour, where somebody chose one.
    """

    together: Together = Together.SIDE_BY_SIDE
    divider: float = FIRST_DIVIDER
    layer: str = ""
    spans: Mapping[str, float] = field(default_factory=dict)
