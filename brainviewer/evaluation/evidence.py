"""The brains that an evaluation looks at, made and measured, before anything is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.evaluation.ageing import Courses, age_people, course_ages
from brainviewer.evaluation.reconstruction import Match, match_people, reconstruct
from brainviewer.evaluation.regions import RegionEvidence, measure_regions
from brainviewer.evaluation.regressions import REGRESSIONS
from brainviewer.evaluation.report import FROM_FEATURES, GENERATOR, RECONSTRUCTED
from brainviewer.evaluation.volumes import FIRST_SEED, Draws, draw_people

if TYPE_CHECKING:
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.people import EvaluationPeople
    from brainviewer.evaluation.scores import Array
    from brainviewer.generators.base import Generator, Identity
    from brainviewer.generators.checkpoint import Checkpoint

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What was measured, before it is scored.

    Attributes
    ----------
    people : EvaluationPeople
    draws : sequence of Draws, one a test person
    predictions : mapping of system to (N, 3) ndarray, mL
    matches : mapping of what was made to one Match a test person
    courses : Courses
    regions : RegionEvidence or None
    """

    people: EvaluationPeople
    draws: Sequence[Draws]
    predictions: Mapping[str, Array]
    matches: Mapping[str, Sequence[Match]]
    courses: Courses
    regions: RegionEvidence | None = None


def gather_evidence(
    generator: Generator,
    checkpoint: Checkpoint,
    people: EvaluationPeople,
    *,
    draws: int,
    cache: ArrayCache,
    on_progress: Progress,
) -> Evidence:
    """Make all the brains that an evaluation looks at, and measure them."""
    test = people.test
    seeds = range(FIRST_SEED, FIRST_SEED + draws)
    drawn = draw_people(
        generator,
        test.conditions,
        seeds,
        cache=cache,
        on_progress=label_progress(on_progress, "drawing brains"),
    )
    own = own_identities(generator, test.conditions)
    return Evidence(
        people=people,
        draws=drawn,
        predictions={GENERATOR: np.stack([d.expected_ml for d in drawn])}
        | {name: predict(people.train, test.conditions) for name, predict in REGRESSIONS.items()},
        matches=_match(generator, people, drawn, cache, on_progress),
        courses=age_people(
            generator,
            checkpoint.regression,
            own,
            course_ages(generator.schema),
            cache=cache,
            on_progress=label_progress(on_progress, "ageing people"),
        ),
        regions=measure_regions(
            generator,
            people.regions,
            test,
            people.train.conditions,
            cache=cache,
            on_progress=label_progress(on_progress, "measuring regions"),
        ),
    )


def _match(
    generator: Generator,
    people: EvaluationPeople,
    draws: Sequence[Draws],
    cache: ArrayCache,
    on_progress: Progress,
) -> dict[str, list[Match]]:
    def rebuild(index: int, real: FloatArray) -> FloatArray:
        return reconstruct(generator, real, people.test.conditions[index], cache)

    def recall(index: int, real: FloatArray) -> FloatArray:
        return draws[index].mean_maps.astype(np.float32)

    makers = {RECONSTRUCTED: rebuild} if generator.can_encode else {}
    makers |= {FROM_FEATURES: recall}
    return {
        made: match_people(
            people.test,
            make,
            people.affine,
            ventricles=people.ventricles,
            on_progress=label_progress(on_progress, "comparing brains"),
        )
        for made, make in makers.items()
    }


def own_identities(
    generator: Generator, people: Sequence[Conditions]
) -> list[tuple[Identity, Conditions]]:
    """Give each person an identity of their own: that of `FIRST_SEED` and following seeds."""
    return [(generator.draw(FIRST_SEED + number), row) for number, row in enumerate(people)]


def label_progress(on_progress: Progress, what: str) -> Callable[[int, int], None]:
    """Add to the progress of one kind of work what it is."""

    def said(done: int, total: int) -> None:
        on_progress(done, total, what)

    return said
