"""The closed-form prior against codes whose law is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from brainviewer.generators.networks import ConditionNetwork, Deviations, NetworkConfig, Prior
from brainviewer.training.dataset import encode_people, load_training_data
from brainviewer.training.prior import Codes, fit_prior, fit_shift
from brainviewer.training.vae import VAETask
from tests.tiny import RECIPE, SHAPE

PEOPLE, LATENT, COLUMNS = 3000, 4, 5
FIXED = (1, 3)  # age and sex
RNG = np.random.default_rng(1)
SLOPES = np.array([[0.0, 1.0, 0.5, -0.3, 0.0], [0.2, -0.5, 0, 0, 0], [0] * 5, [0, 0, 0, 1.0, 0]])
BEND = np.array([[0.0, 0.5, 0, 0], [0.3, 0, 0, 0], [0, 0, 0.2, 0]])
CENTRE = np.array([1.0, -2.0, 0.0, 0.5])
FACTOR = np.array([[1.0, 0, 0, 0], [0.8, 0.6, 0, 0], [0, 0, 0.5, 0], [0.1, 0, -0.3, 0.4]])
POSTERIOR_SD = 0.2


def inputs_of(count: int) -> np.ndarray:
    inputs = RNG.normal(size=(count, COLUMNS))
    inputs[:, FIXED[1]] = RNG.choice([-1.0, 1.0], count)
    return inputs.astype(np.float32)


def expected(inputs: np.ndarray) -> np.ndarray:
    a, s = inputs[:, FIXED[0]], inputs[:, FIXED[1]]
    return CENTRE + inputs @ SLOPES.T + np.stack([a * a, a * s, a * a * s], axis=1) @ BEND


@pytest.fixture(scope="module")
def people() -> tuple[Codes, np.ndarray, np.ndarray]:
    """Codes of people and of their mirror images, which differ by noise of their own."""
    inputs = inputs_of(PEOPLE)
    means = np.stack([expected(inputs) + RNG.normal(size=(PEOPLE, LATENT)) @ FACTOR.T] * 2)
    sds = np.full(means.shape, POSTERIOR_SD)
    volumes = 500.0 + 30.0 * (inputs @ SLOPES.T)[:, :3] + RNG.normal(size=(PEOPLE, 3))
    return Codes(means, sds), inputs, volumes.astype(np.float32)


def prior_of(conditions: int) -> Prior:
    torch.manual_seed(1)
    return Prior(NetworkConfig(SHAPE, conditions, latent=LATENT, hidden=3))


def test_the_mean_is_that_of_the_codes_under_these_conditions(people) -> None:
    prior = prior_of(COLUMNS)
    fit_prior(prior, *people, FIXED)
    unseen = inputs_of(50)
    mean, log_sd = prior(torch.from_numpy(unseen))
    np.testing.assert_allclose(mean.detach(), expected(unseen), atol=0.4)
    assert not log_sd.any()


def test_draws_vary_together_as_codes_do(people) -> None:
    prior = prior_of(COLUMNS)
    fit_prior(prior, *people, FIXED)
    y = torch.from_numpy(inputs_of(1)).expand(200_000, -1)
    drawn = prior.place(torch.randn(len(y), LATENT), y).detach().numpy()
    wanted = FACTOR @ FACTOR.T + POSTERIOR_SD**2 * np.eye(LATENT)
    np.testing.assert_allclose(np.cov(drawn.T), wanted, atol=0.06)


def test_placed_noise_can_be_found_again(people) -> None:
    prior = prior_of(COLUMNS)
    noise, y = torch.randn(7, LATENT), torch.from_numpy(inputs_of(7))
    for _ in range(2):
        torch.testing.assert_close(
            prior.remove(prior.place(noise, y), y), noise, rtol=1e-4, atol=1e-5
        )
        fit_prior(prior, *people, FIXED)


def test_without_conditions_the_codes_have_one_mean(people) -> None:
    codes, _, volumes = people
    prior = prior_of(0)
    fit_prior(prior, codes, np.zeros((PEOPLE, 0), np.float32), volumes, None)
    mean, _ = prior(torch.zeros(1, 0))
    np.testing.assert_allclose(mean[0], codes.means.mean(axis=(0, 1)), atol=1e-5)


def test_few_people_do_not_teach_what_features_do_not_say(people) -> None:
    """Where departures carry nothing, thirty people do not make anything of them."""
    inputs = inputs_of(30)
    noise = RNG.normal(size=(2, 30, LATENT))
    codes = Codes(noise, np.full(noise.shape, POSTERIOR_SD))
    prior = prior_of(COLUMNS)
    fit_prior(prior, codes, inputs, RNG.normal(500, 30, (30, 3)).astype(np.float32), FIXED)
    others = [n for n in range(COLUMNS) if n not in FIXED]
    assert prior.network.linear.weight[:LATENT, others].abs().max() < 0.15
    assert torch.linalg.matrix_rank(prior.factor) == LATENT


@pytest.mark.parametrize("features", [RECIPE.features, ()])
def test_the_prior_of_a_trained_vae_is_that_of_its_codes(cohort_once, features) -> None:
    recipe = replace(RECIPE, generator="cvae", features=features)
    data = load_training_data(cohort_once, recipe)
    task = VAETask(data, recipe, "cpu")
    task.finish(task.model, data)
    model = task.model.eval()
    encoded, known = (torch.from_numpy(part) for part in encode_people(data.schema, data.train))
    y = model.deviations.fill(encoded, known)
    maps = torch.from_numpy(data.train.maps).float() / 255.0
    with torch.no_grad():
        noise = torch.cat([model.noise(m, y) for m in (maps, maps.flip(2))])
    # Standardised: the posteriors' own spread is the rest of the variance.
    np.testing.assert_allclose(noise.mean(dim=0), 0, atol=0.3)
    assert 0.0 < noise.var() <= 1.05
    assert isinstance(model.deviations, Deviations)


def test_a_network_learns_where_the_fitted_prior_moves_its_noise(people) -> None:
    prior = prior_of(COLUMNS)
    fit_prior(prior, *people, FIXED)
    inputs = torch.from_numpy(inputs_of(300))
    network = ConditionNetwork(COLUMNS, 64, LATENT)
    fit_shift(network, prior, inputs)
    with torch.no_grad():
        noise = torch.randn(300, LATENT)
        placed = prior.centre + (noise + network(inputs)) @ prior.factor.T
        off = placed - prior.place(noise, inputs)
        bent = prior.bent(inputs) @ prior.bend
    assert off.square().mean() < 0.1 * bent.square().mean()
