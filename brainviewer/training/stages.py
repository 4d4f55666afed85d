"""Two stages in one run: people first, then their codes, which are made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from brainviewer.training.dataset import Batch, random_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from brainviewer.training.dataset import BatchSource

# What randomness is for, beside the two purposes of the people's batches.
AUGMENTING, CHOOSING, VALIDATING = 2, 3, 4


def encode_passes(
    encode: Callable[[Tensor, int], Tensor], people: BatchSource, passes: int, *, seed: int
) -> Tensor:
    """Encode people, mirrored and warped anew in each pass.

    Parameters
    ----------
    encode : function
        From maps (1, C, I, J, K) and the number of a person to codes (1, D, i, j, k).

    Returns
    -------
    (passes, N, D, i, j, k) Tensor
    """

    def one(number: int, index: int) -> Tensor:
        random = random_of(seed, AUGMENTING, number, index)
        return encode(people.maps(torch.tensor([index]), random), index)

    return torch.stack(
        [torch.cat([one(n, index) for index in range(people.people)]) for n in range(passes)]
    )


class TwoStages:
    """Batches of people for the first stage, and of their codes for the second.

    Parameters
    ----------
    encode : function
        Makes the codes (P, N, C, i, j, k) of P passes over N people; called once.
    first : int
        The step from which on the maps of a batch are codes (B, C, i, j, k).
    size : int
        B of those batches.
    """

    def __init__(
        self,
        people: BatchSource,
        encode: Callable[[], Tensor],
        *,
        first: int,
        size: int,
        seed: int,
    ) -> None:
        self._people = people
        self._encode = encode
        self._first = first
        self._size = size
        self._seed = seed
        self._codes: Tensor | None = None

    def batch(self, step: int) -> Batch:
        """Make the batch of a step; conditions are disturbed anew each time."""
        if step < self._first:
            return self._people.batch(step)
        if self._codes is None:
            self._codes = self._encode()
        random = random_of(self._seed, CHOOSING, step)
        passes, people = self._codes.shape[:2]
        chosen = torch.randint(people, (self._size,), generator=random)
        numbers = torch.randint(passes, (self._size,), generator=random)
        return Batch(self._codes[numbers, chosen], self._people.conditions(chosen, random))
