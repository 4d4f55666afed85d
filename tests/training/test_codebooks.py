"""Codebooks that follow the vectors they stand for, and do not collapse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.generators.quantise import FineQuantiser
from brainviewer.training.codebooks import DECAY, CodebookLearner, k_means, perplexity

CENTRES = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def random_of(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(each: int = 50, *, spread: float = 0.1) -> torch.Tensor:
    noise = torch.randn(each * len(CENTRES), 2, generator=random_of(5))
    return CENTRES.repeat(each, 1) + spread * noise


def as_grid(vectors: torch.Tensor) -> torch.Tensor:
    """Lay vectors of length two out as both halves of a latent grid."""
    return vectors.T.repeat(2, 1)[None, :, :, None, None]


def learner_of(codes: int = 4) -> tuple[FineQuantiser, CodebookLearner]:
    quantiser = FineQuantiser(codes, 4)
    return quantiser, CodebookLearner(quantiser)


def test_k_means_finds_the_centres_of_clusters() -> None:
    vectors = clusters()
    means = k_means(vectors, 4, random_of(3), rounds=20)
    order = (means[:, 0] > 5) + 2 * (means[:, 1] > 5)
    np.testing.assert_allclose(means[order.argsort()], CENTRES, atol=0.1)


def test_k_means_has_a_place_for_every_code_even_with_few_vectors() -> None:
    means = k_means(CENTRES, 7, random_of(), rounds=3)
    assert means.shape == (7, 2)
    assert torch.isfinite(means).all()


def test_a_start_puts_both_books_where_the_vectors_are() -> None:
    quantiser, learner = learner_of()
    assert not learner.has_started
    z = as_grid(clusters())
    learner.start(z, random_of(), rounds=20)
    assert learner.has_started
    values, _ = quantiser(z)
    assert (values - z).square().mean() < 0.1**2
    assert quantiser.books[1].abs().max() < 1.0  # remainders are small
    health = learner.health()
    assert health["usage"] == 1.0
    assert health["perplexity"].item() == pytest.approx(4.0)


def test_a_book_follows_the_moving_mean_of_its_vectors() -> None:
    quantiser, learner = learner_of(1)
    learner.start(as_grid(torch.zeros(8, 2)), random_of())
    learner.learn(as_grid(torch.ones(8, 2)), random_of())
    torch.testing.assert_close(quantiser.books[0], torch.full((1, 2), 1 - DECAY))


def test_the_moving_mean_is_that_of_a_slow_version() -> None:
    quantiser, learner = learner_of(4)
    learner.start(as_grid(clusters()), random_of())
    codes = quantiser.assign(as_grid(clusters()))[0].codes
    old, moved = quantiser.books[0].clone(), clusters() + 0.3
    learner.learn(as_grid(moved), random_of())
    for code in range(4):
        own = moved.repeat(2, 1)[codes == code]
        weight, count = 100.0, len(own)  # 400 vectors at the start, for four codes
        expected = DECAY * weight * old[code] + (1 - DECAY) * own.sum(dim=0)
        expected /= DECAY * weight + (1 - DECAY) * count
        torch.testing.assert_close(quantiser.books[0, code], expected)


def test_an_unused_code_takes_the_place_of_a_vector() -> None:
    quantiser, learner = learner_of(4)
    z = as_grid(clusters())
    learner.start(z, random_of())
    quantiser.books[0, 2] = 1000.0
    learner._sums[0, 2] = 1000.0 * learner._counts[0, 2]
    for _ in range(200):
        learner.learn(z, random_of())
    distance = (quantiser.books[0, 2] - clusters()).norm(dim=1).min()
    assert distance < 0.5
    assert learner.health()["usage"] == 1.0


def test_health_tells_a_collapse() -> None:
    _, learner = learner_of(4)
    learner.start(as_grid(clusters()), random_of())
    learner._counts[:] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    health = learner.health()
    assert health["usage"] == 0.25
    assert health["perplexity"].item() == pytest.approx(1.0)


def test_a_restored_learner_goes_on_as_the_first() -> None:
    one, learner = learner_of()
    learner.start(as_grid(clusters()), random_of())
    other, again = learner_of()
    again.restore({name: value.clone() for name, value in learner.state().items()})
    for it in (learner, again):
        it.learn(as_grid(clusters() + 1.0), random_of(4))
    assert torch.equal(one.books, other.books)


def test_perplexity_counts_codes_that_are_used_alike() -> None:
    assert perplexity(torch.tensor([[0, 1], [2, 3]]), 8).item() == pytest.approx(4.0)
    assert perplexity(torch.tensor([5, 5, 5]), 8).item() == pytest.approx(1.0)


def test_most_vectors_being_the_same_do_not_take_the_codes_of_the_others() -> None:
    """As the background of a volume would."""
    background = torch.zeros(2000, 2)
    rest = 5.0 + torch.randn(100, 2, generator=random_of(2))
    means = k_means(torch.cat([background, rest]), 12, random_of(), rounds=10)
    assert (means.norm(dim=1) > 2.0).sum() >= 9
