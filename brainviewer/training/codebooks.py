"""How codebooks are learned: k-means at the start, moving averages, new places for unused codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from brainviewer.generators.quantise import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from brainviewer.generators.quantise import FineQuantiser

DECAY = 0.98  # of the counts a step: they tell of about the last fifty
DEAD_SHARE = 0.05  # of the mean count, below which a code is given another place
START_ROUNDS = 10
SMALLEST = 1e-20


class CodebookLearner:
    """Keeps the codebooks of a quantiser at the means of what they stand for.

    Moving averages of counts and sums (van den Oord et al. 2017, appendix A.1) follow the encoder
    without a gradient. A code that hardly anything is assigned to takes the place of a vector of
    the batch, so that the codebook does not collapse (Dhariwal et al. 2020): one that is far from
    its own code, since most of a volume is background and would be chosen otherwise.

    On several processes each sees its own people; the codebooks are those of the first.
    """

    def __init__(self, quantiser: FineQuantiser) -> None:
        self._quantiser = quantiser
        self._counts = torch.zeros_like(quantiser.books[..., 0])  # (2, N)
        self._sums = torch.zeros_like(quantiser.books)  # (2, N, C/2)

    @property
    def has_started(self) -> bool:
        """Whether the codebooks have been given their places."""
        return bool(self._counts.any())

    @torch.no_grad()
    def start(self, z: Tensor, random: torch.Generator, *, rounds: int = START_ROUNDS) -> None:
        """Put the codebooks where k-means finds the vectors of z (B, C, i, j, k) and their rest."""
        for number, book in enumerate(self._quantiser.books):
            # The second pass quantises what the first book, which is in place by then, leaves.
            vectors = self._quantiser.assign(z)[number].vectors
            book.copy_(k_means(vectors, len(book), random, rounds=rounds))
            counts = vectors.new_full((len(book),), len(vectors) / len(book))
            self._counts[number] = counts
            self._sums[number] = book * counts[:, None]

    @torch.no_grad()
    def learn(self, z: Tensor, random: torch.Generator) -> None:
        """Move the codebooks towards the vectors of z (B, C, i, j, k) that they stand for."""
        assigned = self._quantiser.assign(z)
        for number, (book, (vectors, codes)) in enumerate(
            zip(self._quantiser.books, assigned, strict=True)
        ):
            counts, sums = count_and_sum(vectors, codes, len(book))
            self._counts[number].lerp_(counts, 1 - DECAY)
            self._sums[number].lerp_(sums, 1 - DECAY)
            self._move_unused(number, vectors, codes, random)
            book.copy_(self._sums[number] / self._counts[number, :, None])

    def health(self) -> dict[str, Tensor]:
        """Return how much of the codebooks is in use, of both passes together.

        Returns
        -------
        usage : share of codes that are used at least a tenth as often as the mean
        perplexity : how many codes, equally often used, would be as varied
        """
        share = self._counts / self._counts.sum(dim=1, keepdim=True)
        entropy = -(share * share.clamp_min(1e-12).log()).sum(dim=1)
        used = share * share.shape[1] > 0.1
        return {"usage": used.float().mean(), "perplexity": entropy.exp().mean()}

    def state(self) -> dict[str, Any]:
        """Return the averages and the codebooks."""
        return {"counts": self._counts, "sums": self._sums, "books": self._quantiser.books}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up averages and codebooks."""
        self._counts.copy_(state["counts"])
        self._sums.copy_(state["sums"])
        self._quantiser.books.copy_(state["books"])

    def _move_unused(
        self, number: int, vectors: Tensor, codes: Tensor, random: torch.Generator
    ) -> None:
        counts = self._counts[number]
        typical = counts.mean()
        dead = (counts < DEAD_SHARE * typical).nonzero()[:, 0]
        own = self._quantiser.books[number][codes]
        self._counts[number, dead] = typical
        self._sums[number, dead] = _far_off(vectors, own, len(dead), random) * typical


def k_means(vectors: Tensor, count: int, random: torch.Generator, *, rounds: int) -> Tensor:
    """Find the means (count, C) of clusters of vectors (M, C) by Lloyd's algorithm.

    A mean that nothing is nearest to takes the place of a vector that is far from its own.
    """
    means = vectors[torch.randint(len(vectors), (count,), generator=random).to(vectors.device)]
    for _ in range(rounds):
        codes = nearest(vectors, means)
        counts, sums = count_and_sum(vectors, codes, count)
        others = _far_off(vectors, means[codes], count, random)
        means = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1.0)[:, None], others)
    return means


def count_and_sum(vectors: Tensor, codes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return how many vectors (M, C) have each code (count,), and their sums (count, C)."""
    counts = torch.bincount(codes, minlength=count).to(vectors.dtype)
    sums = vectors.new_zeros(count, vectors.shape[1]).index_add_(0, codes, vectors)
    return counts, sums


def perplexity(codes: Tensor, count: int) -> Tensor:
    """Return how many codes, equally often used, would be as varied as these."""
    share = functional.normalize(
        torch.bincount(codes.flatten(), minlength=count).float(), p=1, dim=0
    )
    entropy: Tensor = torch.special.entr(share).sum()
    return entropy.exp()


def _far_off(vectors: Tensor, own: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Draw vectors (count, C) of (M, C), by the square of how far each is from its own code.

    As k-means++ does (Arthur and Vassilvitskii 2007).
    """
    if count == 0:
        return vectors[:0]
    far = (vectors - own).square().sum(dim=1).cpu()
    weights = far + far.mean().clamp_min(SMALLEST) * 1e-6  # all alike where nothing is far
    chosen = torch.multinomial(weights, count, replacement=True, generator=random)
    return vectors[chosen.to(vectors.device)]
