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
from brainviewer.core.tissues import TISSUES
from brainviewer.evaluation.regressions import TrainingSample
from brainviewer.evaluation.ventricles import Ventricles, find_ventricles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainviewer.cohort.bids import Participants
    from brainviewer.cohort.store import CohortStore, Manifest
    from brainviewer.core.volume import Affine
    from brainviewer.generators.checkpoint import Checkpoint

FEWEST_TEST_PEOPLE = 4
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
    test : People
        Those it never saw, with their maps.
    affine : (4, 4) float64 ndarray, mm
        Of the maps.
    ventricles : Ventricles or None
        None when the cohort has no ventricle labels.
    """

    train: TrainingSample
    test: People
    affine: Affine
    ventricles: Ventricles | None


def load_people(
    checkpoint: Checkpoint,
    store: CohortStore,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> EvaluationPeople:
    """Read the people of a checkpoint's folds from a cohort.

    Raises
    ------
    EvaluationError
        When the checkpoint does not say whom it was trained on or makes no tissue maps in native
        space, or when grid, features or people of the cohort do not fit it.
    CohortError, BidsError, FeatureError
        When the cohort itself is damaged.
    """
    manifest = store.read_manifest()
    _check_output(checkpoint)
    train_ids, test_ids = _split(checkpoint)
    crop = _crop(checkpoint, manifest)
    table = read_table(store)
    _check_features(checkpoint, table)
    train = _conditions(checkpoint, store, table, train_ids, who="training")
    test = _conditions(checkpoint, store, table, test_ids, who="test")
    affine = crop.affine(grid_affine(manifest))
    everybody = len(train) + len(test)
    volumes = []
    for index, name in enumerate(train):
        volumes.append(stored_volumes_ml(read_maps(store, name, crop), affine))
        on_progress(index + 1, everybody)
    people = read_people(
        store,
        test,
        crop,
        affine=affine,
        on_progress=lambda done, total: on_progress(everybody - total + done, everybody),
    )
    return EvaluationPeople(
        train=TrainingSample(checkpoint.schema, tuple(train.values()), np.stack(volumes)),
        test=people,
        affine=affine,
        ventricles=find_ventricles(store, manifest, crop, train=tuple(train), test=tuple(test)),
    )


def _check_output(checkpoint: Checkpoint) -> None:
    channels, space = tuple(checkpoint.config["channels"]), checkpoint.config.get("space")
    if channels != TISSUES or space != "native":
        raise EvaluationError(
            f"evaluation needs a generator of {', '.join(TISSUES)} maps in native space; "
            f"{checkpoint.name} makes {', '.join(channels)} in {space} space"
        )


def _split(checkpoint: Checkpoint) -> tuple[list[str], list[str]]:
    """Return the ids of the training and of the test people, in order."""
    try:
        folds = {str(name): int(fold) for name, fold in checkpoint.config["folds"].items()}
        tested = set(checkpoint.config["test_folds"])
        held_out = tested | set(checkpoint.config["validation_folds"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(
            f"the config.json of {checkpoint.name} does not say whom it was trained on "
            f"({error!r}); train it again"
        ) from error
    train = sorted(name for name, fold in folds.items() if fold not in held_out)
    test = sorted(name for name, fold in folds.items() if fold in tested)
    if len(test) < FEWEST_TEST_PEOPLE or not train:
        raise EvaluationError(
            f"evaluation needs at least {FEWEST_TEST_PEOPLE} test people and somebody trained on; "
            f"{checkpoint.name} has {len(test)} and {len(train)}"
        )
    return train, test


def _crop(checkpoint: Checkpoint, manifest: Manifest) -> Crop:
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
            found = f"{kinds[feature.name]} there" if feature.name in kinds else "not there"
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
    lacking = [
        name for name in ids if not store.has(name) or not _is_complete(table.people.get(name, {}))
    ]
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


def _is_complete(row: Conditions) -> bool:
    return row.get(AGE) is not None and row.get(SEX) is not None


def _check_levels(schema: FeatureSchema, row: Conditions, name: str) -> None:
    for feature in schema.features:
        value = row[feature.name]
        if feature.kind is not Kind.NUMERIC and value is not None and value not in feature.codes:
            raise EvaluationError(
                f"{feature.name} of {name} is {value!r}, which the checkpoint does not know; it "
                f"knows {', '.join(feature.codes)}"
            )
