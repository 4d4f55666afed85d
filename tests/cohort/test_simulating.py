from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from brainviewer.cohort.bids import read_participants
from brainviewer.cohort.phantom import simulate_person
from brainviewer.cohort.simulating import simulate_cohort
from brainviewer.cohort.store import CohortError, CohortStore
from brainviewer.cohort.template import template_grid
from brainviewer.core.features import Kind

SPACING_MM = 4.0


def simulate(folder, people, *, seed=3):
    return simulate_cohort(
        folder,
        people=people,
        seed=seed,
        command="brainviewer simulate",
        spacing_mm=SPACING_MM,
        workers=1,
        start_pool=ThreadPoolExecutor,
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    summary = simulate(folder, 2)
    return folder, summary


def test_everybody_is_written_with_maps_image_and_regions(cohort):
    folder, summary = cohort
    assert (summary.people, summary.skipped, summary.failed) == (2, 0, {})
    record = CohortStore(folder).read_person("sub-sim0001")
    assert set(record.volumes) == {"WM", "GM", "CSF", "T1w", "T1w_affine", "regions"}
    assert 1000 < sum(record.volumes_ml.values()) < 2000


def test_the_table_holds_the_features_that_the_brain_was_made_with(cohort):
    folder, _ = cohort
    table = read_participants(folder / "participants.tsv", folder / "participants.json")
    shape, affine = template_grid(SPACING_MM)
    person = simulate_person(2, seed=3, shape=shape, affine=affine)
    assert table.people["sub-sim0002"] == person.features
    kinds = {feature.name: feature.kind for feature in table.features}
    assert kinds["smoking"] is Kind.ORDERED
    assert kinds["sex"] is Kind.LEVELS


def test_more_people_can_be_asked_for_later_and_the_first_ones_stay(cohort, tmp_path):
    folder, _ = cohort
    before = CohortStore(folder).person_path("sub-sim0001").read_bytes()
    summary = simulate(folder, 3)
    assert (summary.people, summary.skipped) == (3, 2)
    assert CohortStore(folder).person_path("sub-sim0001").read_bytes() == before


def test_another_seed_is_refused(cohort):
    with pytest.raises(CohortError, match="seed 3, not with seed 4"):
        simulate(cohort[0], 2, seed=4)


def test_the_affine_image_undoes_the_size_of_the_head(cohort):
    store = CohortStore(cohort[0])
    record = store.read_person("sub-sim0001")
    own, normalised = (np.sum(record.volumes[name], dtype=float) for name in ("T1w", "T1w_affine"))
    assert normalised / own == pytest.approx(record.affine_volume_factor, rel=0.03)


def test_nobody_cannot_be_simulated(tmp_path):
    with pytest.raises(CohortError, match="1 or more, got 0"):
        simulate(tmp_path, 0)


@pytest.mark.parametrize("spacing_mm", [0.0, 3.0, float("nan")])
def test_a_spacing_that_does_not_fit_the_template_is_refused(tmp_path, spacing_mm):
    with pytest.raises(CohortError, match="spacing must be 1, 2 or 4 mm, got"):
        simulate_cohort(tmp_path, people=1, seed=1, command="simulate", spacing_mm=spacing_mm)
