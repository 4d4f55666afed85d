"""The steps of a session in order, and the place among them: what undo and redo walk along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brainviewer.session.changes import Moment, Topic, change_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.session.look import Look

MOST_STEPS = 200
START = "Start"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A moment, and what led to it.

    Attributes
    ----------
    moment : Moment
    text : str
        What was changed: ``"age 45 to 63 years"``.
    topics : tuple of Topic
    """

    moment: Moment
    text: str
    topics: tuple[Topic, ...] = ()


class Timeline:
    """The steps that can be gone back to, and forward again until something else is changed.

    Changes of the same topic are one step until `seal`: a drag is gone back as a whole.

    Parameters
    ----------
    first : Moment
    most : int
        How many steps are kept; the oldest are forgotten.
    """

    def __init__(self, first: Moment, *, most: int = MOST_STEPS) -> None:
        self._steps = [Step(first, START)]
        self._most = most
        self._index = 0
        self._sealed = True

    @property
    def steps(self) -> Sequence[Step]:
        """The steps, the oldest first."""
        return tuple(self._steps)

    @property
    def index(self) -> int:
        """The place among the steps."""
        return self._index

    @property
    def now(self) -> Step:
        """The step that holds."""
        return self._steps[self._index]

    def note(self, moment: Moment) -> bool:
        """Take a moment in; returns whether it is another than before."""
        change = change_between(self.now.moment, moment)
        if change is None:
            self._put(replace(self.now, moment=moment))
            return False
        if not self._sealed and change.topics == self.now.topics and self._index > 0:
            self._merge(moment)
            return True
        del self._steps[self._index + 1 :]
        self._steps.append(Step(moment, change.text, change.topics))
        del self._steps[: -self._most]
        self._index = len(self._steps) - 1
        self._sealed = False
        return True

    def seal(self) -> None:
        """Let the next change be a step of its own."""
        self._sealed = True

    def move(self, index: int) -> None:
        """Go to a step."""
        self._index = index
        self._sealed = True

    def absorb(self, look: Look) -> None:
        """Take a look that no wish of the user's brought.

        The maps of a brain come after the checkpoint that makes them, so that the steps since then
        were noted without their looks.
        """
        state = self.now.moment.state
        for index in range(self._index, -1, -1):
            step = self._steps[index]
            known = step.moment
            if known.state.checkpoint is not state.checkpoint or known.look.maps == look.maps:
                break
            self._steps[index] = replace(step, moment=replace(known, look=look))

    def _merge(self, moment: Moment) -> None:
        """Go on with the newest step; one that leads nowhere any more is dropped."""
        before = self._steps[self._index - 1].moment
        whole = change_between(before, moment)
        if whole is None:
            self._steps.pop()
            self._index -= 1
            self._sealed = True
            self._put(replace(self.now, moment=moment))
        else:
            self._put(Step(moment, whole.text, whole.topics))

    def _put(self, step: Step) -> None:
        self._steps[self._index] = step
