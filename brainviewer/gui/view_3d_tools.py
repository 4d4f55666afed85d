"""The tool row of the 3D pane."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from brainviewer.gui.brain_surfaces import Surface
from brainviewer.gui.controls import described
from brainviewer.gui.volume_presets import EXPLANATIONS, Mode
from brainviewer.session.scene import CLIPS

if TYPE_CHECKING:
    from brainviewer.gui.scene_3d import Side
    from brainviewer.session.scene import Look3D

SEE_INSIDE_PERCENT = 25

_SIDES: dict[Side, str] = {
    "L": "the left (key 3)",
    "R": "the right (Shift+3)",
    "A": "the front (key 1)",
    "P": "the back (Shift+1)",
    "S": "above (key 7)",
    "I": "below (Shift+7)",
}
_CLIP_TEXTS = {
    "": "Whole",
    "L": "Cut left",
    "R": "Cut right",
    "A": "Cut front",
    "P": "Cut back",
    "S": "Cut top",
    "I": "Cut bottom",
}
_SURFACES = {
    Surface.CORTEX: ("Cortex", "Show the outer surface of the grey matter"),
    Surface.WHITE_MATTER: ("White matter", "Show the surface between white and grey matter"),
    Surface.VENTRICLES: (
        "Ventricles",
        "Show the fluid deep inside; lower the opacity of the cortex, or hide it, to see it",
    ),
}
_MODE_TOOLTIP = "\n".join(f"{mode}: {about}" for mode, about in EXPLANATIONS.items())


class View3DTools(QWidget):
    """Asks for a view, a way of drawing and what is drawn.

    Signals
    -------
    side_requested : str, one of L R A P S I
    reset_requested
    mode_requested : Mode
    surface_toggled : Surface, bool
    opacity_requested : float in [0, 1], of the cortex
    clip_requested : str
        The side to cut away, one of L R A P S I; empty for none.
    """

    side_requested = Signal(str)
    reset_requested = Signal()
    mode_requested = Signal(object)
    surface_toggled = Signal(object, bool)
    opacity_requested = Signal(float)
    clip_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("view_3d_tools")
        self.side_buttons = {side: _side_button(side, where) for side, where in _SIDES.items()}
        self.reset_button = described(
            QPushButton("Reset"),
            "view_3d_reset",
            accessible="Reset the 3D view",
            tooltip="Look from the left, the front and above again (key R)",
        )
        self.mode_chooser = _mode_chooser()
        self.clip_chooser = _clip_chooser()
        self.surface_boxes = {surface: _surface_box(surface) for surface in Surface}
        self.opacity_slider = _opacity_slider()
        self.opacity_label = QLabel("100 %")
        self._lay_out()
        self._connect()

    def show_look(self, look: Look3D) -> None:
        """Show how the brain is drawn; what differs from before is asked for."""
        self.mode_chooser.setCurrentText(look.mode)
        for surface, box in self.surface_boxes.items():
            box.setChecked(surface.name.lower() in look.surfaces)
        self.opacity_slider.setValue(round(100 * look.cortex_opacity))
        self.clip_chooser.setCurrentIndex(list(CLIPS).index(look.clip))

    def let_see_inside(self) -> None:
        """Make an opaque cortex see-through."""
        if self.opacity_slider.value() == self.opacity_slider.maximum():
            self.opacity_slider.setValue(SEE_INSIDE_PERCENT)

    def show_next_clip(self) -> None:
        """Cut the next side away, after the last none."""
        following = (self.clip_chooser.currentIndex() + 1) % self.clip_chooser.count()
        self.clip_chooser.setCurrentIndex(following)

    def _lay_out(self) -> None:
        """Put what is looked from above what is looked at: one row would widen the column."""
        cortex, *inner = self.surface_boxes.values()
        self.opacity_label.setMinimumWidth(self.opacity_label.sizeHint().width())
        rows = (
            (*self.side_buttons.values(), self.reset_button, self.mode_chooser, self.clip_chooser),
            (cortex, self.opacity_slider, self.opacity_label, *inner),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        for widgets in rows:
            row = QHBoxLayout()
            row.setSpacing(4)
            for widget in widgets:
                row.addWidget(widget)
            row.addStretch(1)
            column.addLayout(row)

    def _connect(self) -> None:
        for side, button in self.side_buttons.items():
            button.clicked.connect(partial(self.side_requested.emit, side))
        for surface, box in self.surface_boxes.items():
            box.toggled.connect(partial(self.surface_toggled.emit, surface))
        self.reset_button.clicked.connect(self._on_reset_clicked)
        self.mode_chooser.currentIndexChanged.connect(self._on_mode_chosen)
        self.clip_chooser.currentIndexChanged.connect(self._on_clip_chosen)
        self.opacity_slider.valueChanged.connect(self._on_opacity_moved)

    def _on_reset_clicked(self) -> None:
        self.reset_requested.emit()

    def _on_mode_chosen(self, index: int) -> None:
        mode = list(Mode)[index]
        for widget in (*self.surface_boxes.values(), self.opacity_slider, self.opacity_label):
            widget.setEnabled(mode is Mode.SURFACES)
        self.mode_requested.emit(mode)

    def _on_clip_chosen(self, index: int) -> None:
        self.clip_requested.emit(CLIPS[index])

    def _on_opacity_moved(self, percent: int) -> None:
        self.opacity_label.setText(f"{percent} %")
        self.opacity_requested.emit(percent / 100)


def _side_button(side: Side, where: str) -> QToolButton:
    button = described(
        QToolButton(),
        f"view_3d_from_{side}",
        accessible=f"Look from {where}",
        tooltip=f"Look from {where}",
    )
    button.setText(side)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _mode_chooser() -> QComboBox:
    chooser = described(
        QComboBox(), "view_3d_mode", accessible="How the brain is drawn", tooltip=_MODE_TOOLTIP
    )
    chooser.addItems(list(Mode))
    return chooser


def _clip_chooser() -> QComboBox:
    chooser = described(
        QComboBox(),
        "view_3d_clip",
        accessible="What is cut away",
        tooltip="Cut a side of the brain away, up to the crosshair (key C: the next one)",
    )
    chooser.addItems([_CLIP_TEXTS[side] for side in CLIPS])
    return chooser


def _surface_box(surface: Surface) -> QCheckBox:
    text, explanation = _SURFACES[surface]
    box = described(
        QCheckBox(text),
        f"view_3d_{surface.name.lower()}",
        accessible=explanation,
        tooltip=explanation,
    )
    box.setChecked(surface is not Surface.WHITE_MATTER)
    return box


def _opacity_slider() -> QSlider:
    slider = described(
        QSlider(Qt.Orientation.Horizontal),
        "view_3d_opacity",
        accessible="Opacity of the cortex in percent",
        tooltip="Opacity of the cortex, in percent: lower it to see inside",
    )
    slider.setRange(0, 100)
    slider.setPageStep(10)
    slider.setValue(100)
    slider.setFixedWidth(90)
    return slider
