"""A person's own scan, carried to other conditions by the change that a generator models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.carrying import Displacement, carry
from brainviewer.core.tissues import T1, TISSUES, tissue_volumes_ml
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.request import Shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.request import Person


def carried_shown(scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions) -> Shown:
    """Carry a scan to other conditions, on the generator's grid.

    Parameters
    ----------
    scan : OwnScan
    person : Person
        As the scan was encoded: under its own conditions the scan comes back as it is.
    conditions : mapping of feature to value
    """
    brain = carried_brain(scan, displacement_to(person, decoder, conditions), decoder)
    return Shown(brain, tissue_volumes_ml(brain), dict(conditions), person.identity, exact=True)


def displacement_to(person: Person, decoder: Decoder, conditions: Conditions) -> Displacement:
    """Tell where what a person's brain has under conditions is in the brain as given."""
    data = decoder.displacement(person.identity, person.factual, conditions)
    return Displacement(data, decoder.generator.affine)


def carried_brain(scan: OwnScan, moved: Displacement, decoder: Decoder) -> Brain:
    """Carry the tissue maps of a scan, and its T1 image where it has one, on a generator's grid."""
    generator = decoder.generator
    channels = tuple(it for it in (*TISSUES, T1) if it in scan.maps.channels)
    brain = scan.on_grid(generator.shape, generator.affine, channels)
    found = [carry(brain.volume(it), moved, order=3 if it == T1 else 1).data for it in channels]
    return Brain(channels, np.stack(found).astype(np.float32), brain.affine)


def carried_native(scan: OwnScan, moved: Displacement) -> Volume:
    """Carry the T1 image of a scan on its own voxels, in the world of its file."""
    found = carry(scan.t1, moved, order=3)
    affine = np.linalg.inv(scan.to_rigid) @ scan.t1.affine
    return Volume(found.data, affine, scan.name)


def carrying_steps(
    scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions
) -> Generator[float, None, tuple[Brain, Volume]]:
    """Carry a scan on the generator's grid and on its own; yields the part that is done."""
    yield 0.0
    moved = displacement_to(person, decoder, conditions)
    yield 0.1
    brain = carried_brain(scan, moved, decoder)
    yield 0.4
    native = carried_native(scan, moved)
    yield 0.9
    return brain, native
