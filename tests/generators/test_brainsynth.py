"""BrainSynth: quantised images, metadata and residuals, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from brainviewer.core.intensity import scale_intensity
from brainviewer.core.volume import Brain
from brainviewer.generators.base import Embeds, GenerationError, Identity
from brainviewer.generators.brainsynth import BrainSynthConfig, BrainSynthGenerator
from brainviewer.generators.device import Device
from tests.fakes import fake_training
from tests.tiny import GRID_AFFINE, SHAPE
from tests.tiny_brainsynth import SIZES, tiny_brainsynth

PERSON = {"age": 43.0, "sex": "M", "height": 181.0, "education": "3", "occupation": "a"}
LENGTH = 4 * 4 * 6 * 4
DEVICE = Device(torch.device("cpu"), "CPU", bfloat16=False)


def generator_of(**changes) -> BrainSynthGenerator:
    schema, _ = fake_training()
    model = tiny_brainsynth(len(schema.columns), **changes)
    return BrainSynthGenerator("tiny", model, schema=schema, affine=GRID_AFFINE, device=DEVICE)


@pytest.fixture(scope="module")
def generator() -> BrainSynthGenerator:
    return generator_of()


def a_scan(seed: int = 1) -> Brain:
    data = np.random.default_rng(seed).uniform(0.1, 0.8, (1, *SHAPE)).astype(np.float32)
    return Brain(("T1w",), data, GRID_AFFINE)


# Generation


def test_the_same_identity_and_conditions_give_the_same_image(generator) -> None:
    person = generator.draw(1)
    first, second = (generator.generate(person, PERSON) for _ in range(2))
    assert np.array_equal(first.data, second.data)
    assert first.channels == ("T1w",)
    assert first.data.shape == (1, *SHAPE)
    assert first.data.dtype == np.float32
    assert 0.0 <= first.data.min() < first.data.max() <= 1.0


def test_a_seed_is_the_same_person_again(generator) -> None:
    one, again, other = (generator.draw(seed) for seed in (7, 7, 8))
    assert (one.label, one.seed, one.key) == ("seed 7", 7, again.key)
    assert one.key != other.key
    assert one.latent.shape == (LENGTH,)
    assert one.latent.dtype == np.float32


def test_drawing_in_steps_tells_how_far_it_is_and_can_be_left(generator) -> None:
    steps = generator.drawing_steps(7)
    assert 0 < next(steps) < next(steps) < 1
    steps.close()


def test_who_is_being_drawn_has_more_and_more_residual(generator) -> None:
    seen = list(generator.unveiling_steps(7))
    for part, so_far in seen:
        assert 0 < part <= 1
        assert generator.generate(so_far, PERSON).data.shape == (1, *SHAPE)
    known = [int((so_far.latent >= 0).sum()) for _, so_far in seen]
    assert known == sorted(known)
    assert known[-1] == LENGTH
    np.testing.assert_array_equal(seen[-1][1].latent, generator.draw(7).latent)


@pytest.mark.parametrize("change", [{"age": 70.0}, {"sex": "F"}, {"height": 150.0}])
def test_every_condition_matters(generator, change) -> None:
    person = generator.draw(1)
    brains = [generator.generate(person, row).data for row in (PERSON, PERSON | change)]
    assert np.abs(brains[0] - brains[1]).max() > 1e-4


def test_an_image_is_decoded_from_metadata_and_residual(generator) -> None:
    model, person = generator._model, generator.draw(1)
    y = torch.from_numpy(generator.schema.encode(PERSON))[None]
    codes = torch.from_numpy(person.latent).long().reshape(1, 4, 4, 6, 4)
    latent = model.metadata(model.deviations(y)) + model.residual.look_up(codes)
    expected = 0.5 * model.autoencoder.decoder(latent) + model.mean.image
    found = generator.generate(person, PERSON).data
    np.testing.assert_allclose(found, expected[0].clamp(0, 1), atol=1e-5)


def test_a_counterfactual_moves_the_metadata_and_keeps_the_residual(generator) -> None:
    """decode(z + (m' - m) P), worked out on the latent grid."""
    model = generator._model
    codes = model.r_codes(torch.rand(1, 1, *SHAPE), torch.zeros(1, model.config.conditions))
    y, other = torch.randn(2, 1, model.config.conditions)
    moved = model.latent(codes, other) - model.latent(codes, y)
    torch.testing.assert_close(moved, model.metadata_part(other) - model.metadata_part(y))


def test_the_average_person_is_decoded_from_metadata_alone(generator) -> None:
    model, person = generator._model, generator.average()
    assert (person.label, person.seed) == ("average", None)
    y = torch.from_numpy(generator.schema.encode(PERSON))[None]
    expected = 0.5 * model.autoencoder.decoder(model.metadata_part(y)) + model.mean.image
    found = generator.generate(person, PERSON).data
    np.testing.assert_allclose(found, expected[0].clamp(0, 1), atol=1e-5)
    older = generator.generate(person, PERSON | {"age": 75.0}).data
    assert np.abs(older - found).max() > 1e-4


# Encoding


def test_a_scan_is_encoded_to_its_own_residual(generator) -> None:
    model, scan = generator._model, a_scan()
    identity = generator.encode(scan, PERSON)
    y = torch.from_numpy(generator.schema.encode(PERSON))[None]
    image = torch.from_numpy(scale_intensity(scan.data))[None]
    residual = model.quantised(image) - model.metadata_part(y)
    _, expected = model.residual(residual)
    np.testing.assert_array_equal(identity.latent, expected.flatten())
    assert (identity.label, identity.seed) == ("encoded scan", None)


def test_a_scan_that_the_residual_codebook_knows_is_rebuilt_as_stage_one_does() -> None:
    """Without metadata, and with one codebook for both, P m + Q(r) is Q(z)."""
    generator = generator_of(codes=12, residual_codes=12)
    model = generator._model
    model.metadata.maps.zero_()
    model.autoencoder.codebook.books[1] = 0.0
    model.residual.books.copy_(model.autoencoder.codebook.books)
    scan = a_scan()
    quantised = model.quantised(torch.from_numpy(scale_intensity(scan.data))[None])
    expected = 0.5 * model.autoencoder.decoder(quantised) + model.mean.image
    found = generator.generate(generator.encode(scan, PERSON), PERSON).data
    np.testing.assert_allclose(found, expected[0].clamp(0, 1), atol=1e-4)


def test_the_unit_of_a_scan_does_not_matter(generator) -> None:
    scan = a_scan()
    louder = replace(scan, data=scan.data * np.float32(512.0))
    assert generator.encode(scan, PERSON).key == generator.encode(louder, PERSON).key


def test_another_person_or_another_age_is_another_residual(generator) -> None:
    keys = {
        generator.encode(a_scan(seed), PERSON | {"age": age}).key
        for seed in (1, 2) for age in (30.0, 75.0)
    }  # fmt: skip
    assert len(keys) == 4


def test_a_brain_lies_where_its_image_is_quantised_to(generator) -> None:
    scan = a_scan()
    assert isinstance(generator, Embeds)
    expected = generator._model.quantised(torch.from_numpy(scan.data)[None])
    np.testing.assert_allclose(generator.embed(scan), expected.flatten(), atol=1e-6)
    assert np.abs(generator.embed(a_scan(2)) - generator.embed(scan)).max() > 0.01
    with pytest.raises(GenerationError, match="tiny encodes T1w on"):
        generator.embed(Brain(("GM",), scan.data, GRID_AFFINE))


# What is refused


def test_gradients_are_refused_in_one_sentence(generator) -> None:
    with pytest.raises(
        GenerationError,
        match=r"^tiny makes T1-weighted images without tissue maps, so it has no volumes to "
        r"differentiate; choose another generator for the Features panel$",
    ):
        generator.volume_gradients(generator.draw(1), PERSON)


@pytest.mark.parametrize(
    ("brain", "sentence"),
    [
        (Brain(("T1w",), np.ones((1, 8, 8, 8), np.float32), GRID_AFFINE), r"on \(8, 8, 8\)"),
        (Brain(("WM", "GM", "CSF"), np.ones((3, *SHAPE), np.float32), GRID_AFFINE), "got WM/GM/C"),
        (Brain(("T1w",), np.zeros((1, *SHAPE), np.float32), GRID_AFFINE), "image is empty"),
    ],
)
def test_what_is_no_t1_image_on_its_grid_is_refused(generator, brain, sentence) -> None:
    with pytest.raises(GenerationError, match=f"tiny (encodes|cannot encode) .*{sentence}"):
        generator.encode(brain, PERSON)


@pytest.mark.parametrize(
    ("latent", "sentence"),
    [
        (np.zeros(5, np.float32), f"the latent must have {LENGTH} numbers, got 5"),
        (np.full(LENGTH, 9.0, np.float32), "must hold whole numbers in 0-8"),
        (np.full(LENGTH, 0.5, np.float32), "must hold whole numbers in 0-8"),
    ],
)
def test_an_identity_of_another_generator_is_refused(generator, latent, sentence) -> None:
    with pytest.raises(GenerationError, match=f"seed 1 is no identity of tiny: .*{sentence}"):
        generator.generate(Identity(latent, "seed 1"), PERSON)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shape": (16, 22, 16)}, r"multiples of 4 voxels with 2 stages, got \(16, 22, 16\)"),
        ({"channels": (8,) * 4}, r"multiples of 16 voxels with 4 stages, got \(16, 24, 16\)"),
        ({"latent_channels": 5}, "latent_channels must be even, got 5"),
        ({"heads": 3}, "width must be a multiple of 3 heads"),
        ({"design": "cubic"}, "design must be one of linear, splines, got 'cubic'"),
        ({"slabs": 5}, r"slabs must lie in 1-4 with a latent grid of \(4, 6, 4\), got 5"),
    ],
)
def test_sizes_that_do_not_fit_are_one_sentence(change, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(BrainSynthConfig(SHAPE, 4, **SIZES), **change)


def test_a_configuration_survives_json() -> None:
    config = BrainSynthConfig(SHAPE, 4, **SIZES)
    assert BrainSynthConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_four_stages_make_a_grid_at_a_sixteenth() -> None:
    config = BrainSynthConfig((32, 48, 32), 4, **SIZES | {"channels": (8, 8, 8, 8), "slabs": 2})
    assert config.latent_shape == (4, 2, 3, 2)
