"""One scan of one's own, ready to be encoded: what the window holds of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.space import resample
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, Volume

if TYPE_CHECKING:
    from brainviewer.core.volume import Affine

STAGES = (
    "Reading the scan",
    "Finding the brain",
    "Evening out the brightness",
    "Aligning to the template",
    "Separating the tissues",
    "Moving to the common grid",
)


@dataclass(frozen=True, slots=True, eq=False)
class OwnScan:
    """A scan that is ready to be encoded.

    Attributes
    ----------
    name : str
        Of the file, without suffix.
    t1 : Volume
        Brain only, in [0, 1] with white matter at 0.75, on the scan's own voxels; its affine leads
        to the world of the tissue maps.
    maps : Brain
        WM, GM, CSF and T1w on the grid of a cohort, rigidly aligned: volumes are the person's own.
    to_rigid : (4, 4) float64 ndarray
        World of the scan's file to the world of the maps, mm.
    volumes_ml : dict of tissue to float, mL
        Measured on the scan's own voxels.
    doubts : tuple of str
        What is unusual about the scan, but not so much that it is refused.
    """

    name: str
    t1: Volume
    maps: Brain
    to_rigid: Affine
    volumes_ml: dict[str, float]
    doubts: tuple[str, ...] = ()

    def on_grid(
        self, shape: tuple[int, int, int], affine: Affine, channels: tuple[str, ...] = TISSUES
    ) -> Brain:
        """Return what a generator makes of a person, tissue maps or T1w, on its grid."""
        moved = [
            resample(self.maps.volume(channel), affine=affine, shape=shape).data
            for channel in channels
        ]
        return Brain(channels, np.stack(moved).astype(np.float32), affine)
