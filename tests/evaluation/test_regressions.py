from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.features import Feature, Kind, Level, fit_schema
from brainviewer.evaluation.regressions import (
    RIDGE_ALPHAS,
    TrainingSample,
    predict_by_mean,
    predict_by_quadratic,
    predict_by_ridge,
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
