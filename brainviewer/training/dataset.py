"""People in memory, and the augmented batches that training draws from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from brainviewer.cohort.bids import only_value
from brainviewer.cohort.reading import FULL, Crop, People, read_people, read_table
from brainviewer.cohort.store import CohortError, CohortStore, grid_affine
from brainviewer.core.features import Conditions, FeatureError, FeatureSchema, fit_schema
from brainviewer.core.scenario import AGE, SEX
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_spacing
from brainviewer.generators.networks import Deviations
from brainviewer.training.folds import FOLDS, assign_folds
from brainviewer.training.recipe import TrainingRecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.cohort.bids import Participants
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.training.recipe import TrainingRecipe

FEWEST_PEOPLE = 20
WARP_SPACING_MM = 32.0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Everything that training needs of a cohort.

    Attributes
    ----------
    train, validation, test : People
    more : People
        Trained on besides, for brains alone: nothing is fitted to their features.
    schema : FeatureSchema
        Fitted to the training people.
    affine : (4, 4) float64 ndarray, mm
        Of the generator's grid.
    folds : dict of participant_id to fold
    channels : tuple of str
        What the people's maps are.
    notices : tuple of str
        Which features of the recipe are left out, and why: a sentence each.
    """

    train: People
    validation: People
    test: People
    more: People
    schema: FeatureSchema
    affine: Affine
    folds: dict[str, int]
    channels: tuple[str, ...] = TISSUES
    notices: tuple[str, ...] = ()


