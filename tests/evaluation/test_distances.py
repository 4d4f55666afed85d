from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.distances import (
    Kernels,
    discrepancy,
    frechet_distance,
    linear_kernels,
    rbf_kernels,
    sum_moments,
)
from brainviewer.evaluation.scores import estimate_distance

PEOPLE = 7
ONES = np.ones((1, PEOPLE))


@pytest.fixture
def brains() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (PEOPLE, 6, 5, 4), dtype=np.uint8)
    return first, rng.integers(0, 200, (PEOPLE, 6, 5, 4), dtype=np.uint8)


@pytest.fixture
def features() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(PEOPLE, 3)), 0.5 + 1.5 * rng.normal(size=(PEOPLE, 3))


def slow_discrepancy(kernel, first: list, second: list) -> float:
    """Equation 3 of Gretton et al. (2012), pair by pair."""
    m, n = len(first), len(second)
    own = sum(kernel(a, b) for i, a in enumerate(first) for j, b in enumerate(first) if i != j)
    other = sum(kernel(a, b) for i, a in enumerate(second) for j, b in enumerate(second) if i != j)
    between = sum(kernel(a, b) for a in first for b in second)
    return own / (m * (m - 1)) + other / (n * (n - 1)) - 2 * between / (m * n)


def test_the_linear_discrepancy_is_that_of_its_definition_a_voxel(brains) -> None:
    first, second = ([own.ravel() / 255 for own in sample] for sample in brains)
    kernels = linear_kernels(*brains, unit=255.0)
    expected = slow_discrepancy(lambda a, b: a @ b / a.size, first, second)
    assert discrepancy(kernels, ONES)[0] == pytest.approx(expected, abs=1e-6)


def test_the_linear_discrepancy_is_monais_over_the_number_of_voxels(brains) -> None:
    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    real, made = (torch.from_numpy(own).float()[:, None] / 255 for own in brains)
    expected = float(metrics.MMDMetric()(real, made)) / brains[0][0].size
    found = discrepancy(linear_kernels(*brains, unit=255.0), ONES)
    assert found[0] == pytest.approx(expected, abs=1e-6)


def test_large_brains_are_taken_in_parts(brains, monkeypatch) -> None:
    whole = linear_kernels(*brains, unit=255.0)
    monkeypatch.setattr("brainviewer.evaluation.distances.CHUNK", 7)
    parts = linear_kernels(*brains, unit=255.0)
    for name in ("real", "made", "between"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-5)


def test_the_rbf_discrepancy_is_that_of_its_definition(features) -> None:
    apart = [np.linalg.norm(a - b) for i, a in enumerate(features[0]) for b in features[0][i + 1 :]]
    # The median of squares is the square of the median for an odd number of pairs, 21.
    width = 2 * np.median(apart) ** 2

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-((a - b) ** 2).sum() / width))

    expected = slow_discrepancy(kernel, *map(list, features))
    assert discrepancy(rbf_kernels(*features), ONES)[0] == pytest.approx(expected)


def test_a_person_drawn_twice_is_not_held_against_themselves(features) -> None:
    kernels = rbf_kernels(*features)
    order = np.array([0, 0, 2, 3, 3, 3, 6])
    weights = np.bincount(order, minlength=PEOPLE)[None].astype(float)
    pairs = [(i, j) for i in order for j in order if i != j]
    within = [np.mean([k[i, j] for i, j in pairs]) for k in (kernels.real, kernels.made)]
    between = kernels.between[np.ix_(order, order)].mean()
    assert discrepancy(kernels, weights)[0] == pytest.approx(sum(within) - 2 * between)


def test_one_person_alone_has_no_discrepancy() -> None:
    kernels = Kernels(*(np.eye(2) for _ in range(3)))
    assert np.isnan(discrepancy(kernels, np.array([[2.0, 0.0]]))).all()


def test_people_who_are_all_alike_have_no_discrepancy() -> None:
    same = np.ones((4, 2))
    assert discrepancy(rbf_kernels(same, same), np.ones((1, 4)))[0] == pytest.approx(0.0)


def test_the_frechet_distance_of_spheres_is_known() -> None:
    """|m1 - m2|^2 + F (s1 - s2)^2, for the very sample moments."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(400, 2))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    real, made = sum_moments(white[:, None]), sum_moments(3 * white[:, None] + [1.0, 2.0])
    found = frechet_distance(real, made, np.ones((1, 400)))
    assert found[0] == pytest.approx(1 + 4 + 2 * (3 - 1) ** 2)
    assert frechet_distance(real, real, np.ones((1, 400)))[0] == pytest.approx(0.0, abs=1e-9)


def test_the_frechet_distance_is_monais() -> None:
    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    real, made = rng.normal(size=(30, 5)), 1.4 * rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5))
    expected = float(metrics.FIDMetric()(torch.from_numpy(made), torch.from_numpy(real)))
    found = frechet_distance(
        sum_moments(real[:, None]), sum_moments(made[:, None]), np.ones((1, 30))
    )
    assert found[0] == pytest.approx(expected, rel=1e-6)


def test_weights_count_people_with_all_their_slices() -> None:
    rng = np.random.default_rng(3)
    real, made = rng.normal(size=(2, PEOPLE, 4, 2))
    order = np.array([1, 1, 2, 4, 5, 5, 5])
    weights = np.bincount(order, minlength=PEOPLE)[None].astype(float)
    expected = frechet_distance(
        sum_moments(real[order]), sum_moments(made[order]), np.ones((1, PEOPLE))
    )
    found = frechet_distance(sum_moments(real), sum_moments(made), weights)
    np.testing.assert_allclose(found, expected)


def test_a_distances_interval_lies_about_it(features) -> None:
    kernels = rbf_kernels(*features)

    def distance(weights: np.ndarray) -> np.ndarray:
        return discrepancy(kernels, weights)

    found = estimate_distance(distance, PEOPLE, lowest=-np.inf, seed=5, resamples=50)
    order = np.random.default_rng(5).integers(PEOPLE, size=(50, PEOPLE))
    slow = [distance(np.bincount(o, minlength=PEOPLE)[None].astype(float))[0] for o in order]
    half = 1.96 * np.std(slow)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert found.value == pytest.approx(distance(ONES)[0])


def test_an_interval_ends_at_the_least_that_a_distance_can_be() -> None:
    found = estimate_distance(lambda weights: weights[:, 0] + 0.1, 3)
    assert found.low == 0.0 < found.value < found.high


def test_a_distance_that_is_not_resampled_has_no_interval(features) -> None:
    found = estimate_distance(lambda weights: weights.sum(axis=1), 3, resamples=0)
    assert (found.value, np.isnan(found.low)) == (3.0, True)
