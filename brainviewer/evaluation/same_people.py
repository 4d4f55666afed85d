"""Whether checkpoints may be compared: the same test people, whom none of them has seen."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.evaluation.people import SAME_GRID_MM, EvaluationError, read_folds, split_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainviewer.generators.checkpoint import Checkpoint


def check_same_people(checkpoints: Sequence[Checkpoint]) -> None:
    """Raise EvaluationError unless checkpoints can be held against each other.

    They need different names, the same test people, and the same grid; and nobody whom one of them
    is tested on may be among those that another was trained, chosen or normalised with.
    """
    names = [checkpoint.name for checkpoint in checkpoints]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(
                f"two of the checkpoints are called {name}; rename the folder of one of them"
            )
    tested = {checkpoint.name: set(split_people(checkpoint)[1]) for checkpoint in checkpoints}
    everybody = set().union(*tested.values())
    for checkpoint in checkpoints:
        seen = sorted((set(read_folds(checkpoint)) - tested[checkpoint.name]) & everybody)
        if seen:
            raise EvaluationError(
                f"{checkpoint.name} has seen {len(seen)} of the test people, among them "
                f"{seen[0]}; train it with the test folds of the others"
            )
    for first, second in pairwise(checkpoints):
        apart = sorted(tested[first.name] ^ tested[second.name])
        if apart:
            raise EvaluationError(
                f"{first.name} and {second.name} have different test people, such as {apart[0]}; "
                f"compare checkpoints with the same test folds"
            )
        _check_same_grid(first, second)


def _check_same_grid(first: Checkpoint, second: Checkpoint) -> None:
    affines = [np.array(checkpoint.config["affine"], float) for checkpoint in (first, second)]
    shapes = [tuple(checkpoint.config["shape"]) for checkpoint in (first, second)]
    if shapes[0] != shapes[1] or not np.abs(affines[0] - affines[1]).max() <= SAME_GRID_MM:
        raise EvaluationError(
            f"{first.name} makes {shapes[0]} voxels and {second.name} {shapes[1]}, or elsewhere in "
            f"space; compare checkpoints on the same grid"
        )
