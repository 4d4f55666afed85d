import shutil

import pytest

from brainviewer.cohort import importing
from brainviewer.cohort.bids import BidsError
from brainviewer.cohort.importing import import_cohort
from brainviewer.cohort.store import CohortError, CohortStore
from brainviewer.cohort.tools import PreprocessingError, ToolError
from brainviewer.core.features import FeatureError
from tests.cohort.stand_ins import InlinePool, make_record, write_bids

NAMES = ["sub-01", "sub-02", "sub-03"]


@pytest.fixture
def prepared(monkeypatch):
    """Scans are prepared at once and by nobody; returns the names of those that were."""
    names = []

    def preprocess(scan, tools):
        names.append(scan.participant_id)
        if scan.participant_id == "sub-bad":
            raise PreprocessingError("no brain was found")
        return make_record(scan.participant_id)

    monkeypatch.setattr(importing, "preprocess_scan", preprocess)
    monkeypatch.setattr(importing, "_load_tools", lambda name: None)
    return names


def run(bids, folder, **options):
    return import_cohort(bids, folder, command="import", **{"start_pool": InlinePool} | options)


def test_people_tables_and_manifest_are_written(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", NAMES)
    labels = bids / "derivatives" / "muse"
    labels.mkdir(parents=True)
    (labels / "dseg.tsv").write_text("index\tname\ttissue\n35\tBrainStem\tWM\n")
    summary = run(bids, tmp_path / "cohort")
    store = CohortStore(tmp_path / "cohort")
    assert (summary.people, summary.skipped, summary.failed) == (3, 0, {})
    assert store.participant_ids == NAMES
    for name in ("participants.tsv", "participants.json", "dataset_description.json"):
        assert (store.folder / name).read_text() == (bids / name).read_text()
    manifest = store.read_manifest()
    assert (manifest.kind, manifest.command) == ("imported", "import")
    assert manifest.settings == {"tools": "deepbet"}
    assert manifest.region_names == {"35": ("BrainStem", "WM")}
    assert "antspyx" in manifest.versions


def test_an_import_continues_where_it_stopped(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", NAMES)
    run(bids, tmp_path / "cohort")
    CohortStore(tmp_path / "cohort").details_path("sub-02").unlink()
    prepared.clear()
    summary = run(bids, tmp_path / "cohort")
    assert prepared == ["sub-02"]
    assert (summary.people, summary.skipped) == (3, 2)


def test_a_bad_scan_is_reported_and_skipped(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", [*NAMES, "sub-bad"])
    summary = run(bids, tmp_path / "cohort")
    assert summary.people == 3
    assert summary.failed == {"sub-bad": "no brain was found"}


def test_a_file_that_is_no_image_is_reported_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "_load_tools", lambda name: None)
    bids = write_bids(tmp_path / "bids", ["sub-01"])
    (bids / "sub-01/anat/sub-01_T1w.nii.gz").write_bytes(b"nothing")
    summary = run(bids, tmp_path / "cohort")
    assert summary.people == 0
    assert "sub-01_T1w.nii.gz" in summary.failed["sub-01"]


def test_a_dataset_without_a_table_is_imported(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", NAMES)
    (bids / "participants.tsv").unlink()
    assert run(bids, tmp_path / "cohort").people == 3


def test_a_table_without_overlap_is_refused_before_the_work(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", NAMES, table=[("sub-1", 30), ("sub-2", 31)])
    with pytest.raises(BidsError, match="nobody in common: the table has sub-1, the images sub-01"):
        run(bids, tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_what_training_will_not_take_is_told(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", NAMES, table=[("sub-01", 30), ("sub-02", 30)])
    assert run(bids, tmp_path / "cohort").notices == (
        "age is 30 years for everybody; a generator can learn nothing from it",
        "participants.tsv has no row for 1 of the 3 people with an image, such as sub-03; training "
        "leaves them out",
    )


def test_text_among_numbers_is_refused_before_the_work(tmp_path, prepared):
    bids = write_bids(tmp_path / "bids", NAMES, table=[("sub-01", 30), ("sub-02", "45y")])
    with pytest.raises(FeatureError, match="age of sub-02 is '45y' in a column of numbers"):
        run(bids, tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_one_person_can_be_imported(tmp_path, prepared):
    summary = run(write_bids(tmp_path / "bids", NAMES[:1]), tmp_path / "cohort")
    assert (summary.people, summary.notices) == (1, ())


def test_another_dataset_is_not_mixed_in(tmp_path, prepared):
    run(write_bids(tmp_path / "one", NAMES), tmp_path / "cohort")
    other = write_bids(tmp_path / "two", ["sub-07"])
    with pytest.raises(CohortError, match="people that the dataset does not have, such as sub-01"):
        run(other, tmp_path / "cohort")


def test_other_tools_are_not_mixed_in(tmp_path, prepared, monkeypatch):
    bids = write_bids(tmp_path / "bids", NAMES)
    run(bids, tmp_path / "cohort")
    monkeypatch.setattr(importing, "check_tools", lambda name: None)
    with pytest.raises(CohortError, match="was made with tools deepbet, not with tools fsl"):
        run(bids, tmp_path / "cohort", tools="fsl")


def test_unknown_tools_are_refused_before_the_work(tmp_path):
    bids = write_bids(tmp_path / "bids", NAMES)
    with pytest.raises(ToolError, match="must be one of"):
        run(bids, tmp_path / "cohort", tools="spm")
    assert not (tmp_path / "cohort").exists()


def test_two_processes_import_two_real_scans(tmp_path, shared_data):
    bids = tmp_path / "bids"
    for name in ("sub-IXI012", "sub-IXI013"):
        shutil.copytree(shared_data / "ixi" / name, bids / name)
    for name in ("participants.tsv", "participants.json"):
        shutil.copy(shared_data / "ixi" / name, bids / name)
    summary = import_cohort(bids, tmp_path / "cohort", command="import", workers=2)
    assert summary.failed == {}
    store = CohortStore(tmp_path / "cohort")
    for name in store.participant_ids:
        record = store.read_person(name)
        assert set(record.volumes) == {"WM", "GM", "CSF", "T1w", "T1w_affine"}
        assert 1000 < sum(record.volumes_ml.values()) < 2000
    assert len(store.participant_ids) == 2
