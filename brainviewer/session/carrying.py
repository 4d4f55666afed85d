"""A person's own scan, carried to other conditions by the change that a generator models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.carrying import Displacement, carry, toned
from brainviewer.core.tissues import T1, TISSUES, tissue_volumes_ml
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.request import Shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.request import Person


@dataclass(frozen=True, slots=True, eq=False)
class Modelled:
    """The change that a generator expects of a person.

    Attributes
    ----------
    moved : Displacement
    tone : Volume
        By how much an image gets brighter at each place of the changed brain.
    """

    moved: Displacement
    tone: Volume


def carried_shown(scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions) -> Shown:
    """Carry a scan to other conditions, on the generator's grid.

    Parameters
    ----------
    scan : OwnScan
    person : Person
        As the scan was encoded: under its own conditions the scan comes back as it is.
    conditions : mapping of feature to value
    """
    brain = carried_brain(scan, change_to(person, decoder, conditions), decoder)
    return Shown(brain, tissue_volumes_ml(brain), dict(conditions), person.identity, exact=True)


def change_to(person: Person, decoder: Decoder, conditions: Conditions) -> Modelled:
    """Tell how a person's brain under conditions differs from the brain as given."""
    ends, affine = (person.factual, conditions), decoder.generator.affine
    moved = Displacement(decoder.displacement(person.identity, *ends), affine)
    return Modelled(moved, Volume(decoder.tone(person.identity, *ends), affine))


def carried_brain(scan: OwnScan, change: Modelled, decoder: Decoder) -> Brain:
    """Carry the tissue maps of a scan, and its T1 image where it has one, on a generator's grid."""
    generator = decoder.generator
    channels = tuple(it for it in (*TISSUES, T1) if it in scan.maps.channels)
    brain = scan.on_grid(generator.shape, generator.affine, channels)
    found = [
        _image(brain.volume(it), change) if it == T1 else carry(brain.volume(it), change.moved)
        for it in channels
    ]
    data = np.stack([volume.data for volume in found]).astype(np.float32)
    return Brain(channels, data, brain.affine)


def carried_native(scan: OwnScan, change: Modelled) -> Volume:
    """Carry the T1 image of a scan on its own voxels, in the world of its file."""
    affine = np.linalg.inv(scan.to_rigid) @ scan.t1.affine
    return Volume(_image(scan.t1, change).data, affine, scan.name)


def _image(image: Volume, change: Modelled) -> Volume:
    """Carry an image with its texture, and make it as bright as it becomes."""
    return toned(carry(image, change.moved, order=3), change.tone)


def carrying_steps(
    scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions
) -> Generator[float, None, tuple[Brain, Volume]]:
    """Carry a scan on the generator's grid and on its own; yields the part that is done."""
    yield 0.0
    change = change_to(person, decoder, conditions)
    yield 0.1
    brain = carried_brain(scan, change, decoder)
    yield 0.4
    native = carried_native(scan, change)
    yield 0.9
    return brain, native
