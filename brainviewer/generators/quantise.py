"""Fine-grained vector quantisation (BrainSynth: Peng et al. 2023, section 4.1, Eq. 1).

Each vector z of a latent grid is cut into two halves. A half is replaced by the nearest vector of a
codebook, and what is left of it by the nearest of a second one:

    Q(z) = e(I(z)) + e'(I'(z - e(I(z))))                                                  Eq. 1

The paper takes the remainder from the same codebook. Remainders are several times smaller than what
they are left of, so that one book would have to serve two scales; here each pass has its own.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from brainviewer.generators.networks import full_precision

HALVES = 2
PASSES = 2
CODES_OF_A_PLACE = HALVES * PASSES
AT_ONCE = 16384  # vectors whose distances to all of a book are held in memory


class Assignment(NamedTuple):
    """What a pass quantises, and to what.

    Attributes
    ----------
    vectors : (M, C/2) Tensor
        Halves, or in the second pass their remainders.
    codes : (M,) int64 Tensor
        The nearest vector of the pass's codebook.
    """

    vectors: Tensor
    codes: Tensor


class FineQuantiser(nn.Module):
    """Two codebooks of N vectors, for halves and for their remainders.

    Attributes
    ----------
    books : (2, N, C/2) Tensor
        e and e'; zero until they are learned.
    """

    books: Tensor

    def __init__(self, codes: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("books", torch.zeros(PASSES, codes, channels // HALVES))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise z (B, C, i, j, k): Q(z) of the same shape, and codes (B, 4, i, j, k)."""
        b, _, i, j, k = z.shape
        codes = torch.stack([one.codes for one in self.assign(z)])
        codes = rearrange(codes, "p (b h i j k) -> b (p h) i j k", b=b, h=HALVES, i=i, j=j, k=k)
        return self.look_up(codes), codes

    def assign(self, z: Tensor) -> list[Assignment]:
        """Find the codes of z (B, C, i, j, k), pass after pass."""
        left = rearrange(z.detach().float(), "b (h c) i j k -> (b h i j k) c", h=HALVES)
        found = []
        for book in self.books:
            found.append(Assignment(left, nearest(left, book)))
            left = left - book[found[-1].codes]
        return found

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the vectors (B, C, i, j, k) that codes (B, 4, i, j, k) stand for; -1 adds none."""
        by_pass = rearrange(codes, "b (p h) i j k -> p b h i j k", p=PASSES)
        known = (by_pass >= 0).unsqueeze(-1).float()
        vectors = (book[own] for book, own in zip(self.books, by_pass.clamp_min(0), strict=True))
        halves = sum(vector * it for vector, it in zip(vectors, known, strict=True))
        values: Tensor = rearrange(halves, "b h i j k c -> b (h c) i j k")
        return values


def nearest(vectors: Tensor, book: Tensor) -> Tensor:
    """Return the index (M,) of the vector of a book (N, C) that is nearest to each of (M, C)."""
    # |v - e|^2 = |v|^2 - 2 (v e - |e|^2 / 2), of which |v|^2 is the same for every e.
    length = 0.5 * book.square().sum(dim=1)
    with full_precision(vectors):
        found = [(some @ book.T - length).argmax(dim=1) for some in torch.split(vectors, AT_ONCE)]
    return torch.cat(found)
