from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from brainviewer.core.tissues import label_map
from brainviewer.evaluation.scores import (
    bootstrap_interval,
    estimate,
    hard_dice,
    kendall,
    mean,
    mean_absolute_error,
    mean_absolute_percentage_error,
    pearson,
    r_squared,
    rank_p_values,
    soft_dice,
    spearman,
)

STATISTICS = (
    mean_absolute_error,
    mean_absolute_percentage_error,
    r_squared,
    pearson,
    spearman,
    kendall,
)
TRUE = np.array([100.0, 200.0, 300.0, 400.0])
PREDICTED = np.array([110.0, 180.0, 300.0, 410.0])


@pytest.fixture
def people() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    true = rng.normal(500.0, 50.0, 25)
    return true, true + rng.normal(0.0, 40.0, 25)


@pytest.fixture
def brains() -> tuple[np.ndarray, np.ndarray]:
    shares = np.random.default_rng(0).dirichlet([0.4] * 4, size=(2, 5, 6, 4))
    first, second = np.moveaxis(shares[..., :3], -1, 1).astype(np.float32)
    return first, second


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (mean_absolute_error, (10 + 20 + 0 + 10) / 4),
        (mean_absolute_percentage_error, (10 + 10 + 0 + 2.5) / 4),
        # Squared errors 100 + 400 + 0 + 100, about the mean of 250: 2 (150^2 + 50^2).
        (r_squared, 1 - 600 / 50_000),
    ],
)
def test_errors_are_those_worked_out_by_hand(metric, expected) -> None:
    assert metric(TRUE, PREDICTED) == pytest.approx(expected)


def test_correlations_are_scipys(people) -> None:
    true, predicted = people
    rounded = np.round(predicted, -1)  # ties
    assert pearson(true, predicted) == pytest.approx(stats.pearsonr(true, predicted)[0])
    assert spearman(true, rounded) == pytest.approx(stats.spearmanr(true, rounded)[0])
    assert kendall(true, rounded) == pytest.approx(stats.kendalltau(true, rounded)[0])


def test_rank_p_values_are_scipys_and_none_for_a_constant(people) -> None:
    true, predicted = people
    assert rank_p_values(true, predicted) == pytest.approx(
        (stats.spearmanr(true, predicted)[1], stats.kendalltau(true, predicted)[1])
    )
    assert np.isnan(rank_p_values(true, np.full(25, 3.0))).all()


@pytest.mark.parametrize("metric", STATISTICS)
def test_leading_axes_are_scored_one_by_one(metric, people) -> None:
    order = np.random.default_rng(0).integers(25, size=(6, 25))
    true, predicted = (values[order] for values in people)
    one_by_one = [metric(t, p) for t, p in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(metric(true, predicted), one_by_one)


@pytest.mark.parametrize("metric", [pearson, spearman, kendall])
def test_a_correlation_with_a_constant_is_not_defined(metric) -> None:
    assert np.isnan(metric(TRUE, np.full(4, 0.1)))


def test_the_bootstrap_resamples_people(people) -> None:
    true, predicted = people
    rng = np.random.default_rng(8)
    slow = []
    for chosen in rng.integers(25, size=(300, 25)):
        slow.append(np.corrcoef(true[chosen], predicted[chosen])[0, 1])
    interval = bootstrap_interval(pearson, true, predicted, seed=8, resamples=300)
    np.testing.assert_allclose(interval, np.percentile(slow, [2.5, 97.5]))


def test_the_interval_of_a_mean_is_near_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(10.0, 2.0, 400)
    found = estimate(mean, values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.02
    )
    assert found == estimate(mean, values)


def test_samples_without_a_score_do_not_count() -> None:
    found = estimate(pearson, np.array([1.0, 2.0]), np.array([3.0, 5.0]))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_nobody_has_no_score() -> None:
    assert np.isnan(estimate(mean, np.array([])).value)


def test_equal_maps_overlap_fully_even_with_partial_volumes(brains) -> None:
    np.testing.assert_allclose(soft_dice(brains[0], brains[0]), 1.0)
    np.testing.assert_allclose(hard_dice(brains[0], brains[0]), 1.0)


def test_dice_is_that_of_a_slow_loop(brains) -> None:
    first, second = brains
    common, total = np.zeros((2, 3)), np.zeros((2, 3))
    labels = [label_map(brain) for brain in brains]
    for voxel in np.ndindex(first.shape[1:]):
        for tissue in range(3):
            a, b = float(first[(tissue, *voxel)]), float(second[(tissue, *voxel)])
            common[0, tissue] += min(a, b)
            total[0, tissue] += a + b
            a, b = (int(label[voxel] == tissue + 1) for label in labels)
            common[1, tissue] += a * b
            total[1, tissue] += a + b
    np.testing.assert_allclose(soft_dice(first, second), 2 * common[0] / total[0])
    np.testing.assert_allclose(hard_dice(first, second), 2 * common[1] / total[1])


def test_two_empty_maps_have_no_overlap_to_speak_of() -> None:
    empty = np.zeros((3, 2, 2, 2), np.float32)
    assert np.isnan(soft_dice(empty, empty)).all()
    assert np.isnan(hard_dice(empty, empty)).all()
