"""Where the volumes of a brain stand among the training people of the same age and sex."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from brainviewer.core.scenario import AGE, SEX

if TYPE_CHECKING:
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.request import Shown


def percentiles_of(shown: Shown, checkpoint: Checkpoint) -> dict[str, float]:
    """Return the percentile, 0-100, of each volume; structures without a table are left out."""
    age, sex = shown.conditions.get(AGE), str(shown.conditions.get(SEX))
    years = float(age) if isinstance(age, int | float) else math.nan
    known = {structure for structure, _ in checkpoint.population.curves}
    return {
        name: checkpoint.population.percentile(name, sex, years, volume)
        for name, volume in shown.volumes_ml.items()
        if name in known
    }
