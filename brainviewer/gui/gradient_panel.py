"""What every feature does to the volumes of the person on display, as a bar chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from brainviewer.core.tissues import TISSUE_NAMES
from brainviewer.gui.bar_table import Bar, bar_table
from brainviewer.gui.controls import caption_label, described, icon_button
from brainviewer.gui.theme import theme_of
from brainviewer.gui.wording import signed
from brainviewer.session.gradients import LabelChoice
from brainviewer.session.ventricles import VENTRICLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent

    from brainviewer.core.features import FeatureSchema
    from brainviewer.core.regions import LabelRegions
    from brainviewer.core.saliency import SaliencyRow
    from brainviewer.session.gradients import Gradients

NOTHING_YET = "The gradients of the volumes will be shown here"
EXPLANATION = (
    "How much each volume of this person would change with each feature, all others unchanged:\n"
    "the gradient at the values shown now. Click a bar to edit its feature."
)
PER_SD, PER_UNIT = "mL per sd", "mL per own unit"
SAVE_TOOLTIP = "Save the gradients of all volumes as a table (CSV)"
WHICH_VOLUME = (
    "Which volume is differentiated: of a tissue, of the ventricles,\n"
    "or of what fills most of a label. Open a label image for its labels."
)
BEING_COMPUTED = "Being computed for the values shown now"
UNCHANGED_OTHERS = "Change of the volume with each feature, all others unchanged"
FEWEST_DECIMALS, MOST_DECIMALS = 2, 5


class GradientPanel(QWidget):
    """Shows the gradients of one volume at a time, the heaviest feature first.

    Signals
    -------
    feature_requested : str
        The user wants to edit a feature.
    save_requested
        The user wants the gradients as a file.
    label_requested : LabelChoice or None
        The user wants the volume inside a label differentiated too, or no longer.
    """

    feature_requested = Signal(str)
    save_requested = Signal()
    label_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gradient_panel")
        self._schema: FeatureSchema | None = None
        self._gradients: Gradients | None = None
        self._regions: tuple[LabelRegions, ...] = ()
        self._wanted = ""
        self.structures = _chooser("gradient_structure", "Volume", WHICH_VOLUME)
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
        self.units.currentIndexChanged.connect(self._show_rows)
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
        self._list()
        self._show_rows()

    @property
    def chosen(self) -> str:
        """The volume that is differentiated, as the list calls it; empty before there is one."""
        return self._wanted or self.structures.currentText()

    def choose(self, title: str) -> None:
        """Differentiate a volume by its name in the list, now or when it is offered."""
        place = self.structures.findText(title)
        self._wanted = title if place < 0 else ""
        if place >= 0:
            self.structures.setCurrentIndex(place)

    @property
    def has_own_units(self) -> bool:
        """Whether gradients are told for one year, cm or level."""
        return self.units.currentText() == PER_UNIT

    def show_own_units(self, own: bool) -> None:
        """Tell gradients for one year, cm or level, or for one standard deviation."""
        self.units.setCurrentText(PER_UNIT if own else PER_SD)

    def show_regions(self, regions: Sequence[LabelRegions]) -> None:
        """Offer the labels of images."""
        self._regions = tuple(regions)
        self._list()
        self._on_choice_changed()

    def show_outdated(self) -> None:
        """Say that what is shown belongs to an earlier brain, until the next gradients come."""
        self.caption.setText(BEING_COMPUTED)

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

    def _list(self) -> None:
        """List the volumes that are known, and the labels that can be asked for."""
        known = self._gradients.rows if self._gradients is not None else ()
        labelled = self._gradients.in_label if self._gradients is not None else ()
        names = dict.fromkeys(row.structure for row in known if row not in labelled)
        entries: list[tuple[str, object]] = [(_title(name), name) for name in names]
        if names:
            entries += [
                (f"Label {number} of {own.name}", LabelChoice(own, number))
                for own in self._regions
                for number in own.numbers
            ]
        if entries == [
            (self.structures.itemText(n), self.structures.itemData(n))
            for n in range(self.structures.count())
        ]:
            return
        chosen = self.structures.currentData()
        with QSignalBlocker(self.structures):
            self.structures.clear()
            for title, data in entries:
                self.structures.addItem(title, data)
            places = [n for n, (_, data) in enumerate(entries) if data == chosen]
            self.structures.setCurrentIndex(places[0] if places else 0)
        if self._wanted:
            self.choose(self._wanted)

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
        rows: Sequence[SaliencyRow] = gradients.in_label
        if not isinstance(structure, LabelChoice):
            rows = [row for row in gradients.rows if row.structure == structure]
        self._caption(structure, rows)
        unit, decimals = self.units.currentText(), _decimals(rows)
        bars = [_bar(row, self._schema, unit, decimals) for row in rows]
        bars.sort(key=lambda bar: -abs(bar.value))
        colors = theme_of(self.palette()).colors
        own = rows[0].structure.split()[0] if rows else ""
        fluid = colors["CSF"] if structure == VENTRICLES else colors["accent"]
        self.bars.show_bars(bars, colors.get(own, fluid))
        if self.window().focusWidget() is self:
            self._pass_focus_on()

    def _caption(self, structure: object, rows: Sequence[SaliencyRow]) -> None:
        if not rows:
            self.caption.setText(BEING_COMPUTED)
        elif isinstance(structure, LabelChoice):
            self.caption.setText(f"{rows[0].structure}: {UNCHANGED_OTHERS.lower()}")
        else:
            self.caption.setText(UNCHANGED_OTHERS)

    def _pass_focus_on(self) -> None:
        if self.bars.isVisible():
            self.bars.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_choice_changed(self) -> None:
        chosen = self.structures.currentData()
        self.label_requested.emit(chosen if isinstance(chosen, LabelChoice) else None)
        self._show_rows()


def _decimals(rows: Sequence[SaliencyRow]) -> int:
    """Return how many decimals tell the bars of a small structure apart."""
    largest = max((abs(row.ml_per_sd) for row in rows), default=0.0)
    wanted = 2 - math.floor(math.log10(largest)) if largest > 0 else FEWEST_DECIMALS
    return min(max(wanted, FEWEST_DECIMALS), MOST_DECIMALS)


def _bar(row: SaliencyRow, schema: FeatureSchema, unit: str, decimals: int) -> Bar:
    feature = schema[row.feature]
    name = f"{feature.title}: {row.level}" if row.level else feature.title
    per_sd = f"{signed(row.ml_per_sd, decimals=decimals)} mL per sd"
    per_unit = f"{signed(row.ml_per_unit, decimals=decimals)} mL {_per(row)}"
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
