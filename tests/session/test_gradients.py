"""Gradients in the background: only while they are watched, for the newest state, kept."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from brainviewer.core.regions import LabelRegions, region_weights
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain
from brainviewer.generators.base import GenerationError
from brainviewer.session.gradients import LabelChoice
from brainviewer.session.ventricles import VENTRICLES, ventricle_region
from tests.fakes import write_fake_checkpoint


@pytest.fixture
def watched(session):
    session.gradients.watch(True)
    session.wait_idle()
    return session


def asked(loader) -> list[dict]:
    """The conditions that gradients were asked for, each once for all volumes."""
    return [conditions for conditions, _ in groupby(loader.last.differentiated)]


def head_with_ventricles() -> Brain:
    """A ball of white matter, 70 mm in radius, with a pool in its middle and one at its side."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    grid = np.stack(np.meshgrid(*(2.0 * np.arange(-40, 40),) * 3, indexing="ij"))
    within = np.linalg.norm(grid, axis=0) < 70
    middle = np.linalg.norm(grid, axis=0) < 12
    shift = np.array([0.0, 62.0, 0.0]).reshape(3, 1, 1, 1)
    outer = within & (np.linalg.norm(grid - shift, axis=0) < 12)
    fluid = middle | outer
    maps = np.stack([within & ~fluid, np.zeros_like(within), fluid]).astype(np.float32)
    return Brain(TISSUES, maps, affine)


def test_nothing_is_differentiated_unless_somebody_looks(session, loader) -> None:
    session.set_age(41.0)
    session.wait_idle()
    assert loader.last.differentiated == []
    assert session.gradients.gradients is None


def test_looking_brings_the_gradients_of_the_brain_on_the_screen(watched, loader) -> None:
    rows = watched.gradients.gradients.rows
    assert asked(loader) == [watched.conditions]
    assert {row.structure for row in rows} >= set(TISSUES)
    assert {row.feature for row in rows} == set(watched.checkpoint.schema.names)


def test_they_follow_age_features_person_and_checkpoint(watched, root, loader) -> None:
    seen = []
    watched.gradients.changed.connect(seen.append)
    for wish in (
        lambda: watched.set_age(33.0),
        lambda: watched.set_feature("height", 180.0),
        lambda: watched.new_person(8),
    ):
        wish()
        watched.wait_idle()
        assert loader.last.differentiated[-1] == watched.conditions
    assert len(seen) == 3
    write_fake_checkpoint(root, "other")
    watched.open_checkpoint("other")
    watched.wait_idle()
    assert loader.last.name == "other"
    assert asked(loader) == [watched.conditions]
    assert len(seen) == 4


def test_what_was_differentiated_once_is_shown_at_once_again(watched, loader) -> None:
    age, first = watched.age, watched.gradients.gradients
    watched.set_age(33.0)
    watched.wait_idle()
    count = len(loader.last.differentiated)
    watched.set_age(age)
    assert watched.gradients.gradients is first
    watched.wait_idle()
    assert len(loader.last.differentiated) == count


def test_of_many_ages_only_the_last_is_differentiated(watched, loader) -> None:
    loader.last.hold()
    watched.set_age(21.0)
    loader.last.wait_started()
    for age in (30.0, 40.0, 50.5):
        watched.set_age(age)
    loader.last.release()
    watched.wait_idle()
    assert [it["age"] for it in asked(loader)[1:]] == [50.5]


def test_while_new_ones_are_on_their_way_the_old_are_called_outdated(watched) -> None:
    told = []
    watched.gradients.outdated.connect(lambda: told.append(True))
    watched.set_age(33.0)
    assert told == [True]


def test_coming_back_before_the_new_ones_are_there_says_that_the_old_hold(watched) -> None:
    age, told = watched.age, []
    watched.gradients.outdated.connect(lambda: told.append("outdated"))
    watched.gradients.changed.connect(lambda gradients: told.append("changed"))
    watched.set_age(33.0)
    watched.set_age(age)
    watched.wait_idle()
    assert told == ["outdated", "changed"]


