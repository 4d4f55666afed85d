"""Two brains side by side, looked at together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QWidget

from brainviewer.gui.compare_card import WAITING, ChoosingCard, CompareCard
from brainviewer.gui.ortho_view import OrthoView
from brainviewer.session.comparison import Choice
from brainviewer.session.following_display import FollowingDisplay

if TYPE_CHECKING:
    from typing import Any

    from PySide6.QtGui import QCloseEvent

    from brainviewer.core.space import Plane
    from brainviewer.session.comparison import Compared
    from brainviewer.session.display import Display
    from brainviewer.session.request import Shown
    from brainviewer.session.state import Session

GAP_PIXELS = 6


class CompareView(QWidget):
    """Three slices of the brain on the screen, and beside them those of another.

    Parameters
    ----------
    session : Session
    display : Display
        Of the brain on the screen; the other follows it.
    """

    def __init__(self, session: Session, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_view")
        self._session = session
        self._choice = Choice()
        self.beside = FollowingDisplay(display)
        self.own_card, self.other_card = CompareCard("A"), ChoosingCard()
        self.own = OrthoView(display, self.own_card)
        self.other = OrthoView(self.beside, self.other_card)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_PIXELS)
        row.addWidget(self.own, 1)
        row.addWidget(self.other, 1)
        self._link()
        self._facts: list[tuple[Any, Any]] = [
            (session.brain_changed, self._on_brain_changed),
            (session.comparison.changed, self._on_compared),
            (session.curves.pins_changed, self._on_choices_changed),
            (session.checkpoint_changed, self._on_choices_changed),
        ]
        self.other_card.choice_requested.connect(self.choose)

    def begin(self) -> None:
        """Show the last choice beside the brain on the screen."""
        for signal, slot in self._facts:
            signal.connect(slot)
        self.choose(self._choice)

    def end(self) -> None:
        """Let go of the second brain."""
        for signal, slot in self._facts:
            signal.disconnect(slot, missing_ok=True)
        self._session.comparison.choose(None)
        self.beside.clear()

    def choose(self, choice: Choice) -> None:
        """Put something else beside."""
        self._choice = choice
        self.beside.clear()
        self.other_card.show_sentence(WAITING)
        self._session.comparison.choose(choice)
        self._on_choices_changed()
        self._show_cards()

    def toggle_large(self, plane: Plane) -> None:
        """Give a plane the whole of both sides, or let all panes share them again."""
        self.other.toggle_maximised(self.other.slices[plane])
        self.own.toggle_maximised(self.own.slices[plane])

    def restore(self) -> None:
        """Let all panes share the space."""
        for ortho in (self.own, self.other):
            ortho.restore()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of the session and close the parts, which do not hear of it otherwise."""
        for signal, slot in self._facts:
            signal.disconnect(slot, missing_ok=True)
        self.beside.close()
        for ortho in (self.own, self.other):
            ortho.close()
        super().closeEvent(event)

    def _link(self) -> None:
        """Show a millimetre as large on both sides, and the same panes."""
        views = [*self.own.slices.values(), *self.other.slices.values()]
        for view in views:
            view.share_scale(views)
        for ortho, twin in ((self.own, self.other), (self.other, self.own)):
            for plane, view in ortho.slices.items():
                view.maximise_requested.connect(partial(_toggle, twin, plane))

    def _on_choices_changed(self, _fact: object = None) -> None:
        """List the choices; one that is gone has given way to the person as given."""
        session = self._session
        self._choice = session.comparison.choice or self._choice
        present = session.checkpoint
        others = [
            it for it in session.checkpoints if present is None or it.folder != present.folder
        ]
        self.other_card.show_choices(self._choice, pins=session.curves.pins, checkpoints=others)

    def _on_brain_changed(self, _shown: Shown) -> None:
        self._show_cards()

    def _on_compared(self, compared: Compared) -> None:
        if compared.shown is None:
            self.beside.clear()
        else:
            self.beside.show_brain(compared.shown.brain)
        self._show_cards()

    def _show_cards(self) -> None:
        """Say on both sides who it is; the second with the differences to the first."""
        shown, checkpoint = self._session.shown, self._session.checkpoint
        compared = self._session.comparison.compared
        if shown is None or checkpoint is None:
            return
        self.own_card.show_brain(shown, checkpoint)
        if compared is not None and compared.shown is not None:
            other = compared.shown
            self.other_card.show_brain(other, compared.checkpoint, against=shown.volumes_ml)
        elif compared is not None:
            self.other_card.show_sentence(compared.sentence)


def _toggle(ortho: OrthoView, plane: Plane, _wished: object = None) -> None:
    ortho.toggle_maximised(ortho.slices[plane])
