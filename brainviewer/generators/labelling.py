"""The regions of any generator's brains: its own where it knows them, else a network's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.tissues import T1, TISSUES
from brainviewer.generators.base import KnowsRegions
from brainviewer.generators.parcellation import shipped_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.base import Generator, Identity
    from brainviewer.generators.parcellation import Parcellation, Parcellator

# How bright the tissues are in a T1-weighted image, where white matter is at three quarters.
BRIGHTNESS = {"WM": 0.75, "GM": 0.52, "CSF": 0.18}


class NetworkRegions:
    """The regions of a generator's brains, found in their images: one brain is kept.

    Parameters
    ----------
    generator : Generator
    network : Parcellator
    """

    def __init__(self, generator: Generator, network: Parcellator) -> None:
        self._generator, self._network = generator, network
        self._kept: tuple[tuple[object, ...], Parcellation] | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the R regions."""
        return self._network.names

    def region_volumes(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Measure the regions of a brain: (R,) float32, mL."""
        return self._find(identity, conditions).volumes_ml

    def region_labels(self, identity: Identity, conditions: Conditions) -> NDArray[np.int16]:
        """Label a brain: (I, J, K) int16, 1 + the index of the region, 0 for none."""
        return self._find(identity, conditions).labels

    def _find(self, identity: Identity, conditions: Conditions) -> Parcellation:
        key = (identity.key, tuple(sorted(conditions.items())))
        if self._kept is None or self._kept[0] != key:
            brain = self._generator.generate(identity, conditions)
            self._kept = (key, label_brain(brain, self._network))
        return self._kept[1]


def regions_of(generator: Generator, device: str = "auto") -> KnowsRegions:
    """Return who knows the regions of a generator's brains: itself, or the network.

    Raises
    ------
    ParcellationError
        When it is the network's turn and it cannot be read.
    """
    if isinstance(generator, KnowsRegions) and generator.regions:
        return generator
    return NetworkRegions(generator, shipped_network(device))


def label_brain(brain: Brain, network: Parcellator) -> Parcellation:
    """Find the regions of a brain in its T1-weighted image, or in its tissues lit like one."""
    if T1 in brain.channels:
        image = brain.data[brain.channels.index(T1)]
    else:
        image = lit_tissues(brain.data[[brain.channels.index(tissue) for tissue in TISSUES]])
    return network(image, brain.affine)


def lit_tissues(maps: NDArray[np.floating]) -> FloatArray:
    """Make an image (I, J, K) like a T1-weighted one of tissue maps (3, I, J, K)."""
    weights = np.array([BRIGHTNESS[tissue] for tissue in TISSUES], dtype=np.float32)
    return np.asarray(np.tensordot(weights, maps, axes=1), dtype=np.float32)
