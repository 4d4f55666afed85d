"""Volumes and brains: arrays that know where they lie in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Affine = NDArray[np.float64]

ML_PER_MM3 = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A scalar image in RAS+ order.

    Attributes
    ----------
    data : (I, J, K) ndarray
        Values; i grows to the person's right, j to anterior, k to superior.
    affine : (4, 4) float64 ndarray
        Voxel indices (i, j, k, 1) to world coordinates (x, y, z, 1) in mm.
    name : str
        What it shows, for lists and read-outs.
    """

    data: NDArray[np.generic]
    affine: Affine
    name: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of voxels along i, j and k."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """The distance between neighbouring voxel centres along i, j, k: (3,), mm."""
        return voxel_spacing(self.affine)

    @property
    def voxel_volume_ml(self) -> float:
        """The volume of one voxel in mL."""
        return voxel_volume_ml(self.affine)


@dataclass(frozen=True, slots=True, eq=False)
class Brain:
    """What a generator makes: one or more maps on one grid.

    Attributes
    ----------
    channels : tuple of str
        The name of each map: ``("WM", "GM", "CSF")`` for tissue maps, ``("T1w",)`` for an image.
    data : (C, I, J, K) float32 ndarray
        Partial volumes in [0, 1], or intensities in [0, 1].
    affine : (4, 4) float64 ndarray, mm
    """

    channels: tuple[str, ...]
    data: FloatArray
    affine: Affine

    def volume(self, channel: str) -> Volume:
        """One map as a `Volume`; KeyError if the brain has no such channel."""
        if channel not in self.channels:
            raise KeyError(f"the brain has the channels {', '.join(self.channels)}, not {channel}")
        return Volume(self.data[self.channels.index(channel)], self.affine, channel)


def voxel_spacing(affine: Affine) -> NDArray[np.float64]:
    """Column lengths of the affine: (3,), mm."""
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0), dtype=np.float64)


def voxel_volume_ml(affine: Affine) -> float:
    """|det| of the affine's 3 x 3 part, in mL."""
    return float(abs(np.linalg.det(affine[:3, :3]))) * ML_PER_MM3
