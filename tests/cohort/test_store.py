import json

import numpy as np
import pytest

from brainviewer.cohort.store import CohortError, CohortStore, grid_affine, to_uint8
from tests.cohort.stand_ins import AFFINE, make_manifest, make_record, make_store


def test_what_is_written_is_read_again(tmp_path):
    record = make_record("sub-01")
    store = make_store(tmp_path, record)
    again = store.read_person("sub-01")
    assert again.volumes.keys() == record.volumes.keys()
    for name, volume in record.volumes.items():
        assert again.volumes[name].dtype == volume.dtype
        np.testing.assert_array_equal(again.volumes[name], volume)
    assert again.volumes_ml == record.volumes_ml
    assert again.affine_volume_factor == record.affine_volume_factor
    assert again.details == record.details


def test_tissue_maps_come_in_the_order_of_the_tissues(tmp_path):
    record = make_record("sub-01")
    maps = make_store(tmp_path, record).read_tissues("sub-01")
    for number, name in enumerate(("WM", "GM", "CSF")):
        np.testing.assert_array_equal(maps[number], record.volumes[name])


def test_a_person_whose_writing_was_interrupted_is_not_there(tmp_path):
    store = make_store(tmp_path, make_record("sub-01"), make_record("sub-02"))
    store.details_path("sub-01").unlink()
    assert store.participant_ids == ["sub-02"]
    assert not store.has("sub-01")
    with pytest.raises(CohortError, match="sub-01 is not in the cohort"):
        store.read_person("sub-01")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04nonsense", None], ids=["empty", "cut", "gone"])
def test_damaged_arrays_are_named(tmp_path, damage):
    store = make_store(tmp_path, make_record("sub-01"))
    path = store.person_path("sub-01")
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    for read in (store.read_person, store.read_tissues):
        with pytest.raises(CohortError, match=r"files of sub-01 cannot be read.*delete .*sub-01"):
            read("sub-01")


def test_arrays_that_are_cut_short_or_lack_a_tissue_are_named(tmp_path):
    store = make_store(tmp_path, make_record("sub-01"))
    path = store.person_path("sub-01")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CohortError, match="cannot be read"):
        store.read_person("sub-01")
    np.savez_compressed(path, WM=np.zeros(3))
    with pytest.raises(CohortError, match="cannot be read"):
        store.read_tissues("sub-01")


def test_damaged_details_are_named(tmp_path):
    store = make_store(tmp_path, make_record("sub-01"))
    store.details_path("sub-01").write_text("{")
    with pytest.raises(CohortError, match="files of sub-01 cannot be read"):
        store.read_details("sub-01")


def test_the_manifest_is_read_as_it_was_written(tmp_path):
    manifest = make_manifest(
        region_names={"35": ("BrainStem", "WM")},
        failed={"sub-09": "no brain was found"},
        settings={"seed": 3},
    )
    store = CohortStore(tmp_path / "new")
    assert not store.exists()
    store.write_manifest(manifest)
    assert store.exists()
    assert store.read_manifest() == manifest
    np.testing.assert_array_equal(grid_affine(manifest), AFFINE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "is not a cohort"),
        ("{", "is not a cohort"),
        ("[]", "is not a cohort"),
        ('{"format_version": 1}', "is not a cohort"),
        ('{"format_version": 99}', "newer BrainViewer"),
    ],
)
def test_a_folder_that_is_no_cohort_is_refused(tmp_path, text, sentence):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(CohortError, match=sentence):
        CohortStore(tmp_path).read_manifest()


def test_a_manifest_without_later_additions_is_read(tmp_path):
    store = make_store(tmp_path)
    path = tmp_path / "manifest.json"
    entry = json.loads(path.read_text())
    del entry["settings"]
    path.write_text(json.dumps(entry))
    assert store.read_manifest().settings == {}


def test_fractions_are_rounded_and_clipped():
    values = np.array([-0.1, 0.0, 0.5, 1.0, 1.2], np.float32)
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 128, 255, 255])
