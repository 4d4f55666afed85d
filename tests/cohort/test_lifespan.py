import numpy as np
import pytest

from brainviewer.cohort.lifespan import (
    MEDIAN_AGES_YEARS,
    MEDIAN_VOLUMES_ML,
    median_head_size_ml,
    median_region_volumes_ml,
    median_volume_ml,
    region_tissue,
)
from brainviewer.cohort.people import (
    AGE_RANGE_YEARS,
    MIN_OUTER_CSF_SHARE,
    SMOKING,
    draw_person,
)
from brainviewer.cohort.regions import REGION_NAMES

TEMPLATE_ML = dict.fromkeys(REGION_NAMES[1:], 40.0)
SEXES = ("F", "M")


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("tissue", ["GM", "WM", "ventricles"])
def test_curves_pass_through_the_published_medians(sex, tissue):
    volumes = [median_volume_ml(tissue, sex, age) for age in MEDIAN_AGES_YEARS]
    assert volumes == pytest.approx(MEDIAN_VOLUMES_ML[sex][tissue])


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize(("tissue", "sign"), [("GM", -1), ("ventricles", 1)])
def test_grey_matter_falls_and_ventricles_never_shrink(sex, tissue, sign):
    volumes = [median_volume_ml(tissue, sex, age) for age in range(20, 91)]
    assert (sign * np.diff(volumes) >= 0).all()
    assert sign * (volumes[-1] - volumes[0]) > 0


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("age", [20, 47, 85])
def test_regions_add_up_to_their_tissue_and_to_the_head(sex, age):
    volumes = median_region_volumes_ml(TEMPLATE_ML, sex, age)
    assert list(volumes) == list(TEMPLATE_ML)
    for tissue in ("GM", "WM"):
        total = sum(v for name, v in volumes.items() if region_tissue(name) == tissue)
        assert total == pytest.approx(median_volume_ml(tissue, sex, age))
    assert sum(volumes.values()) == pytest.approx(median_head_size_ml(sex))


def test_association_cortex_ages_faster_than_visual_cortex():
    young, old = (median_region_volumes_ml(TEMPLATE_ML, "F", age) for age in (30, 80))
    change = {name: old[name] / young[name] for name in TEMPLATE_ML}
    assert change["frontal_GM_L"] < change["occipital_GM_L"] < 1 < change["CSF"]


def people(count):
    return [draw_person(TEMPLATE_ML, np.random.default_rng([7, n])) for n in range(count)]


def test_people_have_plausible_features():
    for person in people(200):
        f = person.features
        assert AGE_RANGE_YEARS[0] <= f["age"] <= AGE_RANGE_YEARS[1]
        assert 140 < f["height"] < 205
        assert 35 < f["weight"] < 160
        assert 6 <= f["education"] <= 22
        assert f["smoking"] in SMOKING


def test_volumes_fill_the_head_and_leave_room_for_csf():
    for person in people(200):
        assert sum(person.volumes_ml.values()) == pytest.approx(person.head_ml)
        assert person.volumes_ml["CSF"] >= 0.999 * MIN_OUTER_CSF_SHARE * person.head_ml
        assert np.prod(person.head_shape) == pytest.approx(1)


def test_the_population_has_the_published_head_sizes_and_spread():
    drawn = people(600)
    for sex in SEXES:
        logs = np.log([p.head_ml for p in drawn if p.features["sex"] == sex])
        assert np.exp(np.median(logs)) == pytest.approx(median_head_size_ml(sex), rel=0.03)
        assert logs.std() == pytest.approx(0.088, abs=0.015)
