"""Who is trained on and who is not: ten folds of people, stratified by age and sex."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.scenario import AGE, SEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainviewer.core.features import Conditions

FOLDS = 10


def assign_folds(people: Mapping[str, Conditions], *, seed: int) -> dict[str, int]:
    """Deal people into ten folds of like age and sex.

    People of each sex are sorted by age and dealt out in tens, each ten in random order, so that
    every fold has every age. The result depends on the people and the seed alone.

    Parameters
    ----------
    people : mapping of participant_id to conditions with age
    seed : int

    Returns
    -------
    dict of participant_id to 0-9
    """
    rng = np.random.default_rng(seed)
    folds: dict[str, int] = {}
    for sex in sorted({str(row.get(SEX)) for row in people.values()}):
        own = [name for name, row in people.items() if str(row.get(SEX)) == sex]
        own.sort(key=lambda name: (people[name][AGE], name))
        for start in range(0, len(own), FOLDS):
            group = own[start : start + FOLDS]
            deal = rng.permutation(FOLDS)[: len(group)]
            folds.update({name: int(f) for name, f in zip(group, deal, strict=True)})
    return folds
