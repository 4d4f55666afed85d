"""Who is on a scan: asked for before it is prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.features import FeatureError, Kind
from brainviewer.core.scenario import AGE, SEX
from brainviewer.gui.controls import described
from brainviewer.gui.wording import plain_range

if TYPE_CHECKING:
    from pathlib import Path

    from brainviewer.core.features import Conditions, Feature, FeatureSchema, Value

WIDTH_PIXELS = 480
UNKNOWN = "not known"
NO_DEVICE = "For research and teaching; no clinical device."


class ScanDialog(QDialog):
    """Asks for age, sex and what else is known of the person on a scan.

    Parameters
    ----------
    path : Path
        Of the scan.
    schema : FeatureSchema
        What the generator in use takes.
    known : mapping of feature to value
        What the scan's dataset says.

    Signals
    -------
    told : (Path, dict)
        The scan and the conditions; what is not known is left out.
    """

    told = Signal(object, dict)

    def __init__(
        self, path: Path, schema: FeatureSchema, known: Conditions, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("scan_dialog")
        self.setWindowTitle("Own scan — BrainViewer")
        self.setMinimumWidth(WIDTH_PIXELS)
        self._path, self._schema = path, schema
        self.editors = {f.name: _editor(f, known.get(f.name)) for f in schema.features}
        self.problem = QLabel()
        self.problem.setObjectName("scan_problem")
        self.problem.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start = self.buttons.addButton("&Prepare", QDialogButtonBox.ButtonRole.AcceptRole)
        self.start.setDefault(True)
        self._lay_out()
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)

    def conditions(self) -> Conditions:
        """Return what is known; FeatureError with one sentence where it must be and is not."""
        told: dict[str, Value] = {name: _value(it) for name, it in self.editors.items()}
        found = {name: value for name, value in told.items() if value is not None}
        missing = [name for name in (AGE, SEX) if name in self._schema and name not in found]
        if missing:
            raise FeatureError(f"say the person's {' and '.join(missing)}; the rest may be unknown")
        return found

    def _lay_out(self) -> None:
        words = QLabel(
            f"<b>{self._path.name}</b><br>A T1-weighted scan of one adult, with or without skull. "
            f"It is stripped, aligned and segmented in the background, then encoded."
        )
        words.setWordWrap(True)
        form_page = QWidget()
        form = QFormLayout(form_page)
        for feature in self._schema.features:
            form.addRow(feature.title, self.editors[feature.name])
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(form_page)
        column = QVBoxLayout(self)
        column.addWidget(words)
        column.addWidget(scroll, 1)
        column.addWidget(QLabel(NO_DEVICE))
        column.addWidget(self.problem)
        column.addWidget(self.buttons)

    def _on_accepted(self) -> None:
        try:
            conditions = self.conditions()
        except FeatureError as error:
            self.problem.setText(str(error))
            return
        self.accept()
        self.told.emit(self._path, dict(conditions))


def _editor(feature: Feature, value: Value) -> QDoubleSpinBox | QComboBox:
    name, words = f"scan_{feature.name}", f"{feature.title} of the person on the scan"
    if feature.kind is Kind.NUMERIC:
        known = feature.fitted
        box = described(
            QDoubleSpinBox(),
            name,
            accessible=words,
            tooltip=f"Training people: {plain_range(known.low, known.high, feature.unit)}",
        )
        # The lowest value stands for none: Qt shows words instead of it.
        box.setRange(known.low - 1.0, known.high)
        box.setDecimals(1)
        box.setSuffix(f" {feature.unit}" if feature.unit else "")
        box.setSpecialValueText(UNKNOWN)
        inside = isinstance(value, int | float) and known.low <= value <= known.high
        box.setValue(float(value) if inside and isinstance(value, int | float) else box.minimum())
        return box
    chooser = described(QComboBox(), name, accessible=words, tooltip=words)
    chooser.addItem(UNKNOWN, None)
    for level in feature.levels:
        chooser.addItem(level.label, level.code)
    chooser.setCurrentIndex(max(chooser.findData(value), 0) if value is not None else 0)
    return chooser


def _value(editor: QDoubleSpinBox | QComboBox) -> Value:
    if isinstance(editor, QComboBox):
        code: Value = editor.currentData()
        return code
    return None if editor.value() == editor.minimum() else editor.value()
