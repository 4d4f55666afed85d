"""What every feature does to the volumes of the person on display, as a bar chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from brainviewer.core.tissues import TISSUE_NAMES
from brainviewer.gui.bar_table import Bar, bar_table
from brainviewer.gui.controls import caption_label, described, icon_button
from brainviewer.gui.theme import theme_of
from brainviewer.gui.wording import signed
from brainviewer.session.ventricles import VENTRICLES

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent

    from brainviewer.core.features import FeatureSchema
    from brainviewer.core.saliency import SaliencyRow
    from brainviewer.session.gradients import Gradients

NOTHING_YET = "The gradients of the volumes will be shown here"
EXPLANATION = (
    "How much each volume of this person would change with each feature, all others unchanged:\n"
    "the gradient at the values shown now. Click a bar to edit its feature."
)
PER_SD, PER_UNIT = "mL per sd", "mL per own unit"
SAVE_TOOLTIP = "Save the gradients of all volumes as a table (CSV)"
DECIMALS = 2


class GradientPanel(QWidget):
    """Shows the gradients of one volume at a time, the heaviest feature first.

    Signals
    -------
    feature_requested : str
        The user wants to edit a feature.
    save_requested
        The user wants the gradients as a file.
    """

    feature_requested = Signal(str)
    save_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gradient_panel")
        self._schema: FeatureSchema | None = None
        self._gradients: Gradients | None = None
        self.structures = _chooser("gradient_structure", "Volume", "Which volume is differentiated")
        self.units = _chooser(
            "gradient_unit",
            "Unit",
            "For one standard deviation of the training people,\nor for one year, cm, kg or level",
        )
        self.units.addItems([PER_SD, PER_UNIT])
        self.caption = caption_label("gradient_caption")
        self.save_button = icon_button("save_gradients", "export", SAVE_TOOLTIP)
        self.bars = bar_table("gradient_bars", accessible="Gradients by feature")
        self.nothing = QLabel(NOTHING_YET)
        self._lay_out()
        self._show_rows()
        self.structures.currentIndexChanged.connect(self._on_choice_changed)
        self.units.currentIndexChanged.connect(self._on_choice_changed)
        self.bars.chosen.connect(self.feature_requested)
        self.save_button.clicked.connect(self.save_requested)

    @property
    def gradients(self) -> Gradients | None:
        """What is shown."""
        return self._gradients

    def show_schema(self, schema: FeatureSchema) -> None:
        """Name the features as another checkpoint does."""
        self._schema = schema
        self._gradients = None
        self.nothing.setText(NOTHING_YET)
        self._show_rows()

    def show_gradients(self, gradients: Gradients) -> None:
        """Show gradients, or the sentence that says why there are none."""
        self._gradients = gradients
        self.nothing.setText(_as_sentence(gradients.sentence or NOTHING_YET))
        if gradients.structures != self._listed():
            self._list(gradients.structures)
        self.caption.setText("Change of the volume with each feature, all others unchanged")
        self._show_rows()

    def show_outdated(self) -> None:
        """Say that what is shown belongs to an earlier brain, until the next gradients come."""
        self.caption.setText("Being computed for the values shown now")

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Pass the keyboard on to the bars; before there are any, keep it for them."""
        super().focusInEvent(event)
        self._pass_focus_on()

    def changeEvent(self, event: QEvent) -> None:
        """Take on the colours of another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._show_rows()

    def _lay_out(self) -> None:
        self.caption.setToolTip(EXPLANATION)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(self.structures)
        head.addWidget(self.units)
        head.addSpacing(6)
        head.addWidget(self.caption, 1)
        head.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.bars, 1)
        column.addWidget(self.nothing, 1)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def _listed(self) -> tuple[str, ...]:
        return tuple(self.structures.itemData(n) for n in range(self.structures.count()))

    def _list(self, structures: tuple[str, ...]) -> None:
        chosen = self.structures.currentData()
        with QSignalBlocker(self.structures):
            self.structures.clear()
            for name in structures:
                self.structures.addItem(_title(name), name)
            self.structures.setCurrentIndex(max(self.structures.findData(chosen), 0))

    def _show_rows(self) -> None:
        gradients = self._gradients
        known = gradients is not None and bool(gradients.rows)
        for widget in (self.bars, self.structures, self.units, self.save_button):
            widget.setEnabled(known)
        self.caption.setVisible(known)
        self.bars.setVisible(known)
        self.nothing.setVisible(not known)
        if gradients is None or self._schema is None or not known:
            return
        structure = self.structures.currentData()
        rows = [row for row in gradients.rows if row.structure == structure]
        bars = [_bar(row, self._schema, self.units.currentText()) for row in rows]
        bars.sort(key=lambda bar: -abs(bar.value))
        colors = theme_of(self.palette()).colors
        fluid = colors["CSF"] if structure == VENTRICLES else colors["accent"]
        self.bars.show_bars(bars, colors.get(structure, fluid))
        if self.window().focusWidget() is self:
            self._pass_focus_on()

    def _pass_focus_on(self) -> None:
        if self.bars.isVisible():
            self.bars.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_choice_changed(self) -> None:
        self._show_rows()


def _bar(row: SaliencyRow, schema: FeatureSchema, unit: str) -> Bar:
    feature = schema[row.feature]
    name = f"{feature.title}: {row.level}" if row.level else feature.title
    per_sd = f"{signed(row.ml_per_sd, decimals=DECIMALS)} mL per sd"
    per_unit = f"{signed(row.ml_per_unit, decimals=DECIMALS)} mL {_per(row)}"
    words, value = (per_sd, row.ml_per_sd) if unit == PER_SD else (per_unit, row.ml_per_unit)
    tooltip = f"{name}: {per_sd}, {per_unit}\nClick or Enter: edit {feature.title}"
    return Bar(row.feature, name, words, tooltip, value)


def _per(row: SaliencyRow) -> str:
    """Say what one step is: ``"per year"``, ``"per cm"``, ``"for being male"``."""
    if row.level:
        return f"for {row.unit}"
    return f"per {row.unit.removesuffix('s')}" if row.unit else "per unit"


def _title(structure: str) -> str:
    return TISSUE_NAMES.get(structure, structure).capitalize()


def _as_sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _chooser(name: str, accessible: str, explanation: str) -> QComboBox:
    chooser = described(QComboBox(), name, accessible=accessible, tooltip=explanation)
    chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return chooser
