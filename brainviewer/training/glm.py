"""Least squares for a cohort that does not fit into memory: the normal equations, added up."""

from __future__ import annotations

import torch
from torch import Tensor


class NormalEquations:
    """X'X and X'Q, added up batch by batch (Lu et al. 2021, whom BrainSynth follows in 4.2.1).

    They take K x K and K x F numbers for a design of K columns and F targets, however many people
    there are; what is solved is the whole cohort's least squares.
    """

    def __init__(self, columns: int, targets: int) -> None:
        self._gram = torch.zeros(columns, columns, dtype=torch.float64)
        self._moment = torch.zeros(columns, targets, dtype=torch.float64)

    def add(self, design: Tensor, targets: Tensor) -> None:
        """Add people: rows of the design (B, K) and their targets (B, F)."""
        design, targets = design.double().cpu(), targets.double().cpu()
        self._gram += design.T @ design
        self._moment += design.T @ targets

    def solve(self) -> Tensor:
        """Return the coefficients (K, F); the smallest ones where the columns are not independent.

        That is so of levels nobody is on.
        """
        inverse: Tensor = torch.linalg.pinv(self._gram, hermitian=True)
        return inverse @ self._moment
