"""What a scan of one's own is refused for, on a simulated person and on spoilt copies of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage

from brainviewer.cohort import limits, preparing
from brainviewer.cohort.acceptance import (
    check_alignment,
    check_brain,
    check_contrast,
    check_tissues,
)
from brainviewer.cohort.image_checks import check_file, check_image, may_be_scan, second_head_ml
from brainviewer.cohort.limits import ScanRefusedError, at_most, check_age, judge
from brainviewer.cohort.phantom import simulate_person
from brainviewer.cohort.preparing import prepare_own_scan
from brainviewer.cohort.scan_measures import (
    Brightness,
    border_contact_cm2,
    fit_of,
    flat_face_cm2,
    oddities_of,
    stretches,
)
from brainviewer.cohort.template import template_grid
from brainviewer.core.imagefile import ImageInfo
from brainviewer.core.nifti import write_frames, write_volume
from brainviewer.core.space import voxel_to_world
from brainviewer.core.tissues import map_volumes_ml
from brainviewer.core.volume import Volume

SHAPE, AFFINE = template_grid(2.0)
WHITE = 0.75
PLACE_MM = (30.0, -20.0, 25.0)


@dataclass(frozen=True)
class Subject:
    """A simulated person in the room of the template, where the rigid world is the scan's."""

    t1: np.ndarray
    tissues: np.ndarray
    to_template: np.ndarray

    @property
    def mask(self):
        return self.tissues.sum(axis=0) > 0.5

    @property
    def scan(self):
        return Volume(self.t1, AFFINE, "somebody")

    def judged(self):
        """All doubts; ScanRefusedError as in `prepare_own_scan`."""
        return [
            *check_image(self.scan),
            *check_brain(self.scan, self.mask),
            *check_alignment(self.scan, self.mask, self.to_template),
            *check_tissues(
                map_volumes_ml(self.tissues, AFFINE),
                self.tissues,
                self.t1,
                affine=AFFINE,
                to_template=self.to_template,
            ),
        ]


@pytest.fixture(scope="module")
def somebody():
    found = simulate_person(3, seed=1, shape=SHAPE, affine=AFFINE, field_spacing_mm=4.0)
    white = np.median(found.t1[found.tissues[0] > 0.95])
    t1 = np.clip(found.t1 * np.float32(WHITE / white), 0.0, 1.0)
    return Subject(t1, found.tissues, found.to_template)


def ball(ml, place_mm=PLACE_MM):
    """A ball of this volume with a soft edge: (I, J, K) float32, in [0, 1]."""
    radius_mm = (3000.0 * ml / (4 * np.pi)) ** (1 / 3)
    world = voxel_to_world(AFFINE, np.moveaxis(np.indices(SHAPE), 0, -1))
    away_mm = np.linalg.norm(world - np.array(place_mm), axis=-1)
    return np.clip((radius_mm - away_mm) / 2.0 + 0.5, 0.0, 1.0).astype(np.float32)


def with_lesion(person, ml, *, brightness, tissue):
    inside = ball(ml)
    tissues = person.tissues * (1 - inside)
    tissues[tissue] += inside * person.mask
    t1 = person.t1 * (1 - inside) + np.float32(brightness) * inside * person.mask
    return replace(person, t1=t1, tissues=tissues)


def beyond(axis, low_mm, high_mm):
    """1 between two world coordinates along an axis, 0 elsewhere."""
    world = voxel_to_world(AFFINE, np.moveaxis(np.indices(SHAPE), 0, -1))[..., axis]
    return ((world > low_mm) & (world < high_mm)).astype(np.float32)


def cut(person, axis, low_mm, high_mm):
    kept = beyond(axis, low_mm, high_mm)
    return replace(person, t1=person.t1 * kept, tissues=person.tissues * kept)


# Somebody healthy


def test_a_healthy_adult_is_taken_without_a_doubt(somebody):
    assert somebody.judged() == []


# Numbers


def test_beyond_one_limit_there_is_doubt_and_beyond_the_other_refusal():
    limit = at_most(2.0, 5.0, "it is {:.1f}", "take less")
    assert judge([(2.0, limit)]) == []
    assert judge([(2.1, limit), (5.0, limit)]) == ["it is 2.1", "it is 5.0"]
    with pytest.raises(ScanRefusedError, match=r"it is 5\.1; take less"):
        judge([(2.1, limit), (5.1, limit)])


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ScanRefusedError):
        judge([(float("nan"), at_most(2.0, 5.0, "it is {}", ""))])


