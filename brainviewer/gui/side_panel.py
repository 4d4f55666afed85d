"""The left side: everything that says which brain is shown."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from brainviewer.core.scenario import AGE, SEX
from brainviewer.gui.age_slider import AgeSlider
from brainviewer.gui.checkpoint_panel import CheckpointPanel
from brainviewer.gui.feature_panel import FeaturePanel
from brainviewer.gui.person_panel import PersonPanel
from brainviewer.gui.scenario_box import ScenarioBox
from brainviewer.gui.sex_buttons import SexButtons

WIDTH_PIXELS = 310


class SidePanel(QWidget):
    """The controls for generator, age, sex, scenario, person and features, in this order."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("side_panel")
        self.setMinimumWidth(WIDTH_PIXELS)
        self.checkpoint = CheckpointPanel()
        self.age = AgeSlider()
        self.sex = SexButtons()
        self.scenario = ScenarioBox()
        self.person = PersonPanel()
        self.features = FeaturePanel()
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 6)
        column.setSpacing(8)
        column.addWidget(self.checkpoint)
        column.addWidget(_line())
        for widget in (self.age, self.sex, self.scenario):
            column.addWidget(widget)
        column.addWidget(_line())
        column.addWidget(self.person)
        column.addWidget(_line())
        column.addWidget(self.features, 1)
        self.set_ready(False)

    def go_to(self, feature: str) -> None:
        """Put the keyboard on the editor of a feature."""
        if feature == AGE:
            self.age.slider.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif feature == SEX:
            self.sex.focus_editor()
        else:
            self.features.go_to(feature)

    def set_ready(self, ready: bool) -> None:
        """Let the controls be used once there is a generator."""
        for widget in (self.age, self.sex, self.scenario, self.person, self.features):
            widget.setEnabled(ready)


def _line() -> QFrame:
    line = QFrame()
    line.setProperty("role", "line")
    line.setFixedHeight(1)
    return line
