"""The eyes of Table I: networks and pairs, fitted and chosen once for all systems."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.reading import read_maps
from brainviewer.core.scenario import SEX, feature_age
from brainviewer.evaluation.evidence import label_progress
from brainviewer.evaluation.feature_networks import (
    MOST_PEOPLE,
    SEED,
    Embedders,
    FittingPeople,
    Plan,
    fit_networks,
    fitted_embedders,
)
from brainviewer.evaluation.likeness import (
    Description,
    Units,
    describe,
    feature_units,
    from_arrays,
    score_likeness,
    to_arrays,
)
from brainviewer.evaluation.network_files import (
    key_of,
    load_network,
    read_networks,
    save_networks,
)
from brainviewer.evaluation.similarity import choose_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.cohort.store import CohortStore
    from brainviewer.evaluation.cache import ArrayCache
    from brainviewer.evaluation.evidence import Progress
    from brainviewer.evaluation.likeness import Likeness
    from brainviewer.evaluation.people import EvaluationPeople

NETWORKS_FILE = "feature_networks.safetensors"


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """Published networks to take instead of those fitted here, as TorchScript; None: fit one."""

    volumes: Path | None = None
    slices: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Looker:
    """What looks at samples of brains, and what it saw in the real ones.

    Attributes
    ----------
    embedders : Embedders
    pairs : (P, 2) int ndarray
    units : Units
    maps : (N, 3, I, J, K) uint8 ndarray
        Of the test people.
    description : Description
        Of the same.
    cache : ArrayCache
    """

    embedders: Embedders
    pairs: NDArray[np.int64]
    units: Units
    maps: NDArray[np.uint8]
    description: Description
    cache: ArrayCache

    def score(self, made: NDArray[np.uint8], *, on_progress: Progress) -> Likeness:
        """Hold made brains (N, 3, I, J, K) against the real ones: their part of Table I."""
        seen = _look(made, self.embedders, self.pairs, self.cache, on_progress)
        return score_likeness(
            self.maps, made, (self.description, seen), units=self.units, pairs=self.pairs
        )


def prepare_looker(
    people: EvaluationPeople,
    store: CohortStore,
    out: Path,
    *,
    files: NetworkFiles,
    plan: Plan,
    cache: ArrayCache,
    on_progress: Progress,
) -> tuple[Looker, Likeness | None]:
    """Fit the networks, or read them, and look at the real people.

    Parameters
    ----------
    out : Path
        Where fitted networks are kept, and found again for the same people.
    cache : ArrayCache
        Whose `model` says which people these are.

    Returns
    -------
    looker : Looker
    real : Likeness or None
        Table I of as many training people held against the test people; None when there are fewer.
    """
    order = np.random.default_rng(SEED).permutation(len(people.train_ids))
    chosen = [int(n) for n in order[: max(MOST_PEOPLE, len(people.test))]]
    maps = np.stack([read_maps(store, people.train_ids[n], people.crop) for n in chosen])
    fitting = FittingPeople(maps[:MOST_PEOPLE], _facts(people, chosen[:MOST_PEOPLE]))
    embedders = _embedders(fitting, out, files=files, plan=plan, on_progress=on_progress)
    pairs = choose_pairs(len(people.test))
    others = maps[: len(people.test)]
    reference = _look(others, embedders, choose_pairs(len(others)), cache, on_progress)
    looker = Looker(
        embedders,
        pairs,
        feature_units(reference, embedders),
        people.test.maps,
        _look(people.test.maps, embedders, pairs, cache, on_progress),
        cache,
    )
    if len(others) < len(people.test):
        return looker, None
    return looker, looker.score(others, on_progress=on_progress)


def _embedders(
    people: FittingPeople, out: Path, *, files: NetworkFiles, plan: Plan, on_progress: Progress
) -> Embedders:
    given = [None if path is None else load_network(path) for path in (files.volumes, files.slices)]
    volumes, slices = given
    if volumes is not None and slices is not None:
        return Embedders(volumes, slices)
    key, path = key_of(people, plan), out / NETWORKS_FILE
    networks = read_networks(path, key=key)
    if networks is None:
        networks = fit_networks(
            people, plan=plan, on_step=label_progress(on_progress, "fitting feature networks")
        )
        out.mkdir(parents=True, exist_ok=True)
        save_networks(networks, path, key=key)
    own = fitted_embedders(networks, len(people.maps))
    return Embedders(volumes or own.volumes, slices or own.slices)


def _facts(people: EvaluationPeople, chosen: Sequence[int]) -> NDArray[np.float32]:
    """Return age, sex as a number, and volumes of some training people: (N, 5) float32."""
    rows = [people.facts[people.train_ids[n]] for n in chosen]
    sexes = sorted({str(row[SEX]) for row in rows})
    told = [[feature_age(row), float(sexes.index(str(row[SEX])))] for row in rows]
    return np.column_stack([told, people.train.volumes_ml[chosen]]).astype(np.float32)


def _look(
    maps: NDArray[np.uint8],
    embedders: Embedders,
    pairs: NDArray[np.int64],
    cache: ArrayCache,
    on_progress: Progress,
) -> Description:
    digest = hashlib.sha256(np.ascontiguousarray(maps).data).hexdigest()
    request = ("seen", digest, embedders.volumes.name, embedders.slices.name, pairs.tolist())
    told = label_progress(on_progress, "looking at brains")
    return from_arrays(
        cache.get(request, lambda: to_arrays(describe(maps, embedders, pairs, on_progress=told)))
    )
