"""Regions of people, brought to a template and carried back, are where they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from brainviewer.generators.flow import exponentiate, pull, resample
from brainviewer.generators.region_maps import RegionMaps
from brainviewer.training.region_maps import fit_region_maps

SHAPE, COARSE = (32, 32, 32), (16, 16, 16)
PEOPLE = 6


@pytest.fixture(scope="module")
def template() -> np.ndarray:
    """Two regions: a ball and the shell around it."""
    radius = np.linalg.norm(np.indices(SHAPE) - 15.5, axis=0)
    return np.where(radius < 5, 1, np.where(radius < 9, 2, 0)).astype(np.uint8)


@pytest.fixture(scope="module")
def people(template) -> list[tuple[np.ndarray, np.ndarray]]:
    """The template carried by smooth velocities of about a voxel."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(PEOPLE):
        raw = ndimage.gaussian_filter(rng.normal(size=(3, *COARSE)), (0, 3, 3, 3))
        velocity = (1.2 * raw / np.abs(raw).max()).astype(np.float32)
        flow = resample(exponentiate(torch.from_numpy(velocity)[None]), SHAPE)
        labels = torch.from_numpy(template.astype(np.float32))[None, None]
        found.append((velocity, pull(labels, flow, nearest=True)[0, 0].numpy().astype(np.uint8)))
    return found


@pytest.fixture(scope="module")
def maps(people) -> RegionMaps:
    maps = RegionMaps(2, COARSE, SHAPE)
    assert fit_region_maps(maps, people) == PEOPLE
    return maps


def test_the_template_is_found_from_people(maps, template) -> None:
    for region in (1, 2):
        mine, true = maps.labels.numpy() == region, template == region
        assert 2 * (mine & true).sum() / (mine.sum() + true.sum()) > 0.93
    assert 0 <= float(maps.shares.min()) <= float(maps.shares.max()) <= 1


def test_carried_labels_are_those_of_a_person(maps, people) -> None:
    for velocity, labels in people:
        found = maps.carried(exponentiate(torch.from_numpy(velocity)[None]))[0].numpy()
        for region in (1, 2):
            both = ((found == region) & (labels == region)).sum()
            assert 2 * both / ((found == region).sum() + (labels == region).sum()) > 0.88


def test_sizes_by_the_jacobian_are_those_of_the_labels(maps, people) -> None:
    for velocity, labels in people:
        back = exponentiate(-torch.from_numpy(velocity)[None])
        found = maps.volumes(back)[0].numpy() * 8
        true = np.bincount(labels.ravel(), minlength=3)[1:]
        np.testing.assert_allclose(found, true, rtol=0.06)


def test_without_labels_nothing_is_fitted() -> None:
    maps = RegionMaps(0, COARSE, SHAPE)
    assert fit_region_maps(maps, []) == 0
    assert maps.labels.numel() == 0
