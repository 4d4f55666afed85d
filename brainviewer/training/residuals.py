"""What metadata explain of quantised people, and a codebook for the rest (BrainSynth, 4.2.1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from brainviewer.training.codebooks import CodebookLearner
from brainviewer.training.glm import NormalEquations

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from brainviewer.generators.brainsynth import BrainSynth

K_MEANS_ROUNDS = 25
# People whose residuals the codebook is made of at the most: thousands of vectors each.
MOST_PEOPLE = 64


@torch.no_grad()
def fit_residuals(
    model: BrainSynth,
    quantised: Callable[[int], Tensor],
    y: Tensor,
    fixed: tuple[int, int] | None,
    random: torch.Generator,
) -> None:
    """Fit P to all people, one after the other, and the residual's codebook to some of them.

    A person is quantised twice rather than kept: a large cohort needs no more memory.

    Parameters
    ----------
    quantised : function
        From the number of a person to Q(z) (M, C, i, j, k) of M images, such as mirrored ones.
    y : (N, D) Tensor
        Conditions, nothing missing.
    fixed : (int, int) or None
        The columns of age and sex; None without conditions.
    """
    departures, metadata = model.deviations(y), model.metadata
    if fixed is not None:
        metadata.place(departures, *fixed)
    equations = NormalEquations(metadata.columns, math.prod(model.config.latent_shape))
    for index, own in enumerate(departures):
        q = quantised(index).flatten(1)
        equations.add(metadata.design(own[None]).expand(len(q), -1), q)
    metadata.set(equations.solve().float())
    chosen = torch.randperm(len(y), generator=random)[:MOST_PEOPLE].tolist()
    residuals = [quantised(index) - metadata(departures[index][None]) for index in chosen]
    CodebookLearner(model.residual).start(torch.cat(residuals), random, rounds=K_MEANS_ROUNDS)
