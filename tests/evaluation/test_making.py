"""What is evaluated of a brain, and that a person is encoded fully and once."""

from __future__ import annotations

import numpy as np

from brainviewer.core.volume import Brain
from brainviewer.evaluation.cache import ArrayCache
from brainviewer.evaluation.making import encode_person, evaluated_channels, make_brain, make_maps
from brainviewer.generators.base import Identity
from tests.fakes import FakeGenerator

CHANNELS = ("WM", "GM", "CSF", "T1w")


class WithImage(FakeGenerator):
    """Makes an image beside the tissue maps, and keeps more of who is encoded in steps."""

    channels = CHANNELS
    taken = 0

    def generate(self, identity, conditions):
        data = np.stack([np.full((2, 2, 2), value, np.float32) for value in (0.4, 0.3, 0.2, 0.9)])
        return Brain(CHANNELS, data, self.affine)

    def encode(self, brain, conditions):
        return Identity(np.zeros(2, np.float32), "roughly")

    def encode_steps(self, brain, conditions):
        assert brain.channels == ("WM", "GM", "CSF")
        WithImage.taken += 1
        yield 0.5
        return Identity(brain.data.reshape(3, -1).mean(axis=1), "fully")


def test_an_image_beside_the_tissue_maps_is_not_evaluated(checkpoint) -> None:
    generator = WithImage(checkpoint)
    assert evaluated_channels(generator) == ("WM", "GM", "CSF")
    brain = make_brain(generator, generator.draw(1), {})
    assert brain.channels == ("WM", "GM", "CSF")
    maps = make_maps(generator, generator.draw(1), {})
    np.testing.assert_allclose(maps[:, 0, 0, 0], [0.4, 0.3, 0.2])


def test_an_image_alone_is(checkpoint) -> None:
    generator = WithImage(checkpoint)
    generator.channels = ("T1w",)
    assert evaluated_channels(generator) == ("T1w",)


def test_a_person_is_encoded_in_full_and_once(checkpoint, tmp_path) -> None:
    generator, cache = WithImage(checkpoint), ArrayCache(tmp_path, "model")
    maps = np.full((3, 2, 2, 2), 0.25, np.float32)
    WithImage.taken = 0
    for _ in range(2):
        identity = encode_person(generator, maps, {"age": 40.0}, cache)
        np.testing.assert_allclose(identity.latent, 0.25)
    assert WithImage.taken == 1
    encode_person(generator, maps, {"age": 41.0}, cache)
    encode_person(generator, maps, {"age": 40.0})
    assert WithImage.taken == 3
