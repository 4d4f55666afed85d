"""Mixtures: shares that turn from grey matter to CSF with age are found, pure tissue stays pure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from brainviewer.generators.mixture import Amounts, Mixture, mixed
from brainviewer.training.mixture import fit_mixture, personal_fields

SHAPE = (32, 40, 32)
STILL = torch.zeros((1, 3, *[n // 2 for n in SHAPE]))


@pytest.fixture(scope="module")
def shares() -> torch.Tensor:
    """WM inside a ribbon that is GM and CSF mixed: (1, 3, I, J, K)."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    radius = np.sqrt(sum((a / r) ** 2 for a, r in zip(axes, (0.8, 0.9, 0.7), strict=True)))
    inner = ndimage.gaussian_filter((radius < 0.6).astype(np.float32), 0.8)
    ribbon = ndimage.gaussian_filter((radius < 0.95).astype(np.float32), 0.8) - inner
    return torch.from_numpy(np.stack([inner, 0.75 * ribbon, 0.25 * ribbon]))[None]


def aged(shares: torch.Tensor, age: float) -> np.ndarray:
    """Maps (3, I, J, K) in which CSF takes more of the ribbon."""
    wm, gm, csf = shares[0].numpy()
    ribbon, part = gm + csf, 0.3 + 0.1 * age
    return np.stack([wm, (1 - part) * ribbon, part * ribbon])


def standing(maps: np.ndarray) -> Amounts:
    """Somebody whom the template need not be carried onto."""
    return Amounts.of_person(torch.from_numpy(maps).float()[None], STILL)


def test_mixing_by_nothing_changes_nothing(shares) -> None:
    found = mixed(shares, torch.zeros((1, 3, 8, 10, 8)))
    torch.testing.assert_close(found, shares)


def test_what_is_one_tissue_alone_stays_so(shares) -> None:
    fields = torch.tensor([0.4, -0.5, 0.8]).view(1, 3, 1, 1, 1).expand(1, 3, 8, 10, 8)
    found = mixed(shares, fields)
    white = shares[:, 0] > 0.999
    assert white.any()
    torch.testing.assert_close(found[:, 0][white], shares[:, 0][white], atol=2e-3, rtol=0)
    assert found.sum(dim=1).max() <= 1 + 1e-5
    assert found[:, 2].sum() > 1.5 * shares[:, 2].sum()


def test_ageing_of_the_mixture_is_fitted(shares) -> None:
    ages = np.linspace(-1, 1, 12, dtype=np.float32)
    noise = np.random.default_rng(4).normal(size=12)
    terms = np.stack([ages, noise], axis=1).astype(np.float32)
    model = Mixture(SHAPE, 2)
    left = fit_mixture(model, shares, terms, [standing(aged(shares, age)) for age in ages])
    assert left < 0.25
    for age in (-1.0, 1.0):
        made = mixed(shares, model.fields(torch.tensor([[age, 0.0]])))[0].numpy()
        wanted = aged(shares, age)
        for tissue in (1, 2):
            assert made[tissue].sum() == pytest.approx(wanted[tissue].sum(), rel=0.05)


def test_terms_that_say_nothing_get_no_weight(shares) -> None:
    terms = np.random.default_rng(5).normal(size=(12, 1)).astype(np.float32)
    model = Mixture(SHAPE, 1)
    fit_mixture(model, shares, terms, [standing(aged(shares, 0.0))] * 12)
    assert model.weights.abs().max() < 0.01
    made = mixed(shares, model.fields(torch.tensor([[0.0]])))[0].numpy()
    assert made[2].sum() == pytest.approx(aged(shares, 0.0)[2].sum(), rel=0.03)


def test_what_is_a_persons_own_is_found_and_nobody_elses(shares) -> None:
    own = np.array([-0.6, 0.0, 0.6])
    people = [standing(aged(shares, departure)) for departure in own]
    model, terms = Mixture(SHAPE, 1), np.zeros((3, 1), np.float32)
    fit_mixture(model, shares, terms, people)
    found = torch.from_numpy(personal_fields(model, shares, terms, people))
    for departure, field in zip(own, found, strict=True):
        made = mixed(shares, model.fields(torch.zeros(1, 1)) + field)[0].numpy()
        assert made[2].sum() == pytest.approx(aged(shares, departure)[2].sum(), rel=0.02)
    assert found[1].abs().max() < 0.3 * found[2].abs().max()
