"""Gradients of a generator that is linear in its condition vector, where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from brainviewer.core.regions import RegionError
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, Volume
from brainviewer.evaluation.gradients import (
    differentiate_people,
    gradient_rows,
    group_people,
    label_weights,
    largest_deviation,
    step_column,
    structure_weights,
)
from brainviewer.evaluation.ventricles import Ventricles
from brainviewer.generators.base import Identity
from tests.fakes import FakeGenerator, fake_training

SHAPE = (2, 3, 2)
AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])  # a voxel is 1 mL
SCHEMA, _ = fake_training()
COLUMNS = len(SCHEMA.columns)
PERSON = {"age": 50.0, "sex": "M", "height": 180.0, "education": "2", "occupation": "a"}


class Linear(FakeGenerator):
    """Maps = the latent's number + patterns (D, 3, I, J, K) weighted by the encoded conditions."""

    affine = AFFINE
    shape = SHAPE
    patterns = np.random.default_rng(0).normal(size=(COLUMNS, 3, *SHAPE))

    def generate(self, identity, conditions):
        encoded = self.schema.encode(conditions).astype(float)
        maps = identity.latent[0] + np.tensordot(encoded, self.patterns, axes=1)
        return Brain(TISSUES, maps, self.affine)

    def volume_gradients(self, identity, conditions, weights=None):
        self.differentiated.append(dict(conditions))
        return np.einsum("scijk,dcijk->sd", weights, self.patterns).astype(np.float32)


@pytest.fixture
def generator(checkpoint) -> Linear:
    return Linear(checkpoint)


@pytest.fixture
def ventricles() -> Ventricles:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1, :, 0] = True
    return Ventricles(mask, np.array([]))


def identity(number: float) -> Identity:
    return Identity(np.full(8, number, np.float32), f"number {number}")


def test_a_structure_weighs_its_tissue_in_ml(ventricles) -> None:
    names, weights = structure_weights(SHAPE, np.diag([2.0, 2, 2, 1]), ventricles)
    assert names == ("WM", "GM", "CSF", "ventricles")
    for index in range(3):
        expected = np.zeros((3, *SHAPE))
        expected[index] = 0.008
        np.testing.assert_allclose(weights[index], expected)
    assert np.argwhere(weights[3] > 0).tolist() == [[2, 1, j, 0] for j in range(3)]
    assert weights[3].max() == pytest.approx(0.008)


def test_without_a_mask_there_are_the_tissues_alone() -> None:
    names, weights = structure_weights(SHAPE, AFFINE, None)
    assert names == TISSUES
    assert weights.shape == (3, 3, *SHAPE)


def labelled_brain() -> tuple[Volume, Brain]:
    labels = np.zeros(SHAPE, np.int16)
    labels[:, 0], labels[:, 1] = 7, 9
    maps = np.zeros((3, *SHAPE), np.float32)
    maps[1, :, 0], maps[2, :, 1] = 0.75, 0.5
    return Volume(labels, AFFINE, "atlas"), Brain(TISSUES, maps, AFFINE)


def test_a_label_weighs_the_tissue_that_fills_most_of_it() -> None:
    labels, brain = labelled_brain()
    names, weights = label_weights(labels, brain)
    assert names == ("GM in label 7", "CSF in label 9")
    sums = (weights * brain.data).sum(axis=(1, 2, 3, 4))
    assert sums[0] / sums[1] == pytest.approx(1.5)
    assert not weights[0][1, :, 1:].any()
    assert not weights[0][[0, 2]].any()


def test_too_many_labels_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("brainviewer.evaluation.gradients.MOST_LABELS", 1)
    with pytest.raises(RegionError, match="atlas has 2 labels, and the gradients of at most 1 fit"):
        label_weights(*labelled_brain())


def test_other_structures_of_the_same_size_are_asked_for_anew(generator, cache) -> None:
    _, weights = structure_weights(SHAPE, AFFINE, None)
    people = [(identity(1), PERSON)]
    first = differentiate_people(generator, people, weights, cache=cache)
    other = differentiate_people(generator, people, weights[::-1], cache=cache)
    np.testing.assert_allclose(other, first[:, ::-1], rtol=1e-6)
    assert len(generator.differentiated) == 2


