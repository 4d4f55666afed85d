import os
from functools import partial

import pytest

from brainviewer.cohort.filling import KILLED, begin_cohort, fill_store
from brainviewer.cohort.store import CohortError, CohortStore
from tests.cohort.stand_ins import InlinePool, make_manifest, make_record, make_store


@pytest.fixture
def fill(tmp_path):
    """Fill a store with people of these names, `make_record` unless told otherwise."""

    def run(names, make=make_record, **options):
        store = CohortStore(tmp_path)
        begin_cohort(store, make_manifest())
        jobs = {name: name for name in names}
        return fill_store(store, jobs, make, **{"workers": 2, "start_pool": InlinePool} | options)

    return run


def fail_for(bad, error):
    def make(name):
        if name in bad:
            raise error
        return make_record(name)

    return make


def test_everybody_is_made_and_counted(fill, tmp_path):
    seen = []
    names = ["sub-01", "sub-02", "sub-03"]
    summary = fill(names, on_progress=lambda *progress: seen.append(progress))
    assert (summary.people, summary.skipped, summary.failed) == (3, 0, {})
    assert sorted(name for _, _, name in seen) == names
    assert [(done, total) for done, total, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    assert CohortStore(tmp_path).participant_ids == names


def test_a_second_run_makes_only_those_who_are_missing(fill):
    fill(["sub-01", "sub-02"])
    made, seen = [], []

    def make(name):
        made.append(name)
        return make_record(name)

    names = ["sub-01", "sub-02", "sub-03"]
    summary = fill(names, make, on_progress=lambda *progress: seen.append(progress))
    assert made == ["sub-03"]
    assert seen == [(3, 3, "sub-03")]
    assert (summary.people, summary.skipped) == (3, 2)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no brain was found"), "no brain was found"),
        (OSError(28, "No space left on device"), "no space is left on the disk"),
        (MemoryError(), "the memory was not enough"),
        (
            RuntimeError("ITK ERROR:\n  nothing to sample"),
            "RuntimeError: ITK ERROR: nothing to sample",
        ),
    ],
)
def test_one_bad_person_is_named_and_stops_nobody(fill, tmp_path, error, sentence):
    summary = fill(["sub-01", "sub-02", "sub-03"], fail_for(["sub-02"], error))
    assert summary.failed == {"sub-02": sentence}
    assert CohortStore(tmp_path).participant_ids == ["sub-01", "sub-03"]
    assert CohortStore(tmp_path).read_manifest().failed == summary.failed


def test_who_failed_is_tried_again_and_forgiven(fill, tmp_path):
    fill(["sub-01", "sub-02"], fail_for(["sub-01", "sub-02"], ValueError("dark")))
    assert fill(["sub-01", "sub-02"], fail_for(["sub-02"], ValueError("darker"))).failed == {
        "sub-02": "darker"
    }
    assert CohortStore(tmp_path).read_manifest().failed == {"sub-02": "darker"}


def test_an_earlier_failure_stays_known_until_the_person_is_tried_again(fill, tmp_path):
    fill(["sub-01"], fail_for(["sub-01"], ValueError("dark")))
    begin_cohort(CohortStore(tmp_path), make_manifest())
    assert CohortStore(tmp_path).read_manifest().failed == {"sub-01": "dark"}


def test_a_process_that_dies_takes_only_its_own_person_with_it(fill, tmp_path):
    names = [f"sub-{n:02d}" for n in range(7)]
    summary = fill(names, start_pool=partial(InlinePool, deadly=["sub-02", "sub-06"]))
    assert summary.failed == {"sub-02": KILLED, "sub-06": KILLED}
    assert summary.people == 5


def test_a_real_process_that_dies_is_noticed(tmp_path):
    # os._exit ends the worker with the job as its status.
    store = make_store(tmp_path)
    summary = fill_store(store, {"sub-01": 9}, os._exit, workers=1)
    assert summary.failed == {"sub-01": KILLED}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "simulated"}, "is imported and takes up no simulated people"),
        ({"shape": (2, 2, 2)}, "has another grid, of 20 x 28 x 24 voxels and not 2 x 2 x 2"),
        ({"settings": {"seed": 2}}, "was made with no settings, not with seed 2"),
    ],
)
def test_another_cohort_is_not_continued(tmp_path, changes, sentence):
    store = make_store(tmp_path)
    before = store.read_manifest()
    with pytest.raises(CohortError, match=sentence):
        begin_cohort(store, make_manifest(**changes))
    assert store.read_manifest() == before
