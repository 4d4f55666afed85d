"""Pins: people, edits and scenarios that are kept for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainviewer.session.model import State
    from brainviewer.session.trajectory import Trajectory

# Apart from the tissues' colours and from each other, on dark and on light.
PIN_COLORS = ("#cc79a7", "#d55e00", "#8f7ee7", "#b8a800", "#3a86d1", "#9a6a4f")


@dataclass(frozen=True, slots=True, eq=False)
class Pin:
    """A person with their edits and scenario, as they were when they were pinned.

    Attributes
    ----------
    number : int
        Counts the pins of a session.
    name : str
    state : State
        Its age is the one of that moment; a pin is compared at every age.
    trajectory : Trajectory
        As far as it is known.
    visible : bool
        Whether it is drawn.
    """

    number: int
    name: str
    state: State
    trajectory: Trajectory
    visible: bool = True

    @property
    def color(self) -> str:
        """The colour of its curves: ``#rrggbb``."""
        return PIN_COLORS[(self.number - 1) % len(PIN_COLORS)]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A trajectory with what it belongs to.

    Attributes
    ----------
    state : State
    trajectory : Trajectory
    pin : str
        The name of the pin; empty for the person on the screen.
    color : str
        ``#rrggbb``; empty for that of the structure.
    visible : bool
    """

    state: State
    trajectory: Trajectory
    pin: str = ""
    color: str = ""
    visible: bool = True


def proposed_name(state: State) -> str:
    """Call a pin after the person and what was changed: ``"seed 7, height 180 cm"``."""
    schema = state.checkpoint.schema
    edits = [
        f"{schema[name].title.lower()} {schema[name].label(value)}"
        for name, value in state.edits.items()
    ]
    words = [state.person.label, *edits]
    if state.age is not None:
        words.append(state.scenario.value)
    return ", ".join(words)
