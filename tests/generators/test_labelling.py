"""Regions of generators that know none: found in their images, step by step, each brain once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainviewer.core.volume import Brain
from brainviewer.generators.base import Identity
from brainviewer.generators.labelling import NetworkRegions, image_of, regions_of
from brainviewer.generators.parcellation import (
    NetworkFacts,
    NetworkSizes,
    ParcellationError,
    Parcellator,
    RegionNetwork,
    finish,
)
from tests.fakes import FakeLoader

SIZES = NetworkSizes(widths=(4, 6, 8), fine_width=4, box=(16, 24, 16))
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
PERSON = {"age": 40.0, "sex": "F"}


class Maker:
    """Makes a ball of tissue, and counts how often."""

    name = "maker"
    affine = AFFINE

    def __init__(self) -> None:
        self.made = 0

    def generate(self, identity, conditions) -> Brain:
        self.made += 1
        inside = np.linalg.norm(np.indices((16, 24, 16)).T - (8, 12, 8), axis=-1).T < 6
        maps = np.random.default_rng(identity.seed).dirichlet([2, 2, 1, 1], inside.shape)
        data = np.moveaxis(maps, -1, 0)[:3] * inside * (conditions["age"] / 100)
        return Brain(("WM", "GM", "CSF"), data.astype(np.float32), AFFINE)


@pytest.fixture
def network() -> Parcellator:
    torch.manual_seed(3)
    facts = NetworkFacts(("left half", "right half"), SIZES, {}, 30, "nobody")
    return Parcellator(RegionNetwork(2, SIZES), facts, "cpu")


def person(seed: int) -> Identity:
    return Identity(np.full(4, seed, np.float32), f"seed {seed}", seed)


def test_labels_and_volumes_are_those_of_one_brain(network) -> None:
    maker = Maker()
    regions = NetworkRegions(maker, network)
    assert regions.regions == ("left half", "right half")
    volumes = regions.region_volumes(person(1), PERSON)
    labels = regions.region_labels(person(1), PERSON)
    assert maker.made == 1
    direct = network(image_of(maker.generate(person(1), PERSON)), AFFINE)
    np.testing.assert_array_equal(labels, direct.labels)
    np.testing.assert_allclose(volumes, direct.volumes_ml)


def test_another_person_or_age_is_another_brain(network) -> None:
    maker = Maker()
    regions = NetworkRegions(maker, network)
    first = regions.region_volumes(person(1), PERSON)
    assert not np.array_equal(first, regions.region_volumes(person(2), PERSON))
    regions.region_volumes(person(2), PERSON | {"age": 60.0})
    assert maker.made == 3


def test_work_is_done_in_several_steps_outside_of_inference_mode(network) -> None:
    steps = NetworkRegions(Maker(), network).steps(person(1), PERSON)
    modes = []
    while True:
        try:
            next(steps)
        except StopIteration:
            break
        modes.append(torch.is_inference_mode_enabled())
    assert len(modes) > 5
    assert not any(modes)


def test_an_image_is_taken_as_it_is_and_tissues_are_lit() -> None:
    maps = np.zeros((4, 2, 2, 2), np.float32)
    maps[0], maps[3] = 1.0, 0.9
    np.testing.assert_array_equal(
        image_of(Brain(("WM", "GM", "CSF", "T1w"), maps, AFFINE)), maps[3]
    )
    lit = image_of(Brain(("WM", "GM", "CSF"), maps[:3], AFFINE))
    assert lit.shape == (2, 2, 2)
    np.testing.assert_allclose(lit, 0.75)


def test_traces_of_tissue_outside_the_brain_are_no_brain() -> None:
    maps = np.full((3, 2, 2, 2), 0.02, np.float32)
    maps[1, 0] = 0.9
    image = image_of(Brain(("WM", "GM", "CSF"), maps, AFFINE))
    assert (image[1] == 0).all()
    assert (image[0] > 0.4).all()
    faint = np.full((1, 2, 2, 2), 0.01, np.float32)
    assert (image_of(Brain(("T1w",), faint, AFFINE)) == 0).all()


def test_a_generator_that_knows_its_regions_is_asked_itself() -> None:
    from types import SimpleNamespace

    checkpoint = SimpleNamespace(name="labelled", schema=None)
    generator = FakeLoader(kind="labelled")(checkpoint)
    assert regions_of(generator) is generator


def test_voxels_that_are_too_large_are_refused() -> None:
    maker = Maker()
    maker.affine = np.diag([8.0, 8.0, 8.0, 1.0])
    with pytest.raises(ParcellationError, match=r"larger than 2\.5 mm"):
        regions_of(maker)


def test_finishing_returns_what_the_last_step_does() -> None:
    def steps():
        yield
        yield
        return 7

    assert finish(steps()) == 7
