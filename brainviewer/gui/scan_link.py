"""Shows an own scan, carried, in place of the generator's brain, as long as that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from brainviewer.core.scenario import AGE
from brainviewer.session.comparison import Against, Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.core.features import Value
    from brainviewer.gui.scan_bar import ScanBar
    from brainviewer.session.comparison import Compared
    from brainviewer.session.encoding import Encoded
    from brainviewer.session.state import Person, Session


class ScanLink(QObject):
    """Keeps the row of an own scan and the slices in step with the session.

    Parameters
    ----------
    session : Session
    bar : ScanBar

    Signals
    -------
    changed
        Another brain is to be shown: the scan, carried, or the generator's again.
    failed : str
        Why the scan could not be carried; the generator's brain is shown again.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, session: Session, bar: ScanBar) -> None:
        super().__init__()
        self._session, self._bar = session, bar
        session.scan_changed.connect(self._on_scan_changed)
        session.scan_refined.connect(self._on_scan_changed)
        session.person_changed.connect(self._on_person_changed)
        session.conditions_changed.connect(self._on_conditions_changed)
        session.stand_in.changed.connect(self._on_carried)
        bar.in_place_requested.connect(self.show_in_place)
        bar.show_in_place(False)

    @property
    def in_place(self) -> bool:
        """Whether the slices show the scan, or will as soon as it is carried."""
        return self._session.stand_in.choice is not None

    def show_in_place(self, in_place: bool) -> None:
        """Show the scan in place of the generator's brain, or no longer."""
        there = Against.CARRIED in self._session.stand_in.scans
        wanted = in_place and there
        was = self.in_place
        self._bar.show_in_place(wanted)
        if wanted != was:
            self._session.stand_in.choose(Choice(Against.CARRIED) if wanted else None)
            self._show_age()
        if was and not wanted:
            self.changed.emit()

    def close(self) -> None:
        """Let go of the session."""
        session = self._session
        for signal, slot in (
            (session.scan_changed, self._on_scan_changed),
            (session.scan_refined, self._on_scan_changed),
            (session.person_changed, self._on_person_changed),
            (session.conditions_changed, self._on_conditions_changed),
            (session.stand_in.changed, self._on_carried),
        ):
            signal.disconnect(slot, missing_ok=True)

    def _on_scan_changed(self, encoded: Encoded) -> None:
        self._bar.show_scan(encoded)

    def _on_person_changed(self, _person: Person) -> None:
        encoded = self._session.comparison.encoded
        self._bar.show_scan(encoded)
        if encoded is None:
            self.show_in_place(False)

    def _on_conditions_changed(self, _conditions: Mapping[str, Value]) -> None:
        self._show_age()

    def _on_carried(self, compared: Compared) -> None:
        if self._session.stand_in.choice != Choice(Against.CARRIED):
            return
        if compared.shown is None:
            self.show_in_place(False)
            self.failed.emit(compared.sentence)
            return
        self._show_age()
        self.changed.emit()

    def _show_age(self) -> None:
        """Say of which age the scan in the slices is: until it is carried, of the last one."""
        compared = self._session.stand_in.compared
        shown = None if compared is None else compared.shown
        if shown is None:
            self._bar.show_carried("", waiting=True)
            return
        age = shown.conditions.get(AGE)
        words = f"{age:.1f} years" if isinstance(age, int | float) else ""
        self._bar.show_carried(words, waiting=shown.conditions != self._session.conditions)
