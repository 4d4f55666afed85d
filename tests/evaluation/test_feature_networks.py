from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from brainviewer.evaluation.feature_networks import (
    CHANNELS,
    Embedder,
    FittingPeople,
    Plan,
    embed_slices,
    embed_volumes,
    fit_networks,
    fitted_embedders,
)
from brainviewer.evaluation.network_files import (
    key_of,
    load_network,
    read_networks,
    save_networks,
)
from brainviewer.evaluation.people import EvaluationError

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = Plan(volume_steps=3, volume_batch=4, slice_steps=3, slice_batch=4)
SHAPE = (8, 12, 10)


@pytest.fixture
def people() -> FittingPeople:
    """Twelve people whose first volume can be told: their WM is brighter."""
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 60, (12, 3, *SHAPE))
    maps += 10 * np.arange(12)[:, None, None, None, None]
    facts = rng.normal(size=(12, 5)).astype(np.float32)
    facts[:, 2] = np.arange(12)
    return FittingPeople(maps.astype(np.uint8), facts)


def test_the_same_people_give_the_same_networks_whatever_was_drawn_before(people) -> None:
    first = fit_networks(people, plan=PLAN)
    torch.rand(5)
    again = fit_networks(people, plan=PLAN)
    for name, network in first.items():
        for own, other in zip(
            network.state_dict().values(), again[name].state_dict().values(), strict=True
        ):
            assert torch.equal(own, other)


def test_fitting_leaves_the_random_numbers_of_others_alone(people) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fit_networks(people, plan=PLAN)
    assert torch.equal(torch.rand(2), expected)


def test_steps_are_told_over_both_networks(people) -> None:
    told = []
    fit_networks(people, plan=PLAN, on_step=lambda *step: told.append(step))
    assert told == [(done, 6) for done in range(1, 7)]


def test_a_network_learns_what_it_is_asked(people) -> None:
    networks = fit_networks(people, plan=replace(PLAN, volume_steps=150, volume_batch=8))
    images = torch.from_numpy(people.maps[:, 0]).float()[:, None] / 255
    with torch.inference_mode():
        told = networks["volumes"](images)[:, 2].numpy()
    assert np.corrcoef(told, people.facts[:, 2])[0, 1] > 0.9


def test_constant_facts_are_no_reason_to_fail(people) -> None:
    facts = people.facts.copy()
    facts[:, 1] = 7.0
    networks = fit_networks(replace(people, facts=facts), plan=PLAN)
    weights = [w for network in networks.values() for w in network.state_dict().values()]
    assert all(torch.isfinite(w).all() for w in weights)


@pytest.fixture
def embedders(people):
    return fitted_embedders(fit_networks(people, plan=PLAN), 12)


def test_maps_are_described_one_by_one(embedders, people) -> None:
    found = embed_volumes(embedders.volumes, people.maps[:, 1])
    assert found.shape == (12, sum(CHANNELS))
    alone = embed_volumes(embedders.volumes, people.maps[5:6, 1])
    np.testing.assert_allclose(found[5], alone[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_those_across_the_axis(embedders, people, axis) -> None:
    found = embed_slices(embedders.slices, people.maps[:, 2], axis)
    assert found.shape == (12, SHAPE[axis], sum(CHANNELS))
    image = torch.from_numpy(np.take(people.maps[3, 2], 4, axis=axis)).float() / 255
    expected = embedders.slices.describe(image[None, None])[0]
    np.testing.assert_allclose(found[3, 4], expected, rtol=1e-4, atol=1e-6)


def test_own_networks_say_that_they_are_not_the_papers(embedders) -> None:
    assert embedders.slices.own
    assert "not the paper's" in embedders.slices.name
    assert embedders.slices.label == "own network"


def test_networks_are_read_again_for_the_same_people_alone(people, tmp_path) -> None:
    path = tmp_path / "networks.safetensors"
    networks, key = fit_networks(people, plan=PLAN), key_of(people, PLAN)
    save_networks(networks, path, key=key)
    found = read_networks(path, key=key)
    assert found is not None
    image = torch.rand(2, 1, *SHAPE)
    assert torch.allclose(found["volumes"](image), networks["volumes"](image), atol=1e-6)
    other = replace(people, facts=people.facts + 1)
    assert key_of(other, PLAN) != key
    assert key_of(people, replace(PLAN, slice_steps=4)) != key
    assert read_networks(path, key=key_of(other, PLAN)) is None


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all, but long enough"])
def test_no_or_damaged_networks_are_none(tmp_path, content) -> None:
    path = tmp_path / "networks.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert read_networks(path, key="any") is None


class Published(nn.Module):
    """What a published network might be: it wants three channels and gives a map of features."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.repeat(1, 3, 1, 1) * 2.0


class Shy(nn.Module):
    """Gives a single number."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean()


def save_script(module: nn.Module, path) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        torch.jit.save(torch.jit.script(module), path)


def test_a_published_network_is_taken_by_its_file_name(tmp_path) -> None:
    save_script(Published(), tmp_path / "radimagenet.pt")
    embedder = load_network(tmp_path / "radimagenet.pt")
    assert (embedder.name, embedder.label, embedder.own) == (
        "radimagenet.pt",
        "radimagenet.pt",
        False,
    )
    maps = np.full((2, 3, 4, 5), 51, np.uint8)  # 0.2
    found = embed_slices(embedder, maps, 0)
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found, 0.4, rtol=1e-6)


@pytest.mark.parametrize("content", [None, b"weights"])
def test_a_file_that_is_no_network_is_refused(tmp_path, content) -> None:
    path = tmp_path / "resnet.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EvaluationError, match=r"resnet\.pt cannot be read as a TorchScript"):
        load_network(path)


def test_a_network_of_other_dimensions_is_refused(tmp_path) -> None:
    save_script(Published(), tmp_path / "flat.pt")
    embedder = load_network(tmp_path / "flat.pt")
    with pytest.raises(EvaluationError, match=r"flat\.pt does not take \(1, 1, 2, 2, 2\) maps"):
        embed_volumes(embedder, np.zeros((1, 2, 2, 2), np.uint8))


def test_a_network_without_features_is_refused(tmp_path) -> None:
    save_script(Shy(), tmp_path / "shy.pt")
    with pytest.raises(EvaluationError, match=r"shy\.pt gives no \(B, F\) features"):
        embed_volumes(load_network(tmp_path / "shy.pt"), np.zeros((1, 2, 2, 2), np.uint8))


def test_an_embedder_of_a_given_network_is_not_own() -> None:
    assert Embedder("m.pt", lambda images: images, own=False).label == "m.pt"
