"""The row above two brains: the way to look at them, and what that way needs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSlider,
    QToolButton,
    QWidget,
)

from brainviewer.gui.controls import described, title_label
from brainviewer.session.blending import Together
from brainviewer.session.difference import comparable, full_span, unit_of

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent

    from brainviewer.gui.blend import Blend
    from brainviewer.session.display import Display

EXPLANATIONS = {
    Together.SIDE_BY_SIDE: "A on the left, B on the right",
    Together.DIFFERENCE: "Where B is more than A, orange, and where it is less, blue",
    Together.SWIPE: "A left of a line that can be dragged, B right of it",
    Together.CHECKERBOARD: "A and B in turn, square by square",
    Together.FLICKER: "A and B in turn, in the same place",
}
DIVIDER_STEPS = 100


class CompareBar(QWidget):
    """Chooses how two brains are shown together.

    Parameters
    ----------
    blend : Blend
    own, beside : Display
        Of A and B.
    """

    def __init__(self, blend: Blend, own: Display, beside: Display) -> None:
        super().__init__()
        self.setObjectName("compare_bar")
        self._blend, self._own, self._beside = blend, own, beside
        self.buttons = {it: _button(it) for it in Together}
        self._group = QButtonGroup(self)
        self.divider = described(
            QSlider(Qt.Orientation.Horizontal),
            "compare_divider",
            accessible="Where B begins, in percent of the pane",
            tooltip="Where B begins; the line in the slices can be dragged too",
        )
        self.divider.setRange(0, DIVIDER_STEPS)
        self.layer = described(
            QComboBox(),
            "compare_layer",
            accessible="What is compared",
            tooltip="The map whose difference is shown",
        )
        self.layer.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.span = described(
            QDoubleSpinBox(),
            "compare_span",
            accessible="Difference with the full colour",
            tooltip="The difference that gets the full colour: percent of the voxel for tissue "
            "maps, the image's own unit otherwise",
        )
        self.span.setPrefix("± ")
        self.span.setKeyboardTracking(False)
        self._lay_out()
        for together, button in self.buttons.items():
            button.clicked.connect(partial(blend.set_together, together))
        self.divider.valueChanged.connect(self._on_divider)
        self.layer.activated.connect(self._on_layer)
        self.span.valueChanged.connect(self._on_span)
        blend.changed.connect(self.show_blend)
        for display in (own, beside):
            display.layers_changed.connect(self._on_layers_changed)
        self.show_blend()

    def show_blend(self) -> None:
        """Show what holds."""
        together = self._blend.together
        self.buttons[together].setChecked(True)
        self.divider.setVisible(together is Together.SWIPE)
        for widget in (self.layer, self.span):
            widget.setVisible(together is Together.DIFFERENCE)
        with QSignalBlocker(self.divider):
            self.divider.setValue(round(DIVIDER_STEPS * self._blend.divider))
        if together is Together.DIFFERENCE:
            self._show_difference()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Follow the displays no longer."""
        for display in (self._own, self._beside):
            display.layers_changed.disconnect(self._on_layers_changed, missing_ok=True)
        super().closeEvent(event)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(4)
        row.addWidget(title_label("Show"))
        for button in self.buttons.values():
            self._group.addButton(button)
            row.addWidget(button)
        row.addSpacing(12)
        row.addWidget(self.layer)
        row.addWidget(self.span)
        row.addWidget(self.divider, 1)
        row.addStretch(1)

    def _show_difference(self) -> None:
        pairs = comparable(self._own.layers, self._beside.layers)
        names = list(pairs)
        with QSignalBlocker(self.layer):
            if names != [self.layer.itemText(n) for n in range(self.layer.count())]:
                self.layer.clear()
                self.layer.addItems(names)
            name = self._blend.layer if self._blend.layer in pairs else next(iter(pairs), "")
            self.layer.setCurrentText(name)
        self.span.setEnabled(bool(name))
        if name:
            full, (factor, unit) = full_span(pairs[name][0]), unit_of(pairs[name][0])
            shown = factor * full
            with QSignalBlocker(self.span):
                self.span.setSuffix(unit)
                self.span.setDecimals(2 if shown < 10 else 0)
                self.span.setSingleStep(shown / 10)
                self.span.setRange(shown / 50, 2 * shown)
                self.span.setValue(factor * (self._blend.span(name) or full))

    def _on_divider(self, value: int) -> None:
        self._blend.set_divider(value / DIVIDER_STEPS)

    def _on_layer(self, _index: int) -> None:
        self._blend.set_layer(self.layer.currentText())

    def _on_span(self, value: float) -> None:
        name = self.layer.currentText()
        factor, _ = unit_of(comparable(self._own.layers, self._beside.layers)[name][0])
        self._blend.set_span(name, value / factor)

    def _on_layers_changed(self) -> None:
        if self._blend.together is Together.DIFFERENCE:
            self._show_difference()


def _button(together: Together) -> QToolButton:
    button = described(
        QToolButton(),
        f"compare_{together.name.lower()}",
        accessible=together.value,
        tooltip=EXPLANATIONS[together],
    )
    button.setText(together.value)
    button.setCheckable(True)
    return button
