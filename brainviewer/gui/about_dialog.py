"""About: versions and device, as one pastes them into a report, and what this is not."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

import brainviewer
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.gui.controls import described
from brainviewer.gui.icons import window_icon

LIBRARIES = ("torch", "PySide6-Essentials", "vtk", "pyvista", "nibabel", "numpy", "matplotlib")
ICON_PIXELS = 64
PURPOSE = (
    "Turn a generative model of the human brain by hand: age it, edit it, measure it, export it."
)


class AboutDialog(QDialog):
    """Shows versions and device, and copies them."""

    def __init__(self, device_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("about_dialog")
        self.setWindowTitle("About BrainViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.versions = _label(versions_text(device_name))
        self.versions.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        picture = QLabel()
        picture.setPixmap(window_icon().pixmap(ICON_PIXELS, ICON_PIXELS))
        column = QVBoxLayout(self)
        for widget in (picture, _label(PURPOSE), self.versions, _label(NOT_CLINICAL)):
            column.addWidget(widget)
        column.addWidget(self._buttons())

    def _buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = described(
            QPushButton("&Copy versions"),
            "copy_versions",
            accessible="Copy versions",
            tooltip="Copy the versions and the device, for a report",
        )
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._on_copy_clicked)
        buttons.rejected.connect(self.reject)
        return buttons

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.versions.text())


def versions_text(device_name: str) -> str:
    """List the versions of what the application stands on, and the device."""
    lines = [
        f"BrainViewer {brainviewer.__version__}",
        f"Device: {device_name or 'no generator is loaded yet'}",
        f"Python {platform.python_version()} on {platform.system()} {platform.release()}",
        *(f"{name} {_version(name)}" for name in LIBRARIES),
    ]
    return "\n".join(lines)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "of unknown version"


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    return label
