"""From a prepared scan to a person of a generator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brainviewer.cohort.bids import participant_of
from brainviewer.session.request import Person, Shown, measured_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.session.decoder import Decoder


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A person whose identity was found for a scan.

    Attributes
    ----------
    person : Person
    scan : Shown
        The scan's own tissue maps or T1 image, on the generator's grid.
    rebuilt_ml : dict of structure to float, mL
        What the generator makes of the person as given; `scan` has what was measured.
    """

    person: Person
    scan: Shown
    rebuilt_ml: dict[str, float]


def encoding_steps(
    scan: OwnScan, conditions: Conditions, decoder: Decoder
) -> Generator[float, None, Encoded]:
    """Find the identity of a scan under conditions; yields the part that is done."""
    yield 0.0
    generator = decoder.generator
    brain = scan.on_grid(generator.shape, generator.affine, generator.channels)
    yield 0.3
    label = participant_of(scan.name) or scan.name
    identity = replace(decoder.encode(brain, conditions), label=label)
    yield 0.6
    rebuilt = measured_volumes_ml(decoder.generate(identity, conditions))
    yield 0.9
    shown = Shown(brain, measured_volumes_ml(brain), dict(conditions), identity, exact=True)
    return Encoded(Person(identity, dict(conditions), label), shown, rebuilt)
