"""The trajectories with what belongs to them: which tissues, what the bands are, the read-out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from brainviewer.core.scenario import AGE, SEX
from brainviewer.core.tissues import TISSUE_NAMES
from brainviewer.gui.controls import caption_label, described, icon_button
from brainviewer.gui.pins_row import PinsRow
from brainviewer.gui.theme import theme_of
from brainviewer.gui.trajectory_axes import Beside, Marked
from brainviewer.gui.trajectory_plot import TrajectoryPlot
from brainviewer.gui.wording import volume_words
from brainviewer.session.own_point import OWN_COLOR
from brainviewer.session.request import structures_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainviewer.core.features import Value
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.pins import Pin
    from brainviewer.session.shown_regions import ShownRegion
    from brainviewer.session.trajectory import Trajectory

NO_STRUCTURES = "This generator makes images without tissue maps, so there are no volumes to plot"
NO_AGES = "This generator takes no features, so there is no course over age"
PIN_TOOLTIP = "Pin this person with edits and scenario, for comparison (Ctrl+P)"
HINT = ""
# More curves side by side could not be read; those that were chosen last are plotted.
MOST_REGIONS = 4
TOGGLE_PIXELS = 150


class TrajectoryPanel(QWidget):
    """Shows a person's volumes over age beside the training people.

    Signals
    -------
    age_requested : float, years
    pin_requested
        Keep the person of now for comparison.
    """

    age_requested = Signal(float)
    pin_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._checkpoint: Checkpoint | None = None
        self._trajectory: Trajectory | None = None
        self._other: Trajectory | None = None
        self._own: Trajectory | None = None
        self._own_point: Marked | None = None
        self._pins: tuple[Pin, ...] = ()
        self._factual: Marked | None = None
        self._factual_regions: Mapping[str, float] = {}
        self._sex = ""
        self._colors: dict[str, str] = {}
        self.toggles: dict[str, QCheckBox] = {}
        self.legend = caption_label("trajectory_legend")
        self.readout = QLabel(HINT)
        self.plot = TrajectoryPlot()
        self.nothing = QLabel(NO_STRUCTURES)
        self.other = described(
            QCheckBox("Other scenario"),
            "show_other_scenario",
            accessible="Plot the other scenario",
            tooltip="Plot the person in the other scenario too: the dashed line",
        )
        self.other.setChecked(True)
        self.spreads = described(
            QCheckBox("All spreads"),
            "show_all_spreads",
            accessible="Plot the spread of all curves",
            tooltip="Plot the spread over other draws of every curve, not only of this person's",
        )
        self.own = described(
            QCheckBox("From own scan"),
            "show_own_course",
            accessible="Plot the course from the own scan",
            tooltip="Plot how the volumes that were measured on the scan would go on: changed as "
            "this person's are by the generator, with the spread of other draws who begin there",
        )
        self.own.setChecked(True)
        self.own.hide()
        self.pin_button = icon_button("pin_person", "pin", PIN_TOOLTIP)
        self.pins = PinsRow()
        self._toggle_row = QHBoxLayout()
        self._lay_out()
        self.plot.show_theme(theme_of(self.palette()))
        self.plot.age_requested.connect(self.age_requested)
        self.plot.pointed_at.connect(self._on_pointed_at)
        self.pin_button.clicked.connect(self.pin_requested)
        for toggle in (self.own, self.other, self.spreads):
            toggle.toggled.connect(self._show_beside)

    def show_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Make axes and toggles for the structures of a checkpoint."""
        self._checkpoint = checkpoint
        has_ages = AGE in checkpoint.schema
        structures = structures_of(checkpoint) if has_ages else ()
        self._make_toggles(structures)
        self._colors = {}
        self.plot.show_structures(structures, age_range_of(checkpoint))
        widgets: tuple[QWidget, ...] = (self.plot, self.legend, self.readout, *self._choices)
        for widget in widgets:
            widget.setVisible(bool(structures))
        self.nothing.setText(NO_STRUCTURES if has_ages else NO_AGES)
        self.nothing.setVisible(not structures)
        self.show_sex(None)

    def show_regions(self, regions: Sequence[ShownRegion]) -> None:
        """Plot regions beside the tissues, each in its colour: the last few, and no others."""
        if self._checkpoint is None or AGE not in self._checkpoint.schema:
            return
        colors = {region.name: region.color for region in regions[-MOST_REGIONS:]}
        structures = (*structures_of(self._checkpoint), *colors)
        if structures == tuple(self.toggles) and colors == self._colors:
            return
        self._colors = colors
        left_out = {name for name, toggle in self.toggles.items() if not toggle.isChecked()}
        self._make_toggles(structures)
        self.plot.show_structures(structures, age_range_of(self._checkpoint), colors)
        self.plot.show_trajectory(self._trajectory)
        for name in left_out & self.toggles.keys():
            self.toggles[name].setChecked(False)
        self._on_toggled()

    def show_sex(self, sex: Value) -> None:
        """Compare with the training people of this sex; with everyone when it is not given."""
        if self._checkpoint is None:
            return
        schema = self._checkpoint.schema
        code = sex if isinstance(sex, str) and SEX in schema else None
        self._sex = "" if code is None else schema[SEX].label(code)
        self.plot.show_population(self._checkpoint.population, code)
        self._write_legend()

    def show_trajectory(self, trajectory: Trajectory | None) -> None:
        """Show a person's curve, as far as it is known."""
        self._trajectory = trajectory
        self.plot.show_trajectory(trajectory)

    def show_other(self, other: Trajectory | None) -> None:
        """Show a person's curve in the scenario that was not chosen."""
        self._other = other
        if other is not None:
            self.other.setText(f"{other.scenario.value.capitalize()} too")
        self._show_beside()

    def show_own(self, point: Marked | None, own: Trajectory | None) -> None:
        """Show what was measured on the person's scan and the course from there; None hides it."""
        self._own_point, self._own = point, own
        self.own.setVisible(own is not None)
        self._show_beside()

    def show_pins(self, pins: tuple[Pin, ...]) -> None:
        """Show the curves that were pinned, and their list."""
        self._pins = pins
        self.pins.show_pins(pins)
        self._show_beside()

    @property
    def unplotted(self) -> tuple[str, ...]:
        """The structures whose curves are left out."""
        return tuple(name for name, toggle in self.toggles.items() if not toggle.isChecked())

    def leave_out(self, structures: Sequence[str]) -> None:
        """Plot the curves of all structures but these."""
        for name, toggle in self.toggles.items():
            toggle.setChecked(name not in structures)

    def show_age(self, age: float) -> None:
        """Move the marker to an age in years."""
        self.plot.show_age(age)

    def show_now(self, now: Marked | None) -> None:
        """Move the dot to the brain that is on the screen."""
        self.plot.show_now(now)

    def show_factual(self, factual: Marked | None) -> None:
        """Mark the person as given."""
        self._factual = factual
        self._show_factual()

    def show_factual_regions(self, volumes_ml: Mapping[str, float]) -> None:
        """Mark the regions of the person as given, too."""
        self._factual_regions = volumes_ml
        self._show_factual()

    def changeEvent(self, event: QEvent) -> None:
        """Take on the colours of another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.plot.show_theme(theme_of(self.palette()))

    def _lay_out(self) -> None:
        self.readout.setProperty("role", "caption")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setWordWrap(True)
        self.nothing.hide()
        head = QHBoxLayout()
        head.setContentsMargins(8, 2, 8, 0)
        head.addLayout(self._toggle_row)
        head.addWidget(self.own)
        head.addWidget(self.other)
        head.addWidget(self.spreads)
        head.addWidget(self.pin_button)
        head.addSpacing(8)
        head.addWidget(self.legend, 1)
        head.addWidget(self.readout)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        column.addWidget(self.pins)
        column.addWidget(self.nothing, 1)

    def _make_toggles(self, structures: tuple[str, ...]) -> None:
        for toggle in self.toggles.values():
            self._toggle_row.removeWidget(toggle)
            toggle.hide()
            toggle.deleteLater()
        self.toggles = {name: _toggle(name) for name in structures}
        for toggle in self.toggles.values():
            toggle.toggled.connect(self._on_toggled)
            self._toggle_row.addWidget(toggle)

    def _show_factual(self) -> None:
        marked = self._factual
        if marked is not None:
            volumes = {**marked.volumes_ml, **self._factual_regions}
            marked = Marked(marked.age, volumes)
        self.plot.show_factual(marked)

    @property
    def _choices(self) -> tuple[QWidget, ...]:
        return self.other, self.spreads, self.pin_button

    def _show_beside(self) -> None:
        spread = self.spreads.isChecked()
        others = [self._other] if self._other is not None and self.other.isChecked() else []
        own = [self._own] if self._own is not None and self.own.isChecked() else []
        self.plot.show_own_point(self._own_point if own else None)
        visible = [pin for pin in self._pins if pin.visible]
        self.plot.show_beside(
            [
                *(Beside(it, OWN_COLOR, has_spread=True) for it in own),
                *(Beside(it, has_spread=spread) for it in others),
                *(Beside(pin.trajectory, pin.color, spread) for pin in visible),
            ]
        )

    def _write_legend(self) -> None:
        if self._checkpoint is not None:
            people = f"training people{', ' if self._sex else ''}{self._sex}"
            self.legend.setText(f"━ this person   ┅ other scenario   ▒ other draws   ░ {people}")
            self.legend.setToolTip(
                f"Thick line: this person in the scenario\n"
                f"Dashed line: in the other scenario\n"
                f"Other thin lines: pins\n"
                f"Coloured band: 5th to 95th percentile of other identities, same conditions\n"
                f"Grey bands and line: {people}: 5th to 95th and 25th to 75th percentile, median\n"
                f"Ring: the person as given\n"
                f"Red, from a diamond: what was measured on an own scan, and how it would go on; "
                f"the band holds how differently others change"
            )

    def _on_toggled(self) -> None:
        self.plot.show_only([name for name, it in self.toggles.items() if it.isChecked()])

    def _on_pointed_at(self, age: float) -> None:
        shown = [name for name, it in self.toggles.items() if it.isChecked()]
        words = HINT if math.isnan(age) else _readout(self._trajectory, age, shown)
        self.readout.setText(words)


def age_range_of(checkpoint: Checkpoint) -> tuple[float, float]:
    """Return the ages of the training people in years; any where the generator takes none."""
    if AGE not in checkpoint.schema:
        return 0.0, 1.0
    known = checkpoint.schema[AGE].fitted
    return known.low, known.high


def _readout(trajectory: Trajectory | None, age: float, structures: Sequence[str]) -> str:
    """Say the volumes of structures at an age: between two known ages, those between."""
    words = []
    if trajectory is None:
        return f"{age:.1f} years"
    for name in structures:
        volumes = trajectory.volumes.get(name, np.empty(0))
        known = np.isfinite(volumes)
        if known.any():
            value = np.interp(age, trajectory.ages[known], volumes[known])
            words.append(f"{name} {volume_words(value)}")
    return f"{age:.1f} years: {', '.join(words)} mL" if words else f"{age:.1f} years"


def _toggle(structure: str) -> QCheckBox:
    name = TISSUE_NAMES.get(structure, structure)
    toggle = described(
        QCheckBox(),
        f"show_{structure.replace(' ', '_')}",
        accessible=f"Plot {name}",
        tooltip=f"Plot {name}",
    )
    room = toggle.fontMetrics()
    toggle.setText(room.elidedText(structure, Qt.TextElideMode.ElideMiddle, TOGGLE_PIXELS))
    toggle.setChecked(True)
    return toggle
