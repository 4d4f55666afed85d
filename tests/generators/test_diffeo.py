"""The diffeomorphic generator: a protocol kept, brains that are warps, gradients that are true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import CubicSpline
from torch.nn import functional

from brainviewer.core.volume import Brain, voxel_volume_ml
from brainviewer.generators.base import Deforms, GenerationError, KnowsRegions, MakesFine, Warps
from brainviewer.generators.device import Device
from brainviewer.generators.diffeo import Diffeo, DiffeoConfig, DiffeoGenerator, natural_spline
from brainviewer.generators.flow import exponentiate, jacobian_determinant, resample
from brainviewer.session.fine import FineMaker
from tests.fakes import fake_training
from tests.tiny import GRID_AFFINE, SHAPE, features_of

COMPONENTS, MIXTURES = 5, 3
PERSON = features_of(3)


@pytest.fixture
def model() -> Diffeo:
    """Smooth velocities of about a voxel; the age drives the first component."""
    schema, people = fake_training()[0], [features_of(n) for n in range(40)]
    model = Diffeo(DiffeoConfig(SHAPE, len(schema.columns), COMPONENTS))
    rng = np.random.default_rng(5)
    coarse = model.config.coarse_shape
    raw = rng.normal(size=(COMPONENTS, 3, *coarse))
    basis = ndimage.gaussian_filter(raw, (0, 0, 2, 2, 2)).reshape(COMPONENTS, -1)
    basis *= 0.4 / np.abs(basis).max()
    model.basis.copy_(torch.from_numpy(basis))
    model.weights.copy_(torch.from_numpy(rng.normal(size=model.weights.shape) * 0.3))
    encoded = np.stack([schema.encode(row) for row in people])
    known = np.stack([schema.known(row) for row in people])
    columns = [column.feature for column in schema.columns]
    model.deviations.fit(encoded, known, columns.index("age"), columns.index("sex"))
    shares = rng.random((4, *SHAPE))
    shares[:3] *= np.pad(np.ones([n - 6 for n in SHAPE]), 3)
    shares[3] += 1 - np.pad(np.ones([n - 6 for n in SHAPE]), 3)
    shares = ndimage.gaussian_filter(shares, (0, 1, 1, 1))
    model.mean.shares.copy_(torch.from_numpy(shares / shares.sum(axis=0))[None])
    return model


@pytest.fixture
def mixing(model) -> Diffeo:
    """The same, but that its tissues mix by age and person."""
    found = Diffeo(replace(model.config, mixture=True, mixture_components=MIXTURES))
    alike = {
        name: value
        for name, value in model.state_dict().items()
        if value.shape == found.state_dict()[name].shape
    }
    found.load_state_dict(alike, strict=False)
    rng = np.random.default_rng(7)
    smooth = ndimage.gaussian_filter(
        rng.normal(size=(MIXTURES, *found.mixture.mean.shape)), (0, 0, 1, 1, 1)
    )
    found.mixture.basis.copy_(torch.from_numpy(smooth / np.abs(smooth).max()).flatten(1))
    found.mixture.weights.normal_(0, 0.1, generator=torch.Generator().manual_seed(2))
    found.factor.copy_(torch.eye(found.config.latent) + 0.2 * torch.ones(found.factor.shape).tril())
    return found.requires_grad_(False)


@pytest.fixture
def generator(model) -> DiffeoGenerator:
    device = Device(torch.device("cpu"), "CPU", bfloat16=False)
    schema, _ = fake_training()
    return DiffeoGenerator("tiny", model, schema=schema, affine=GRID_AFFINE, device=device)


def test_the_same_arguments_make_the_same_brain(generator) -> None:
    first, second = (generator.generate(generator.draw(4), PERSON) for _ in range(2))
    np.testing.assert_array_equal(first.data, second.data)
    assert first.data.shape == (3, *SHAPE)
    assert first.data.min() >= 0
    assert first.data.sum(axis=0).max() <= 1 + 1e-5


def test_identity_and_conditions_both_move_the_brain(generator) -> None:
    brain = generator.generate(generator.draw(4), PERSON).data
    for other in (
        generator.generate(generator.draw(5), PERSON),
        generator.generate(generator.draw(4), PERSON | {"age": 75.0}),
        generator.generate(generator.draw(4), PERSON | {"height": 195.0}),
    ):
        assert np.abs(other.data - brain).max() > 0.01


def test_what_is_missing_is_what_is_expected(generator) -> None:
    unknown = PERSON | {"height": None, "education": None, "occupation": None}
    brain = generator.generate(generator.draw(4), unknown)
    assert np.isfinite(brain.data).all()
    assert np.abs(brain.data - generator.generate(generator.draw(4), PERSON).data).max() > 1e-3


def test_without_velocity_the_brain_is_the_template(model, generator) -> None:
    model.basis.zero_()
    brain = generator.generate(generator.draw(4), PERSON)
    np.testing.assert_allclose(brain.data, model.mean.shares[0, :3].numpy(), atol=1e-5)


def test_volumes_from_maps_and_from_the_jacobian_agree(model, generator) -> None:
    identity = generator.draw(4)
    y = torch.from_numpy(generator.schema.encode(PERSON))[None]
    velocity = model.velocity(torch.from_numpy(identity.latent)[None], y)
    size = jacobian_determinant(resample(exponentiate(-velocity), SHAPE))
    assert size.min() > 0
    from_jacobian = (model.mean.shares[0, :3] * size).sum(dim=(1, 2, 3)).numpy()
    from_maps = generator.generate(identity, PERSON).data.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(from_maps, from_jacobian, rtol=0.01)


def test_the_jacobian_is_that_of_the_warp(model, generator) -> None:
    identity, y = generator.draw(4), torch.from_numpy(generator.schema.encode(PERSON))[None]
    velocity = model.velocity(torch.from_numpy(identity.latent)[None], y)
    expected = jacobian_determinant(exponentiate(velocity))[0]
    found = generator.jacobian(identity, PERSON)
    np.testing.assert_allclose(found, expected.detach(), atol=1e-5)
    assert isinstance(generator, Warps)


def test_growth_weighted_by_a_tissue_gives_its_change_of_volume(model, generator) -> None:
    identity, older = generator.draw(4), PERSON | {"age": PERSON["age"] + 15.0}
    before, after = (generator.generate(identity, it).data for it in (PERSON, older))
    growth = np.exp(generator.log_growth(identity, PERSON, older))
    expected = (before * growth).sum(axis=(1, 2, 3)) / before.sum(axis=(1, 2, 3)) - 1
    found = after.sum(axis=(1, 2, 3)) / before.sum(axis=(1, 2, 3)) - 1
    assert np.abs(found).max() > 0.02
    np.testing.assert_allclose(expected, found, atol=0.005)


def test_a_brain_carried_by_the_displacement_is_the_counterfactual(model, generator) -> None:
    identity, older = generator.draw(4), PERSON | {"age": PERSON["age"] + 15.0}
    before, after = (generator.generate(identity, it).data for it in (PERSON, older))
    moved_mm = generator.displacement(identity, PERSON, older)
    voxels = np.linalg.solve(GRID_AFFINE[:3, :3], moved_mm.reshape(3, -1)).reshape(moved_mm.shape)
    places = np.indices(SHAPE) + voxels
    carried = np.stack(
        [ndimage.map_coordinates(m, places, order=1, mode="nearest") for m in before]
    )
    away = np.abs(after - before).mean()
    assert np.abs(after - carried).mean() < 0.35 * away  # it is interpolated twice


def test_under_the_same_conditions_nothing_moves(generator) -> None:
    identity = generator.draw(4)
    assert isinstance(generator, Deforms)
    assert not generator.displacement(identity, PERSON, dict(PERSON)).any()
    assert not generator.log_growth(identity, PERSON, dict(PERSON)).any()


def test_the_fine_brain_is_the_same_brain_twice_as_fine(model, generator) -> None:
    assert isinstance(generator, MakesFine)
    assert generator.fine_affine is None
    with pytest.raises(GenerationError, match="tiny has no fine template"):
        next(generator.fine_steps(generator.draw(4), PERSON))
    fine = Diffeo(replace(model.config, fine=True))
    shares = functional.interpolate(model.mean.shares, scale_factor=2.0, mode="nearest")
    fine.load_state_dict({**model.state_dict(), "fine.shares": shares})
    device = Device(torch.device("cpu"), "CPU", bfloat16=False)
    maker = DiffeoGenerator(
        "tiny", fine, schema=generator.schema, affine=GRID_AFFINE, device=device
    )
    plain = maker.generate(maker.draw(4), PERSON)
    brain = FineMaker(maker).generate(maker.draw(4), PERSON)
    assert brain.data.shape == (3, *(2 * n for n in SHAPE))
    corners = [affine @ [-0.5, -0.5, -0.5, 1.0] for affine in (brain.affine, plain.affine)]
    np.testing.assert_allclose(corners[0], corners[1], atol=1e-9)
    assert voxel_volume_ml(brain.affine) == pytest.approx(voxel_volume_ml(GRID_AFFINE) / 8)
    averages = functional.avg_pool3d(torch.from_numpy(brain.data), 2).numpy()
    assert np.abs(averages - plain.data).mean() < 0.01


def test_gradients_agree_with_finite_differences(model, generator) -> None:
    identity = generator.draw(4)
    gradients = generator.volume_gradients(identity, PERSON)
    assert gradients.shape == (3, len(generator.schema.columns))
    noise = torch.from_numpy(identity.latent)[None].double()
    y = torch.from_numpy(generator.schema.encode(PERSON))[None].double()
    exact = model.double()
    step = 1e-5
    for column in range(gradients.shape[1]):
        ends = []
        for sign in (1, -1):
            moved = y.clone()
            moved[0, column] += sign * step
            ends.append(exact.shares(noise, moved)[0, :3].sum(dim=(1, 2, 3)))
        slope = (ends[0] - ends[1]).numpy() / (2 * step) * voxel_volume_ml(GRID_AFFINE)
        scale = np.abs(gradients[:, column]).max()
        np.testing.assert_allclose(gradients[:, column], slope, rtol=0.02, atol=0.01 * scale)


def test_encoding_a_brain_finds_a_person_who_looks_like_it(generator) -> None:
    brain = generator.generate(generator.draw(4), PERSON)
    identity = generator.encode(brain, PERSON)
    again = generator.encode(brain, PERSON)
    np.testing.assert_array_equal(identity.latent, again.latent)
    rebuilt = generator.generate(identity, PERSON)
    stranger = generator.generate(generator.draw(5), PERSON)
    errors = [np.abs(other.data - brain.data).mean() for other in (rebuilt, stranger)]
    assert errors[0] < 0.5 * errors[1]


def test_a_registered_scan_keeps_more_than_the_basis_holds(model, generator) -> None:
    noise, y = torch.randn(1, COMPONENTS), torch.from_numpy(generator.schema.encode(PERSON))[None]
    with torch.no_grad():
        velocity = model.velocity(noise, y) + 0.3 * torch.randn(1, 3, *model.config.coarse_shape)
        latent = model.latent_of(velocity, y, None)
        torch.testing.assert_close(model.velocity(latent, y), velocity, atol=1e-5, rtol=1e-4)
        bare = latent[:, :COMPONENTS]
        assert (model.velocity(bare, y) - velocity).abs().mean() > 0.1
        older = torch.from_numpy(generator.schema.encode(PERSON | {"age": 75.0}))[None]
        moved = model.velocity(latent, older) - velocity
        expected = model.velocity(bare, older) - model.velocity(bare, y)
        torch.testing.assert_close(moved, expected, atol=1e-4, rtol=1e-3)


def test_a_registered_scan_keeps_how_its_tissues_mix(mixing) -> None:
    schema, _ = fake_training()
    y, older = (
        torch.from_numpy(schema.encode(row))[None] for row in (PERSON, PERSON | {"age": 75.0})
    )
    noise = torch.randn(1, mixing.config.latent, generator=torch.Generator().manual_seed(3))
    velocity = mixing.velocity(noise, y)
    fields = mixing.mixing(noise, y) + 0.3 * torch.randn(1, *mixing.mixture.mean.shape)
    latent = mixing.latent_of(velocity, y, fields)
    torch.testing.assert_close(mixing.mixing(latent, y), fields, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(mixing.velocity(latent, y), velocity, atol=1e-4, rtol=1e-3)
    bare = latent[:, : mixing.config.latent]
    assert (mixing.mixing(bare, y) - fields).abs().mean() > 0.1
    moved = mixing.mixing(latent, older) - fields
    torch.testing.assert_close(
        moved, mixing.mixing(bare, older) - mixing.mixing(bare, y), atol=1e-4, rtol=1e-3
    )
    assert moved.abs().max() > 0.01


def test_how_tissues_mix_is_found_in_the_maps_of_a_person(mixing) -> None:
    y = torch.from_numpy(fake_training()[0].encode(PERSON))[None]
    noise = torch.randn(1, mixing.config.latent, generator=torch.Generator().manual_seed(3))
    maps, velocity = mixing.shares(noise, y)[:, :3], mixing.velocity(noise, y)
    latent = mixing.latent_of(velocity, y, mixing.fields_of(maps, velocity, y))
    plain = mixing.latent_of(velocity, y, mixing.mixing(torch.zeros_like(noise), y))
    found, expected = (mixing.shares(it, y)[:, :3].sum(dim=(2, 3, 4)) for it in (latent, plain))
    wanted = maps.sum(dim=(2, 3, 4))
    assert (expected / wanted - 1).abs().max() > 0.02
    torch.testing.assert_close(found, wanted, rtol=0.01, atol=0)


def test_a_scan_is_registered_step_by_step(generator) -> None:
    brain = generator.generate(generator.draw(4), PERSON)
    parts, steps = [], generator.encode_steps(brain, PERSON)
    identity = None
    while identity is None:
        try:
            parts.append(next(steps))
        except StopIteration as end:
            identity = end.value
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1.0)
    rebuilt = generator.generate(identity, PERSON)
    stranger = generator.generate(generator.draw(5), PERSON)
    errors = [np.abs(other.data - brain.data).mean() for other in (rebuilt, stranger)]
    assert errors[0] < 0.7 * errors[1]


def test_noise_is_no_brain_to_be_registered(generator) -> None:
    data = np.zeros((3, *SHAPE), np.float32)
    with pytest.raises(GenerationError, match="could not be registered"):
        list(generator.encode_steps(Brain(("WM", "GM", "CSF"), data, GRID_AFFINE), PERSON))


def test_a_brain_on_another_grid_is_refused(generator) -> None:
    small = Brain(("WM", "GM", "CSF"), np.zeros((3, 8, 8, 8), np.float32), GRID_AFFINE)
    with pytest.raises(GenerationError, match="encodes WM/GM/CSF on"):
        generator.encode(small, PERSON)


def test_regions_are_measured_and_carried(model) -> None:
    names = ("left half", "right half")
    config = replace(model.config, regions=names)
    labelled = Diffeo(config)
    labelled.load_state_dict(
        model.state_dict() | dict(labelled.regions.state_dict(prefix="regions."))
    )
    half = labelled.regions.shares.shape[1] // 2
    labelled.regions.shares[0, :half], labelled.regions.shares[1, half:] = 1.0, 1.0
    labelled.regions.labels[: 2 * half], labelled.regions.labels[2 * half :] = 1, 2
    device = Device(torch.device("cpu"), "CPU", bfloat16=False)
    schema, _ = fake_training()
    generator = DiffeoGenerator("tiny", labelled, schema=schema, affine=GRID_AFFINE, device=device)
    assert isinstance(generator, KnowsRegions)
    assert generator.regions == names
    person = generator.draw(2)
    sizes = generator.region_volumes(person, PERSON)
    labels = generator.region_labels(person, PERSON)
    voxel_ml = voxel_volume_ml(GRID_AFFINE)
    counted = np.bincount(labels.ravel(), minlength=3)[1:] * voxel_ml
    np.testing.assert_allclose(sizes, counted, rtol=0.05)
    other = generator.region_volumes(person, PERSON | {"age": PERSON["age"] + 30})
    assert np.abs(other - sizes).max() > 0.1


def test_the_spline_spans_natural_cubic_splines() -> None:
    knots = np.array([-1.2, -0.1, 0.6, 1.4])
    natural = CubicSpline(knots, [0.3, -1.0, 2.0, 0.5], bc_type="natural")
    x = np.linspace(-1.2, 1.4, 50)
    basis = natural_spline(torch.from_numpy(x)[:, None], torch.from_numpy(knots)).numpy()
    assert basis.shape == (50, 3)
    design = np.column_stack([np.ones(50), basis])
    fit = np.linalg.lstsq(design, natural(x), rcond=None)[0]
    np.testing.assert_allclose(design @ fit, natural(x), atol=1e-9)


def test_the_spline_is_straight_beyond_its_knots() -> None:
    knots = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    x = torch.tensor([1.5, 2.0, 2.5, -1.5, -2.0, -2.5], dtype=torch.float64)[:, None]
    basis = natural_spline(x, knots)
    torch.testing.assert_close(basis[2] - basis[1], basis[1] - basis[0])
    torch.testing.assert_close(basis[5] - basis[4], basis[4] - basis[3])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"shape": (16, 20, 16)}, r"multiples of 8 voxels, got \(16, 20, 16\)"),
        ({"knots": 2}, "at least 3 knots and 1 component, got 2 and 64"),
        ({"components": 0}, "at least 3 knots and 1 component, got 4 and 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        DiffeoConfig(**{"shape": SHAPE, "conditions": 3} | changes)


def test_a_configuration_comes_back_from_json() -> None:
    config = DiffeoConfig(SHAPE, 7, 12, 5)
    assert DiffeoConfig.from_json(config.to_json() | {"shape": list(SHAPE)}) == config
