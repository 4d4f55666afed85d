"""How features depart from what is expected at an age and sex."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.generators.networks import Deviations

AGE, SEX, HEIGHT, RETIRED = range(4)
PEOPLE = 200


def expected_height(age: np.ndarray, sex: np.ndarray) -> np.ndarray:
    """A cubic of its own for each sex."""
    return 0.3 - 0.2 * age + 0.1 * age**3 + sex * (0.5 - 0.3 * age**2)


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    rng = np.random.default_rng(1)
    age, sex = rng.uniform(-2, 2, PEOPLE), rng.choice([-1.0, 1.0], PEOPLE)
    height = expected_height(age, sex) + rng.normal(0, 0.2, PEOPLE)
    return np.stack([age, sex, height, (age > 0.8) - 0.2], axis=1).astype(np.float32)


@pytest.fixture
def fitted(people) -> Deviations:
    deviations = Deviations(4)
    deviations.fit(people, np.ones(people.shape, dtype=bool), AGE, SEX)
    return deviations


def test_before_the_fit_everything_stays_as_it_is() -> None:
    y = torch.randn(5, 3)
    deviations = Deviations(3)
    assert torch.equal(deviations(y), y)
    assert torch.equal(deviations.fill(y, torch.zeros(5, 3, dtype=torch.bool)), torch.zeros(5, 3))


def test_age_and_sex_stay_and_the_others_lose_what_goes_with_them(fitted, people) -> None:
    seen = fitted(torch.from_numpy(people)).numpy()
    np.testing.assert_array_equal(seen[:, :2], people[:, :2])
    for column in (HEIGHT, RETIRED):
        design = np.vander(people[:, AGE], 4)
        design = np.hstack([design, design * people[:, [SEX]]])
        np.testing.assert_allclose(design.T @ seen[:, column], 0, atol=2e-2)


def test_the_expected_value_is_the_cubic_of_each_sex(fitted) -> None:
    ages = np.linspace(-1.5, 1.5, 7)
    for sex in (-1.0, 1.0):
        y = torch.zeros(7, 4)
        y[:, AGE], y[:, SEX] = torch.from_numpy(ages), sex
        found = fitted.expected(y)[:, HEIGHT]
        np.testing.assert_allclose(found, expected_height(ages, sex), atol=0.15)


def test_who_ages_as_everybody_does_keeps_their_departure(fitted, people) -> None:
    young = torch.from_numpy(people[:1]).clone()
    old = young.clone()
    old[:, AGE] += 1.0
    old[:, HEIGHT:] += (fitted.expected(old) - fitted.expected(young))[:, HEIGHT:]
    torch.testing.assert_close(fitted(old)[:, HEIGHT:], fitted(young)[:, HEIGHT:])


def test_people_with_gaps_are_left_out_of_the_fit_of_that_column_alone(fitted, people) -> None:
    known = np.ones(people.shape, dtype=bool)
    known[:100, HEIGHT] = False
    holed = people.copy()
    holed[:100, HEIGHT] = 99.0
    other = Deviations(4)
    other.fit(holed, known, AGE, SEX)
    torch.testing.assert_close(other.coefficients[:, RETIRED], fitted.coefficients[:, RETIRED])
    np.testing.assert_allclose(
        other.coefficients[:, HEIGHT], fitted.coefficients[:, HEIGHT], atol=0.2
    )


def test_gaps_are_filled_with_what_is_expected_and_age_and_sex_never(fitted) -> None:
    y = torch.randn(3, 4)
    known = torch.tensor([[True] * 4, [True, True, False, True], [False] * 4])
    filled = fitted.fill(y, known)
    assert torch.equal(filled[0], y[0])
    torch.testing.assert_close(filled[1, HEIGHT], fitted.expected(y)[1, HEIGHT])
    assert filled[1, RETIRED] == y[1, RETIRED]
    assert torch.equal(filled[2, :2], y[2, :2])


def test_a_gap_moves_with_age_in_the_gradient(fitted) -> None:
    y = torch.randn(1, 4, requires_grad=True)
    filled = fitted.fill(y, torch.tensor([[True, True, False, True]]))
    (slope,) = torch.autograd.grad(filled[0, HEIGHT], y)
    assert slope[0, AGE] != 0
    assert slope[0, HEIGHT] == 0
