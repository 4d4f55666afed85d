"""Undo and redo: notes what the user changes of person, display and pins, and goes back to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from brainviewer.session.changes import Moment
from brainviewer.session.look import Look
from brainviewer.session.timeline import MOST_STEPS, Timeline

if TYPE_CHECKING:
    from brainviewer.session.state import Session

See = Callable[[], Look]
ShowLook = Callable[[Look], None]


class History:
    """The steps of a session.

    It hears of the session's changes by itself; whoever owns the display tells of those of the
    look by `note`. Going to a step of another checkpoint takes the time that loading it takes.

    Parameters
    ----------
    session : Session
    see : function that returns the look of now
    show : function of a look
        Looks at the brain that way.
    most : int
        How many steps are kept.
    """

    changed = Signal()

    def __init__(
        self, session: Session, *, see: See, show: ShowLook, most: int = MOST_STEPS
    ) -> None:
        self._session = session
        self._see = see
        self._show = show
        self._most = most
        self._timeline: Timeline | None = None
        self._wanted: int | None = None
        self._owed: Look | None = None
        self._is_going = False
        self._facts = (
            session.checkpoint_changed,
            session.person_changed,
            session.conditions_changed,
            session.scenario_changed,
            session.extrapolation_changed,
            session.curves.pins_changed,
        )
        for fact in self._facts:
            fact.connect(self.note)
        session.failed.connect(self._on_failed)

    @property
    def texts(self) -> tuple[str, ...]:
        """What each step changed, the oldest first; empty before the first brain."""
        return tuple(step.text for step in self._timeline.steps) if self._timeline else ()

    @property
    def index(self) -> int:
        """The place among the steps; on the way to another one, that one."""
        if self._wanted is not None:
            return self._wanted
        return self._timeline.index if self._timeline else 0

    @property
    def undo_text(self) -> str:
        """What `undo` takes back; empty where there is nothing."""
        return self.texts[self.index] if self.index else ""

    @property
    def redo_text(self) -> str:
        """What `redo` does again; empty where there is nothing."""
        return next(iter(self.texts[self.index + 1 :]), "")

    def undo(self) -> None:
        """Take the newest step back, if there is one."""
        if self.undo_text:
            self.go(self.index - 1)

    def redo(self) -> None:
        """Do the step again that was taken back last, if there is one."""
        if self.redo_text:
            self.go(self.index + 1)

    def go(self, index: int) -> None:
        """Go to a step.

        Raises
        ------
        ValueError
            No step has this number.
        """
        timeline = self._timeline
        if timeline is None or index not in range(len(timeline.steps)):
            raise ValueError(f"the step must lie in 0-{len(self.texts) - 1}, got {index}")
        state = timeline.steps[index].moment.state
        if self._session.is_in_use(state.checkpoint):
            self._arrive(timeline, index)
            return
        self._wanted = index
        self._session.restore(state)
        self.changed.emit()

    def seal(self) -> None:
        """Let the next change be a step of its own: the hand rests."""
        if self._timeline is not None:
            self._timeline.seal()

    def note(self, _fact: object = None) -> None:
        """Compare what is with what was, and keep a step where they differ."""
        state = self._session.state
        if self._is_going or state is None:
            return
        moment = Moment(state, self._see(), self._session.curves.pins)
        timeline = self._timeline
        if timeline is None:
            self._timeline = Timeline(moment, most=self._most)
            self.changed.emit()
        elif self._is_wanted(timeline, moment):
            self._arrive(timeline, self.index)
        elif timeline.note(self._with_own_maps(timeline, moment)):
            self._wanted = None
            self.changed.emit()

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """Make one step of everything that is changed meanwhile."""
        self._is_going = True
        try:
            yield
        finally:
            self._is_going = False
            self.note()

    def close(self) -> None:
        """Let go of the session."""
        for fact in self._facts:
            fact.disconnect(self.note, missing_ok=True)
        self._session.failed.disconnect(self._on_failed, missing_ok=True)

    def _is_wanted(self, timeline: Timeline, moment: Moment) -> bool:
        """Tell whether the checkpoint has come that a step needs."""
        if self._wanted is None:
            return False
        return timeline.steps[self._wanted].moment.state is moment.state

    def _with_own_maps(self, timeline: Timeline, moment: Moment) -> Moment:
        """Keep the coming of another kind of brain from looking like a wish of the user's."""
        owed, maps = self._owed, moment.look.maps
        if owed is not None and owed.maps != maps:
            return replace(moment, look=timeline.now.moment.look)
        self._owed = None
        if owed is not None:
            self._show_look(owed)
            return replace(moment, look=self._see())
        timeline.absorb(moment.look)
        return moment

    def _arrive(self, timeline: Timeline, index: int) -> None:
        self._wanted = None
        timeline.move(index)
        moment = timeline.now.moment
        self._is_going = True
        try:
            if moment.state is not self._session.state:
                self._session.restore(moment.state)
            self._session.curves.restore_pins(moment.pins)
            self._show(moment.look)
        finally:
            self._is_going = False
        self._owed = None if self._see().maps == moment.look.maps else moment.look
        self.changed.emit()

    def _show_look(self, look: Look) -> None:
        self._is_going = True
        try:
            self._show(look)
        finally:
            self._is_going = False

    def _on_failed(self, _sentence: str) -> None:
        """Stay where we are when a checkpoint cannot be loaded."""
        if self._wanted is not None:
            self._wanted = None
            self.changed.emit()
