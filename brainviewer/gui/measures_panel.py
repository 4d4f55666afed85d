"""The lower side: the trajectory, and beside it the volumes as numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

from brainviewer.gui.trajectory_panel import TrajectoryPanel
from brainviewer.gui.volumes_table import VolumesTable

HEIGHT_PIXELS = 190


class MeasuresPanel(QWidget):
    """What is measured in the brain that is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("measures_panel")
        self.setMinimumHeight(HEIGHT_PIXELS)
        self.trajectory = TrajectoryPanel()
        self.volumes = VolumesTable()
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setObjectName("measures_splitter")
        splitter.addWidget(self.trajectory)
        splitter.addWidget(self.volumes)
        splitter.setStretchFactor(0, 1)
        splitter.setChildrenCollapsible(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(splitter)
