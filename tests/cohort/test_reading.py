from __future__ import annotations

import numpy as np
import pytest

from brainviewer.cohort.reading import Crop, read_maps, read_people, read_regions, read_t1
from brainviewer.cohort.store import CohortError, CohortStore, PersonRecord
from brainviewer.core.intensity import BRIGHT_INTENSITY

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (6, 5, 4)
CROP = Crop((1, 0, 1), (4, 5, 2))


@pytest.fixture
def store(tmp_path) -> CohortStore:
    store = CohortStore(tmp_path)
    for name, level in (("sub-a", 255), ("sub-b", 51)):
        maps = {tissue: np.zeros(SHAPE, np.uint8) for tissue in ("WM", "GM", "CSF")}
        maps["WM"][2, 2, 1] = maps["CSF"][3, 3, 2] = level
        if name == "sub-a":
            maps["regions"] = np.arange(120, dtype=np.uint8).reshape(SHAPE)
        store.write_person(PersonRecord(name, maps, {}, 1.0))
    return store


def test_a_crop_cuts_maps_and_moves_the_affine(store) -> None:
    whole = store.read_tissues("sub-a")
    maps = read_maps(store, "sub-a", CROP)
    np.testing.assert_array_equal(maps, whole[:, 1:5, :, 1:3])
    np.testing.assert_array_equal(CROP.affine(AFFINE)[:3, 3], [2, 0, 2])


def test_people_come_in_the_order_they_were_asked_for_and_are_measured(store) -> None:
    conditions = {"sub-b": {"age": 20.0}, "sub-a": {"age": 30.0}}
    people = read_people(store, conditions, CROP, affine=AFFINE)
    assert (people.ids, len(people)) == (("sub-b", "sub-a"), 2)
    assert people.conditions == ({"age": 20.0}, {"age": 30.0})
    # One voxel of 8 mm3, a fifth full in sub-b.
    np.testing.assert_allclose(people.volumes_ml, [[0.0016, 0, 0.0016], [0.008, 0, 0.008]])


def test_regions_are_cut_too_and_need_not_be_there(store) -> None:
    labels = read_regions(store, "sub-a", CROP)
    assert labels is not None
    assert labels.shape == CROP.shape
    assert labels[0, 0, 0] == 1 * 20 + 0 * 4 + 1
    assert read_regions(store, "sub-b", CROP) is None


def test_a_brain_that_reaches_out_of_the_crop_is_refused(store) -> None:
    with pytest.raises(CohortError, match=r"50\.0% of sub-a lies outside"):
        read_maps(store, "sub-a", Crop((0, 0, 0), (6, 5, 2)))


def test_a_crop_beyond_the_grid_is_refused(store) -> None:
    with pytest.raises(CohortError, match="do not fit into the cohort's grid"):
        read_maps(store, "sub-a", Crop((3, 0, 0), (4, 5, 4)))


@pytest.mark.parametrize("read", [read_maps, read_regions])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", None])
def test_damaged_arrays_are_named(store, read, content) -> None:
    path = store.person_path("sub-a")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(CohortError, match=r"arrays of sub-a cannot be read .* import again"):
        read(store, "sub-a", CROP)


@pytest.fixture
def pictured(tmp_path) -> CohortStore:
    """One person with a T1 image and no tissue maps."""
    store = CohortStore(tmp_path)
    image = np.zeros(SHAPE, np.uint8)
    image[1:5, 1:4, 1:3] = 100
    volumes_ml = {"WM": 500.0, "GM": 600.0, "CSF": 200.0}
    store.write_person(PersonRecord("sub-a", {"T1w": image}, volumes_ml, 1.0))
    return store


def test_a_t1_image_is_read_alone_and_scaled(pictured) -> None:
    people = read_people(pictured, {"sub-a": {}}, CROP, affine=AFFINE, channels=("T1w",))
    assert people.maps.shape == (1, 1, *CROP.shape)
    assert set(np.unique(people.maps)) == {0, round(255 * BRIGHT_INTENSITY)}
    np.testing.assert_array_equal(people.volumes_ml, [[500, 600, 200]])


def test_a_person_without_a_t1_image_is_named(store) -> None:
    with pytest.raises(CohortError, match=r"arrays of sub-a cannot be read \(there is no T1w\)"):
        read_people(store, {"sub-a": {}}, CROP, affine=AFFINE, channels=("T1w",))


def test_an_empty_t1_image_is_named(pictured) -> None:
    empty = {"T1w": np.zeros(SHAPE, np.uint8)}
    pictured.write_person(PersonRecord("sub-b", empty, {}, 1.0))
    with pytest.raises(CohortError, match=r"sub-b cannot be read \(the T1-weighted image is empty"):
        read_t1(pictured, "sub-b", CROP)
