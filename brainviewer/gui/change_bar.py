"""The row above the brain while its local change is shown: which, the legend, the full colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QSizePolicy, QWidget

from brainviewer.gui.controls import caption_label, described, icon_button, title_label
from brainviewer.gui.wording import MINUS
from brainviewer.session.colormaps import CHANGE, STEPS, premultiplied_table
from brainviewer.session.directions import title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from brainviewer.core.features import FeatureSchema
    from brainviewer.session.directions import Direction
    from brainviewer.session.local_change import LocalChange

BEING_COMPUTED = "Being computed for the values shown now"
EXPLANATION = "Change of the volume of each place, all other features unchanged"
NO_CHANGE = "This is what the person has already"
LEGEND_WIDTH_PIXELS = 220
SPANS_PERCENT = (0.1, 200.0)
GREY = 96  # behind the legend, about as bright as a brain


class ChangeBar(QWidget):
    """Chooses along which feature local change is mapped, and explains its colours.

    Signals
    -------
    direction_requested : Direction
    span_requested : float, percent
        The change that gets the full colour.
    end_requested
        No map is wanted any more.
    """

    direction_requested = Signal(object)
    span_requested = Signal(float)
    end_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("change_bar")
        self.chooser = described(
            QComboBox(),
            "change_direction",
            accessible="Local change along",
            tooltip="The feature along which each place grows or shrinks, all others unchanged",
        )
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.legend = Legend()
        self.span = described(
            QDoubleSpinBox(),
            "change_span",
            accessible="Change with the full colour, percent",
            tooltip="The change that gets the full colour, in percent of the volume of a place",
        )
        self.span.setRange(*SPANS_PERCENT)
        self.span.setDecimals(1)
        self.span.setPrefix("± ")
        self.span.setSuffix(" %")
        self.span.setKeyboardTracking(False)
        self.caption = caption_label("change_caption")
        self.close_button = icon_button("change_close", "close", "Show no local change")
        self._lay_out()
        self.chooser.activated.connect(self._on_activated)
        self.span.valueChanged.connect(self.span_requested)
        self.close_button.clicked.connect(self.end_requested)

    def show_directions(self, directions: Sequence[Direction], schema: FeatureSchema) -> None:
        """Offer the directions of a generator."""
        with QSignalBlocker(self.chooser):
            self.chooser.clear()
            for direction in directions:
                self.chooser.addItem(title_of(direction, schema), direction)

    def show_direction(self, direction: Direction) -> None:
        """Tick the direction that is mapped."""
        places = [self.chooser.itemData(n) for n in range(self.chooser.count())]
        with QSignalBlocker(self.chooser):
            self.chooser.setCurrentIndex(places.index(direction) if direction in places else -1)

    def show_change(self, change: LocalChange) -> None:
        """Say what the colours mean, or why there are none."""
        self.legend.setVisible(change.percent is not None)
        self.legend.show_unit(change.unit)
        nothing = change.percent is not None and not change.percent.data.any()
        self.caption.setText(change.sentence or (NO_CHANGE if nothing else EXPLANATION))

    def show_outdated(self) -> None:
        """Say that what is shown belongs to an earlier brain."""
        self.caption.setText(BEING_COMPUTED)

    def show_window(self, low: float, high: float) -> None:
        """Show the changes that get the full colours, percent."""
        self.legend.show_window(low, high)
        with QSignalBlocker(self.span):
            self.span.setValue(max(abs(low), abs(high)))

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(6)
        row.addWidget(title_label("Local change"))
        row.addWidget(self.chooser)
        row.addWidget(self.legend)
        row.addWidget(self.span)
        row.addWidget(self.caption, 1)
        row.addWidget(self.close_button)

    def _on_activated(self, index: int) -> None:
        self.direction_requested.emit(self.chooser.itemData(index))


class Legend(QWidget):
    """A bar from the colour of the strongest loss to that of the strongest growth."""

    def __init__(self) -> None:
        super().__init__()
        described(self, "change_legend", accessible="Legend", tooltip="Blue shrinks, red grows")
        self._low, self._high, self._unit = -1.0, 1.0, "%"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_window(self, low: float, high: float) -> None:
        """Write these numbers at the ends."""
        self._low, self._high = low, high
        self._tell()

    def show_unit(self, unit: str) -> None:
        """Write this unit beside the numbers: ``"% per decade"``."""
        self._unit = unit
        self._tell()

    @property
    def text(self) -> str:
        """What the legend says."""
        return f"{_signed(self._low)} to {_signed(self._high)} {self._unit}"

    def sizeHint(self) -> QSize:
        """Take the room of the bar and of the numbers at both of its ends."""
        metrics = self.fontMetrics()
        words = metrics.horizontalAdvance(f"{_signed(self._low)}{self._end}  ")
        return QSize(LEGEND_WIDTH_PIXELS + words, metrics.height() + 6)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw low number, colours, high number and unit in a line."""
        painter = QPainter(self)
        metrics, height = self.fontMetrics(), self.height()
        first = metrics.horizontalAdvance(f"{_signed(self._low)} ")
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(0, 0, first, height), int(middle), _signed(self._low))
        bar = QRectF(first, 4, LEGEND_WIDTH_PIXELS, height - 8)
        painter.drawImage(bar, _colours())
        rest = QRectF(bar.right() + 4, 0, self.width() - bar.right() - 4, height)
        painter.drawText(rest, int(middle), self._end)
        painter.end()

    @property
    def _end(self) -> str:
        return f"{_signed(self._high)} {self._unit}"

    def _tell(self) -> None:
        self.setAccessibleDescription(self.text)
        self.updateGeometry()
        self.update()


def _signed(number: float) -> str:
    return f"{number:+.4g}".replace("-", MINUS)


def _colours() -> QImage:
    """Draw the colours on grey: one line."""
    table = premultiplied_table(CHANGE, 1.0)
    line = table[:, :3] + GREY * (1.0 - table[:, 3:] / 255.0)
    pixels = np.rint(line).astype(np.uint8)
    return QImage(pixels.tobytes(), STEPS, 1, 3 * STEPS, QImage.Format.Format_RGB888).copy()
