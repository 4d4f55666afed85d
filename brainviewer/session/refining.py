"""Looking further for the person of a scan, for as long as the user allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from brainviewer.core.likeness import likeness_of
from brainviewer.session.request import measured_volumes_ml

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.session.decoder import Decoder
    from brainviewer.session.encoding import Encoded

Clock = Callable[[], float]
DEFAULT_S = 30.0
MOST_S = 600.0
LAST_PART = 0.98  # the rest is making the brain that is judged


def refining_steps(
    encoded: Encoded, decoder: Decoder, *, seconds: float, clock: Clock = time.monotonic
) -> Generator[float, None, Encoded]:
    """Refine the identity of a scan for some seconds; yields the part of them that is over.

    Returns
    -------
    Encoded
        With the better identity; the same object again where none was found.

    Raises
    ------
    GenerationError
        When the generator cannot refine.
    """
    person, scan = encoded.person, encoded.scan
    steps = decoder.refining_steps(person.identity, scan.brain, person.factual)
    found, end = person.identity, clock() + seconds
    yield 0.0
    try:
        while (left := end - clock()) > 0:
            found = next(steps)
            yield min(1.0 - left / seconds, LAST_PART)
    finally:
        steps.close()
    rebuilt = decoder.generate(found, person.factual)
    likeness = likeness_of(scan.brain, rebuilt)
    yield 1.0
    if likeness.error >= encoded.likeness.error:
        return encoded
    return replace(
        encoded,
        person=replace(person, identity=found),
        scan=replace(scan, identity=found),
        rebuilt_ml=measured_volumes_ml(rebuilt),
        likeness=likeness,
        unrefined=encoded.likeness,
    )
