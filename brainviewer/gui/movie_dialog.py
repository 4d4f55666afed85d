"""What a movie shows, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.features import FeatureError
from brainviewer.gui.controls import described
from brainviewer.session.movie import GIF, MP4, RATE_RANGE_HZ
from brainviewer.session.sweep import FRAMES_RANGE, sweep_of, swept_features

if TYPE_CHECKING:
    from brainviewer.session.model import State
    from brainviewer.session.sweep import Sweep

FRAMES = 60
RATE_HZ = 12
SERIES = "4D NIfTI"
# How many frames an image over time has at first: each is a whole volume.
SERIES_FRAMES = 13


class Shot(StrEnum):
    """What is in the picture."""

    VIEW = "Whole view"
    CORONAL = "Coronal"
    SAGITTAL = "Sagittal"
    AXIAL = "Axial"
    BRAIN_3D = "3D"


@dataclass(frozen=True, slots=True)
class MovieOrder:
    """What is asked for.

    Attributes
    ----------
    sweep : Sweep
    shot : Shot
    rate_hz : int
    kind : ``".mp4"``, ``".gif"`` or ``"4D NIfTI"``
    """

    sweep: Sweep
    shot: Shot
    rate_hz: int
    kind: str


class MovieDialog(QDialog):
    """Asks for feature, ends, frames, picture and kind; closes when the order is given.

    Signals
    -------
    ordered : MovieOrder

    Parameters
    ----------
    state : State
        The person whose movie it is.
    """

    ordered = Signal(object)

    def __init__(self, state: State, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.setObjectName("movie_dialog")
        self.setWindowTitle("Movie — BrainViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._names = swept_features(state.checkpoint.schema)
        self._make_controls()
        self._lay_out()
        self._show_range()
        self.feature.currentIndexChanged.connect(self._show_range)
        self.kind.currentIndexChanged.connect(self._on_kind_chosen)
        for box in (self.first, self.last):
            box.valueChanged.connect(self._check)
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)

    def order(self) -> MovieOrder:
        """Return what is asked for; FeatureError with one sentence where it cannot be."""
        sweep = sweep_of(
            self._state,
            self._names[self.feature.currentIndex()],
            first=self.first.value(),
            last=self.last.value(),
            count=self.frames.value(),
        )
        shot = list(Shot)[self.shot.currentIndex()]
        return MovieOrder(sweep, shot, self.rate.value(), self.kind.currentData())

    def _make_controls(self) -> None:
        schema = self._state.checkpoint.schema
        self.feature = _chooser("movie_feature", "What goes from low to high")
        self.feature.addItems([schema[name].title for name in self._names])
        self.first = _value_box("movie_first", "The value of the first frame")
        self.last = _value_box("movie_last", "The value of the last frame")
        self.frames = _count_box("movie_frames", "How many frames", FRAMES_RANGE, FRAMES)
        self.rate = _count_box("movie_rate", "Frames a second", RATE_RANGE_HZ, RATE_HZ)
        self.shot = _chooser("movie_shot", "What is in the picture")
        self.shot.addItems(list(Shot))
        self.kind = _chooser("movie_kind", "The kind of file")
        for text, kind in (("MP4 (H.264)", MP4), ("GIF", GIF), (SERIES, SERIES)):
            self.kind.addItem(text, kind)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self.buttons.button(kinds.Ok).setText("&Make…")

    def _lay_out(self) -> None:
        form = QFormLayout()
        for text, widget in (
            ("&Feature", self.feature),
            ("F&rom", self.first),
            ("&To", self.last),
            ("Fra&mes", self.frames),
            ("Frames a &second", self.rate),
            ("&Picture", self.shot),
            ("&Kind", self.kind),
        ):
            form.addRow(text, widget)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.problem)
        column.addWidget(self.buttons)

    def _show_range(self) -> None:
        """Propose the whole range of the training people."""
        feature = self._state.checkpoint.schema[self._names[self.feature.currentIndex()]]
        for box, value in ((self.first, feature.fitted.low), (self.last, feature.fitted.high)):
            box.setRange(-1e6, 1e6)
            box.setSuffix(f" {feature.unit}".rstrip())
            box.setValue(value)
        # A box shows less than the range holds: the ends are rounded into it.
        self.first.setValue(_into(self.first.value(), feature.fitted.low, 0.1))
        self.last.setValue(_into(self.last.value(), feature.fitted.high, -0.1))
        self._check()

    def _check(self) -> None:
        try:
            self.order()
            sentence = ""
        except FeatureError as error:
            sentence = str(error)
        self.problem.setText(sentence)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not sentence)

    def _on_kind_chosen(self) -> None:
        """Offer what the kind has: an image over time has no picture and no rate."""
        is_series = self.kind.currentData() == SERIES
        for widget in (self.shot, self.rate):
            widget.setEnabled(not is_series)
        self.frames.setValue(SERIES_FRAMES if is_series else FRAMES)

    def _on_accepted(self) -> None:
        self.ordered.emit(self.order())
        self.accept()


def _into(value: float, end: float, step: float) -> float:
    """Step inside where rounding went outside of an end of the range."""
    outside = value < end if step > 0 else value > end
    return value + step if outside else value


def _chooser(name: str, explanation: str) -> QComboBox:
    return described(QComboBox(), name, accessible=explanation, tooltip=explanation)


def _value_box(name: str, explanation: str) -> QDoubleSpinBox:
    box = described(QDoubleSpinBox(), name, accessible=explanation, tooltip=explanation)
    box.setDecimals(1)
    return box


def _count_box(name: str, explanation: str, ends: tuple[int, int], value: int) -> QSpinBox:
    box = described(QSpinBox(), name, accessible=explanation, tooltip=explanation)
    box.setRange(*ends)
    box.setValue(value)
    return box
