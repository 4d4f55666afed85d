"""A real, tiny C-VAE: its gradients against finite differences of its own brains."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.evaluation.evidence import own_identities
from brainviewer.evaluation.gradients import (
    differentiate_people,
    largest_deviation,
    structure_weights,
)
from brainviewer.evaluation.ventricles import Ventricles
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.training.dataset import load_training_data
from tests.tiny import RECIPE, SHAPE, publish_tiny_checkpoint, write_tiny_cohort

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_gradients_of_a_network_are_those_of_its_brains(tmp_path, cache) -> None:
    data = load_training_data(write_tiny_cohort(tmp_path / "cohort"), RECIPE)
    folder = publish_tiny_checkpoint(tmp_path / "tiny", data)
    generator = load_generator(open_checkpoint(folder), device="cpu")
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5:11, 8:16, 5:11] = True
    names, weights = structure_weights(
        SHAPE, generator.affine, Ventricles(mask, np.array([], dtype=np.float64))
    )
    people = own_identities(generator, data.test.conditions[:2])
    gradients = differentiate_people(generator, people, weights, cache=cache)
    assert gradients.shape == (2, len(names), len(generator.schema.columns))
    deviation = largest_deviation(generator, people, weights, gradients, cache=cache)
    # The decoder may count in bf16, which has three digits.
    assert deviation < 0.3
    wrong = np.roll(gradients, 1, axis=2)
    assert largest_deviation(generator, people, weights, wrong, cache=cache) > 0.5
