import re
from html import unescape

import numpy as np
import pytest
from matplotlib.image import imread

from brainviewer.cohort.qc import MEASURES, VOLUME_FACTOR, measure_person, robust_z, write_qc
from brainviewer.cohort.qc_picture import GAP_PIXELS, PIXEL_MM, draw_person
from brainviewer.cohort.store import CohortError, CohortStore, Manifest, PersonRecord, to_uint8
from brainviewer.cohort.template import load_template

SPACING_MM = 8.0
PEOPLE = [f"sub-{number:02d}" for number in range(1, 10)]
OUTLIER = "sub-07"


def person(name, *, csf=300.0, factor=1.2):
    template = load_template(SPACING_MM)
    volumes = dict(zip(("WM", "GM", "CSF"), to_uint8(template.tissues), strict=True))
    volumes["T1w"] = volumes["T1w_affine"] = to_uint8(template.t1)
    volumes_ml = {"WM": 500.0, "GM": 650.0, "CSF": csf}
    return PersonRecord(name, volumes, volumes_ml, factor, {"lost_share": 0.001})


def start_cohort(folder, **others):
    template = load_template(SPACING_MM)
    store = CohortStore(folder)
    given = {
        "shape": template.mask.shape,
        "affine": template.affine.tolist(),
        "command": "brainviewer import <data> cohort",
        "versions": {},
        "kind": "imported",
        **others,
    }
    store.write_manifest(Manifest(**given))
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    failed = {"sub-98": "no brain was found; <b> & the rest"}
    store = start_cohort(tmp_path_factory.mktemp("page") / "Mind & <Brain>", failed=failed)
    for number, name in enumerate(PEOPLE):
        store.write_person(person(name, csf=600.0 if name == OUTLIER else 300.0 + number))
    store.write_person(person("sub-99"))
    store.person_path("sub-99").write_bytes(b"damaged")
    return store


@pytest.fixture(scope="module")
def page(store):
    return write_qc(store).read_text(encoding="utf-8")


def sections(page):
    return re.findall(r'<section id="([^"]+)">', page)


def test_everybody_is_listed_and_the_outlier_first(page):
    assert sections(page)[0] == OUTLIER
    assert sorted(sections(page)) == PEOPLE


def test_the_others_follow_by_their_distance_from_the_median(page):
    # CSF grows with the number of the person; the median is that of sub-05 or so.
    assert sections(page)[-1] in {"sub-05", "sub-06"}
    assert sections(page)[1] == "sub-01"


def test_only_the_outlier_says_what_is_out(page):
    out = re.findall(r'<p class="out">(.*?)</p>', page)
    assert len(out) == 1
    assert "CSF share 34.3 % (z = +" in out[0]


def test_those_who_failed_are_named_with_their_sentence(page):
    rows = dict(re.findall(r'<td class="failed">(.*?)</td><td>(.*?)</td>', page))
    assert set(rows) == {"sub-98", "sub-99"}
    assert unescape(rows["sub-98"]) == "no brain was found; <b> & the rest"
    assert "sub-99 cannot be read" in rows["sub-99"]
    assert "9 people imported, 1 of them outliers, 2 failed" in page


def test_names_and_commands_are_escaped(page):
    assert "Quality control of Mind &amp; &lt;Brain&gt;" in page
    assert "brainviewer import &lt;data&gt; cohort" in page
    assert "<b>" not in page
    assert "<data>" not in page


def test_every_picture_of_the_page_is_there(store, page):
    sources = re.findall(r'<img src="([^"]+)"', page)
    assert sources == [f"qc/{name}.png" for name in sections(page)]
    for source in sources:
        assert imread(store.folder / source).ndim == 3


def test_a_strange_name_breaks_neither_the_page_nor_the_picture(tmp_path):
    name = "sub-1 'a&b'#2"
    store = start_cohort(tmp_path)
    store.write_person(person(name))
    page = write_qc(store).read_text(encoding="utf-8")
    assert "sub-1 &#x27;a&amp;b&#x27;#2</h3>" in page
    assert 'src="qc/sub-1%20%27a%26b%27%232.png"' in page
    assert (tmp_path / "qc" / f"{name}.png").is_file()


def test_a_cohort_of_nobody_has_a_page(tmp_path):
    page = write_qc(start_cohort(tmp_path)).read_text(encoding="utf-8")
    assert "0 people imported, 0 of them outliers, 0 failed" in page


def test_a_folder_that_is_no_cohort_is_refused(tmp_path):
    with pytest.raises(CohortError, match="is not a cohort"):
        write_qc(CohortStore(tmp_path))


def test_measures_are_shares_of_the_whole(tmp_path):
    values = measure_person(person("sub-01", csf=350.0))
    by_name = {measure.name: value for measure, value in values.items()}
    assert by_name["WM share"] == pytest.approx(100 * 500 / 1500)
    assert by_name["CSF share"] == pytest.approx(100 * 350 / 1500)
    assert by_name["WM + GM + CSF"] == 1500.0
    assert by_name["outside the grid"] == pytest.approx(0.1)


def test_deviations_are_counted_in_median_deviations():
    values = [0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 3.2]
    people = [dict.fromkeys(MEASURES, 0.0) | {VOLUME_FACTOR: value} for value in values]
    z = [person[VOLUME_FACTOR] for person in robust_z(people)]
    # median 1.3, median |x - 1.3| = 0.2
    np.testing.assert_allclose(z[-1], (3.2 - 1.3) / (1.4826 * 0.2))
    np.testing.assert_allclose(z[4], 0.0, atol=1e-12)


def test_a_spread_of_nothing_counts_as_the_least_spread():
    people = [dict.fromkeys(MEASURES, 1.0) for _ in range(8)]
    people[0][VOLUME_FACTOR] = 1.1
    z = robust_z(people)
    assert z[0][VOLUME_FACTOR] == pytest.approx(0.1 / VOLUME_FACTOR.least_spread)
    assert z[1][VOLUME_FACTOR] == 0.0


def test_seven_people_are_too_few_for_outliers():
    people = [dict.fromkeys(MEASURES, 1.0) for _ in range(7)]
    people[0][VOLUME_FACTOR] = 9.0
    assert all(value == 0.0 for person in robust_z(people) for value in person.values())


def test_the_picture_has_the_persons_left_on_the_left():
    record = person("sub-01")
    for data in record.volumes.values():
        data[data.shape[0] // 2 :] = 0  # i grows to the right: only the left half is there
    picture = draw_person(record, load_template(SPACING_MM).affine)
    width = round(record.volumes["WM"].shape[0] * SPACING_MM / PIXEL_MM)
    axial = picture[:, GAP_PIXELS : GAP_PIXELS + width].max(axis=2) > 60
    left, right = axial[:, : width // 2].sum(), axial[:, width // 2 :].sum()
    # A voxel of 8 mm is smeared over the midline when it is enlarged.
    assert left > 5000
    assert right < 0.1 * left
