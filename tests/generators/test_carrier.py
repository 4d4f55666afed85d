"""The fast way to a brain against the slow one, which carries the whole box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from brainviewer.generators.carrier import Carrier
from brainviewer.generators.diffeo import Diffeo, DiffeoConfig
from brainviewer.generators.flow import exponentiate, pull, resample
from brainviewer.generators.intensities import lit, resized
from brainviewer.generators.mixture import mixed
from tests.tiny import SHAPE

CONDITIONS, COMPONENTS, MIXTURES = 2, 4, 3
TOLERANCE = 2e-5


def smooth(rng: np.random.Generator, *shape: int, size: float) -> torch.Tensor:
    sigma = (0,) * (len(shape) - 3) + (1.5,) * 3
    raw = ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    return torch.from_numpy((size * raw / np.abs(raw).max()).astype(np.float32))


def shares(rng: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """A ball of three tissues in an empty box."""
    away = np.linalg.norm(
        [(n - (size - 1) / 2) / size for n, size in zip(np.indices(shape), shape, strict=True)],
        axis=0,
    )
    inside = np.clip((0.32 - away) * 12, 0, 1)
    parts = rng.random((3, *shape))
    parts *= inside / parts.sum(axis=0)
    return torch.from_numpy(np.concatenate([parts, 1 - parts.sum(axis=0)[None]])[None]).float()


@pytest.fixture(params=[(True, True), (True, False), (False, True), (False, False)])
def model(request) -> Diffeo:
    t1, mixture = request.param
    sizes = DiffeoConfig(SHAPE, CONDITIONS, COMPONENTS, fine=True, t1=t1, mixture=mixture)
    model = Diffeo(replace(sizes, mixture_components=MIXTURES if mixture else 0))
    rng = np.random.default_rng(6)
    coarse = model.config.coarse_shape
    basis = smooth(rng, COMPONENTS, 3, *coarse, size=0.8)
    model.basis.copy_(basis.flatten(1))
    model.mean.shares.copy_(shares(rng, SHAPE))
    model.fine.shares.copy_(shares(rng, model.config.fine_shape))
    for fields, size in ((model.intensities, 0.6), (model.mixture, 0.8)):
        if fields is not None:
            fields.mean.copy_(smooth(rng, *fields.mean.shape, size=size))
            fields.weights.normal_(0, 0.1, generator=torch.Generator().manual_seed(3))
    if model.mixture is not None:
        own = smooth(rng, MIXTURES, *model.mixture.mean.shape, size=0.4)
        model.mixture.basis.copy_(own.flatten(1))
    if t1:
        texture = smooth(rng, *SHAPE, size=0.3)
        model.intensities.texture.copy_(texture * (model.mean.shares[0, 3] < 1))
    return model.requires_grad_(False)


@pytest.fixture
def person(model) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(8)
    return torch.randn(1, model.config.latent, generator=source), torch.tensor([[0.7, -1.0]])


def test_the_maps_are_those_of_the_slow_way(model, person) -> None:
    slow = model.tissues_and_image(*person) if model.config.t1 else model.shares(*person)[:, :3]
    fast = Carrier(model).maps(*person)
    assert fast.shape == slow.shape[1:]
    torch.testing.assert_close(fast, slow[0].clamp(0, 1), atol=TOLERANCE, rtol=0)


def test_the_fine_maps_are_those_of_the_slow_way(model, person) -> None:
    shape, (_, y) = model.config.fine_shape, person
    coarse = exponentiate(model.velocity(*person))
    slow = pull(model.fine.shares[:, :3], resample(coarse, shape))
    if model.mixture is not None:
        slow = mixed(slow, pull(model.mixing(*person), coarse))
    if model.intensities is not None:
        slow = torch.cat([slow, lit(slow, resized(model.light(coarse, y), shape))], dim=1)
    fast = torch.zeros(slow.shape[1:])
    parts = list(Carrier(model).fine_steps(*person, fast))
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    torch.testing.assert_close(fast, slow[0].clamp(0, 1), atol=TOLERANCE, rtol=0)


def test_a_template_that_holds_nothing_gives_nothing(model, person) -> None:
    for brain in (model.mean, model.fine):
        brain.shares.zero_()
    if model.intensities is not None:
        model.intensities.texture.zero_()
    assert not Carrier(model).maps(*person).any()


def test_most_of_the_box_is_left_alone(model, person, monkeypatch) -> None:
    seen = []
    real = functional.grid_sample
    monkeypatch.setattr(
        functional,
        "grid_sample",
        lambda maps, points, **how: (
            seen.append(points[..., 0].numel()) or real(maps, points, **how)
        ),
    )
    maps = torch.zeros(len(model.config.channels), *model.config.fine_shape)
    list(Carrier(model).fine_steps(*person, maps))
    assert 0 < sum(seen) < maps[0].numel()


def test_a_model_without_a_fine_template_says_so(person) -> None:
    plain = Diffeo(DiffeoConfig(SHAPE, CONDITIONS, COMPONENTS))
    with pytest.raises(ValueError, match="there is no fine template"):
        list(Carrier(plain).fine_steps(*person, torch.zeros(1)))
