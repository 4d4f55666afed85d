"""What to export, where to, and under which label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from brainviewer.core.tissues import T1, TISSUES, has_tissues
from brainviewer.gui.controls import described
from brainviewer.gui.export_job import Order, Part
from brainviewer.session.bids import Destination, subject_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH_PIXELS = 560
_BY_DEFAULT = frozenset({Part.BRAIN, Part.TABLE})
_OVER_AGE = (Part.TABLE, Part.PLOT, Part.SERIES)
_TEXTS = {
    Part.BRAIN: ("&Brain", "What the generator makes, as NIfTI with a sidecar that is a recipe"),
    Part.TABLE: ("Trajectory &table (CSV)", "Volumes over age in mL, with their spread"),
    Part.PLOT: ("Trajectory &picture (PNG)", "The plot on white, 10 x 3 inches"),
    Part.SERIES: ("Brains &over age (4D NIfTI)", "One image a map, one frame every two years"),
    Part.REGIONS: (
        "&Regions (NIfTI)",
        "A label image of the regions, with their names, volumes and colours for other viewers",
    ),
    Part.LOCAL_CHANGE: (
        "&Local change (NIfTI)",
        "Where the brain shrinks and grows along the feature that is shown, in percent",
    ),
    Part.CARRIED: (
        "S&can carried (NIfTI)",
        "The person's own scan under these conditions: T1 image and tissue maps on the generator's "
        "grid, and the T1 image on the scan's own voxels",
    ),
    Part.SCREENSHOT: ("&Screenshot (PNG)", "The window as it is now"),
}


class ExportDialog(QDialog):
    """Asks what to export; closes when the order is given.

    Signals
    -------
    ordered : Order

    Parameters
    ----------
    channels : sequence of str
        What the generator makes.
    has_ages : bool
        Whether the generator takes an age.
    label : str
        The proposed label: letters and digits.
    folder : Path
        The proposed folder.
    without : mapping of Part to str, optional
        What cannot be exported, and why.
    """

    ordered = Signal(object)

    def __init__(
        self,
        channels: Sequence[str],
        *,
        has_ages: bool,
        label: str,
        folder: Path,
        without: Mapping[Part, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setWindowTitle("Export — BrainViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(WIDTH_PIXELS)
        self.boxes = {part: _part_box(part, channels) for part in Part}
        if not has_ages:
            for part in _OVER_AGE:
                _forbid(self.boxes[part], "This generator takes no age")
        for part, reason in (without or {}).items():
            _forbid(self.boxes[part], reason)
        self.folder = _field("export_folder", "Folder", "The root of a BIDS derivative dataset")
        self.label = _field("export_label", "Label", "Of the subject: letters and digits")
        self.browse = described(
            QPushButton("&Choose…"),
            "export_browse",
            accessible="Choose the folder",
            tooltip="Choose the folder",
        )
        self.overwrite = described(
            QCheckBox("Re&place files that exist"),
            "export_overwrite",
            accessible="Replace files that exist",
            tooltip="Without it, an export that would replace a file does not begin",
        )
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.buttons = _buttons()
        self._lay_out()
        self._propose(folder, label)
        self._connect()

    def order(self) -> Order:
        """Return what is asked for; ValueError with one sentence when something is missing."""
        boxes = self.boxes.items()
        parts = frozenset(part for part, box in boxes if box.isEnabled() and box.isChecked())
        if not parts:
            raise ValueError("choose something to export")
        if not self.folder.text().strip():
            raise ValueError("choose a folder")
        label = self.label.text().strip()
        if subject_label(label) != label:
            raise ValueError(f"a label has letters and digits only, such as {subject_label(label)}")
        folder = Path(self.folder.text().strip()).expanduser()
        return Order(parts, Destination(folder, label, self.overwrite.isChecked()))

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(self.browse)
        form = QFormLayout()
        form.addRow("&Folder", place)
        form.addRow("&Label", self.label)
        _set_buddy(form, place, self.folder)
        column = QVBoxLayout(self)
        for box in self.boxes.values():
            column.addWidget(box)
        column.addSpacing(8)
        column.addLayout(form)
        for widget in (self.overwrite, self.problem, self.buttons):
            column.addWidget(widget)

    def _propose(self, folder: Path, label: str) -> None:
        for field, text in ((self.folder, str(folder)), (self.label, label)):
            with QSignalBlocker(field):
                field.setText(text)
        self._check()

    def _connect(self) -> None:
        for box in self.boxes.values():
            box.toggled.connect(self._check)
        for field in (self.folder, self.label):
            field.textChanged.connect(self._check)
        self.browse.clicked.connect(self._on_browse_clicked)
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)

    def _check(self) -> None:
        """Say what is missing, and let the export begin only when nothing is."""
        try:
            sentence = ""
            there = self.order().destination.anat
            self.problem.setToolTip(str(there))
        except ValueError as error:
            sentence = str(error)
        self.problem.setText(sentence)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not sentence)

    def _on_browse_clicked(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Export to", self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _on_accepted(self) -> None:
        self.ordered.emit(self.order())
        self.accept()


def _part_box(part: Part, channels: Sequence[str]) -> QCheckBox:
    text, explanation = _TEXTS[part]
    if part is Part.BRAIN:
        text += f": {_made(channels)} (NIfTI)"
    box = described(
        QCheckBox(text),
        f"export_{part}",
        accessible=text.replace("&", ""),
        tooltip=explanation,
    )
    box.setChecked(part in _BY_DEFAULT)
    if part in (Part.TABLE, Part.PLOT) and not set(channels) & set(TISSUES):
        _forbid(box, "This generator makes no tissue maps, so there are no volumes")
    return box


def _forbid(box: QCheckBox, reason: str) -> None:
    box.setChecked(False)
    box.setEnabled(False)
    box.setToolTip(reason)


def _made(channels: Sequence[str]) -> str:
    if not has_tissues(channels):
        return f"{', '.join(channels)} image"
    image = f"{T1} image, " if T1 in channels else ""
    return f"{image}{', '.join(TISSUES)} maps and tissue labels"


def _field(name: str, title: str, explanation: str) -> QLineEdit:
    return described(QLineEdit(), name, accessible=title, tooltip=explanation)


def _set_buddy(form: QFormLayout, place: QHBoxLayout, field: QLineEdit) -> None:
    label = form.labelForField(place)
    if isinstance(label, QLabel):
        label.setBuddy(field)


def _buttons() -> QDialogButtonBox:
    kinds = QDialogButtonBox.StandardButton
    buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
    buttons.button(kinds.Ok).setText("&Export")
    return buttons
