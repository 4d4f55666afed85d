"""Codes for a generator without an encoder: of draws that are linear, and of real ones coarsely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from brainviewer.training.dataset import load_training_data
from brainviewer.training.gan import GANTask
from brainviewer.training.inversion import BLOCK_VOXELS, DRAWS, BlockEncoder, blocks, draw_blocks
from brainviewer.training.run import train_checkpoint
from tests.tiny import RECIPE, SHAPE

LATENT = 4
BLOCKS = 60


@pytest.fixture
def line():
    """A line from noise to blocks, with noise of their own: centre, matrix."""
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn((LATENT, BLOCKS), generator=generator)
    return 0.5 + 0.1 * torch.randn(BLOCKS, generator=generator), 0.1 * matrix


def brains(line, count: int, *, seed: int, error: float):
    centre, matrix = line
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((count, LATENT), generator=generator)
    return noise, centre + noise @ matrix + error * torch.randn(
        (count, BLOCKS), generator=generator
    )


def test_the_noise_behind_people_is_found_with_its_own_doubt(line) -> None:
    wanted, people = brains(line, 200, seed=2, error=0.02)
    encoder = BlockEncoder(*brains(line, 400, seed=1, error=0.001), people)
    found, log_sd = encoder(people)
    assert found.shape == log_sd.shape == (200, LATENT)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98
    error = (found - wanted).std(dim=0)
    assert torch.all(error < 1.5 * log_sd[0].exp())  # blocks err alone here: more doubt than due


def test_what_says_nothing_of_the_noise_leaves_the_prior(line) -> None:
    _, people = brains(line, 200, seed=2, error=50.0)
    found, log_sd = BlockEncoder(*brains(line, 400, seed=1, error=0.001), people)(people)
    assert found.abs().max() < 0.2
    torch.testing.assert_close(log_sd.exp(), torch.ones_like(log_sd), atol=0.02, rtol=0)


def test_blocks_are_means_of_shares() -> None:
    shares = torch.rand(2, 3, *SHAPE)
    found = blocks(shares)
    assert found.shape == (2, 3 * int(np.prod([n // BLOCK_VOXELS for n in SHAPE])))
    torch.testing.assert_close(found[:, 0], shares[:, 0, :8, :8, :8].mean(dim=(1, 2, 3)))


def test_draws_belong_to_their_noise() -> None:
    def draw(noise: torch.Tensor) -> torch.Tensor:
        return noise[:, :3, None, None, None].expand(-1, -1, *SHAPE)

    noise, drawn = draw_blocks(draw, LATENT, seed=1, batch_size=100)
    assert noise.shape == (DRAWS, LATENT)
    cells = drawn.shape[1] // 3
    torch.testing.assert_close(
        drawn.view(DRAWS, 3, cells)[:, :, 0], noise[:, :3], rtol=0, atol=1e-4
    )
    assert torch.equal(noise, draw_blocks(draw, LATENT, seed=1)[0])


def test_a_c_gan_starts_with_brains_of_the_size_that_conditions_ask_for(
    cohort_once, tmp_path
) -> None:
    pre = replace(RECIPE, generator="vae", features=(), steps=60, learning_rate=0.01)
    train_checkpoint(
        pre, cohort_once, tmp_path / "vae", resume=False, device="cpu", command="brainviewer train"
    )
    recipe = replace(RECIPE, generator="cgan", start=str(tmp_path / "vae"))
    data = load_training_data(cohort_once, recipe)
    task = GANTask(data, recipe, "cpu")
    y = task.training_conditions(task.model, data)
    with torch.inference_mode():
        zero = torch.zeros((len(y), task.config.latent))
        logits = task.model.decode(zero, y, task.model.mean.features())
        found = task.volumes(logits).numpy()
    for made, true in zip(found.T, data.train.volumes_ml.T, strict=True):
        assert np.corrcoef(made, true)[0, 1] > 0.6
