"""The parts around the slices, as a recipe says how they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainviewer.session.panels import Panels

if TYPE_CHECKING:
    from brainviewer.gui.docks import Docks
    from brainviewer.gui.gradient_panel import GradientPanel
    from brainviewer.gui.region_panel import RegionPanel
    from brainviewer.gui.trajectory_panel import TrajectoryPanel


class PanelsLink:
    """Describes the parts around the slices, and shows them as described.

    Parameters
    ----------
    docks : Docks
    trajectory : TrajectoryPanel
    gradients : GradientPanel
    regions : RegionPanel
    """

    def __init__(
        self,
        docks: Docks,
        *,
        trajectory: TrajectoryPanel,
        gradients: GradientPanel,
        regions: RegionPanel,
    ) -> None:
        self.docks = docks
        self.gradients = gradients
        self._trajectory = trajectory
        self._regions = regions

    def panels(self) -> Panels:
        """Describe them."""
        trajectory = self._trajectory
        return Panels(
            self.docks.in_front_beside,
            trajectory.unplotted,
            trajectory.other.isChecked(),
            trajectory.spreads.isChecked(),
            self.gradients.has_own_units,
            self._regions.ordered_by,
        )

    def show(self, panels: Panels) -> None:
        """Show them that way."""
        self._trajectory.leave_out(panels.unplotted)
        self._trajectory.other.setChecked(panels.other_scenario)
        self._trajectory.spreads.setChecked(panels.all_spreads)
        self.gradients.show_own_units(panels.own_units)
        self._regions.order_by(panels.region_order)
        self.docks.bring_beside(panels.side)
