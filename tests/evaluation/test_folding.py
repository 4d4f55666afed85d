"""Folds are found where they are, in encoded and in drawn people."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.cohort.reading import People
from brainviewer.evaluation.folding import judge_folding
from brainviewer.generators.base import Identity
from brainviewer.generators.checkpoint import Checkpoint, open_checkpoint
from tests.fakes import FakeGenerator, write_fake_checkpoint

PLACES = (2, 5, 10)


class Warping(FakeGenerator):
    """Folds one place of everybody who is encoded, and nobody who is drawn."""

    def encode(self, brain, conditions):
        return Identity(np.array([-1.0], np.float32), "encoded")

    def jacobian(self, identity, conditions):
        size = np.full(PLACES, 0.5, np.float32)
        if identity.label == "encoded":
            size[0, 0, 0] = -0.25
        return size


@pytest.fixture
def people() -> People:
    maps = np.zeros((4, 3, 4, 4, 4), np.uint8)
    volumes = np.zeros((4, 3), np.float32)
    return People(tuple("abcd"), maps, volumes, tuple({"age": 50.0} for _ in range(4)))


@pytest.fixture
def checkpoint(tmp_path) -> Checkpoint:
    return open_checkpoint(write_fake_checkpoint(tmp_path))


def test_folds_are_counted_in_encoded_and_in_drawn_people(people, checkpoint) -> None:
    found = judge_folding(Warping(checkpoint), people)
    assert found["reconstructed"]["smallest_jacobian"].value == -0.25
    assert found["reconstructed"]["folded_percent"].value == pytest.approx(1.0)
    assert found["drawn"]["smallest_jacobian"].value == 0.5
    assert found["drawn"]["folded_percent"].value == 0.0


def test_generators_that_do_not_warp_are_not_asked(people, checkpoint) -> None:
    assert judge_folding(FakeGenerator(checkpoint), people) == {}
