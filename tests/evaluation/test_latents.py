"""Latents of people and made brains: copies are found, and the figure shows everybody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brainviewer.evaluation.cache import ArrayCache
from brainviewer.evaluation.image_report import REAL, copying
from brainviewer.evaluation.latents import (
    Latents,
    find_latents,
    nearest_latents,
    plot_latents,
    principal_components,
)
from tests.fakes import FakeGenerator

if TYPE_CHECKING:
    from brainviewer.core.volume import Brain

SHAPE = (4, 3, 2)


class Encoder:
    """Describes an image by its voxels, and counts the images it has seen."""

    channels = ("T1w",)
    affine = np.eye(4)

    def __init__(self) -> None:
        self.seen = 0

    def embed(self, brain: Brain) -> np.ndarray:
        assert brain.channels == self.channels
        assert brain.data.max() <= 1
        self.seen += 1
        return brain.data.ravel()


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, *SHAPE), dtype=np.uint8)


@pytest.fixture
def latents() -> Latents:
    """Made people are the third and the fifth training person, turned around, and a new one."""
    source = np.random.default_rng(1)
    train, mirrored, unseen = (source.normal(size=(n, 6)).astype(np.float32) for n in (9, 9, 5))
    made = np.stack([train[2], mirrored[4], source.normal(size=6) + 3]).astype(np.float32)
    return Latents(train, mirrored, unseen, made)


def test_training_people_who_are_handed_out_again_are_found(latents) -> None:
    found = nearest_latents("tiny", latents)
    assert found["tiny"].nearness.index[:2].tolist() == [2, 4]
    np.testing.assert_allclose(found["tiny"].nearness.distance[:2], 0, atol=1e-6)
    assert copying(found["tiny"], found[REAL])["copies"] == 2


def test_everybody_is_encoded_once_and_training_people_turned_around_too(tmp_path) -> None:
    encoder, steps = Encoder(), []

    def find() -> Latents:
        return find_latents(
            encoder, images(4, 1), images(3, 2), images(2, 3),
            cache=ArrayCache(tmp_path, "tiny"),
            on_progress=lambda done, total: steps.append((done, total)),
        )  # fmt: skip

    found = find()
    assert steps == [(n, 13) for n in range(1, 14)]
    assert [len(own) for own in (found.train, found.mirrored, found.unseen, found.made)] == [
        4, 4, 3, 2,
    ]  # fmt: skip
    np.testing.assert_allclose(
        found.mirrored[1].reshape(SHAPE), images(4, 1)[1, 0, ::-1] / 255, atol=1e-3
    )
    assert encoder.seen == 13
    np.testing.assert_array_equal(find().made, found.made)
    assert encoder.seen == 13


def test_who_cannot_encode_at_once_has_no_latents(tmp_path) -> None:
    generator = FakeGenerator(SimpleNamespace(name="fake", schema=None))
    nobody = images(2, 1)
    cache = ArrayCache(tmp_path, "fake")
    assert find_latents(generator, nobody, nobody, nobody, cache=cache) is None


def test_components_are_those_along_which_people_differ_most() -> None:
    source = np.random.default_rng(2)
    people = source.normal(size=(50, 1)) * np.array([3.0, 4.0, 0.0]) + source.normal(
        0, 0.01, (50, 3)
    )
    scores, shares = principal_components(people.astype(np.float32), 2)
    along = (people - people.mean(axis=0)) @ [0.6, 0.8, 0.0]
    assert abs(np.corrcoef(scores[:, 0], along)[0, 1]) > 0.999
    assert np.abs(scores[:, 0]).max() == pytest.approx(np.abs(along).max(), rel=0.01)
    assert shares[0] > 0.999
    assert principal_components(people[:2].astype(np.float32), 5)[0].shape == (2, 1)


def test_the_figure_shows_everybody_twice(latents) -> None:
    for axes in plot_latents("tiny", latents).axes:
        assert [len(points.get_offsets()) for points in axes.collections] == [9, 5, 3]
