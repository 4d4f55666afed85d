"""LDM and C-LDM: deterministic sampling, its inversion, conditions, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from brainviewer.core.features import FeatureSchema
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain
from brainviewer.generators.base import GenerationError, Identity
from brainviewer.generators.checkpoint import CheckpointError, load_generator, open_checkpoint
from brainviewer.generators.device import Device
from brainviewer.generators.ldm import NOISE_STEPS, Denoiser, LDMConfig, LDMGenerator
from brainviewer.training.dataset import load_training_data
from brainviewer.training.publish import publish_checkpoint
from tests.fakes import fake_training
from tests.tiny import GRID_AFFINE, RECIPE, SHAPE, write_tiny_cohort
from tests.tiny_ldm import SIZES, tiny_ldm

PERSON = {"age": 43.0, "sex": "M", "height": 181.0, "education": "3", "occupation": "a"}
OLDER = PERSON | {"age": 70.0}
LATENT = 2 * (2 * 3 * 2)
DEVICE = Device(torch.device("cpu"), "CPU", bfloat16=False)


def generator_of(schema: FeatureSchema | None = None) -> LDMGenerator:
    schema = fake_training()[0] if schema is None else schema
    model = tiny_ldm(len(schema.columns))
    return LDMGenerator("tiny", model, schema=schema, affine=GRID_AFFINE, device=DEVICE)


def normal_denoiser(model):
    """The best denoiser where all codes are independent and normal: e is sqrt(1 - a_t) of z_t."""
    left = model._ddim.alphas_cumprod
    return lambda z, t, departures: (1 - left[t]) ** 0.5 * z


@pytest.fixture(scope="module")
def generator() -> LDMGenerator:
    return generator_of()


# Generation


def test_the_same_identity_and_conditions_give_the_same_brain(generator) -> None:
    person = generator.draw(1)
    first, second = (generator.generate(person, PERSON) for _ in range(2))
    assert np.array_equal(first.data, second.data)
    assert first.channels == TISSUES
    assert first.data.shape == (3, *SHAPE)
    assert 0.0 <= first.data.min() <= first.data.max() <= 1.0


def test_another_identity_is_another_brain(generator) -> None:
    brains = [generator.generate(generator.draw(seed), PERSON).data for seed in (1, 2)]
    assert np.abs(brains[0] - brains[1]).max() > 0.01


def test_an_identity_is_standard_normal_noise(generator) -> None:
    person = generator.draw(7)
    assert person.latent.shape == (LATENT,)
    expected = torch.randn(LATENT, generator=torch.Generator().manual_seed(7))
    assert np.array_equal(person.latent, expected.numpy())


@pytest.mark.parametrize("change", [{"age": 70.0}, {"sex": "F"}, {"height": 150.0}])
def test_every_condition_matters(generator, change) -> None:
    person = generator.draw(1)
    brains = [generator.generate(person, row).data for row in (PERSON, PERSON | change)]
    assert np.abs(brains[0] - brains[1]).max() > 1e-5


def test_an_unconditional_model_draws_people() -> None:
    generator = generator_of(FeatureSchema(()))
    brains = [generator.generate(generator.draw(seed), {}).data for seed in (1, 1, 2)]
    assert np.array_equal(brains[0], brains[1])
    assert not np.array_equal(brains[0], brains[2])
    assert generator.volume_gradients(generator.draw(1), {}).shape == (3, 0)


def test_an_unconditional_model_has_the_names_of_the_conditional_one() -> None:
    alone, under = (set(tiny_ldm(count).state_dict()) for count in (0, 4))
    assert alone < under
    assert all(name.startswith("denoiser.condition.") for name in under - alone)


def test_a_u_net_of_two_levels_predicts_noise_on_the_grid_of_the_codes() -> None:
    config = LDMConfig((32, 16, 16), 4, **SIZES | {"unet_channels": (8, 16)})
    z = torch.randn(3, *config.latent_shape)
    predicted = Denoiser(config)(z, torch.tensor([0, 500, 999]), torch.randn(3, 4))
    assert predicted.shape == z.shape


def test_sampling_takes_off_exactly_the_noise_there_is() -> None:
    """A denoiser that knows the codes leads to them from any noise."""
    model = tiny_ldm(0)
    codes = torch.randn(1, *model.config.latent_shape)
    left = model._ddim.alphas_cumprod
    model._predict = lambda z, t, y: (z - left[t] ** 0.5 * codes) / (1 - left[t]) ** 0.5
    noise = torch.randn(codes.shape)
    found = model.sample(noise, torch.zeros(1, 0))
    torch.testing.assert_close(found, codes, rtol=0, atol=1e-4)


# Encoding


def test_inverting_finds_the_noise_to_five_percent() -> None:
    model, y = tiny_ldm(4), torch.randn(3, 4)
    noise = torch.randn(3, *model.config.latent_shape)
    found = model.invert(model.sample(noise, y), y)
    assert (found - noise).square().mean().sqrt() < 0.05


def test_inverting_the_best_denoiser_of_normal_codes_finds_the_noise() -> None:
    model = tiny_ldm(0)
    model._predict = normal_denoiser(model)
    noise = torch.randn(1, *model.config.latent_shape)
    y = torch.zeros(1, 0)
    torch.testing.assert_close(model.invert(model.sample(noise, y), y), noise, rtol=0, atol=0.02)


def test_a_brain_is_generated_again_from_its_encoded_identity() -> None:
    """As well as the autoencoder rebuilds it: the diffusion loses little."""
    generator = generator_of()
    model = generator._model
    model._predict = normal_denoiser(model)
    brain = generator.generate(generator.draw(3), PERSON)
    again = generator.generate(generator.encode(brain, PERSON), PERSON)
    maps = torch.from_numpy(brain.data)[None]
    rebuilt = model.decode_codes(model.codes(maps), model.mean.features())
    expected = rebuilt.softmax(dim=1)[0, :3].numpy()
    np.testing.assert_allclose(again.data, expected, atol=0.02)
    assert np.abs(expected - brain.data).max() > 0.1


def test_an_encoded_identity_keeps_the_person_under_other_conditions(generator) -> None:
    brain = generator.generate(generator.draw(3), PERSON)
    identity = generator.encode(brain, PERSON)
    assert identity.latent.shape == (LATENT,)
    older = generator.generate(identity, OLDER)
    assert not np.array_equal(older.data, generator.generate(identity, PERSON).data)


# What is refused


def test_gradients_are_refused_in_one_sentence(generator) -> None:
    with pytest.raises(
        GenerationError,
        match=r"^tiny cannot be differentiated through its sampling; choose another generator for "
        r"the Features panel$",
    ):
        generator.volume_gradients(generator.draw(1), PERSON)


def test_a_brain_on_another_grid_is_refused(generator) -> None:
    brain = Brain(TISSUES, np.zeros((3, 16, 16, 8), np.float32), GRID_AFFINE)
    with pytest.raises(GenerationError, match=r"tiny encodes .* on \(16, 24, 16\) voxels, got"):
        generator.encode(brain, PERSON)


def test_an_identity_of_another_generator_is_refused(generator) -> None:
    with pytest.raises(GenerationError, match=f"the latent must have {LATENT} numbers, got 5"):
        generator.generate(Identity(np.zeros(5, np.float32), "seed 1"), PERSON)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shape": (16, 20, 16)}, r"multiples of 8 voxels, got \(16, 20, 16\)"),
        ({"unet_channels": (8, 16)}, r"multiples of 16 voxels, got \(16, 24, 16\)"),
        ({"unet_channels": (12,)}, r"channels must be multiples of 8, got \(8, 8, 8, 12\)"),
        ({"sampling_steps": 30}, "sampling_steps must divide 1000, got 30"),
        ({"sampling_steps": 0}, "sampling_steps must divide 1000, got 0"),
    ],
)
def test_sizes_that_do_not_fit_are_one_sentence(change, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(LDMConfig(SHAPE, 4, **SIZES), **change)


# Checkpoints


def test_a_configuration_survives_json() -> None:
    config = LDMConfig(SHAPE, 4, **SIZES)
    assert LDMConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert config.latent == LATENT


def test_the_last_step_of_sampling_ends_without_noise() -> None:
    times = list(tiny_ldm(0)._times)
    step = times[0] - times[1]
    assert times[0] == NOISE_STEPS - 1
    assert times[-1] == step - 1
    assert len(times) == SIZES["sampling_steps"]


@pytest.fixture
def published(tmp_path):
    recipe = replace(RECIPE, generator="cldm")
    data = load_training_data(write_tiny_cohort(tmp_path / "cohort"), recipe)
    model = tiny_ldm(len(data.schema.columns))
    publish_checkpoint(
        tmp_path / "tiny",
        model,
        data=data,
        recipe=recipe,
        model_config=model.config.to_json(),
        command="brainviewer train tiny.toml",
        source="Tiny people",
        licence="CC0",
    )
    return tmp_path / "tiny", model


def test_a_checkpoint_gives_the_brains_of_its_model(published) -> None:
    folder, model = published
    loaded = load_generator(open_checkpoint(folder), device="cpu")
    person = loaded.draw(1)
    device = Device(torch.device("cpu"), "CPU", bfloat16=loaded._device.bfloat16)
    own = LDMGenerator("own", model, schema=loaded.schema, affine=loaded.affine, device=device)
    found, expected = (it.generate(person, PERSON).data for it in (loaded, own))
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert loaded.can_encode


def test_a_checkpoint_of_other_sizes_is_one_sentence(published) -> None:
    folder, _ = published
    path = folder / "config.json"
    entry = json.loads(path.read_text(encoding="utf-8"))
    entry["model"]["latent_channels"] = 3
    path.write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(CheckpointError, match="the weights of checkpoint tiny cannot be loaded"):
        load_generator(open_checkpoint(folder), device="cpu")
