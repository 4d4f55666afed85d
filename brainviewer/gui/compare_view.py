"""Two brains looked at together: side by side, or in one picture."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.blend import Blend
from brainviewer.gui.blended_slice import BlendedSliceView
from brainviewer.gui.compare_bar import CompareBar
from brainviewer.gui.compare_card import WAITING, ChoosingCard, CompareCard
from brainviewer.gui.ortho_view import OrthoView
from brainviewer.gui.standings import percentiles_of
from brainviewer.session.blending import Together
from brainviewer.session.comparison import Choice
from brainviewer.session.following_display import FollowingDisplay

if TYPE_CHECKING:
    from typing import Any

    from PySide6.QtGui import QCloseEvent

    from brainviewer.core.space import Plane
    from brainviewer.core.volume import Brain
    from brainviewer.gui.slice_view import SliceView
    from brainviewer.session.comparison import Compared
    from brainviewer.session.display import Display
    from brainviewer.session.fine import Fine
    from brainviewer.session.request import Shown
    from brainviewer.session.state import Session

GAP_PIXELS = 6


class CompareView(QWidget):
    """Three slices of the brain on the screen, A, and those of another, B.

    Side by side, or in one picture: as difference, with a line between, in squares, in turn.

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
        self._brain: Brain | None = None
        self.beside = FollowingDisplay(display)
        self.blend = Blend(self)
        self.own_card, self.other_card = CompareCard("A"), ChoosingCard()
        self.own = OrthoView(display, self.own_card)
        self.other = OrthoView(self.beside, self.other_card, has_legend=False)
        self._both_cards = CompareCard("A"), ChoosingCard()
        self.both = OrthoView(
            display,
            _scrolled(_column(*self._both_cards)),
            make=partial(_blended, beside=self.beside, blend=self.blend),
        )
        self.bar = CompareBar(self.blend, display, self.beside)
        self._pages = QStackedWidget()
        self._pages.addWidget(_row(self.own, self.other))
        self._pages.addWidget(self.both)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self._pages, 1)
        self._link()
        self.blend.changed.connect(self._show_page)
        self._facts: list[tuple[Any, Any]] = [
            (session.brain_changed, self._on_brain_changed),
            (session.comparison.changed, self._on_compared),
            (session.comparison.fine.changed, self._on_fine_changed),
            (session.fine.changed, self._on_fine_changed),
            (session.stand_in.fine.changed, self._on_fine_changed),
            (session.stand_in.changed, self._on_stand_in_changed),
            (session.curves.pins_changed, self._on_choices_changed),
            (session.checkpoint_changed, self._on_choices_changed),
            (session.scan_changed, self._on_choices_changed),
            (session.person_changed, self._on_choices_changed),
        ]
        for _, card in self._cards:
            card.choice_requested.connect(self.choose)

    @property
    def _orthos(self) -> tuple[OrthoView, ...]:
        """The slices of A, of B, and of both in one picture."""
        return self.own, self.other, self.both

    @property
    def _cards(self) -> list[tuple[CompareCard, ChoosingCard]]:
        """The cards of A and B: one pair on each page."""
        return [(self.own_card, self.other_card), self._both_cards]

    def begin(self) -> None:
        """Show the last choice beside the brain on the screen."""
        for signal, slot in self._facts:
            signal.connect(slot)
        self.blend.look(looking=True)
        self.choose(self._choice)

    def end(self) -> None:
        """Let go of the second brain."""
        for signal, slot in self._facts:
            signal.disconnect(slot, missing_ok=True)
        self.blend.look(looking=False)
        self._session.comparison.choose(None)
        self._brain = None
        self.beside.clear()

    def show_next(self) -> None:
        """Look at them in the next way, after the last in the first again."""
        ways = list(Together)
        self.blend.set_together(ways[(ways.index(self.blend.together) + 1) % len(ways)])

    def choose(self, choice: Choice) -> None:
        """Put something else beside."""
        self._choice = choice
        self._brain = None
        self.beside.clear()
        for _, card in self._cards:
            card.show_sentence(WAITING)
        self._session.comparison.choose(choice)
        self._on_choices_changed()
        self.show_cards()

    def show_cards(self) -> None:
        """Say on both sides who it is; the second with the differences to the first."""
        shown, checkpoint = self._session.shown, self._session.checkpoint
        compared = self._session.comparison.compared
        if shown is None or checkpoint is None:
            return
        title, carried = checkpoint.title, self._session.stand_in.compared
        if carried is not None and carried.shown is not None:
            shown, title = carried.shown, carried.source
        for own, other in self._cards:
            own.show_brain(shown, title, standings=percentiles_of(shown, checkpoint))
            if compared is not None and compared.shown is not None:
                made_by = compared.checkpoint
                source = compared.source if made_by is None else made_by.title
                other.show_brain(
                    compared.shown,
                    source,
                    against=shown.volumes_ml,
                    standings=percentiles_of(compared.shown, made_by or checkpoint),
                )
            elif compared is not None:
                other.show_sentence(compared.sentence)

    @property
    def large(self) -> Plane | None:
        """The plane that has the whole of both sides; None while all share them."""
        maximised = self.own.maximised
        return next((it for it, view in self.own.slices.items() if view is maximised), None)

    def maximise(self, plane: Plane | None) -> None:
        """Give a plane the whole of both sides; None lets all share them."""
        for ortho in self._orthos:
            ortho.maximise(None if plane is None else ortho.slices[plane])

    def toggle_large(self, plane: Plane) -> None:
        """Give a plane the whole of both sides, or let all panes share them again."""
        self.maximise(None if plane is self.large else plane)

    def restore(self) -> None:
        """Let all panes share the space."""
        self.maximise(None)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of the session and close the parts, which do not hear of it otherwise."""
        for signal, slot in self._facts:
            signal.disconnect(slot, missing_ok=True)
        self.blend.look(looking=False)
        self.beside.close()
        for part in (self.bar, *self._orthos):
            part.close()
        super().closeEvent(event)

    def _link(self) -> None:
        """Show a millimetre as large on both sides, and the same panes."""
        views = [*self.own.slices.values(), *self.other.slices.values()]
        for view in views:
            view.share_scale(views)
        for ortho in self._orthos:
            for plane, view in ortho.slices.items():
                view.maximise_requested.connect(partial(self._on_maximised, ortho, plane))

    def _show_page(self) -> None:
        side_by_side = self.blend.together is Together.SIDE_BY_SIDE
        self._pages.setCurrentIndex(0 if side_by_side else 1)

    def _on_maximised(self, ortho: OrthoView, plane: Plane, _wished: object = None) -> None:
        """Show the other sides as this one, and keep the keyboard here."""
        view = ortho.slices[plane]
        self.maximise(plane if ortho.maximised is view else None)
        view.setFocus()

    def _on_choices_changed(self, _fact: object = None) -> None:
        """List the choices; one that is gone has given way to the person as given."""
        session = self._session
        self._choice = session.comparison.choice or self._choice
        present = session.checkpoint
        others = [
            it for it in session.checkpoints if present is None or it.folder != present.folder
        ]
        for _, card in self._cards:
            card.show_choices(
                self._choice,
                pins=session.curves.pins,
                checkpoints=others,
                scans=session.comparison.scans,
            )

    def _on_brain_changed(self, _shown: Shown) -> None:
        self._show_beside()
        self.show_cards()

    def _on_stand_in_changed(self, _compared: Compared) -> None:
        self._show_beside()
        self.show_cards()

    def _on_compared(self, _compared: Compared) -> None:
        self._show_beside()
        self.show_cards()

    def _on_fine_changed(self, _fine: Fine) -> None:
        self._show_beside()

    def _show_beside(self) -> None:
        """Show the second brain on the grid that the first one has."""
        brain = self._session.best_brains[1]
        if brain is self._brain:
            return
        self._brain = brain
        if brain is None:
            self.beside.clear()
        else:
            self.beside.show_brain(brain)


def _blended(display: Display, plane: Plane, *, beside: Display, blend: Blend) -> SliceView:
    return BlendedSliceView(display, plane, beside=beside, blend=blend)


def _row(*parts: QWidget) -> QWidget:
    """Put parts beside each other, each as wide as the others."""
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GAP_PIXELS)
    for part in parts:
        row.addWidget(part, 1)
    return page


def _scrolled(part: QWidget) -> QScrollArea:
    """Let a part be scrolled, so that it takes no height from the slices beside it."""
    area = QScrollArea()
    area.setObjectName("compare_cards")
    area.setAccessibleName("Volumes of A and B")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidgetResizable(True)
    area.setWidget(part)
    return area


def _column(*parts: QWidget) -> QWidget:
    """Put parts below each other."""
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        column.addWidget(part)
    return page
