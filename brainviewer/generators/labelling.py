"""The regions of any generator's brains: its own where it knows them, else a network's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.tissues import T1, TISSUES
from brainviewer.core.volume import voxel_spacing
from brainviewer.generators.base import KnowsRegions
from brainviewer.generators.parcellation import ParcellationError, finish, shipped_network

if TYPE_CHECKING:
    from collections.abc import Generator as Steps

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine, Brain, FloatArray
    from brainviewer.generators.base import Generator, Identity
    from brainviewer.generators.parcellation import Parcellation, Parcellator

# How bright the tissues are in a T1-weighted image, where white matter is at three quarters.
BRIGHTNESS = {"WM": 0.75, "GM": 0.52, "CSF": 0.18}
COARSEST_MM = 2.5
LEAST_TISSUE = 0.3  # of a voxel of the brain
FAINT = 0.03  # of the intensity of an image, where white matter is at three quarters


class NetworkRegions:
    """The regions of a generator's brains, found in their images; the last brain's are kept.

    Parameters
    ----------
    generator : Generator
    network : Parcellator
    """

    def __init__(self, generator: Generator, network: Parcellator) -> None:
        self.network = network
        self._generator = generator
        self._kept: tuple[tuple[object, ...], Parcellation] | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the R regions."""
        return self.network.names

    def region_volumes(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Measure the regions of a brain: (R,) float32, mL."""
        return finish(self.steps(identity, conditions)).volumes_ml

    def region_labels(self, identity: Identity, conditions: Conditions) -> NDArray[np.int16]:
        """Label a brain: (I, J, K) int16, 1 + the index of the region, 0 for none."""
        return finish(self.steps(identity, conditions)).labels

    def steps(self, identity: Identity, conditions: Conditions) -> Steps[None, None, Parcellation]:
        """Find the regions of a brain in steps of a fraction of a second."""
        key = (identity.key, tuple(sorted(conditions.items())))
        if self._kept is not None and self._kept[0] == key:
            return self._kept[1]
        brain = self._generator.generate(identity, conditions)
        yield
        found = yield from self.network.steps(image_of(brain), brain.affine)
        self._kept = (key, found)
        return found


def regions_of(generator: Generator, device: str = "auto") -> KnowsRegions:
    """Return who knows the regions of a generator's brains: itself, or the network.

    Raises
    ------
    ParcellationError
        When it is the network's turn and it cannot be read, or the voxels are too large for it.
    """
    if isinstance(generator, KnowsRegions) and generator.regions:
        return generator
    if not can_label(generator.affine):
        raise ParcellationError(
            f"{generator.name} makes brains voxel by voxel, and in voxels larger than "
            f"{COARSEST_MM} mm no regions can be found; choose a diffeomorphic generator"
        )
    return NetworkRegions(generator, shipped_network(device))


def can_label(affine: Affine) -> bool:
    """Whether voxels of this size show regions."""
    return bool(voxel_spacing(affine).max() <= COARSEST_MM)


def image_of(brain: Brain) -> FloatArray:
    """Return the T1-weighted image (I, J, K) of a brain, or its tissues lit like one.

    Exactly 0 outside the brain, where a network may leave traces of tissue.
    """
    tissues = brain.data[[i for i, name in enumerate(brain.channels) if name in TISSUES]]
    if T1 in brain.channels:
        image: FloatArray = brain.data[brain.channels.index(T1)]
    else:
        image = lit_tissues(brain.data[[brain.channels.index(tissue) for tissue in TISSUES]])
    inside = tissues.sum(axis=0) > LEAST_TISSUE if len(tissues) else image > FAINT
    return np.where(inside, image, np.float32(0.0))


def lit_tissues(maps: NDArray[np.floating]) -> FloatArray:
    """Make an image (I, J, K) like a T1-weighted one of tissue maps (3, I, J, K)."""
    weights = np.array([BRIGHTNESS[tissue] for tissue in TISSUES], dtype=np.float32)
    return np.asarray(np.tensordot(weights, maps, axes=1), dtype=np.float32)
