import numpy as np
import pytest

from brainviewer.cohort.appearance import give_appearance
from brainviewer.cohort.growth import load_reference
from brainviewer.cohort.lifespan import median_volume_ml, region_tissue
from brainviewer.cohort.phantom import simulate_person
from brainviewer.cohort.regions import REGION_NAMES
from brainviewer.cohort.template import template_grid
from brainviewer.core.tissues import map_volumes_ml

COARSE_MM = 4.0


def simulate(index, *, seed=1, spacing_mm=COARSE_MM):
    shape, affine = template_grid(spacing_mm)
    return simulate_person(
        index, seed=seed, shape=shape, affine=affine, field_spacing_mm=spacing_mm
    )


@pytest.fixture(scope="module")
def people():
    return [simulate(index) for index in range(1, 19)]


def log_errors(person):
    return {
        name: np.log(person.volumes_ml[name] / person.prescribed_ml[name])
        for name in REGION_NAMES[1:]
    }


def test_a_person_is_complete(people):
    person = people[0]
    shape, affine = template_grid(COARSE_MM)
    assert person.participant_id == "sub-sim0001"
    assert person.t1.shape == person.regions.shape == person.tissues.shape[1:] == shape
    assert person.t1.dtype == person.tissues.dtype == np.float32
    assert person.regions.dtype == np.uint8
    np.testing.assert_array_equal(person.affine, affine)
    assert set(person.features) == {"age", "sex", "height", "weight", "education", "smoking"}


def test_maps_are_partial_volumes_and_background_is_black(people):
    for person in people:
        total = person.tissues.sum(axis=0)
        assert person.tissues.min() >= 0
        assert total.max() <= 1 + 1e-5
        assert 0 <= person.t1.min() <= person.t1.max() <= 1
        assert not person.t1[total == 0].any()
        assert not person.regions[total == 0].any()


def test_the_head_lies_inside_the_grid(people):
    for person in people:
        for axis in range(3):
            assert not np.take(person.tissues, (0, -1), axis=axis + 1).any()


def test_every_warp_is_invertible(people):
    assert all(person.min_jacobian > 0 for person in people)


def test_measured_volumes_are_the_prescribed_ones():
    errors = log_errors(simulate(8, spacing_mm=2.0))
    assert abs(errors.pop("ventricles")) < 0.05
    assert max(map(abs, errors.values())) < 0.035


def test_a_coarse_grid_is_nearly_as_exact(people):
    errors = np.array([list(log_errors(person).values()) for person in people])
    assert np.sqrt((errors**2).mean()) < 0.03


def test_region_volumes_add_up_to_the_tissue_maps(people):
    person = people[3]
    measured = map_volumes_ml(person.tissues, person.affine)
    for tissue, volume in measured.items():
        regions = [v for name, v in person.volumes_ml.items() if region_tissue(name) == tissue]
        assert sum(regions) == pytest.approx(volume, rel=0.01)


@pytest.mark.parametrize("tissue", ["GM", "WM", "ventricles", "CSF"])
def test_ageing_has_the_published_size(people, tissue):
    """Volume over that of a median head of the sex, against the published median at the age."""
    in_tissue = [n for n in REGION_NAMES[1:] if region_tissue(n) == tissue or n == tissue]
    ages = np.array([p.features["age"] for p in people])
    shares = [sum(p.volumes_ml[n] for n in in_tissue) / sum(p.volumes_ml.values()) for p in people]
    slope = np.polyfit(ages, np.log(shares), 1)[0]
    low, high = {
        "GM": (-0.006, -0.002),
        "WM": (-0.004, 0.002),
        "ventricles": (0.010, 0.035),
        "CSF": (0.007, 0.020),
    }[tissue]
    assert low < slope < high


def test_men_have_larger_heads(people):
    sizes = {
        sex: [sum(p.volumes_ml.values()) for p in people if p.features["sex"] == sex]
        for sex in "FM"
    }
    assert np.mean(sizes["M"]) > 1.05 * np.mean(sizes["F"])


def test_grey_matter_scatters_about_the_published_median(people):
    ratios = [
        sum(v for n, v in p.volumes_ml.items() if region_tissue(n) == "GM")
        / median_volume_ml("GM", p.features["sex"], p.features["age"])
        for p in people
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)
    assert 0.05 < np.std(ratios) < 0.15


def test_the_same_seed_makes_the_same_person():
    first, again = simulate(3), simulate(3)
    assert first.features == again.features
    for name in ("t1", "tissues", "regions"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_another_seed_or_number_makes_another_person(people):
    assert not np.array_equal(people[0].t1, simulate(1, seed=2).t1)
    assert not np.array_equal(people[0].t1, people[1].t1)


def test_the_image_is_bright_where_there_is_white_matter(people):
    for person in people:
        wm, gm, csf = (person.t1[share > 0.9].mean() for share in person.tissues)
        assert wm > gm > csf > 0


def test_white_and_grey_matter_grow_alike_with_age():
    reference = load_reference(COARSE_MM)
    wm, gm = (reference.classes[c] > 0.9 for c in (0, 1))
    contrast = []
    for age in (25.0, 80.0):
        image = give_appearance(
            reference.t1,
            reference.classes,
            age=age,
            spacing_mm=COARSE_MM,
            rng=np.random.default_rng(0),
        )
        contrast.append(image[wm].mean() - image[gm].mean())
    assert 0.6 < contrast[1] / contrast[0] < 0.85
