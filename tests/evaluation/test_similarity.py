from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.similarity import (
    MOST_PEOPLE,
    PAIRS,
    choose_pairs,
    mean_similarity,
    similarities,
    smooth,
)


@pytest.fixture
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((3, 14, 16, 12)).astype(np.float32)


def test_every_pair_of_few_people_is_taken_once() -> None:
    pairs = choose_pairs(5)
    assert {tuple(pair) for pair in pairs.tolist()} == {(a, b) for b in range(5) for a in range(b)}
    assert len(pairs) == 10


@pytest.mark.parametrize("people", [46, 300])
def test_many_people_have_five_hundred_pairs_of_different_people(people) -> None:
    pairs = choose_pairs(people)
    assert len(np.unique(pairs, axis=0)) == PAIRS
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.max() < people
    assert len(np.unique(pairs)) <= MOST_PEOPLE
    np.testing.assert_array_equal(pairs, choose_pairs(people))
    assert (choose_pairs(people, seed=2) != pairs).any()


def test_the_window_is_a_gaussian_where_it_fits(images) -> None:
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    found = smooth(images[0])
    assert found.shape == (4, 6, 2)
    part = images[0, 1:12, 2:13, 1:12]
    assert found[1, 2, 1] == pytest.approx(
        np.einsum("ijk,i,j,k", part, window, window, window), rel=1e-5
    )


def test_a_brain_is_fully_like_itself(images) -> None:
    np.testing.assert_allclose(similarities(images.__getitem__, [(0, 0)]), 1.0, rtol=1e-5)


def test_similarity_is_monais(images) -> None:
    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    pairs = [(0, 1), (0, 2), (1, 2)]
    metric = metrics.SSIMMetric(spatial_dims=3)
    expected = [
        float(metric(*(torch.from_numpy(images[n])[None, None] for n in pair))) for pair in pairs
    ]
    np.testing.assert_allclose(similarities(images.__getitem__, pairs), expected, atol=1e-5)


def test_each_pair_is_told(images) -> None:
    told = []
    similarities(images.__getitem__, [(0, 1), (1, 2)], on_pair=lambda: told.append(1))
    assert len(told) == 2


def test_the_mean_counts_a_pair_as_often_as_both_were_drawn() -> None:
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    values = np.array([1.0, 10.0, 100.0])
    weights = np.array([[1.0, 1, 1], [2, 1, 0], [3, 0, 0]])
    found = mean_similarity(values, pairs, weights)
    np.testing.assert_allclose(found, [37.0, 1.0, np.nan])
