from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.features import Feature, Kind, Level, fit_schema
from brainviewer.evaluation.regressions import (
    REGRESSION_NAMES,
    REGRESSIONS,
    RIDGE_ALPHAS,
    TrainingSample,
    predict_by_gaussian_process,
    predict_by_linear,
    predict_by_mean,
    predict_by_network,
    predict_by_polynomial,
    predict_by_quadratic,
    predict_by_ridge,
    predict_by_svr,
    predict_by_unscaled_svr,
)

FEATURES = (
    Feature("age", Kind.NUMERIC, unit="years"),
    Feature("sex", Kind.LEVELS, levels=(Level("F", "female"), Level("M", "male"))),
    Feature("height", Kind.NUMERIC, unit="cm"),
)


def make_people(count: int, seed: int) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [
        {
            "age": float(rng.uniform(20, 80)),
            "sex": str(rng.choice(["F", "M"])),
            "height": float(rng.normal(170, 8)),
        }
        for _ in range(count)
    ]


def make_sample(volumes) -> TrainingSample:
    people = make_people(30, 1)
    return TrainingSample(
        fit_schema(FEATURES, people), people, np.array([volumes(p) for p in people])
    )


@pytest.fixture
def unseen() -> list[dict]:
    return make_people(7, 2)


def test_the_quadratic_finds_a_quadratic(unseen) -> None:
    def volumes(person: dict) -> list[float]:
        age, male = person["age"], person["sex"] == "M"
        return [500 + 40 * male - 0.5 * age, 200 + 0.03 * age**2, 7.0]

    predicted = predict_by_quadratic(make_sample(volumes), unseen)
    np.testing.assert_allclose(predicted, [volumes(person) for person in unseen])


def test_the_mean_is_everybodys(unseen) -> None:
    sample = make_sample(lambda person: [person["age"], 1.0, 2.0])
    expected = np.mean([p["age"] for p in sample.conditions])
    np.testing.assert_allclose(predict_by_mean(sample, unseen)[:, 0], np.full(7, expected))


@pytest.fixture
def noisy() -> TrainingSample:
    """Two volumes of different noise, so that they want different penalties."""
    noise = iter(np.random.default_rng(0).normal(0.0, 1.0, (30, 2)))

    def volumes(person: dict) -> np.ndarray:
        return 500 + person["height"] - 2 * person["age"] + np.array([60.0, 250.0]) * next(noise)

    return make_sample(volumes)


def standardised(sample: TrainingSample, people: list[dict]) -> np.ndarray:
    own = np.stack([sample.schema.encode(p) for p in sample.conditions]).astype(float)
    encoded = np.stack([sample.schema.encode(p) for p in people]).astype(float)
    return (encoded - own.mean(axis=0)) / own.std(axis=0)


def ridge(design: np.ndarray, volumes: np.ndarray, alpha: float, rows: np.ndarray) -> np.ndarray:
    """Ridge regression by its normal equations, the constant not penalised."""
    centred = design - design.mean(axis=0)
    gram = centred.T @ centred + alpha * np.eye(design.shape[1])
    slopes = np.linalg.solve(gram, centred.T @ (volumes - volumes.mean()))
    return volumes.mean() + (rows - design.mean(axis=0)) @ slopes


def test_ridge_takes_the_penalty_with_the_least_error_on_people_left_out(noisy, unseen) -> None:
    design, rows = standardised(noisy, list(noisy.conditions)), standardised(noisy, unseen)
    predicted = predict_by_ridge(noisy, unseen)
    chosen = []
    for volumes, found in zip(noisy.volumes_ml.T, predicted.T, strict=True):
        errors = [
            sum(
                (ridge(np.delete(design, i, 0), np.delete(volumes, i), a, design[i]) - v) ** 2
                for i, v in enumerate(volumes)
            )
            for a in RIDGE_ALPHAS
        ]
        chosen.append(RIDGE_ALPHAS[int(np.argmin(errors))])
        np.testing.assert_allclose(found, ridge(design, volumes, chosen[-1], rows), rtol=1e-6)
    assert RIDGE_ALPHAS[0] < chosen[0] < chosen[1]


def linear_volumes(person: dict) -> list[float]:
    male = person["sex"] == "M"
    return [500 + 40 * male - 0.5 * person["age"], 3.0 * person["height"], 7.0]


def test_lr_is_least_squares_on_all_features(unseen) -> None:
    predicted = predict_by_linear(make_sample(linear_volumes), unseen)
    np.testing.assert_allclose(predicted, [linear_volumes(p) for p in unseen], rtol=1e-5)


def test_pr_finds_squares_and_products_and_lr_does_not(unseen) -> None:
    def volumes(person: dict) -> list[float]:
        male = person["sex"] == "M"
        return [500 + 0.02 * person["age"] ** 2 + 0.5 * male * person["height"]]

    sample, expected = make_sample(volumes), [volumes(p) for p in unseen]
    np.testing.assert_allclose(predict_by_polynomial(sample, unseen), expected, rtol=1e-4)
    assert np.abs(predict_by_linear(sample, unseen) - expected).max() > 1.0


def test_an_svr_on_volumes_in_ml_hardly_leaves_their_median(unseen) -> None:
    sample = make_sample(linear_volumes)
    spread = np.ptp(predict_by_unscaled_svr(sample, unseen)[:, 1])
    expected = np.ptp([linear_volumes(p)[1] for p in unseen])
    assert spread < 0.3 * expected
    assert np.ptp(predict_by_svr(sample, unseen)[:, 1]) > 0.7 * expected


@pytest.mark.parametrize(
    ("predict", "share"),
    [(predict_by_network, 0.5), (predict_by_gaussian_process, 0.1), (predict_by_svr, 0.3)],
)
def test_what_is_not_a_line_is_learned_too(predict, share, unseen) -> None:
    def volumes(person: dict) -> list[float]:
        return [600 + 80 * np.sin(person["age"] / 12), 900 - 0.05 * (person["age"] - 50) ** 2]

    people = make_people(120, 3)
    sample = TrainingSample(
        fit_schema(FEATURES, people), people, np.array([volumes(p) for p in people])
    )
    true = np.array([volumes(p) for p in unseen])
    errors = np.abs(predict(sample, unseen) - true).mean(axis=0)
    constant = np.abs(predict_by_mean(sample, unseen) - true).mean(axis=0)
    assert (errors < share * constant).all()


@pytest.mark.parametrize("name", REGRESSIONS)
def test_every_regression_gives_the_same_numbers_twice(name, noisy, unseen) -> None:
    first = REGRESSIONS[name](noisy, unseen)
    assert first.shape == (len(unseen), 2)
    np.testing.assert_array_equal(REGRESSIONS[name](noisy, unseen), first)
    assert name in REGRESSION_NAMES


@pytest.mark.parametrize("name", REGRESSIONS)
def test_missing_values_unseen_levels_and_constant_volumes_are_no_reason_to_fail(name) -> None:
    people = [person | {"sex": "F"} for person in make_people(24, 5)]
    people[3]["height"] = None
    volumes = np.column_stack([np.full(24, 7.0), [person["age"] for person in people]])
    sample = TrainingSample(fit_schema(FEATURES, people), people, volumes)
    strangers = [{"age": 40.0, "sex": "M", "height": None}, {"age": 61.0, "sex": "F"}]
    predicted = REGRESSIONS[name](sample, strangers)
    assert np.isfinite(predicted).all()
    np.testing.assert_allclose(predicted[:, 0], 7.0, atol=0.2)
