"""The C-VAE: shapes, the identity of a person, gradients, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from brainviewer.core.tissues import TISSUES, tissue_volumes_ml
from brainviewer.core.volume import Brain, voxel_volume_ml
from brainviewer.generators.base import GenerationError
from brainviewer.generators.device import Device
from brainviewer.generators.networks import NetworkConfig
from brainviewer.generators.tissue_generator import TissueGenerator
from brainviewer.generators.vae import VAE
from tests.tiny import GRID_AFFINE, SHAPE, SIZES, tiny_cvae

PERSON = {"age": 43.0, "sex": "M", "height": 181.0, "education": "3", "occupation": "a"}
BATCH = 2
LATENT = SIZES["latent"]


def random_maps(count: int = 1) -> torch.Tensor:
    shares = torch.rand((count, 4, *SHAPE), generator=torch.Generator().manual_seed(4))
    return (shares / shares.sum(dim=1, keepdim=True))[:, :3]


def test_a_grid_that_cannot_be_halved_three_times_is_refused() -> None:
    with pytest.raises(ValueError, match=r"multiples of 8 voxels, got \(16, 20, 16\)"):
        NetworkConfig((16, 20, 16), 3)


def test_a_configuration_comes_back_from_json() -> None:
    config = NetworkConfig(SHAPE, 7, **SIZES)
    assert NetworkConfig.from_json(config.to_json() | {"channels": [8, 8, 8]}) == config


def test_a_training_step_gets_two_gaussians_and_some_brains_more(model) -> None:
    conditions = torch.randn(BATCH, model.config.conditions)
    noise = torch.zeros(BATCH, LATENT), torch.zeros(3, LATENT)
    out = model(random_maps(BATCH), conditions, *noise)
    for gaussian in (out.mean, out.log_sd, out.prior_mean, out.prior_log_sd):
        assert gaussian.shape == (BATCH, LATENT)
    assert out.rebuilt.shape == (BATCH, 4, *SHAPE)
    assert out.drawn.shape == (3, 4, *SHAPE)


def test_the_drawn_brains_are_those_of_the_first_persons_prior(model) -> None:
    conditions, noise = torch.randn(BATCH, model.config.conditions), torch.randn(2, LATENT)
    out = model(random_maps(BATCH), conditions, torch.randn(BATCH, LATENT), noise)
    alone = model.decode(noise, conditions[:1].expand(2, -1), model.mean.features())
    torch.testing.assert_close(out.drawn, alone, rtol=1e-3, atol=1e-3)


def test_without_noise_a_person_is_rebuilt_from_the_noise_that_encoding_finds(model) -> None:
    maps, conditions = random_maps(), torch.randn(1, model.config.conditions)
    out = model(maps, conditions, torch.zeros(1, LATENT), torch.zeros(1, LATENT))
    again = model.decode(model.noise(maps, conditions), conditions, model.mean.features())
    torch.testing.assert_close(again, out.rebuilt, rtol=1e-3, atol=1e-3)


def test_encoding_undoes_the_placing_of_noise_under_the_prior(model) -> None:
    conditions = torch.randn(BATCH, model.config.conditions)
    maps = random_maps(BATCH)
    posterior, _ = model.posterior(maps, conditions)
    placed = model.latent(model.noise(maps, conditions), conditions)
    torch.testing.assert_close(placed, posterior, rtol=1e-4, atol=1e-5)
    mean, log_sd = model.prior(conditions)
    noise = torch.randn(BATCH, LATENT)
    by_hand = [[m + math.exp(s) * e for m, s, e in zip(*row, strict=True)] for row in zip(
        mean.tolist(), log_sd.tolist(), noise.tolist(), strict=True
    )]  # fmt: skip
    torch.testing.assert_close(model.latent(noise, conditions), torch.tensor(by_hand))


def test_an_untrained_model_makes_the_mean_brain_for_everybody() -> None:
    torch.manual_seed(1)
    model = VAE(NetworkConfig(SHAPE, 3, **SIZES))
    model.mean.shares.copy_(tiny_cvae(3).mean.shares)
    for seed in (1, 2):
        torch.manual_seed(seed)
        logits = model.decode(torch.randn(1, LATENT), torch.randn(1, 3), model.mean.features())
        shares = functional.softmax(logits, dim=1)
        torch.testing.assert_close(shares, model.mean.shares, rtol=1e-4, atol=1e-5)


def test_the_mean_brain_is_averaged_down_the_pyramid(model) -> None:
    coarse, middle, fine = model.mean.features().pyramid
    shares = model.mean.shares
    assert fine.shape == (1, 32, *(n // 2 for n in SHAPE))
    torch.testing.assert_close(middle[0, 0, 0, 0, 0], shares[0, 0, :4, :4, :4].mean())
    torch.testing.assert_close(coarse[0, 3, 1, 2, 1], shares[0, 3, 8:, 16:, 8:].mean())


# The generator


def test_a_brain_has_tissue_maps_on_the_grid(generator) -> None:
    brain = generator.generate(generator.draw(1), PERSON)
    assert brain.channels == TISSUES
    assert brain.data.shape == (3, *SHAPE)
    assert brain.data.dtype == np.float32
    assert brain.data.min() >= 0
    assert brain.data.sum(axis=0).max() <= 1 + 1e-6
    np.testing.assert_array_equal(brain.affine, GRID_AFFINE)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_same_arguments_give_the_same_array(generator, bfloat16) -> None:
    device = Device(torch.device("cpu"), "CPU", bfloat16)
    schema = generator.schema
    made = [
        TissueGenerator("tiny", tiny_cvae(), schema=schema, affine=GRID_AFFINE, device=device)
        for _ in range(2)
    ]
    first = made[0].generate(made[0].draw(7), PERSON).data
    made[1].generate(made[1].draw(3), {"age": 70.0})
    np.testing.assert_array_equal(made[1].generate(made[1].draw(7), dict(PERSON)).data, first)


def test_seeds_conditions_and_nothing_else_tell_brains_apart(generator) -> None:
    first = generator.generate(generator.draw(1), PERSON).data
    assert not np.array_equal(generator.generate(generator.draw(2), PERSON).data, first)
    for change in ({"age": 44.0}, {"sex": "F"}, {"occupation": None}):
        changed = generator.generate(generator.draw(1), {**PERSON, **change}).data
        assert not np.array_equal(changed, first), change
    renamed = replace(generator.draw(1), label="somebody", seed=None)
    np.testing.assert_array_equal(generator.generate(renamed, PERSON).data, first)


def test_a_seed_is_the_same_person_everywhere(generator) -> None:
    identity = generator.draw(7)
    assert (identity.label, identity.seed) == ("seed 7", 7)
    expected = torch.randn(LATENT, generator=torch.Generator().manual_seed(7))
    np.testing.assert_array_equal(identity.latent, expected.numpy())
    assert identity.key == generator.draw(7).key != generator.draw(8).key


def test_an_encoded_brain_is_the_noise_of_its_maps(generator, model) -> None:
    maps = random_maps()
    identity = generator.encode(Brain(TISSUES, maps[0].numpy(), GRID_AFFINE), PERSON)
    encoded = torch.from_numpy(generator.schema.encode(PERSON))[None]
    with torch.no_grad():
        expected = model.noise(maps, encoded)[0].numpy()
    np.testing.assert_allclose(identity.latent, expected, rtol=1e-4, atol=1e-5)
    assert (identity.latent.dtype, identity.seed) == (np.float32, None)
    generator.generate(identity, PERSON)


@pytest.mark.parametrize(
    ("channels", "shape", "sentence"),
    [
        (TISSUES, (16, 16, 16), r"on \(16, 24, 16\) voxels, got WM/GM/CSF on \(16, 16, 16\)"),
        (("T1w",), SHAPE, r"tiny encodes WM/GM/CSF .* got T1w on \(16, 24, 16\)"),
        (("GM", "WM", "T1w"), SHAPE, r"got GM/WM/T1w on"),
    ],
)
def test_a_brain_on_another_grid_or_of_other_maps_is_not_encoded(
    generator, channels, shape, sentence
) -> None:
    brain = Brain(channels, np.zeros((len(channels), *shape), np.float32), GRID_AFFINE)
    with pytest.raises(GenerationError, match=sentence):
        generator.encode(brain, PERSON)


@pytest.mark.parametrize("length", [1, LATENT + 1])
def test_an_identity_of_another_model_is_refused(generator, length) -> None:
    stranger = replace(generator.draw(1), latent=np.zeros(length, np.float32), label="sub-01")
    for ask in (generator.generate, generator.volume_gradients):
        with pytest.raises(GenerationError, match=f"sub-01 .* must have 6 numbers, got {length}"):
            ask(stranger, PERSON)


def test_volume_gradients_agree_with_finite_differences(generator) -> None:
    gradients = generator.volume_gradients(generator.draw(1), PERSON)
    # The same model in float64, where a small difference is not lost to rounding.
    exact = tiny_cvae().double().requires_grad_(False)
    noise = torch.from_numpy(generator.draw(1).latent)[None].double()
    encoded = torch.from_numpy(generator.schema.encode(PERSON))[None].double()

    def volumes(y: torch.Tensor) -> torch.Tensor:
        maps = functional.softmax(exact.decode(noise, y, exact.mean.features()), dim=1)[0, :3]
        return maps.sum(dim=(1, 2, 3)) * voxel_volume_ml(GRID_AFFINE)

    expected, step = np.empty_like(gradients), 1e-4
    for column in range(encoded.shape[1]):
        nudge = torch.zeros_like(encoded)
        nudge[0, column] = step
        difference = volumes(encoded + nudge) - volumes(encoded - nudge)
        expected[:, column] = (difference / (2 * step)).numpy()
    assert gradients.shape == (3, len(generator.schema.columns))
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(gradients, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_gradients_leave_nothing_behind_in_the_model(generator, model) -> None:
    before = tissue_volumes_ml(generator.generate(generator.draw(1), PERSON))
    generator.volume_gradients(generator.draw(1), PERSON)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert tissue_volumes_ml(generator.generate(generator.draw(1), PERSON)) == before