def test_refusing_is_always_further_out_than_doubting():
    found = [it for it in vars(limits).values() if isinstance(it, limits.Limit)]
    found += [*limits.SHARES.values(), *limits.MISSING_SHARE.values()]
    assert len(found) > 15
    for limit in found:
        assert limit.refused[0] <= limit.doubtful[0] < limit.doubtful[1] <= limit.refused[1]


def test_border_and_faces_are_measured_in_square_centimetres():
    spacing = np.array([1.0, 2.0, 4.0])
    mask = np.zeros((12, 30, 20), bool)
    mask[0:10, 5:20, 3:13] = True
    assert border_contact_cm2(mask, spacing) == pytest.approx(15 * 2 * 10 * 4 / 100)
    assert flat_face_cm2(mask, spacing) == pytest.approx(15 * 2 * 10 * 4 / 100)
    assert flat_face_cm2(np.zeros((4, 4, 4), bool), spacing) == 0.0


def test_the_face_of_a_fine_image_is_taken_as_deep_as_that_of_a_coarse_one():
    world = np.indices((100, 100, 100)) - 49.5
    fine = np.linalg.norm(world, axis=0) < 40
    coarse = fine.reshape(50, 2, 50, 2, 50, 2).mean(axis=(1, 3, 5)) > 0.5
    areas = [flat_face_cm2(fine, np.ones(3)), flat_face_cm2(coarse, np.full(3, 2.0))]
    # A cap of height h of a ball has a base of pi (2 r h - h^2): 2.5 cm2 at 1 mm, 4.9 at 2 mm.
    assert all(1.0 < area < 8.0 for area in areas), areas


def test_stretches_are_those_along_the_axes_of_the_head():
    turned = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = turned @ np.diag([1.1, 0.9, 1.3])
    np.testing.assert_allclose(stretches(matrix), [1.3, 1.1, 0.9])


def test_what_lacks_is_told_by_its_side(somebody):
    whole = fit_of(somebody.mask, AFFINE, somebody.to_template)
    assert max(whole.missing.values()) < 0.01
    assert whole.dice > 0.9
    topless = cut(somebody, 2, -200, 40)
    missing = fit_of(topless.mask, AFFINE, somebody.to_template).missing
    assert missing["top"] > 0.9
    assert max(share for side, share in missing.items() if side != "top") < 0.3


@pytest.mark.parametrize("ml", [5.0, 20.0, 60.0])
def test_the_size_of_a_lesion_is_measured(somebody, ml):
    spoilt = with_lesion(somebody, ml, brightness=0.25, tissue=2)
    found = oddities_of(spoilt.tissues, spoilt.t1, AFFINE, somebody.to_template)
    in_template = ml * np.linalg.det(somebody.to_template[:3, :3])
    assert found.one_sided_tissue == pytest.approx(in_template, rel=0.5)
    before = oddities_of(somebody.tissues, somebody.t1, AFFINE, somebody.to_template)
    assert before.one_sided_tissue < 2.0


# Refusals


def test_a_series_of_images_is_refused():
    info = ImageInfo((90, 90, 90), (2.0, 2.0, 2.0), 20, "int16", "RAS", 1, 1)
    with pytest.raises(ScanRefusedError, match=r"holds 20 volumes.*of its own"):
        check_file(info)
    assert check_file(replace(info, frames=1)) == []
    (doubt,) = check_file(replace(info, frames=1, sform_code=0, qform_code=0))
    assert "left and right" in doubt


@pytest.mark.parametrize("age", [0.0, 6.0, 17.9])
def test_children_are_refused_in_words(age):
    with pytest.raises(ScanRefusedError, match=rf"somebody of {age:g} years is a child"):
        check_age(age)


def test_adults_are_not_refused_for_their_age():
    for age in (18.0, 99.0):
        check_age(age)


