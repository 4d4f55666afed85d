"""Coarse T1 images of people of known ages: read from a cohort, or made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from einops import reduce

from brainviewer.cohort.reading import read_t1, read_table
from brainviewer.cohort.store import grid_affine, to_uint8
from brainviewer.core.scenario import Scenario, conditions_at_age, feature_age
from brainviewer.core.tissues import T1
from brainviewer.evaluation.people import find_people, validation_people
from brainviewer.evaluation.volumes import FIRST_SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.features import Conditions, Value
    from brainviewer.core.volume import Affine
    from brainviewer.evaluation.cache import ArrayCache, Arrays
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

AGE_DIGITS = 1
CONDITIONS_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class AgedPictures:
    """Images of N people of known ages.

    Attributes
    ----------
    images : (N, I, J, K) uint8 ndarray
        255 x intensity.
    ages : (N,) float64 ndarray, years
    """

    images: NDArray[np.uint8]
    ages: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ages)

    def first(self, number: int) -> AgedPictures:
        """Return the first so many of them."""
        return AgedPictures(self.images[:number], self.ages[:number])

    def joined(self, others: AgedPictures) -> AgedPictures:
        """Return these people and others of the same grid."""
        return AgedPictures(
            np.concatenate([self.images, others.images]), np.concatenate([self.ages, others.ages])
        )


@dataclass(frozen=True, slots=True, eq=False)
class AgePeople:
    """Real people: those to learn from, to stop by, and to tell the ages of.

    Attributes
    ----------
    train, watched, test : AgedPictures
    block : int
        Voxels of the generator's grid, along each axis, in one of these images.
    """

    train: AgedPictures
    watched: AgedPictures
    test: AgedPictures
    block: int


def load_age_people(
    checkpoint: Checkpoint,
    store: CohortStore,
    *,
    voxel_mm: float,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AgePeople:
    """Read the T1 images of a checkpoint's training, validation and test people, made coarse."""
    manifest, table = store.read_manifest(), read_table(store)
    crop, train, test = find_people(checkpoint, store, table, manifest)
    watched = validation_people(checkpoint, store, table)
    block, done = block_of(grid_affine(manifest), voxel_mm), count(1)
    total = len(train) + len(watched) + len(test)

    def read(names: Iterable[str]) -> AgedPictures:
        images, ages = [], []
        for name in names:
            images.append(coarse(read_t1(store, name, crop)[0], block))
            ages.append(feature_age(table.people[name]))
            on_progress(next(done), total)
        return AgedPictures(np.stack(images), np.array(ages, np.float64))

    return AgePeople(read(train), read(watched), read(test), block)


def draw_conditions(
    checkpoint: Checkpoint, people: Sequence[Conditions], count: int
) -> list[dict[str, Value]]:
    """Draw whom to make: training people of any age in their range, ages equally likely.

    Each is a training person, with their sex, of another age, and what else the generator takes
    moves with age as in the *regressed* scenario. The first ones are the same for every count.
    """
    source = np.random.default_rng(CONDITIONS_SEED)
    ages = [feature_age(row) for row in people]
    drawn = []
    for _ in range(count):
        person = people[int(source.integers(len(people)))]
        age = round(float(source.uniform(min(ages), max(ages))), AGE_DIGITS)
        drawn.append(
            conditions_at_age(
                checkpoint.schema,
                checkpoint.regression,
                person,
                age=age,
                scenario=Scenario.REGRESSED,
            )
        )
    return drawn


def draw_pictures(
    generator: Generator,
    people: Sequence[Conditions],
    *,
    block: int,
    cache: ArrayCache,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AgedPictures:
    """Make one coarse image of each person, each from a seed of their own; keep them so."""
    shape = [n // block for n in generator.shape]
    images = np.empty((len(people), *shape), np.uint8)
    for index, conditions in enumerate(people):
        seed = FIRST_SEED + index
        make = partial(_draw_one, generator, conditions, seed, block)
        request = ("coarse image", block, dict(conditions), seed)
        images[index] = cache.get(request, make)["image"]
        on_progress(index + 1, len(people))
    return AgedPictures(images, np.array([feature_age(row) for row in people], np.float64))


def coarse(image: NDArray[np.uint8], block: int) -> NDArray[np.uint8]:
    """Average an image (I, J, K) over blocks of voxels; what is left at the ends is cut off."""
    i, j, k = (n - n % block for n in image.shape)
    means = reduce(
        image[:i, :j, :k].astype(np.float32),
        "(i a) (j b) (k c) -> i j k", "mean", a=block, b=block, c=block,
    )  # fmt: skip
    return np.rint(means).astype(np.uint8)


def block_of(affine: Affine, voxel_mm: float) -> int:
    """Return how many voxels of a grid, along an axis, make one of about so many mm."""
    spacing = float(np.linalg.norm(affine[:3, :3], axis=0).mean())
    return max(1, round(voxel_mm / spacing))


def _draw_one(generator: Generator, conditions: Conditions, seed: int, block: int) -> Arrays:
    brain = generator.generate(generator.draw(seed), conditions)
    return {"image": coarse(to_uint8(brain.data[brain.channels.index(T1)]), block)}
