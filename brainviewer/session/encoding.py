"""From a prepared scan to a person of a generator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from brainviewer.cohort.bids import participant_of
from brainviewer.core.likeness import Likeness, likeness_of
from brainviewer.session.request import Person, Shown, measured_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.session.decoder import Decoder

Result = TypeVar("Result")


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
    source : OwnScan
    likeness : Likeness
        Of the scan and what the generator makes of the person as given.
    unrefined : Likeness or None
        What it was before the identity was refined; None where it was not.
    """

    person: Person
    scan: Shown
    rebuilt_ml: dict[str, float]
    source: OwnScan
    likeness: Likeness
    unrefined: Likeness | None = None


def encoding_steps(
    scan: OwnScan, conditions: Conditions, decoder: Decoder
) -> Generator[float, None, Encoded]:
    """Find the identity of a scan under conditions; yields the part that is done.

    Where the generator keeps more of a person when it takes longer, it does.
    """
    yield 0.0
    generator = decoder.generator
    channels = tuple(it for it in generator.channels if it in scan.maps.channels)
    brain = scan.on_grid(generator.shape, generator.affine, channels)
    yield 0.02
    label = label_of(scan.name)
    found = yield from scaled(decoder.encode_steps(brain, conditions), 0.02, 0.9)
    identity = replace(found, label=label)
    yield 0.9
    rebuilt = decoder.generate(identity, conditions)
    yield 1.0
    shown = Shown(brain, measured_volumes_ml(brain), dict(conditions), identity, exact=True)
    return Encoded(
        Person(identity, dict(conditions), label),
        shown,
        measured_volumes_ml(rebuilt),
        scan,
        likeness_of(brain, rebuilt),
    )


def label_of(name: str) -> str:
    """Call the person of a scan, by the name of its file without suffix."""
    return participant_of(name) or name


def scaled(
    steps: Generator[float, None, Result], start: float, end: float
) -> Generator[float, None, Result]:
    """Let steps go from one fraction to another instead of from 0 to 1."""
    while True:
        try:
            yield start + (end - start) * next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def likeness_in_words(encoded: Encoded) -> str:
    """Say how near the generator comes to a scan: volumes and overlap of each tissue."""
    alike, before = encoded.likeness, encoded.unrefined
    parts = [
        f"{tissue} {encoded.rebuilt_ml[tissue]:.1f} mL (scan {volume:.1f}, overlap "
        f"{alike.dice[tissue]:.2f})"
        for tissue, volume in encoded.scan.volumes_ml.items()
    ]
    own = ", ".join(parts) or f"image, apart by {alike.difference:.3f} on average"
    refined = "" if before is None else f"; refined, before its error was {before.error:.3f}"
    return f"{encoded.person.label} as rebuilt: {own}; error {alike.error:.3f}{refined}"
