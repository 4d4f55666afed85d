"""Offers the labels of open images as structures to differentiate."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from brainviewer.core.regions import LabelRegions, RegionError, label_regions

if TYPE_CHECKING:
    from brainviewer.core.volume import Volume
    from brainviewer.gui.gradient_panel import GradientPanel
    from brainviewer.session.display import Display
    from brainviewer.session.state import Session

_LOG = logging.getLogger(__name__)


class LabelLink:
    """Keeps the labels that a gradient panel offers in step with the label images that are open.

    Each image is brought to the generator's grid once.
    """

    def __init__(self, session: Session, display: Display, panel: GradientPanel) -> None:
        self._session = session
        self._display = display
        self._panel = panel
        self._known: dict[tuple[int, bytes], tuple[Volume, LabelRegions | None]] = {}
        self._shown: list[LabelRegions] = []
        self._facts = (display.layers_changed, session.checkpoint_changed)
        for fact in self._facts:
            fact.connect(self._on_changed)
        panel.label_requested.connect(session.gradients.choose_label)

    def close(self) -> None:
        """Let go of the display and the session."""
        for fact in self._facts:
            fact.disconnect(self._on_changed)
        self._panel.label_requested.disconnect(self._session.gradients.choose_label)

    def _on_changed(self) -> None:
        generator = self._session.generator
        if generator is None:
            return
        grid = generator.affine.tobytes()
        # Frames come too fast to bring each to the generator's grid.
        labels = [it for it in self._display.layers if it.kind == "label" and it.frames == 1]
        images = [it.volume for it in labels]
        known = {}
        for image in images:
            key = (id(image.data), grid)
            known[key] = self._known.get(key) or (image, self._regions(image))
        self._known = known
        regions = [own for _, own in known.values() if own is not None]
        if regions != self._shown:
            self._shown = regions
            self._panel.show_regions(regions)

    def _regions(self, image: Volume) -> LabelRegions | None:
        generator = self._session.generator
        assert generator is not None
        try:
            return label_regions(image, affine=generator.affine, shape=generator.shape)
        except RegionError as error:
            _LOG.info("%s", error)
            return None