def load_training_data(
    store: CohortStore,
    recipe: TrainingRecipe,
    more: Sequence[CohortStore] = (),
    *,
    channels: tuple[str, ...] = TISSUES,
) -> TrainingData:
    """Read the people of a cohort that have age and sex, and split them by fold.

    Parameters
    ----------
    store : CohortStore
    recipe : TrainingRecipe
    more : sequence of CohortStore
        Cohorts whose people with age and sex are all trained on: simulated ones, for instance.
    channels : tuple of str
        What to read: ``("WM", "GM", "CSF")`` or ``("T1w",)``.

    Raises
    ------
    CohortError
        When the cohort lacks a table, has too few people, or they do not fit the recipe's grid.
    FeatureError
        When the table lacks age, sex or a feature of the recipe, or everybody is of one age.
    """
    table = read_table(store)
    named = {feature.name: feature for feature in table.features}
    kept = dict.fromkeys((AGE, SEX, *recipe.features))
    _check_columns(table, kept)
    people = _complete_people(store, table, kept)
    if len(people) < FEWEST_PEOPLE:
        raise CohortError(
            f"training needs at least {FEWEST_PEOPLE} people with a scan, age and sex; "
            f"this cohort has {len(people)}"
        )
    folds = assign_folds(people, seed=recipe.seed)
    held_out = {*recipe.test_folds, *recipe.validation_folds}
    crop = Crop(recipe.first_voxel, recipe.shape)
    affine = crop.affine(grid_affine(store.read_manifest()))

    def read(*wanted: int) -> People:
        own = {name: row for name, row in people.items() if folds[name] in wanted}
        return read_people(store, own, crop, affine=affine, channels=channels)

    def read_all(other: CohortStore) -> People:
        _check_grid(other, store)
        rows = _complete_people(other, read_table(other), kept)
        return read_people(other, rows, crop, affine=affine, channels=channels)

    train = read(*sorted(set(range(FOLDS)) - held_out))
    features, notices = _varying(recipe.features, train)
    return TrainingData(
        train=train,
        more=reduce(People.joined, map(read_all, more), read()),
        validation=read(*recipe.validation_folds),
        test=read(*recipe.test_folds),
        schema=fit_schema([named[name] for name in features], train.conditions),
        affine=affine,
        folds=folds,
        channels=channels,
        notices=notices,
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Maps (B, C, I, J, K) in [0, 1], or codes of them, and conditions (B, D)."""

    maps: Tensor
    conditions: Tensor

    def part(self, rank: int, processes: int) -> Batch:
        """Return the share of one of several processes."""
        return Batch(self.maps[rank::processes], self.conditions[rank::processes])


class BatchSource:
    """Endless augmented batches; batch n is the same in every run.

    Every epoch passes over all people in a new order. Half of them are mirrored left to right, all
    are warped smoothly. Of their conditions, age and sex stay; the others get noise and gaps, one
    by one or all together. What is missing or hidden is what is expected at that age and sex.
    """

    def __init__(self, data: TrainingData, recipe: TrainingRecipe) -> None:
        people = data.train.joined(data.more)
        if len(people) < recipe.batch_size:
            raise TrainingRecipeError(
                f"batch_size must be at most {len(people)}, the number of training people, got "
                f"{recipe.batch_size}"
            )
        self._maps = torch.from_numpy(people.maps)
        conditions, known = encode_people(data.schema, people)
        spread = conditions[: len(data.train)].std(axis=0)
        deviations = Deviations(len(data.schema.columns))
        fit_deviations(deviations, data)
        self._conditions = deviations.fill(torch.from_numpy(conditions), torch.from_numpy(known))
        self._expected = deviations.expected(self._conditions)
        self._noise = recipe.condition_noise * torch.from_numpy(spread)
        self._recipe = recipe
        self._spacing_mm = float(voxel_spacing(data.affine)[0])
        self._columns = [column.feature for column in data.schema.columns]
        self._free = torch.tensor([n not in (AGE, SEX) for n in self._columns], dtype=torch.bool)

    @property
    def people(self) -> int:
        """How many there are."""
        return len(self._maps)

    @property
    def own_conditions(self) -> Tensor:
        """Conditions (N, D) of everybody, undisturbed, what is missing as expected."""
        return self._conditions

    @property
    def per_epoch(self) -> int:
        """Batches an epoch; people left over at its end are dropped."""
        return len(self._maps) // self._recipe.batch_size

    def batch(self, step: int) -> Batch:
        """Make the batch of a step."""
        epoch, place = divmod(step, self.per_epoch)
        order = torch.randperm(len(self._maps), generator=self._random(epoch, 0))
        size = self._recipe.batch_size
        chosen = order[place * size : (place + 1) * size]
        random = self._random(step, 1)
        return Batch(self.maps(chosen, random), self.conditions(chosen, random))

    def maps(self, chosen: Tensor, random: torch.Generator) -> Tensor:
        """Mirror and warp the maps of chosen people (B,), at random: (B, C, I, J, K)."""
        maps = mirror_some(self._maps[chosen].float() / FULL, random)
        return warp_smoothly(
            maps, random, amount_mm=self._recipe.warp_mm, spacing_mm=self._spacing_mm
        )

    def conditions(self, chosen: Tensor, random: torch.Generator) -> Tensor:
        """Disturb and hide conditions of chosen people (B,), at random: (B, D)."""
        conditions = self._conditions[chosen]
        if not self._columns:
            return conditions
        noise = torch.randn(conditions.shape, generator=random) * self._noise
        all_hidden = torch.rand(len(chosen), generator=random) < self._recipe.condition_regression
        hidden = {
            name: torch.rand(len(chosen), generator=random) < self._recipe.condition_dropout
            for name in dict.fromkeys(self._columns)
        }
        gaps = torch.stack([hidden[name] for name in self._columns], dim=1) | all_hidden[:, None]
        disturbed = torch.where(gaps, self._expected[chosen], conditions + noise)
        return torch.where(self._free, disturbed, conditions)

    def _random(self, number: int, purpose: int) -> torch.Generator:
        return random_of(self._recipe.seed, purpose, number)


def random_of(*numbers: int) -> torch.Generator:
    """Return a source of randomness that belongs to these numbers alone."""
    mixed = np.random.SeedSequence(numbers).generate_state(1)
    return torch.Generator().manual_seed(int(mixed[0]))


def mirror_some(maps: Tensor, random: torch.Generator) -> Tensor:
    """Mirror each of the maps (B, C, I, J, K) left to right with probability one half.

    The grid must lie symmetrically about the midline.
    """
    mirrored = torch.rand(len(maps), generator=random) < 0.5
    return torch.where(mirrored[:, None, None, None, None], maps.flip(2), maps)


def warp_smoothly(
    maps: Tensor, random: torch.Generator, *, amount_mm: float, spacing_mm: float
) -> Tensor:
    """Warp the maps (B, C, I, J, K) by random displacements, trilinear on a grid of 32 mm.

    Parameters
    ----------
    amount_mm : float
        Standard deviation of the displacement at the grid's points, along each axis.
    spacing_mm : float
        Of the voxels.
    """
    if amount_mm == 0:
        return maps
    shape = maps.shape[2:]
    coarse = [max(4, round(n * spacing_mm / WARP_SPACING_MM)) for n in shape]
    # grid_sample counts from -1 to 1 over the grid, and orders its axes k, j, i.
    scale = torch.tensor([2.0 * amount_mm / (spacing_mm * n) for n in reversed(shape)])
    shift = torch.randn((len(maps), 3, *coarse), generator=random)
    shift = functional.interpolate(shift, size=shape, mode="trilinear", align_corners=True)
    shift = shift.permute(0, 2, 3, 4, 1) * scale
    identity = functional.affine_grid(
        torch.eye(3, 4).expand(len(maps), 3, 4), [len(maps), 1, *shape], align_corners=False
    )
    return functional.grid_sample(maps, identity + shift, align_corners=False)


def encode_people(schema: FeatureSchema, people: People) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the condition vectors of people (N, D) and where they are known (N, D)."""
    encoded = np.stack([schema.encode(row) for row in people.conditions])
    return encoded, np.stack([schema.known(row) for row in people.conditions])


def fit_deviations(deviations: Deviations, data: TrainingData) -> None:
    """Fit what is expected at an age and sex to the training people; nothing without conditions."""
    fixed = fixed_columns(data.schema)
    if fixed is not None:
        encoded, known = encode_people(data.schema, data.train)
        deviations.fit(encoded, known, *fixed)


def fixed_columns(schema: FeatureSchema) -> tuple[int, int] | None:
    """Return the columns of age and sex; None where the generator does not take them."""
    names = [column.feature for column in schema.columns]
    return (names.index(AGE), names.index(SEX)) if AGE in names and SEX in names else None


def _check_columns(table: Participants, names: Iterable[str]) -> None:
    """Raise FeatureError unless every name is that of a feature."""
    known = [feature.name for feature in table.features]
    for name in names:
        if name in table.left_out:
            raise FeatureError(
                f"column {name} is no feature: {table.left_out[name]}; take it out of the recipe "
                f"or correct the table"
            )
        if name not in known:
            raise FeatureError(f"the table has no column {name}; it has {', '.join(known)}")


def _varying(features: Iterable[str], people: People) -> tuple[list[str], tuple[str, ...]]:
    """Return the features that differ between people, and a notice of each that does not.

    Sex stays: a generator of one sex says which. FeatureError when all are of one age: nobody
    could say what is usual at an age.
    """
    age = only_value(AGE, people.conditions)
    if age is not None:
        raise FeatureError(
            f"age is {age} for all {len(people)} training people; train on people of several ages"
        )
    constant = {
        name: only
        for name in features
        if name != SEX and (only := only_value(name, people.conditions)) is not None
    }
    return [name for name in features if name not in constant], tuple(
        f"{name} is left out, as it is {only} for all who are trained on"
        for name, only in constant.items()
    )


def _complete_people(
    store: CohortStore, table: Participants, kept: Iterable[str]
) -> dict[str, Conditions]:
    """Return the kept features of everybody with a scan, age and sex; None where unknown."""
    return {
        name: {f: table.people[name].get(f) for f in kept}
        for name in store.participant_ids
        if name in table.people and _complete(table.people[name])
    }


def _check_grid(other: CohortStore, store: CohortStore) -> None:
    found, wanted = other.read_manifest(), store.read_manifest()
    if found.shape != wanted.shape or not np.allclose(found.affine, wanted.affine):
        raise CohortError(
            f"{other.folder} has another grid than {store.folder}; import both on the same one"
        )


def _complete(row: Conditions) -> bool:
    return row.get(AGE) is not None and row.get(SEX) is not None