def respaced(person, factors):
    return Volume(person.t1, AFFINE @ np.diag([*factors, 1.0]))


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ((1, 1, 2.5), "voxels are 5 mm long"),
        ((1.6, 1.6, 1.6), r"voxels are 3\.2 mm long"),
        ((0.1, 0.1, 0.1), r"voxels are 0\.2 mm long"),
        ((0.25, 0.25, 1.2), r"voxels are 4\.8 times as long as wide"),
        ((0.5, 0.5, 0.5), "covers 80 x 96 x 112 mm, less than a brain"),
    ],
)
def test_voxels_and_fields_that_do_not_suit_are_refused(somebody, factors, sentence):
    with pytest.raises(ScanRefusedError, match=sentence):
        check_image(respaced(somebody, factors))


def test_thick_slices_are_doubtful_once(somebody):
    assert check_image(respaced(somebody, (0.6, 0.6, 1.3))) == [
        "the voxels are 2.6 mm long",
        "the voxels are 2.17 times as long as wide",
    ]


@pytest.mark.parametrize("values", [1, 2, 20])
def test_an_image_without_contrast_is_refused(somebody, values):
    labels = np.round(somebody.t1 * (values - 1))
    with pytest.raises(ScanRefusedError, match="as labels or masks have"):
        check_image(Volume(labels, AFFINE))


def test_two_heads_are_refused(somebody):
    beside = np.concatenate([somebody.t1, somebody.t1])
    largest, second = second_head_ml(Volume(beside, AFFINE))
    assert largest == pytest.approx(second, rel=0.05)
    with pytest.raises(ScanRefusedError, match="two things as large as heads"):
        check_image(Volume(beside, AFFINE))


def test_only_what_may_be_a_head_is_taken_for_one(somebody):
    info = ImageInfo(SHAPE, (2.0, 2.0, 2.0), 1, "int16", "RAS", 1, 1)
    assert may_be_scan(info, somebody.scan)
    assert not may_be_scan(replace(info, frames=3), somebody.scan)
    assert not may_be_scan(info, Volume(np.round(somebody.t1), AFFINE))


def test_a_bottle_beside_the_head_is_no_second_head(somebody):
    bottle = np.maximum(somebody.t1, 0.9 * ball(60.0, place_mm=(70.0, 80.0, 100.0)))
    assert check_image(Volume(bottle, AFFINE)) == []


@pytest.mark.parametrize(
    ("axis", "low_mm", "high_mm"),
    [(2, -200, 45), (2, -25, 200), (1, -75, 200), (1, -200, 40), (0, -42, 200), (0, 0, 200)],
    ids=["top", "bottom", "back", "front", "left", "half"],
)
def test_a_brain_that_is_cut_off_is_refused_wherever_it_is_cut(somebody, axis, low_mm, high_mm):
    with pytest.raises(ScanRefusedError, match="one whole adult brain"):
        cut(somebody, axis, low_mm, high_mm).judged()


def test_a_brain_at_the_border_of_its_image_is_refused(somebody):
    planes = np.flatnonzero(somebody.mask.any(axis=(0, 1)))
    last = planes[-1] - 10
    scan = Volume(somebody.t1[:, :, :last], AFFINE)
    with pytest.raises(ScanRefusedError, match=r"cut off at the border of the image, over \d+ cm²"):
        check_brain(scan, somebody.mask[:, :, :last])


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Brightness(csf=1.0, gm=0.6, wm=0.4), "CSF is brighter than grey and white matter"),
        (Brightness(csf=0.1, gm=0.8, wm=0.6), "grey matter is brighter than white"),
        (Brightness(csf=0.3, gm=0.75, wm=0.76), "99% of the brightness of white matter"),
        (Brightness(csf=0.76, gm=0.6, wm=0.75), "CSF is brighter|CSF has 101%"),
        (Brightness(csf=0.0, gm=0.0, wm=0.0), "as dark as nothing"),
    ],
    ids=["T2", "FLAIR", "no grey-white contrast", "no CSF contrast", "nothing"],
)
def test_other_contrasts_are_refused_by_name(found, sentence):
    with pytest.raises(ScanRefusedError, match=sentence):
        check_contrast(found)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [((0.35, 0.5, 1.0), "as in T2-weighted images"), ((0.55, 0.8, 0.1), "as in FLAIR")],
    ids=["T2", "FLAIR"],
)
def test_the_contrast_is_seen_in_the_image_itself(somebody, weights, sentence):
    t1 = np.tensordot(np.float32(weights), somebody.tissues, axes=1)
    with pytest.raises(ScanRefusedError, match=sentence):
        check_alignment(Volume(t1, AFFINE), somebody.mask, somebody.to_template)


