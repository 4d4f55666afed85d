"""A tiny C-VAE and a tiny VAE learn the ellipsoid people."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from scipy import ndimage

from brainviewer.core.tissues import TISSUES
from brainviewer.training import loop
from brainviewer.training.dataset import BatchSource
from brainviewer.training.loop import train
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.task import mean_shares
from brainviewer.training.vae import CONTROL_GAIN, VAETask
from tests.tiny import RECIPE, SHAPE

if TYPE_CHECKING:
    from pathlib import Path

TERMS = {"total", "reconstruction", "kl", "volume", "prior_volume"}


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_the_mean_brain_is_that_of_people_and_their_mirror_images(data) -> None:
    shares = mean_shares(data.train.maps)
    assert shares.shape == (4, *SHAPE)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(shares, shares[:, ::-1], atol=1e-6)
    grey = np.mean([person[1] / 255 for person in data.train.maps], axis=0)
    expected = ndimage.gaussian_filter((grey + grey[::-1]) / 2, 0.7)
    np.testing.assert_allclose(shares[1], expected, atol=1e-6)


def test_the_total_is_the_weighted_sum_of_the_terms(data) -> None:
    task = VAETask(data, replace(RECIPE, losses={"volume": 0.5, "prior_volume": 0.25}), "cpu")
    task.restore({"kl_weight": 0.125})
    batch = BatchSource(data, RECIPE).batch(0)
    terms = {
        n: v.item() for n, v in task.losses("vae", {"vae": task.model}, batch, noise()).items()
    }
    assert set(terms) == TERMS
    expected = (
        terms["reconstruction"]
        + 0.125 * terms["kl"]
        + 0.5 * terms["volume"]
        + 0.25 * terms["prior_volume"]
    )
    assert terms["total"] == pytest.approx(expected, rel=1e-5)


def test_the_same_noise_gives_the_same_losses(data) -> None:
    task = VAETask(data, RECIPE, "cpu")
    batch = BatchSource(data, RECIPE).batch(0)
    first, second = (
        task.losses("vae", {"vae": task.model}, batch, noise())["kl"] for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("kl", "power"), [(150.0, 0.5), (100.0, 0.0), (50.0, -0.5), (1e6, 1.0), (0.0, -1.0)]
)
def test_the_weight_of_the_kl_is_steered_towards_its_target(data, kl, power) -> None:
    task = VAETask(data, replace(RECIPE, losses={"kl_nats": 100.0}), "cpu")
    before = task.state()["kl_weight"]
    task.after_step({"kl": kl})
    factor = task.state()["kl_weight"] / before
    assert factor == pytest.approx(math.exp(CONTROL_GAIN * power))


def test_the_loss_falls(data, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "WARM_UP_STEPS", 1)
    half_a_voxel = 5.0
    recipe = replace(RECIPE, steps=400, learning_rate=2e-3, ema_decay=0.9, warp_mm=half_a_voxel)
    task = VAETask(data, recipe, "cpu")
    before = task.validate(task.model)
    scores = task.validate(run(task, data, recipe, tmp_path))
    assert set(scores) == {
        "val_reconstruction", "val_mae_WM", "val_mae_GM", "val_mae_CSF", "kl_weight",
    }  # fmt: skip
    assert scores["val_reconstruction"] < before["val_reconstruction"] - 0.005
    errors = [sum(it[f"val_mae_{tissue}"] for tissue in TISSUES) for it in (before, scores)]
    assert errors[1] < 0.95 * errors[0]


def test_a_run_that_was_stopped_and_resumed_gives_the_same_weights(
    data, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    recipe = replace(RECIPE, steps=4)

    def stop(progress: loop.Progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    never = run(VAETask(data, recipe, "cpu"), data, recipe, tmp_path / "whole")
    task = VAETask(data, recipe, "cpu")
    with pytest.raises(KeyboardInterrupt):
        run(task, data, recipe, tmp_path / "halves", on_progress=stop)
    torch.manual_seed(99)
    task = VAETask(data, recipe, "cpu")
    resumed = run(task, data, recipe, tmp_path / "halves", resume=True)
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, never.state_dict()[name]), name


def test_without_validation_people_there_is_nothing_to_score(data) -> None:
    empty = replace(data.validation, ids=(), maps=data.validation.maps[:0], conditions=())
    task = VAETask(replace(data, validation=empty), RECIPE, "cpu")
    assert set(task.validate(task.model)) == {"kl_weight"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": {"wings": 2}}, "unexpected keyword argument 'wings'"),
        ({"losses": {"beauty": 2}}, "unexpected keyword argument 'beauty'"),
        ({"shape": (16, 20, 16)}, "multiples of 8"),
    ],
)
def test_a_recipe_that_does_not_fit_the_network_is_one_sentence(data, changes, sentence) -> None:
    with pytest.raises(TrainingRecipeError, match=f"fit a cvae: .*{sentence}"):
        VAETask(data, replace(RECIPE, **changes), "cpu")


def run(task, data, recipe, out: Path, **arguments) -> torch.nn.Module:
    source = BatchSource(data, recipe)
    return train(task, source, recipe, fabric=Fabric(accelerator="cpu"), out=out, **arguments)
