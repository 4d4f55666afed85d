"""Whom a checkpoint is judged on: its training and test people, read from a cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.reading import (
    Crop,
    People,
    read_maps,
    read_people,
    read_table,
    stored_volumes_ml,
)
from brainviewer.cohort.store import grid_affine
from brainviewer.core.features import Conditions, FeatureSchema, Kind
from brainviewer.core.scenario import AGE, SEX
from brainviewer.core.tissues import TISSUES, has_tissues
from brainviewer.evaluation.regions import find_regions
from brainviewer.evaluation.regressions import TrainingSample
from brainviewer.evaluation.ventricles import Ventricles, find_ventricles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainviewer.cohort.bids import Participants
    from brainviewer.cohort.store import CohortStore, Manifest
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.evaluation.regions import LabelledPeople
    from brainviewer.generators.checkpoint import Checkpoint

FEWEST_TEST_PEOPLE = 4
FEWEST_TRAINING_PEOPLE = 20  # the feedforward network watches a tenth of them
MISSING_COLUMN = "not there"
SAME_GRID_MM = 1e-3


class EvaluationError(ValueError):
    """A checkpoint that cannot be judged on a cohort; one sentence says why."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationPeople:
    """The people of an evaluation.

    Attributes
    ----------
    train : TrainingSample
        Those the generator was trained on: features and volumes.
    train_ids : tuple of str
    test : People
        Those it never saw, with their maps.
    facts : mapping of participant_id to Conditions
        Age and sex of all of them, also when the generator takes no features.
    affine : (4, 4) float64 ndarray, mm
        Of the maps.
    crop : Crop
        Which part of the cohort's grid the maps are.
    ventricles : Ventricles or None
        None when the cohort has no ventricle labels.
    regions : LabelledPeople or None
        None when the cohort has no labels.
    """

    train: TrainingSample
    train_ids: tuple[str, ...]
    test: People
    facts: Mapping[str, Conditions]
    affine: Affine
    crop: Crop
    ventricles: Ventricles | None
    regions: LabelledPeople | None = None


