"""From a prepared scan to the person on the screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainviewer.cohort.limits import ScanRefusedError
from brainviewer.core.features import FeatureError
from brainviewer.core.likeness import likeness_of
from brainviewer.core.volume import Brain
from brainviewer.session.comparison import Against, Choice
from tests.fakes import AFFINE, SHAPE, FakeLoader, RegisteringGenerator, fake_scan

KNOWN = {"age": 44.0, "sex": "F", "height": 171.0}


@pytest.fixture
def encoded(session):
    found = []
    session.scan_changed.connect(found.append)
    session.encode_scan(fake_scan(), KNOWN)
    session.wait_idle()
    (one,) = found
    return one


def test_the_person_of_a_scan_is_shown_with_what_is_known(session, encoded) -> None:
    assert session.person is encoded.person
    assert session.person.label == session.shown.identity.label == "sub-X"
    assert session.person.identity.seed is None
    assert session.age == 44.0
    assert session.conditions["height"] == 171.0
    assert session.conditions["education"] is None
    assert session.edits == {}


def test_the_person_of_a_scan_can_grow_older_and_be_taken_home(session, encoded) -> None:
    session.set_age(70.0)
    session.wait_idle()
    assert session.shown.conditions["age"] == 70.0
    recipe = session.recipe()
    np.testing.assert_array_equal(recipe.latent, encoded.person.identity.latent)
    session.new_person(3)
    session.apply_recipe(recipe)
    session.wait_idle()
    assert session.person.identity.key == encoded.person.identity.key


def test_volumes_of_scan_and_reconstruction_are_told(session, encoded) -> None:
    assert encoded.scan.volumes_ml["WM"] == pytest.approx(fake_scan().volumes_ml["WM"], rel=1e-4)
    assert encoded.rebuilt_ml == pytest.approx(session.shown.volumes_ml)


def test_a_scan_stands_beside_its_person_and_no_other(session, encoded) -> None:
    session.comparison.choose(Choice(Against.SCAN))
    assert session.comparison.compared.shown is encoded.scan
    assert session.comparison.compared.checkpoint is None
    session.set_age(60.0)
    session.wait_idle()
    assert session.comparison.compared.shown is encoded.scan
    session.new_person(3)
    session.wait_idle()
    assert session.comparison.scan is None
    assert session.comparison.choice == Choice()


def test_a_brain_that_was_being_made_does_not_take_the_place_of_the_scan(
    session, encoded, loader
) -> None:
    maker = loader.last
    maker.hold()
    session.comparison.choose(Choice())
    maker.wait_started()
    session.comparison.choose(Choice(Against.SCAN))
    maker.release()
    session.wait_idle()
    assert session.comparison.compared.shown is encoded.scan


def test_an_edit_that_becomes_factual_keeps_the_scan(session, encoded) -> None:
    session.set_feature("height", 180.0)
    session.make_factual()
    assert session.comparison.scan is encoded.scan


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"sex": "F"}, "age"),
        ({"age": 18.5, "sex": "F"}, "age must lie in 20-80 years"),
        ({"age": 44.0, "sex": "F", "height": 20.0}, "height"),
    ],
)
def test_a_person_whom_the_generator_cannot_make_is_refused(session, known, sentence) -> None:
    before = session.person
    with pytest.raises(FeatureError, match=sentence):
        session.encode_scan(fake_scan(), known)
    session.wait_idle()
    assert session.person is before


@pytest.mark.parametrize("extrapolate", [False, True])
def test_a_child_is_refused_also_where_values_beyond_the_range_are_allowed(
    session, extrapolate
) -> None:
    session.set_extrapolation(extrapolate)
    with pytest.raises(ScanRefusedError, match="somebody of 12 years is a child"):
        session.encode_scan(fake_scan(), KNOWN | {"age": 12.0})


def test_how_alike_scan_and_reconstruction_are_is_measured(session, encoded) -> None:
    rebuilt = session.generator.generate(encoded.person.identity, encoded.person.factual)
    assert encoded.likeness == likeness_of(encoded.scan.brain, rebuilt)
    assert 0.3 < encoded.likeness.dice["GM"] < 1.0
    assert encoded.unrefined is None


def test_under_the_conditions_of_the_scan_the_reconstruction_comes_back(session, encoded) -> None:
    """The check of the counterfactual: there and back again is the person."""
    rebuilt = session.generator.generate(encoded.person.identity, encoded.person.factual)
    session.set_age(70.0)
    session.set_feature("height", 180.0)
    session.wait_idle()
    assert np.abs(session.shown.brain.data - rebuilt.data).max() > 0.1
    session.set_age(44.0)
    session.reset_features()
    session.wait_idle()
    np.testing.assert_array_equal(session.shown.brain.data, rebuilt.data)
    assert session.shown.volumes_ml == pytest.approx(encoded.rebuilt_ml)


def test_a_checkpoint_opened_meanwhile_is_not_given_somebody_elses_identity(session) -> None:
    notices, found = [], []
    session.notice.connect(notices.append)
    session.scan_changed.connect(found.append)
    maker = session.generator
    maker.hold()
    session.set_age(51.0)  # the worker is busy with this brain, so that the scan must wait
    session.encode_scan(fake_scan(), KNOWN)
    session.open_checkpoint("fake")
    maker.release()
    session.wait_idle()
    assert session.person.identity.seed == 1
    assert found == []
    assert notices[-1].endswith("encode the scan again")


@pytest.fixture
def registering(make_session):
    """A session whose generator registers scans, until it is released."""
    loader = FakeLoader(kind=RegisteringGenerator)
    session = make_session(loader)
    session.open_checkpoint("fake")
    session.wait_idle()
    return session


def test_registering_tells_how_far_it_is_and_lets_the_slider_through(registering) -> None:
    parts, found = [], []
    registering.progress_changed.connect(parts.append)
    registering.scan_changed.connect(found.append)
    registering.encode_scan(fake_scan(), KNOWN)
    registering.wait_for(lambda: len(parts) > 3)
    registering.set_age(33.0)
    registering.wait_for(lambda: registering.shown.conditions["age"] == 33.0)
    assert found == []
    registering.generator.release()
    registering.wait_idle()
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert registering.person is found[0].person


def test_registering_that_is_stopped_leaves_the_person_that_was(registering) -> None:
    parts, found, before = [], [], registering.person
    registering.progress_changed.connect(parts.append)
    registering.scan_changed.connect(found.append)
    registering.encode_scan(fake_scan(), KNOWN)
    registering.wait_for(lambda: len(parts) > 3)
    registering.cancel_tasks()
    registering.wait_idle()
    assert (found, registering.person) == ([], before)


def test_maps_are_moved_to_the_grid_of_a_generator() -> None:
    scan = fake_scan()
    same = scan.on_grid(SHAPE, AFFINE)
    np.testing.assert_allclose(same.data, scan.maps.data, atol=1e-6)
    shifted = AFFINE.copy()
    shifted[0, 3] += AFFINE[0, 0]
    moved = scan.on_grid(SHAPE, shifted)
    np.testing.assert_allclose(moved.data[:, :-1], scan.maps.data[:, 1:], atol=1e-6)
    assert moved.data.dtype == np.float32


def test_a_generator_of_images_is_given_the_image_of_the_scan() -> None:
    scan = fake_scan()
    image = scan.maps.data.max(axis=0, keepdims=True)
    both = Brain(
        (*scan.maps.channels, "T1w"), np.concatenate([scan.maps.data, image]), scan.maps.affine
    )
    found = replace(scan, maps=both).on_grid(SHAPE, AFFINE, ("T1w",))
    assert found.channels == ("T1w",)
    np.testing.assert_allclose(found.data, image, atol=1e-6)
