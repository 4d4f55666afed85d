"""The GLM of a cohort in batches, its designs, and its splines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.generators.metadata import MetadataMap, natural_spline
from brainviewer.training.glm import NormalEquations

SHAPE = (2, 3, 2, 2)
FEATURES = 24


def conditions_of(people: int = 60) -> torch.Tensor:
    """Age, sex and one more column."""
    random = torch.Generator().manual_seed(1)
    y = torch.randn(people, 3, generator=random)
    y[:, 1] = y[:, 1].sign()
    return y


def map_of(design: str, y: torch.Tensor) -> MetadataMap:
    made = MetadataMap(y.shape[1], SHAPE, design)
    made.place(y, 0, 1)
    return made


@pytest.mark.parametrize(("design", "columns"), [("linear", 4), ("splines", 7)])
@pytest.mark.parametrize("size", [1, 7, 60])
def test_batches_give_the_least_squares_of_the_whole_cohort(design, columns, size) -> None:
    y = conditions_of()
    m = map_of(design, y).design(y)
    assert m.shape == (60, columns)
    q = torch.randn(60, FEATURES, generator=torch.Generator().manual_seed(2))
    equations = NormalEquations(columns, FEATURES)
    for start in range(0, 60, size):
        equations.add(m[start : start + size], q[start : start + size])
    expected = np.linalg.lstsq(m.double().numpy(), q.double().numpy(), rcond=None)[0]
    np.testing.assert_allclose(equations.solve(), expected, atol=1e-8)


def test_columns_that_are_not_independent_have_the_smallest_coefficients() -> None:
    m = torch.tensor([[1.0, 2.0, 2.0], [1.0, 3.0, 3.0], [1.0, -1.0, -1.0]])
    equations = NormalEquations(3, 1)
    equations.add(m, m[:, 1:2])
    torch.testing.assert_close(equations.solve()[:, 0].float(), torch.tensor([0.0, 0.5, 0.5]))


@pytest.mark.parametrize("design", ["linear", "splines"])
def test_a_map_gives_the_fitted_values_and_residuals_without_metadata(design) -> None:
    y = conditions_of()
    found = map_of(design, y)
    q = (
        torch.randn(60, *SHAPE, generator=torch.Generator().manual_seed(2))
        + 3.0 * y[:, :1, None, None, None]
    )
    m = found.design(y)
    equations = NormalEquations(found.columns, FEATURES)
    equations.add(m, q.flatten(1))
    found.set(equations.solve().float())
    residual = (q - found(y)).flatten(1)
    torch.testing.assert_close(
        m.T @ residual, torch.zeros(found.columns, FEATURES), rtol=0, atol=1e-3
    )


def test_without_conditions_there_is_the_mean() -> None:
    found = MetadataMap(0, SHAPE, "splines")
    assert found.columns == 1
    found.set(torch.arange(24.0)[None])
    y = torch.zeros(2, 0)
    assert torch.equal(found.design(y), torch.ones(2, 1))
    torch.testing.assert_close(
        found(y), torch.arange(24.0).reshape(1, *SHAPE).expand(2, -1, -1, -1, -1)
    )


def test_a_spline_is_straight_outside_its_knots_and_smooth_at_them() -> None:
    knots = torch.tensor([-1.0, 0.0, 0.5, 2.0], dtype=torch.float64)
    x = torch.linspace(-4, 5, 901, dtype=torch.float64)
    curves = natural_spline(x, knots)
    assert curves.shape == (901, 2)
    bend = curves.diff(dim=0).diff(dim=0)
    before, after = bend[x[1:-1] < -1.01], bend[x[1:-1] > 2.01]
    for outside in (before, after):
        torch.testing.assert_close(outside, torch.zeros_like(outside), rtol=0, atol=1e-9)
    assert bend.abs().max() > 1e-5
    assert bend.diff(dim=0).abs().max() < 1e-4  # the second derivative does not jump
