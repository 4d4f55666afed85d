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

from brainviewer.cohort.limits import check_age
from brainviewer.core.features import FeatureError, Kind
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.scenario import AGE, SEX
from brainviewer.gui.controls import described
from brainviewer.gui.wording import plain_range
from brainviewer.session.refining import DEFAULT_S, MOST_S

if TYPE_CHECKING:
    from pathlib import Path

    from brainviewer.core.features import Conditions, Feature, FeatureSchema, Value

WIDTH_PIXELS = 480
UNKNOWN = "not known"
NOT_AT_ALL = "not at all"
OLDEST_YEARS = 120.0
REFINE_STEP_S = 10.0
REFINE_TOOLTIP = (
    "After encoding, go on looking for the person whom the generator makes most like the scan, "
    "for this long at most; it can be cancelled, and is kept only where it comes closer"
)


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
    refines : bool
        Whether the generator in use can refine an identity.

    Signals
    -------
    told : (Path, dict, float)
        The scan, the conditions, and the seconds to refine for; what is not known is left out.
    """

    told = Signal(object, dict, float)

    def __init__(
        self,
        path: Path,
        schema: FeatureSchema,
        known: Conditions,
        parent: QWidget | None = None,
        *,
        refines: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("scan_dialog")
        self.setWindowTitle("Own scan — BrainViewer")
        self.setMinimumWidth(WIDTH_PIXELS)
        self._path, self._schema, self._known = path, schema, known
        self.editors = {f.name: _editor(f, known.get(f.name)) for f in schema.features}
        self.refine = _refine_editor(refines)
        self.problem = _words(_what_is_left_out(schema, known), name="scan_problem")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start = self.buttons.addButton("&Prepare", QDialogButtonBox.ButtonRole.AcceptRole)
        self.start.setDefault(True)
        self._lay_out()
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)

    def conditions(self) -> Conditions:
        """Return what is known.

        Raises
        ------
        FeatureError
            When something must be known and is not, or the generator does not know a value.
        ScanRefusedError
            For children.
        """
        told: dict[str, Value] = {name: _value(it) for name, it in self.editors.items()}
        found = {name: value for name, value in told.items() if value is not None}
        age = found.get(AGE, self._known.get(AGE))
        if isinstance(age, int | float):
            check_age(age)
        missing = [name for name in (AGE, SEX) if name in self._schema and name not in found]
        if missing:
            raise FeatureError(f"say the person's {' and '.join(missing)}; the rest may be unknown")
        self._schema.check(found)
        return found

    def _lay_out(self) -> None:
        words = _words(
            f"<b>{self._path.name}</b><br>A T1-weighted scan of one adult, with or without skull. "
            f"It is checked, stripped, aligned and segmented in the background, then encoded."
        )
        form_page = QWidget()
        form = QFormLayout(form_page)
        for feature in self._schema.features:
            form.addRow(feature.title, self.editors[feature.name])
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(form_page)
        more = QFormLayout()
        more.addRow("&Refine for up to", self.refine)
        column = QVBoxLayout(self)
        column.addWidget(words)
        column.addWidget(scroll, 1)
        column.addLayout(more)
        column.addWidget(_words(NOT_CLINICAL, name="scan_warning"))
        column.addWidget(self.problem)
        column.addWidget(self.buttons)

    def _on_accepted(self) -> None:
        try:
            conditions = self.conditions()
        except ValueError as error:
            self.problem.setText(str(error))
            return
        self.accept()
        self.told.emit(self._path, dict(conditions), self.refine.value())


def _what_is_left_out(schema: FeatureSchema, known: Conditions) -> str:
    """Say what the dataset knows of the person that the generator does not."""
    sentences = []
    for feature in schema.features:
        value = known.get(feature.name)
        try:
            if feature.name != AGE:
                feature.check(value)
        except FeatureError as error:
            sentences.append(f"{error}; it counts as not known")
    return "\n".join(sentences)


def _editor(feature: Feature, value: Value) -> QDoubleSpinBox | QComboBox:
    name, words = f"scan_{feature.name}", f"{feature.title} of the person on the scan"
    if feature.kind is Kind.NUMERIC:
        return _number_editor(feature, value, described_as=(name, words))
    chooser = described(QComboBox(), name, accessible=words, tooltip=words)
    chooser.addItem(UNKNOWN, None)
    for level in feature.levels:
        chooser.addItem(level.label, level.code)
    chooser.setCurrentIndex(max(chooser.findData(value), 0) if value is not None else 0)
    return chooser


def _number_editor(
    feature: Feature, value: Value, *, described_as: tuple[str, str]
) -> QDoubleSpinBox:
    name, words = described_as
    trained = feature.fitted
    # Any age can be typed, so that what is said of it is a sentence.
    low, high = (0.0, OLDEST_YEARS) if feature.name == AGE else (trained.low, trained.high)
    box = described(
        QDoubleSpinBox(),
        name,
        accessible=words,
        tooltip=f"Training people: {plain_range(trained.low, trained.high, feature.unit)}",
    )
    # The lowest value stands for none: Qt shows words instead of it.
    box.setRange(low - 1.0, high)
    box.setDecimals(1)
    box.setSuffix(f" {feature.unit}" if feature.unit else "")
    box.setSpecialValueText(UNKNOWN)
    inside = isinstance(value, int | float) and low <= value <= high
    box.setValue(float(value) if inside and isinstance(value, int | float) else box.minimum())
    return box


def _refine_editor(refines: bool) -> QDoubleSpinBox:
    box = described(
        QDoubleSpinBox(),
        "scan_refine",
        accessible="Refine the identity for up to",
        tooltip=REFINE_TOOLTIP if refines else "This generator finds its best identity at once",
    )
    box.setRange(0.0, MOST_S)
    box.setDecimals(0)
    box.setSingleStep(REFINE_STEP_S)
    box.setSuffix(" s")
    box.setSpecialValueText(NOT_AT_ALL)
    box.setValue(DEFAULT_S if refines else 0.0)
    box.setEnabled(refines)
    return box


def _words(text: str, *, name: str = "") -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    return label


def _value(editor: QDoubleSpinBox | QComboBox) -> Value:
    if isinstance(editor, QComboBox):
        code: Value = editor.currentData()
        return code
    return None if editor.value() == editor.minimum() else editor.value()