def test_a_generator_that_cannot_be_differentiated_says_so(session, loader) -> None:
    loader.last.gradient_failures.append(GenerationError("diffusion has no gradients"))
    failed = []
    session.failed.connect(failed.append)
    session.gradients.watch(True)
    session.wait_idle()
    assert session.gradients.gradients.sentence == "diffusion has no gradients"
    assert session.gradients.gradients.rows == ()
    assert failed == []


def test_a_generator_without_features_says_so_and_is_not_asked(watched, root, loader) -> None:
    write_fake_checkpoint(root, "bare", features=())
    watched.open_checkpoint("bare")
    watched.wait_idle()
    assert "takes no features" in watched.gradients.gradients.sentence
    assert loader.last.differentiated == []


def test_who_looks_away_ends_the_work(watched, loader) -> None:
    watched.gradients.watch(False)
    watched.set_age(33.0)
    watched.wait_idle()
    assert len(asked(loader)) == 1


def test_ventricles_are_the_pools_in_the_middle() -> None:
    brain = head_with_ventricles()
    region = ventricle_region(brain)
    fluid = brain.volume("CSF").data > 0
    assert region[fluid & (np.indices(fluid.shape)[1] < 50)].all()
    assert not region[fluid & (np.indices(fluid.shape)[1] > 60)].any()


def test_weights_add_up_to_the_volumes() -> None:
    brain = head_with_ventricles()
    region = ventricle_region(brain)
    everywhere = np.ones_like(region)
    asked = [(name, everywhere) for name in TISSUES] + [("CSF", region)]
    volumes = [
        np.sum(region_weights(brain, name, where) * brain.data, dtype=np.float64)
        for name, where in asked
    ]
    sums = brain.data.sum(axis=(1, 2, 3)) * 0.008
    ventricles = brain.data[2][region].sum() * 0.008
    np.testing.assert_allclose(volumes, [*sums, ventricles], rtol=1e-4)


def label_of(brain: Brain, number: int = 5) -> LabelChoice:
    labels = np.zeros(brain.data.shape[1:], np.int32)
    labels[: len(labels) // 2] = number
    return LabelChoice(LabelRegions("labels", labels, (number,)), number)


def test_a_label_is_differentiated_beside_what_is_known(watched, loader) -> None:
    before, count = watched.gradients.gradients, len(loader.last.differentiated)
    assert before.in_label == ()
    label = label_of(watched.shown.brain)
    watched.gradients.choose_label(label)
    watched.wait_idle()
    found = watched.gradients.gradients
    assert found.rows[: len(before.rows)] == before.rows
    assert {row.structure[2:] for row in found.in_label} == {" in label 5"}
    assert len(loader.last.differentiated) == count + 1
    watched.set_age(33.0)
    watched.wait_idle()
    assert len(watched.gradients.gradients.in_label) == len(watched.checkpoint.schema.columns)
    watched.gradients.choose_label(None)
    assert watched.gradients.gradients.in_label != ()
    watched.wait_idle()
    assert watched.gradients.gradients.in_label == ()


def test_a_label_on_another_grid_is_left_out(watched) -> None:
    labels = np.ones((3, 3, 3), np.int32)
    watched.gradients.choose_label(LabelChoice(LabelRegions("small", labels, (1,)), 1))
    watched.wait_idle()
    assert watched.gradients.gradients.in_label == ()
    assert watched.gradients.gradients.rows


def test_ventricles_are_differentiated_where_they_are_found(watched, monkeypatch, loader) -> None:
    monkeypatch.setattr(
        "brainviewer.session.gradients.ventricle_region",
        lambda brain: np.ones(brain.data.shape[1:], bool),
    )
    watched.set_age(33.0)
    watched.wait_idle()
    gradients = watched.gradients.gradients
    found = tuple(dict.fromkeys(row.structure for row in gradients.rows))
    assert found == (*TISSUES, VENTRICLES)
    assert len(gradients.rows) == 4 * len(watched.checkpoint.schema.columns)
