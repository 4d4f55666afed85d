"""A scan carried to other conditions: beside its person, and taken home."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from brainviewer.core.nifti import read_volume
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.tissues import T1, TISSUES
from brainviewer.core.volume import Brain
from brainviewer.session.bids import Destination
from brainviewer.session.carrying import Retoning, brightness_of_tissues, fine_grid, image_of
from brainviewer.session.comparison import Against, Choice
from brainviewer.session.export import ExportError
from brainviewer.session.layers import layers_of
from brainviewer.session.warp_export import carried_export_steps
from tests.fakes import (
    AFFINE,
    SHAPE,
    FakeGenerator,
    FakeLoader,
    WarpingGenerator,
    fake_scan,
)

KNOWN = {"age": 44.0, "sex": "F", "height": 171.0}
CARRIED = Choice(Against.CARRIED)


def scan_with_image():
    """The scan with a T1 image among its maps, and a file whose world is shifted by 5 mm."""
    scan = fake_scan()
    image = scan.maps.data.max(axis=0, keepdims=True)
    maps = Brain(
        (*scan.maps.channels, "T1w"), np.concatenate([scan.maps.data, image]), scan.maps.affine
    )
    shift = np.eye(4)
    shift[0, 3] = 5.0
    return replace(scan, maps=maps, to_rigid=shift)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=WarpingGenerator)


@pytest.fixture
def encoded(session):
    found = []
    session.scan_changed.connect(found.append)
    session.encode_scan(scan_with_image(), KNOWN)
    session.wait_idle()
    return found[0]


@pytest.fixture
def beside(session, encoded):
    session.comparison.choose(CARRIED)
    session.wait_idle()
    return session.comparison


def test_carried_comes_first_of_what_a_scan_offers(session, encoded) -> None:
    assert session.comparison.scans == (Against.CARRIED, Against.SCAN)


def test_at_the_persons_own_age_it_is_the_scan(beside, encoded) -> None:
    shown = beside.compared.shown
    np.testing.assert_array_equal(shown.brain.data[:3], encoded.scan.brain.data)
    assert shown.volumes_ml == pytest.approx(encoded.scan.volumes_ml)


def test_its_image_is_taken_from_the_scans_own_voxels(session, beside, encoded) -> None:
    grid = fine_grid(session.generator)
    fine, image = beside.fine_brain, image_of(encoded.source, grid).data
    assert fine.channels == (*TISSUES, T1)
    assert fine.data.shape[1:] == tuple(2 * n for n in SHAPE)
    np.testing.assert_allclose(fine.volume(T1).data, image, atol=1e-6)
    session.set_age(64.0)
    session.wait_idle()
    assert np.abs(beside.fine_brain.volume(T1).data - image).max() > 0.1


def test_a_scan_and_its_person_are_never_taken_for_each_other(session, beside) -> None:
    fine = beside.fine_brain
    beside.choose(Choice(Against.SCAN))
    assert beside.fine_brain is None
    session.wait_idle()
    assert beside.fine_brain is not fine
    beside.choose(Choice(Against.FACTUAL))
    session.wait_idle()
    assert beside.fine_brain is None  # this generator makes none


def test_a_fine_scan_that_was_stopped_is_made_when_the_same_is_asked_again(session, beside) -> None:
    beside.fine.leave()
    assert beside.fine_brain is None
    session.set_age(session.age)
    session.wait_idle()
    assert beside.fine_brain is not None


def test_it_follows_age_and_moves_as_the_generator_says(session, beside, encoded) -> None:
    session.set_age(64.0)  # 0.2 mm a year: what is here was 4 mm in front
    session.wait_idle()
    shown = beside.compared.shown
    assert shown.conditions["age"] == 64.0
    here, there = shown.brain.data[:3], encoded.scan.brain.data
    expected = 0.6 * there[:, :, :-1] + 0.4 * there[:, :, 1:]
    np.testing.assert_allclose(here[:, :, :-1], expected, atol=1e-5)
    assert "the scan warped to the conditions of A" in beside.compared.source


def test_its_image_gets_as_bright_as_the_generator_says(session, beside, encoded) -> None:
    session.set_age(64.0)  # 1 % a year
    session.wait_idle()
    here = beside.compared.shown.brain.volume(T1).data
    there = scan_with_image().maps.volume(T1).data
    assert here[:, :, :-2].sum() == pytest.approx(1.2 * there.sum(), rel=0.02)


def test_the_picture_is_the_image_of_the_scan(beside) -> None:
    grey = layers_of(beside.compared.shown.brain)[0]
    assert grey.name == T1
    image = beside.compared.shown.brain.volume("T1w").data
    np.testing.assert_allclose(grey.volume.data, image * 0.92 / 0.75, rtol=1e-5)


def test_another_person_has_no_scan_to_carry(session, beside) -> None:
    session.new_person(3)
    session.wait_idle()
    assert beside.scans == ()
    assert beside.choice == Choice()


@pytest.fixture
def retoned(make_session):
    """A session whose generator makes every brain anew, with the scan carried beside."""
    session = make_session(FakeLoader(kind=FakeGenerator))
    session.open_checkpoint("fake")
    session.wait_idle()
    session.encode_scan(scan_with_image(), KNOWN)
    session.wait_idle()
    session.comparison.choose(CARRIED)
    session.wait_idle()
    return session


def test_a_generator_that_does_not_warp_gives_the_scan_back_at_its_own_age(retoned) -> None:
    shown, encoded = retoned.comparison.compared.shown, retoned.comparison.encoded
    np.testing.assert_array_equal(shown.brain.data[:3], encoded.scan.brain.data)
    assert "re-toned" in retoned.comparison.compared.source


def test_a_generator_that_does_not_warp_adds_what_it_expects_to_differ(retoned) -> None:
    encoded = retoned.comparison.encoded
    retoned.set_age(74.0)
    retoned.wait_idle()
    before, after = (
        retoned.generator.generate(encoded.person.identity, KNOWN | {"age": age}).data
        for age in (44.0, 74.0)
    )
    expected = np.clip(encoded.scan.brain.data + after - before, 0.0, 1.0)
    expected /= np.maximum(expected.sum(axis=0), 1.0)
    brain = retoned.comparison.compared.shown.brain
    np.testing.assert_allclose(brain.data[:3], expected, atol=1e-4)
    assert brain.data[:3].sum(axis=0).max() < 1.001
    assert np.abs(after - before).max() > 0.5


def test_the_image_of_a_scan_takes_on_its_own_brightness_of_the_tissues(retoned) -> None:
    """The maps of the fake scan are its image: each tissue has its own place and brightness."""
    scan = retoned.comparison.encoded.source
    bright = {"WM": 0.8, "GM": 0.5, "CSF": 0.2}
    maps = scan.maps.data[:3]
    image = sum(level * maps[n] ** 2 for n, level in enumerate(bright.values()))
    toned = replace(scan, t1=replace(scan.t1, data=np.float32(image)))
    found = brightness_of_tissues(toned)
    assert found["WM"] > found["GM"] > found["CSF"]
    assert found["WM"] == pytest.approx(0.8, abs=0.1)


def test_a_re_toned_scan_is_written_too(retoned, tmp_path) -> None:
    encoded = retoned.comparison.encoded
    own = on_own_voxels(written(retoned, encoded, tmp_path / "own", age=44.0))
    np.testing.assert_allclose(own.data, encoded.source.t1.data, atol=1e-3)
    paths = written(retoned, encoded, tmp_path / "old", age=74.0)
    changed = on_own_voxels(paths)
    assert np.abs(changed.data - own.data).max() > 0.05
    outside = encoded.source.t1.data == 0
    assert not changed.data[outside].any()
    about = json.loads(paths[0].with_name("sub-X_desc-carried_T1w.json").read_text())
    assert "re-toned by the change" in about["Description"]
    assert about["Warning"] == NOT_CLINICAL


def written(session, encoded, folder, *, age: float) -> list:
    steps = carried_export_steps(
        encoded.source,
        encoded.person,
        session.decoder,
        Destination(folder, "X"),
        conditions={**encoded.person.factual, "age": age},
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def on_own_voxels(paths, name: str = "space-orig_desc-carried_T1w"):
    return read_volume(next(it for it in paths if name in it.name))


def test_it_is_written_on_both_grids_in_the_world_of_its_file(session, encoded, tmp_path) -> None:
    paths = written(session, encoded, tmp_path, age=44.0)
    names = [path.name for path in paths]
    assert "sub-X_label-GM_desc-carried_probseg.nii.gz" in names
    assert "sub-X_desc-carried_T1w.nii.gz" in names
    native = on_own_voxels(paths)
    np.testing.assert_allclose(native.data, encoded.source.t1.data, atol=1e-3)
    assert native.affine[0, 3] == pytest.approx(encoded.source.t1.affine[0, 3] - 5.0)
    grey = on_own_voxels(paths, "space-orig_label-GM_desc-carried_probseg")
    np.testing.assert_array_equal(grey.affine, native.affine)
    assert grey.data.sum() == pytest.approx(encoded.scan.brain.volume("GM").data.sum(), rel=1e-3)
    about = json.loads(paths[0].with_name("sub-X_label-WM_desc-carried_probseg.json").read_text())
    assert about["ConditionsOfTheScan"]["age"] == about["Conditions"]["age"] == 44.0
    assert about["VolumeML"] == pytest.approx(encoded.scan.volumes_ml["WM"], rel=1e-4)


def test_files_that_exist_stop_it_before_it_begins(session, encoded, tmp_path) -> None:
    written(session, encoded, tmp_path, age=60.0)
    with pytest.raises(ExportError, match="exist already"):
        written(session, encoded, tmp_path, age=60.0)


LEVELS = {"WM": 0.75, "GM": 0.5, "CSF": 0.25}


def scan_of_pure_tissues():
    """A scan of three slabs, each of one tissue of one brightness, in a margin of nothing."""
    scan = fake_scan()
    maps = np.zeros_like(scan.maps.data)
    for n in range(3):
        maps[n, 3 + 3 * n : 6 + 3 * n, 4:-4, 4:-4] = 1.0
    image = sum(level * maps[n] for n, level in enumerate(LEVELS.values())).astype(np.float32)
    brain = Brain((*LEVELS, T1), np.concatenate([maps, image[None]]), scan.maps.affine)
    return replace(scan, maps=brain, t1=replace(scan.t1, data=image))


def difference_of(channels, **changes) -> Retoning:
    """A generator that expects the same change of each channel everywhere."""
    shape = (len(channels), *SHAPE)
    data = np.zeros(shape, np.float32)
    for channel, change in changes.items():
        data[channels.index(channel)] = change
    return Retoning(Brain(channels, data, AFFINE))


def test_a_generator_of_images_darkens_the_image_and_nothing_around_it_on_its_own_voxels() -> None:
    scan, fake = scan_of_pure_tissues(), FakeGenerator(SimpleNamespace(name="fake", schema=None))
    change = difference_of((T1,), T1w=-0.1)
    brain, image = change.brain(scan, fake), scan.t1.data
    assert brain.channels == (T1,)  # the tissues of the scan are not those any more
    for level in LEVELS.values():
        np.testing.assert_allclose(brain.data[0][image == level], level - 0.1, atol=1e-6)
        np.testing.assert_allclose(change.image(scan).data[image == level], level - 0.1, atol=1e-6)
    assert not change.image(scan).data[image == 0].any()


def test_an_image_never_leaves_its_range() -> None:
    scan, fake = scan_of_pure_tissues(), FakeGenerator(SimpleNamespace(name="fake", schema=None))
    inside = scan.t1.data > 0
    for more, end in ((2.0, 1.0), (-2.0, 0.0)):
        change = difference_of((T1,), T1w=more)
        assert (change.image(scan).data[inside] == end).all()
        assert (change.brain(scan, fake).data == end).all()


def test_where_grey_matter_turns_to_csf_the_image_darkens_by_as_much_as_they_differ() -> None:
    scan, fake = scan_of_pure_tissues(), FakeGenerator(SimpleNamespace(name="fake", schema=None))
    brain = difference_of(TISSUES, GM=-0.2, CSF=0.2).brain(scan, fake)
    grey = scan.maps.volume("GM").data == 1.0
    np.testing.assert_allclose(brain.volume("GM").data[grey], 0.8, atol=1e-4)
    np.testing.assert_allclose(brain.volume("CSF").data[grey], 0.2, atol=1e-4)
    # 0.2 of the voxel goes from 0.5 to 0.25.
    np.testing.assert_allclose(brain.volume(T1).data[grey], 0.5 - 0.2 * 0.25, atol=1e-4)


def test_a_scan_whose_rounded_maps_exceed_one_comes_back_as_it_is() -> None:
    scan, fake = scan_of_pure_tissues(), FakeGenerator(SimpleNamespace(name="fake", schema=None))
    maps = scan.maps.data.copy()
    maps[:3, 8, 10, 8] = np.float32([52, 102, 102]) / np.float32(255)  # 256 of 255
    scan = replace(scan, maps=replace(scan.maps, data=maps))
    brain = difference_of(TISSUES).brain(scan, fake)
    np.testing.assert_array_equal(brain.data, maps)
    grown = difference_of(TISSUES, CSF=0.3).brain(scan, fake)
    assert grown.data[:3].sum(axis=0).max() < 1.004  # no fuller than it was