@pytest.mark.parametrize(
    ("brightness", "tissue", "sentence"),
    [
        (0.25, 2, "another tissue than on the other side"),
        (0.55, 1, "on the other side"),
        (1.0, 0, "brighter"),
    ],
    ids=["cavity", "dark as grey matter", "bright"],
)
def test_large_lesions_are_refused(somebody, brightness, tissue, sentence):
    spoilt = with_lesion(somebody, 40.0, brightness=brightness, tissue=tissue)
    with pytest.raises(ScanRefusedError, match=rf"{sentence}.*large lesion"):
        spoilt.judged()


def test_a_small_lesion_is_doubtful(somebody):
    doubts = with_lesion(somebody, 6.0, brightness=0.25, tissue=2).judged()
    assert "of another tissue" in doubts[0]


def test_lesions_on_both_sides_are_refused_too(somebody):
    white = somebody.tissues[0]
    lost = ndimage.gaussian_filter((white > 0.9).astype(np.float32), 1.0) > 0.4
    tissues = np.where(lost, np.float32([0, 1, 0])[:, None, None, None], somebody.tissues)
    with pytest.raises(
        ScanRefusedError, match="where white matter is expected hold something else"
    ):
        replace(somebody, tissues=tissues).judged()


@pytest.mark.parametrize(
    ("volumes", "sentence"),
    [
        ({"WM": 250, "GM": 300, "CSF": 150}, "together have 700 mL"),
        ({"WM": 900, "GM": 1100, "CSF": 400}, "together have 2400 mL"),
        ({"WM": 200, "GM": 700, "CSF": 300}, "white matter makes up 17%"),
        ({"WM": 400, "GM": 300, "CSF": 700}, "CSF makes up 50%"),
    ],
)
def test_volumes_of_no_adult_are_refused(somebody, volumes, sentence):
    with pytest.raises(ScanRefusedError, match=sentence):
        check_tissues(
            volumes,
            somebody.tissues,
            somebody.t1,
            affine=AFFINE,
            to_template=somebody.to_template,
        )


@pytest.mark.parametrize("factor", [0.65, 1.5])
def test_a_head_of_the_wrong_size_is_refused(somebody, factor):
    """Voxel sizes that are wrong in the header: alignment makes up for them."""
    scale = np.diag([factor, factor, factor, 1.0])
    scan = Volume(somebody.t1, scale @ AFFINE)
    with pytest.raises(ScanRefusedError, match="check the voxel sizes"):
        check_alignment(scan, somebody.mask, somebody.to_template @ np.linalg.inv(scale))


# From the file on


@dataclass(frozen=True)
class KnownTools:
    """Tools that know the answer."""

    subject: Subject

    def extract(self, volume):
        return self.subject.mask

    def segment(self, t1, mask, priors, *, special):
        raise AssertionError("the scan should have been refused before")


def prepare(subject, path, monkeypatch):
    write_volume(path, subject.scan)
    monkeypatch.setattr(preparing, "build_tools", lambda name: KnownTools(subject))
    return prepare_own_scan(path)


def test_a_file_of_two_people_is_refused_before_anything_is_done(somebody, tmp_path):
    write_frames(tmp_path / "both.nii.gz", [somebody.scan, somebody.scan])
    with pytest.raises(ScanRefusedError, match="holds 2 volumes"):
        prepare_own_scan(tmp_path / "both.nii.gz")


def test_a_cut_brain_is_refused_before_it_is_aligned(somebody, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "brainviewer.cohort.preprocess.register_affine", lambda brain: pytest.fail("aligned")
    )
    with pytest.raises(ScanRefusedError, match="flat face"):
        prepare(cut(somebody, 2, -200, 45), tmp_path / "scan.nii.gz", monkeypatch)


def test_another_contrast_is_refused_before_it_is_segmented(somebody, tmp_path, monkeypatch):
    t1 = np.tensordot(np.float32([0.35, 0.5, 1.0]), somebody.tissues, axes=1)
    monkeypatch.setattr(
        "brainviewer.cohort.preprocess.register_affine", lambda brain: somebody.to_template
    )
    with pytest.raises(ScanRefusedError, match="T2-weighted"):
        prepare(replace(somebody, t1=t1), tmp_path / "scan.nii.gz", monkeypatch)
