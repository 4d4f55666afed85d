"""A person's own scan, carried to other conditions by the change that a generator models.

A generator whose brains are warps of each other says where everything moves: the scan is warped
along. Any other makes the person twice, before and after, and the difference is added to the scan:
it is re-toned in its place. Either way what the model does not know of the person stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainviewer.core.carrying import Displacement, Grid, carry, toned
from brainviewer.core.space import finer_affine, resample
from brainviewer.core.tissues import T1, TISSUES
from brainviewer.core.volume import Brain, Volume, voxel_spacing
from brainviewer.session.request import Shown, measured_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Generator as BrainGenerator
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.request import Person


SCAN_SPACING_MM = 1.0


class Change(Protocol):
    """What a generator expects to happen to a brain between two conditions."""

    @property
    def words(self) -> str:
        """What is done to the scan: ``"warped"``."""
        ...

    def brain(self, scan: OwnScan, generator: BrainGenerator) -> Brain:
        """Change the maps of a scan, and its T1 image where it has one, on a generator's grid."""
        ...

    def image(self, scan: OwnScan, onto: Grid | None = None) -> Volume:
        """Change the T1 image of a scan, on its own voxels or others of the maps' world."""
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
            self._carried(brain.volume(it)) if it == T1 else carry(brain.volume(it), self.moved)
            for it in brain.channels
        ]
        return replace(brain, data=np.stack([it.data for it in found]).astype(np.float32))

    def image(self, scan: OwnScan, onto: Grid | None = None) -> Volume:
        """Pull the image along the displacement, and tone it."""
        return self._carried(scan.t1, onto)

    def _carried(self, image: Volume, onto: Grid | None = None) -> Volume:
        """Carry an image with its texture, and make it as bright as it becomes."""
        return toned(carry(image, self.moved, order=3, onto=onto), self.tone)


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

    def image(self, scan: OwnScan, onto: Grid | None = None) -> Volume:
        """Add the difference in brightness inside of the brain."""
        before = image_of(scan, onto)
        image = before.data.astype(np.float32)
        more = Volume(self._brightness(scan), self.difference.affine)
        moved = resample(more, affine=before.affine, shape=before.shape).data.astype(np.float32)
        toned_image = np.where(image > 0, np.clip(image + moved, 0.0, 1.0), image)
        return replace(before, data=toned_image.astype(np.float32))

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


def shown_of(brain: Brain, person: Person, conditions: Conditions) -> Shown:
    """Return a scan that was carried to conditions as what is shown of a person."""
    return Shown(brain, measured_volumes_ml(brain), dict(conditions), person.identity, exact=True)


def fine_grid(generator: BrainGenerator) -> Grid:
    """Return the grid that scans are shown on: a generator's, or one of half its spacing."""
    is_coarse = float(voxel_spacing(generator.affine).min()) > 1.5 * SCAN_SPACING_MM
    times = 2 if is_coarse else 1
    i, j, k = (times * n for n in generator.shape)
    return Grid((i, j, k), finer_affine(generator.affine, times))


def fine_steps(
    scan: OwnScan, coarse: Brain, change: Change | None, grid: Grid
) -> Generator[None, None, Brain]:
    """Show a scan on a finer grid: its image is taken from its own voxels.

    Parameters
    ----------
    scan : OwnScan
    coarse : Brain
        The scan as it is or as it was changed, on the generator's grid.
    change : Change or None
        That of the coarse one.
    grid : Grid

    Returns
    -------
    Brain
        T1w alone, or tissue maps, as fine as they are known, and T1w.
    """
    fine = []
    for channel in coarse.channels:
        if channel != T1:
            known = coarse.volume(channel)
            fine.append(resample(known, affine=grid.affine, shape=grid.shape).data)
            yield
    image = image_of(scan, grid) if change is None else change.image(scan, grid)
    yield
    channels = (*(it for it in coarse.channels if it != T1), T1)
    return Brain(channels, np.stack([*fine, image.data]).astype(np.float32), grid.affine)


def image_of(scan: OwnScan, onto: Grid | None = None) -> Volume:
    """Return the T1 image of a scan, on its own voxels or others of the maps' world."""
    if onto is None:
        return scan.t1
    found = resample(scan.t1, affine=onto.affine, shape=onto.shape, order=3)
    return replace(found, data=np.clip(found.data, 0.0, scan.t1.data.max()))


def native_volumes(scan: OwnScan, change: Change, carried: Brain) -> dict[str, Volume]:
    """Return a carried scan on the scan's own voxels, in the world of its file.

    The T1 image is changed there; tissue maps are brought there from the generator's grid.
    """
    found = {T1: change.image(scan)} | {
        it: resample(carried.volume(it), affine=scan.t1.affine, shape=scan.t1.shape)
        for it in carried.channels
        if it in TISSUES
    }
    to_file = np.linalg.inv(scan.to_rigid)
    return {
        name: Volume(it.data.astype(np.float32), to_file @ it.affine, f"{scan.name} {name}")
        for name, it in found.items()
    }


def carrying_steps(
    scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions
) -> Generator[float, None, tuple[Brain, dict[str, Volume]]]:
    """Carry a scan on the generator's grid and on its own; yields the part that is done."""
    yield 0.0
    change = change_of(person, decoder, conditions)
    yield 0.1
    brain = change.brain(scan, decoder.generator)
    yield 0.4
    native = native_volumes(scan, change, brain)
    yield 0.9
    return brain, native


def _on_grid(scan: OwnScan, generator: BrainGenerator) -> Brain:
    """Return the maps and the image of a scan on a generator's grid."""
    channels = tuple(it for it in (*TISSUES, T1) if it in scan.maps.channels)
    return scan.on_grid(generator.shape, generator.affine, channels)
