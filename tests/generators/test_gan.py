"""GAN and alpha-GAN, with and without conditions: where noise is placed, and what comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.core.features import FeatureSchema
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, voxel_volume_ml
from brainviewer.generators.alphagan import AlphaGAN
from brainviewer.generators.base import GenerationError
from brainviewer.generators.device import Device
from brainviewer.generators.gan import GAN
from brainviewer.generators.tissue_generator import TissueGenerator
from tests.fakes import fake_training
from tests.tiny import GRID_AFFINE, SHAPE, SIZES, tiny_model

PERSON = {"age": 43.0, "sex": "M", "height": 181.0, "education": "3", "occupation": "a"}
LATENT = SIZES["latent"]
DEVICE = Device(torch.device("cpu"), "CPU", bfloat16=False)
KINDS = pytest.mark.parametrize("kind", [GAN, AlphaGAN])


def generator_of(kind, schema: FeatureSchema | None = None) -> TissueGenerator:
    schema = fake_training()[0] if schema is None else schema
    model = tiny_model(kind, len(schema.columns))
    return TissueGenerator("tiny", model, schema=schema, affine=GRID_AFFINE, device=DEVICE)


@KINDS
def test_conditions_move_the_noise_by_their_network(kind) -> None:
    model, y = tiny_model(kind, 5), torch.randn(3, 5)
    noise = torch.randn(3, LATENT)
    torch.testing.assert_close(model.latent(noise, y) - noise, model.prior(y))
    assert not torch.equal(model.prior(y)[0], model.prior(y)[1])


@KINDS
def test_without_conditions_the_noise_stays_where_it_is(kind) -> None:
    model = tiny_model(kind, 0)
    noise = torch.randn(3, LATENT)
    assert torch.equal(model.latent(noise, torch.zeros(3, 0)), noise)
    assert not any("prior" in name or "condition" in name for name in model.state_dict())


def test_an_unconditional_model_has_the_names_of_the_conditional_one() -> None:
    for kind in (GAN, AlphaGAN):
        alone, under = (set(tiny_model(kind, count).state_dict()) for count in (0, 4))
        assert alone < under
        assert all("prior" in name for name in under - alone)


def test_a_training_step_rebuilds_people_and_decodes_noise() -> None:
    model = tiny_model(AlphaGAN, 4)
    maps = torch.rand(2, 3, *SHAPE) / 3
    noise, y = torch.randn(5, LATENT), torch.randn(5, 4)
    out = model(maps, noise, y)
    assert out.rebuilt.shape == (2, 4, *SHAPE)
    mean = model.mean.features()
    torch.testing.assert_close(out.drawn, model.decode(noise, y, mean), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(out.placed, model.latent(noise, y))
    again = model.decode_latent(out.code, mean)
    torch.testing.assert_close(again, out.rebuilt, rtol=1e-3, atol=1e-3)


def test_an_encoded_person_is_rebuilt_under_any_conditions_given_for_them() -> None:
    model, maps = tiny_model(AlphaGAN, 4), torch.rand(1, 3, *SHAPE) / 3
    mean = model.mean.features()
    rebuilt = [model.decode(model.noise(maps, y), y, mean) for y in torch.randn(2, 1, 4)]
    torch.testing.assert_close(rebuilt[0], rebuilt[1], rtol=1e-3, atol=1e-3)


def test_a_gan_has_no_encoder_and_says_so() -> None:
    generator = generator_of(GAN)
    assert not generator.can_encode
    brain = generator.generate(generator.draw(1), PERSON)
    with pytest.raises(GenerationError, match="tiny has no encoder and cannot show a scan"):
        generator.encode(brain, PERSON)
    assert generator_of(AlphaGAN).can_encode


@KINDS
def test_an_unconditional_generator_draws_people(kind) -> None:
    generator = generator_of(kind, FeatureSchema(()))
    brains = [generator.generate(generator.draw(seed), {}) for seed in (1, 1, 2)]
    assert brains[0].channels == TISSUES
    assert np.array_equal(brains[0].data, brains[1].data)
    assert not np.array_equal(brains[0].data, brains[2].data)
    assert generator.volume_gradients(generator.draw(1), {}).shape == (3, 0)


# Structures


def test_weights_of_one_voxels_volume_give_the_gradients_of_the_tissues() -> None:
    generator = generator_of(GAN)
    ml = voxel_volume_ml(GRID_AFFINE)
    weights = np.zeros((3, 3, *SHAPE), np.float32)
    weights[range(3), range(3)] = ml
    person = generator.draw(2)
    np.testing.assert_allclose(
        generator.volume_gradients(person, PERSON, weights),
        generator.volume_gradients(person, PERSON),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_structures_gradient_is_that_of_its_voxels_alone() -> None:
    generator = generator_of(AlphaGAN)
    left = np.zeros((1, 3, *SHAPE), np.float32)
    left[0, 2, : SHAPE[0] // 2] = 1.0
    right = np.zeros_like(left)
    right[0, 2, SHAPE[0] // 2 :] = 1.0
    person = generator.draw(2)
    parts = [generator.volume_gradients(person, PERSON, side)[0] for side in (left, right)]
    whole = generator.volume_gradients(person, PERSON)[2] / voxel_volume_ml(GRID_AFFINE)
    np.testing.assert_allclose(parts[0] + parts[1], whole, rtol=1e-3, atol=1e-3)
    assert not np.allclose(parts[0], parts[1])


def test_weights_of_another_grid_are_refused() -> None:
    generator = generator_of(GAN)
    with pytest.raises(
        GenerationError, match=r"must have the shape \(3, 16, 24, 16\) .* got \(3, "
    ):
        generator.volume_gradients(
            generator.draw(1), PERSON, np.zeros((1, 3, 16, 24, 8), np.float32)
        )


def test_a_brain_of_the_generator_can_be_encoded_again() -> None:
    generator = generator_of(AlphaGAN)
    brain = generator.generate(generator.draw(1), PERSON)
    identity = generator.encode(Brain(TISSUES, brain.data, GRID_AFFINE), PERSON)
    assert identity.latent.shape == (LATENT,)