def load_people(
    checkpoint: Checkpoint,
    store: CohortStore,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> EvaluationPeople:
    """Read the people of a checkpoint's folds from a cohort.

    The training people of a generator without features may come from elsewhere in part: those that
    are in the cohort are read.

    Raises
    ------
    EvaluationError
        When the checkpoint does not say whom it was trained on or makes no tissue maps in native
        space, or when grid, features or people of the cohort do not fit it.
    CohortError, BidsError, FeatureError
        When the cohort itself is damaged.
    """
    _check_output(checkpoint)
    manifest = store.read_manifest()
    table = read_table(store)
    crop, train, test = find_people(checkpoint, store, table, manifest)
    affine = crop.affine(grid_affine(manifest))
    everybody = len(train) + len(test)
    volumes = read_volumes(
        store, tuple(train), crop, on_progress=lambda done, _: on_progress(done, everybody)
    )
    people = read_people(
        store,
        test,
        crop,
        affine=affine,
        on_progress=lambda done, total: on_progress(everybody - total + done, everybody),
    )
    _check_volumes(people.ids, people.volumes_ml)
    names = (*train, *test)
    return EvaluationPeople(
        train=TrainingSample(checkpoint.schema, tuple(train.values()), volumes),
        train_ids=tuple(train),
        test=people,
        facts={name: {f: table.people[name][f] for f in (AGE, SEX)} for name in names},
        affine=affine,
        crop=crop,
        ventricles=find_ventricles(store, manifest, crop, train=tuple(train), test=tuple(test)),
        regions=find_regions(store, manifest, crop, train=tuple(train), test=tuple(test)),
    )


def check_people(checkpoint: Checkpoint, store: CohortStore) -> None:
    """Raise what `load_people` would, without reading anybody's maps."""
    _check_output(checkpoint)
    manifest = store.read_manifest()
    find_people(checkpoint, store, read_table(store), manifest)


def find_people(
    checkpoint: Checkpoint, store: CohortStore, table: Participants, manifest: Manifest
) -> tuple[Crop, dict[str, Conditions], dict[str, Conditions]]:
    """Return the part of the grid, and the conditions of the training and of the test people."""
    train_ids, test_ids = split_people(checkpoint)
    crop = _find_crop(checkpoint, manifest)
    _check_features(checkpoint, table)
    if not takes_features(checkpoint):
        train_ids = [name for name in train_ids if is_known(store, table, name)]
    train = _conditions(checkpoint, store, table, train_ids, who="training")
    test = _conditions(checkpoint, store, table, test_ids, who="test")
    _check_counts(checkpoint, train=len(train), test=len(test))
    return crop, train, test


def validation_people(
    checkpoint: Checkpoint, store: CohortStore, table: Participants
) -> dict[str, Conditions]:
    """Return the conditions of those by whom training was watched: neither trained on nor tested.

    Raises
    ------
    EvaluationError
        When there is nobody, or somebody is not in the cohort.
    """
    train, test = split_people(checkpoint)
    ids = sorted(set(read_folds(checkpoint)) - {*train, *test})
    if not ids:
        raise EvaluationError(
            f"{checkpoint.name} was trained without validation people; train it with "
            f"validation_folds in the recipe"
        )
    return _conditions(checkpoint, store, table, ids, who="validation")


def takes_features(checkpoint: Checkpoint) -> bool:
    """Whether a generator makes brains of somebody, or just brains."""
    return bool(checkpoint.schema.columns)


def read_volumes(
    store: CohortStore,
    ids: Sequence[str],
    crop: Crop,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> FloatArray:
    """Measure the tissue maps of people, one after the other: (N, 3) float32, mL.

    Raises
    ------
    EvaluationError
        When somebody lacks a tissue altogether.
    CohortError
        When a person cannot be read.
    """
    affine = grid_affine(store.read_manifest())
    volumes = np.empty((len(ids), len(TISSUES)), dtype=np.float32)
    for index, name in enumerate(ids):
        volumes[index] = stored_volumes_ml(read_maps(store, name, crop), affine)
        on_progress(index + 1, len(ids))
    _check_volumes(ids, volumes)
    return volumes


def _check_output(checkpoint: Checkpoint) -> None:
    channels, space = tuple(checkpoint.config["channels"]), checkpoint.config.get("space")
    if not has_tissues(channels) or space != "native":
        raise EvaluationError(
            f"evaluation needs a generator of {', '.join(TISSUES)} maps in native space; "
            f"{checkpoint.name} makes {', '.join(channels)} in {space} space"
        )


def split_people(checkpoint: Checkpoint) -> tuple[list[str], list[str]]:
    """Return the ids of the training and of the test people, in order.

    Raises
    ------
    EvaluationError
        When config.json does not say.
    """
    folds = read_folds(checkpoint)
    try:
        tested = set(checkpoint.config["test_folds"])
        held_out = tested | set(checkpoint.config["validation_folds"])
    except (KeyError, TypeError) as error:
        raise _unsaid(checkpoint, error) from error
    train = sorted(name for name, fold in folds.items() if fold not in held_out)
    test = sorted(name for name, fold in folds.items() if fold in tested)
    return train, test


def read_folds(checkpoint: Checkpoint) -> dict[str, int]:
    """Return the fold of each person; EvaluationError when config.json does not say."""
    try:
        return {str(name): int(fold) for name, fold in checkpoint.config["folds"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unsaid(checkpoint, error) from error


def _unsaid(checkpoint: Checkpoint, error: Exception) -> EvaluationError:
    return EvaluationError(
        f"the config.json of {checkpoint.name} does not say whom it was trained on ({error!r}); "
        f"train it again"
    )


def _check_counts(checkpoint: Checkpoint, *, train: int, test: int) -> None:
    if test < FEWEST_TEST_PEOPLE or train < FEWEST_TRAINING_PEOPLE:
        raise EvaluationError(
            f"evaluation needs at least {FEWEST_TEST_PEOPLE} test people and "
            f"{FEWEST_TRAINING_PEOPLE} trained on; {checkpoint.name} has {test} and {train} here"
        )


def _check_volumes(ids: Sequence[str], volumes_ml: FloatArray) -> None:
    for name, volumes in zip(ids, volumes_ml, strict=True):
        if not volumes.all():
            raise EvaluationError(
                f"{name} has no {TISSUES[int(np.argmin(volumes))]} at all; look at the scan, "
                f"delete the person from the cohort and import again"
            )


def _find_crop(checkpoint: Checkpoint, manifest: Manifest) -> Crop:
    try:
        config = checkpoint.config
        i, j, k = (int(n) for n in config["grid"]["first_voxel"])
        size_i, size_j, size_k = (int(n) for n in config["shape"])
        affine = np.array(config["affine"], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"the config.json of {checkpoint.name} does not say which part of the cohort's grid "
            f"it makes ({error!r}); train it again"
        ) from error
    crop = Crop((i, j, k), (size_i, size_j, size_k))
    crop.check(manifest.shape)
    away = np.abs(crop.affine(grid_affine(manifest)) - affine).max()
    if not away <= SAME_GRID_MM:
        raise EvaluationError(
            f"the cohort's grid and that of {checkpoint.name} differ by {away:.3g} mm; import the "
            f"people on the grid that it was trained on"
        )
    return crop


def _check_features(checkpoint: Checkpoint, table: Participants) -> None:
    kinds = {feature.name: feature.kind for feature in table.features}
    for feature in checkpoint.schema.features:
        if kinds.get(feature.name) is not feature.kind:
            found = f"{kinds[feature.name]} there" if feature.name in kinds else MISSING_COLUMN
            raise EvaluationError(
                f"{checkpoint.name} takes {feature.name} ({feature.kind}) from the cohort's "
                f"participants.tsv, but it is {found}"
            )


def _conditions(
    checkpoint: Checkpoint,
    store: CohortStore,
    table: Participants,
    ids: Sequence[str],
    *,
    who: str,
) -> dict[str, Conditions]:
    """Return the conditions of people, all of whom must be there with age, sex and known levels."""
    names = checkpoint.schema.names
    lacking = [name for name in ids if not is_known(store, table, name)]
    if lacking:
        raise EvaluationError(
            f"{len(lacking)} of the {len(ids)} {who} people of {checkpoint.name} are not in this "
            f"cohort with age and sex, among them {lacking[0]}; give the cohort it was trained on"
        )
    found: dict[str, Conditions] = {
        name: {f: table.people[name].get(f) for f in names} for name in ids
    }
    for name, row in found.items():
        _check_levels(checkpoint.schema, row, name)
    return found


def is_known(store: CohortStore, table: Participants, name: str) -> bool:
    """Whether a person is in a cohort with maps, age and sex."""
    row = table.people.get(name, {})
    return store.has(name) and row.get(AGE) is not None and row.get(SEX) is not None


def _check_levels(schema: FeatureSchema, row: Conditions, name: str) -> None:
    for feature in schema.features:
        value = row[feature.name]
        if feature.kind is not Kind.NUMERIC and value is not None and value not in feature.codes:
            raise EvaluationError(
                f"{feature.name} of {name} is {value!r}, which the checkpoint does not know; it "
                f"knows {', '.join(feature.codes)}"
            )
