"""A person's own scan, carried to other conditions by the change that a generator models.

A generator whose brains are warps of each other says where everything moves: the scan is warped
along. Any other makes the person twice, before and after, and the difference is added to the scan:
it is re-toned in its place. Either way what the model does not know of the person stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainviewer.core.carrying import Displacement, carry, toned
from brainviewer.core.space import resample
from brainviewer.core.tissues import T1, TISSUES
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.request import Shown, measured_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Generator as BrainGenerator
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.request import Person


class Change(Protocol):
    """What a generator expects to happen to a brain between two conditions."""

    @property
    def words(self) -> str:
        """What is done to the scan: ``"warped"``."""
        ...

    def brain(self, scan: OwnScan, generator: BrainGenerator) -> Brain:
        """Change the maps of a scan, and its T1 image where it has one, on a generator's grid."""
        ...

    def native(self, scan: OwnScan) -> FloatArray:
        """Change the T1 image (I, J, K) of a scan on its own voxels."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Warping:
    """The change of a generator whose brains are warps of each other.

    Attributes
    ----------
    moved : Displacement
    tone : Volume
        By how much an image gets brighter at each place of the changed brain.
    """

    moved: Displacement
    tone: Volume
    words: str = "warped"

    def brain(self, scan: OwnScan, generator: BrainGenerator) -> Brain:
        """Pull maps (linear) and image (cubic) along the displacement, and tone the image."""
        brain = _on_grid(scan, generator)
        found = [
            self._image(brain.volume(it)) if it == T1 else carry(brain.volume(it), self.moved)
            for it in brain.channels
        ]
        return replace(brain, data=np.stack([it.data for it in found]).astype(np.float32))

    def native(self, scan: OwnScan) -> FloatArray:
        """Pull the image along the displacement, and tone it."""
        return self._image(scan.t1).data.astype(np.float32)

    def _image(self, image: Volume) -> Volume:
        """Carry an image with its texture, and make it as bright as it becomes."""
        return toned(carry(image, self.moved, order=3), self.tone)


@dataclass(frozen=True, slots=True, eq=False)
class Retoning:
    """The change of any other generator: what it makes after, minus what it makes before.

    Attributes
    ----------
    difference : Brain
        Tissue maps or a T1 image, on the generator's grid.
    """

    difference: Brain
    words: str = "re-toned"

    def brain(self, scan: OwnScan, generator: BrainGenerator) -> Brain:
        """Add the difference; the image follows the tissues by its own brightness of each."""
        brain = _on_grid(scan, generator)
        data = brain.data.copy()
        for channel, more in zip(self.difference.channels, self.difference.data, strict=True):
            place = brain.channels.index(channel)
            data[place] = np.clip(data[place] + more, 0.0, 1.0)
        if T1 in self.difference.channels:  # the tissues of the scan are not those any more
            return Brain((T1,), data[brain.channels.index(T1)][None], brain.affine)
        tissues = slice(0, len(TISSUES))
        # The maps of a scan are rounded and may sum to a little more than one; they stay.
        full = np.maximum(brain.data[tissues].sum(axis=0), 1.0)
        data[tissues] /= np.maximum(data[tissues].sum(axis=0) / full, 1.0)
        if T1 in brain.channels:
            image = brain.channels.index(T1)
            data[image] = np.clip(data[image] + self._brightness(scan), 0.0, 1.0)
        return replace(brain, data=data)

    def native(self, scan: OwnScan) -> FloatArray:
        """Add the difference in brightness inside of the brain."""
        more = Volume(self._brightness(scan), self.difference.affine)
        found = resample(more, affine=scan.t1.affine, shape=scan.t1.shape).data
        moved, image = found.astype(np.float32), scan.t1.data.astype(np.float32)
        return np.where(image > 0, np.clip(image + moved, 0.0, 1.0), image).astype(np.float32)

    def _brightness(self, scan: OwnScan) -> FloatArray:
        """Return the difference (I, J, K) in the brightness of the scan's T1 image."""
        if T1 in self.difference.channels:
            return self.difference.volume(T1).data.astype(np.float32)
        weights = brightness_of_tissues(scan)
        ordered = np.array([weights[it] for it in self.difference.channels], dtype=np.float32)
        found: FloatArray = np.tensordot(ordered, self.difference.data, axes=1)
        return found


def brightness_of_tissues(scan: OwnScan) -> dict[str, float]:
    """Return the mean brightness of each tissue in a scan, weighted by its squared shares."""
    grid = scan.maps
    image = resample(scan.t1, affine=grid.affine, shape=grid.volume(TISSUES[0]).shape).data
    pure = {tissue: np.square(np.asarray(grid.volume(tissue).data, float)) for tissue in TISSUES}
    return {
        tissue: float((weight * image).sum() / max(weight.sum(), 1e-6))
        for tissue, weight in pure.items()
    }


def change_of(person: Person, decoder: Decoder, conditions: Conditions) -> Change:
    """Return what a generator expects to happen to a person between the own conditions and others.

    Parameters
    ----------
    person : Person
        As the scan was encoded: under their own conditions nothing happens.
    decoder : Decoder
    conditions : mapping of feature to value
    """
    affine, before = decoder.generator.affine, person.factual
    if decoder.deforms:
        moved = decoder.displacement(person.identity, before, conditions)
        tone = decoder.tone(person.identity, before, conditions)
        return Warping(Displacement(moved, affine), Volume(tone, affine))
    made = [decoder.generate(person.identity, it) for it in (before, conditions)]
    return Retoning(replace(made[0], data=made[1].data - made[0].data))


def carried_shown(scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions) -> Shown:
    """Carry a scan to other conditions, on the generator's grid.

    Parameters
    ----------
    scan : OwnScan
    person : Person
        As the scan was encoded: under its own conditions the scan comes back as it is.
    decoder : Decoder
    conditions : mapping of feature to value
    """
    brain = change_of(person, decoder, conditions).brain(scan, decoder.generator)
    return Shown(brain, measured_volumes_ml(brain), dict(conditions), person.identity, exact=True)


def native_volume(scan: OwnScan, change: Change) -> Volume:
    """Change the T1 image of a scan on its own voxels, in the world of its file."""
    affine = np.linalg.inv(scan.to_rigid) @ scan.t1.affine
    return Volume(change.native(scan), affine, scan.name)


def carrying_steps(
    scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions
) -> Generator[float, None, tuple[Brain, Volume]]:
    """Carry a scan on the generator's grid and on its own; yields the part that is done."""
    yield 0.0
    change = change_of(person, decoder, conditions)
    yield 0.1
    brain = change.brain(scan, decoder.generator)
    yield 0.4
    native = native_volume(scan, change)
    yield 0.9
    return brain, native


def _on_grid(scan: OwnScan, generator: BrainGenerator) -> Brain:
    """Return the maps and the image of a scan on a generator's grid."""
    channels = tuple(it for it in (*TISSUES, T1) if it in scan.maps.channels)
    return scan.on_grid(generator.shape, generator.affine, channels)