def test_gradients_are_made_once_a_person(generator, ventricles, cache) -> None:
    _, weights = structure_weights(SHAPE, AFFINE, ventricles)
    people = [(identity(n), PERSON | {"age": 40.0 + n}) for n in range(3)]
    first = differentiate_people(generator, people, weights, cache=cache)
    assert first.shape == (3, 4, COLUMNS)
    np.testing.assert_allclose(first[0, 1], generator.patterns[:, 1].sum(axis=(1, 2, 3)), 1e-5)
    np.testing.assert_allclose(
        first[2, 3], (generator.patterns[:, 2] * ventricles.mask).sum(axis=(1, 2, 3)), 1e-5
    )
    again = differentiate_people(generator, people, weights, cache=cache)
    np.testing.assert_array_equal(first, again)
    assert len(generator.differentiated) == 3


@pytest.mark.parametrize("place", range(COLUMNS))
@pytest.mark.parametrize(
    "person",
    [PERSON, {"age": 50.0, "sex": "F"}, PERSON | {"occupation": {"a": 0.5, "c": 0.5}, "sex": None}],
)
def test_a_step_moves_one_column_alone(place, person) -> None:
    column = SCHEMA.columns[place]
    moved = SCHEMA.encode(step_column(SCHEMA, person, column, 0.25)) - SCHEMA.encode(person)
    expected = np.zeros(COLUMNS)
    expected[place] = 0.25
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_true_gradients_agree_with_finite_differences(generator, ventricles, cache) -> None:
    _, weights = structure_weights(SHAPE, AFFINE, ventricles)
    people = [(identity(n), PERSON) for n in range(3)]
    gradients = differentiate_people(generator, people, weights, cache=cache)
    told = []
    deviation = largest_deviation(
        generator, people, weights, gradients, cache=cache, on_progress=lambda *s: told.append(s)
    )
    assert deviation < 1e-4
    assert told == [(1, 2), (2, 2)]


def test_a_wrong_gradient_is_told_as_a_share_of_the_largest(generator, cache) -> None:
    _, weights = structure_weights(SHAPE, AFFINE, None)
    people = [(identity(0), PERSON)]
    gradients = differentiate_people(generator, people, weights, cache=cache)
    place = int(np.abs(gradients[0, 1]).argmax())
    gradients[0, 1, place] *= 2
    deviation = largest_deviation(generator, people, weights, gradients, cache=cache)
    assert deviation == pytest.approx(0.5, abs=1e-4)


def test_people_are_grouped_by_sex_and_age() -> None:
    people = [{"age": age, "sex": sex} for age in (30.0, 45.0, 59.9, 60.0) for sex in "FFM"]
    groups = group_people(people, SCHEMA)
    assert {name: int(own.sum()) for name, own in groups.items()} == {
        "everyone": 12,
        "female": 8,
        "male": 4,
        "age under 40 years": 3,
        "age 40-60 years": 6,
        "age 60 years or more": 3,
    }
    assert groups["age 40-60 years"].tolist() == [False] * 3 + [True] * 6 + [False] * 3
    assert set(group_people(people[:3], SCHEMA)) == {"everyone", "age under 40 years"}


def test_gradients_are_averaged_over_each_group_in_natural_units() -> None:
    gradients = np.zeros((4, 1, COLUMNS))
    age = [column.feature for column in SCHEMA.columns].index("age")
    height = [column.feature for column in SCHEMA.columns].index("height")
    gradients[:, 0, age] = [-1.0, -2.0, -3.0, -6.0]
    gradients[:, 0, height] = [2.5, 2.5, 2.5, 2.5]
    groups = {"everyone": np.ones(4, bool), "some": np.array([True, True, False, False])}
    rows = gradient_rows(gradients, SCHEMA, ["GM"], groups)
    assert len(rows) == 2 * COLUMNS
    first, second = rows[:2]
    assert (first.feature, second.feature) == ("age", "height")
    assert first.ml_per_sd.value == pytest.approx(-3.0)
    assert first.ml_per_sd.low < -3.0 < first.ml_per_sd.high
    sd = SCHEMA["age"].fitted.sd
    assert first.ml_per_unit.value == pytest.approx(-3.0 / sd)
    assert first.ml_per_unit.low == pytest.approx(first.ml_per_sd.low / sd)
    assert first.unit == "years"
    some = [row for row in rows if row.group == "some"]
    assert (some[0].feature, some[0].ml_per_sd.value) == ("height", pytest.approx(2.5))
    assert some[1].ml_per_sd.value == pytest.approx(-1.5)
