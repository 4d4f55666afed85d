"""The regressions in cross-validation over everybody: what the features allow to tell at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.reading import read_table
from brainviewer.core.features import fit_schema
from brainviewer.evaluation.people import is_known, read_folds, read_volumes
from brainviewer.evaluation.regressions import REGRESSIONS, TrainingSample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from brainviewer.cohort.reading import Crop
    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.features import Conditions
    from brainviewer.evaluation.regressions import Regression
    from brainviewer.generators.checkpoint import Checkpoint


def read_everybody(
    checkpoint: Checkpoint, store: CohortStore, crop: Crop
) -> tuple[TrainingSample, NDArray[np.int64]]:
    """Read features and volumes of the people of all folds who are in the cohort.

    Returns
    -------
    sample : TrainingSample of N people
    folds : (N,) int64 ndarray
    """
    table = read_table(store)
    folds = read_folds(checkpoint)
    ids = sorted(name for name in folds if is_known(store, table, name))
    rows = [{f: table.people[name].get(f) for f in checkpoint.schema.names} for name in ids]
    sample = TrainingSample(checkpoint.schema, rows, read_volumes(store, ids, crop))
    return sample, np.array([folds[name] for name in ids])


def cross_validate(
    sample: TrainingSample,
    folds: NDArray[np.int64],
    *,
    regressions: Mapping[str, Regression] = REGRESSIONS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, NDArray[np.float64]]:
    """Predict the people of each fold from those of the other folds.

    Means and sds of the features are fitted anew without each fold, so that nobody who is tested
    has a part in them.

    Returns
    -------
    dict of regression to (N, T) float64 ndarray, mL
    """
    predictions = {name: np.empty(sample.volumes_ml.shape) for name in regressions}
    found = np.unique(folds)
    for done, fold in enumerate(found, start=1):
        tested = folds == fold
        others = _choose(sample.conditions, ~tested)
        schema = fit_schema(sample.schema.features, others)
        own = TrainingSample(schema, others, sample.volumes_ml[~tested])
        for name, predict in regressions.items():
            predictions[name][tested] = predict(own, _choose(sample.conditions, tested))
        on_progress(done, len(found))
    return predictions


def _choose(rows: Sequence[Conditions], chosen: NDArray[np.bool_]) -> list[Conditions]:
    return [row for row, take in zip(rows, chosen, strict=True) if take]
