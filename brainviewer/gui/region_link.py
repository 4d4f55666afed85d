"""Keeps the regions that are seen in step with the session: panel, slices, 3D view, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.gui.region_panel import RegionPanel
    from brainviewer.gui.trajectory_panel import TrajectoryPanel
    from brainviewer.gui.viewing_area import ViewingArea
    from brainviewer.session.region_map import RegionMap
    from brainviewer.session.state import Session


class RegionLink:
    """Connects the choice of regions with the window until it is closed.

    Parameters
    ----------
    session : Session
    viewing : ViewingArea
    panel : RegionPanel
    curves : TrajectoryPanel
    """

    def __init__(
        self,
        session: Session,
        viewing: ViewingArea,
        panel: RegionPanel,
        curves: TrajectoryPanel,
    ) -> None:
        self._session = session
        self._viewing = viewing
        self._panel = panel
        self._curves = curves
        self._regions = viewing.display.regions
        session.region_map.changed.connect(self._on_map_changed)
        session.checkpoint_changed.connect(self._on_checkpoint_changed)
        self._regions.changed.connect(self._on_regions_changed)
        panel.region_toggled.connect(self._on_region_toggled)
        panel.none_requested.connect(self._on_none_requested)

    def close(self) -> None:
        """Let go of the session."""
        self._session.region_map.changed.disconnect(self._on_map_changed, missing_ok=True)
        self._session.checkpoint_changed.disconnect(self._on_checkpoint_changed, missing_ok=True)
        self._regions.changed.disconnect(self._on_regions_changed, missing_ok=True)

    def _on_map_changed(self, found: RegionMap | None) -> None:
        self._regions.show_map(found)

    def _on_regions_changed(self) -> None:
        self._panel.show_chosen(self._regions.chosen)
        self._viewing.pane_3d.show_regions(self._regions.visible)
        self._show_curves()

    def _on_checkpoint_changed(self, _checkpoint: Checkpoint) -> None:
        self._show_curves()

    def _show_curves(self) -> None:
        """Plot the chosen regions that the generator knows."""
        decoder, chosen = self._session.decoder, self._regions.chosen
        self._session.curves.measure_regions([region.name for region in chosen])
        known = () if decoder is None else decoder.regions
        self._curves.show_regions([region for region in chosen if region.name in known])

    def _on_region_toggled(self, name: str, shown: bool) -> None:
        if shown and not self._regions.chosen:
            self._viewing.pane_3d.let_see_inside()
        self._regions.show(name, shown)

    def _on_none_requested(self) -> None:
        self._regions.replace([])
