"""The future of one person under two scenarios (CSegSynth, Fig. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from brainviewer.core.scenario import AGE, SEX, feature_age
from brainviewer.evaluation.ageing import age_people
from brainviewer.evaluation.making import encode_person
from brainviewer.evaluation.reconstruction import unpack
from brainviewer.evaluation.volumes import FIRST_SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainviewer.core.features import Conditions
    from brainviewer.evaluation.ageing import Courses
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.people import EvaluationPeople
    from brainviewer.evaluation.scores import Array
    from brainviewer.generators.base import Generator, Identity
    from brainviewer.generators.checkpoint import Checkpoint

MIDDLE_AGE_YEARS = 45.0
MALE = ("m", "male")
POINTS = 33  # the paper's regression lines rest on as many
COVERAGE = 0.975


@dataclass(frozen=True, slots=True, eq=False)
class Future:
    """What a generator expects of one test person.

    Attributes
    ----------
    person : str
        In words, by nobody's name: ``"a test person, 45 years, male"``.
    courses : Courses
        Of this one person.
    """

    person: str
    courses: Courses


def choose_person(people: Sequence[Conditions]) -> int:
    """Choose the man nearest to 45 years, as the paper's middle-aged man; anybody without a man."""
    men = [n for n, row in enumerate(people) if str(row[SEX]).casefold() in MALE]
    return min(
        men or range(len(people)), key=lambda n: abs(feature_age(people[n]) - MIDDLE_AGE_YEARS)
    )


def foresee(
    generator: Generator,
    checkpoint: Checkpoint,
    people: EvaluationPeople,
    index: int,
    *,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Future:
    """Follow a test person from their own age to that of the oldest training person.

    The identity is that of their scan where the generator has an encoder, else that of a seed.
    """
    conditions = people.test.conditions[index]
    known = generator.schema[AGE].fitted
    now = feature_age(conditions)
    ages = np.linspace(now if now < known.high else known.low, known.high, POINTS)
    courses = age_people(
        generator,
        checkpoint.regression,
        [(_identity(generator, people, index, cache), conditions)],
        ages,
        cache=cache,
        on_progress=on_progress,
    )
    sex = generator.schema[SEX].label(conditions[SEX]) if SEX in generator.schema else ""
    source = "encoded from the scan" if generator.can_encode else "drawn from a seed"
    return Future(f"a test person, {now:.0f} years, {sex}, {source}", courses)


def fit_line(ages: Array, volumes: Array, at: Array) -> tuple[Array, Array]:
    """Fit a line by least squares: its height and the half width of its 95 % band.

    y -+ t(n - 2) s sqrt(1/n + (x - mean)^2 / sum (x_i - mean)^2), the band in which the line lies,
    not the points (Draper and Smith 1998, Eq. 3.2.3).

    Parameters
    ----------
    ages, volumes : (N,) ndarray
    at : (M,) ndarray, years

    Returns
    -------
    line, half_width : (M,) ndarray
    """
    centred, count = ages - ages.mean(), len(ages)
    spread = float(centred @ centred)
    slope = float(centred @ volumes) / spread
    errors = volumes - volumes.mean() - slope * centred
    deviation = np.sqrt(float(errors @ errors) / (count - 2))
    half = student.ppf(COVERAGE, count - 2) * deviation
    away = (at - ages.mean()) ** 2 / spread
    return volumes.mean() + slope * (at - ages.mean()), half * np.sqrt(1.0 / count + away)


def _identity(
    generator: Generator, people: EvaluationPeople, index: int, cache: ArrayCache
) -> Identity:
    if not generator.can_encode:
        return generator.draw(FIRST_SEED)
    maps = unpack(people.test.maps[index])
    return encode_person(generator, maps, people.test.conditions[index], cache)
