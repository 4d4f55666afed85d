import numpy as np
import pytest
from scipy import ndimage

from brainviewer.cohort.segment import (
    SegmentationError,
    TissueMeans,
    check_order,
    segment_tissues,
)

SPACING_MM = 3.0
SHAPE = (45, 57, 48)
RADII_MM = np.array([64.0, 82.0, 68.0])
CSF, GM, DEEP_GM, CEREBELLAR_GM, WM = 20.0, 60.0, 72.0, 80.0, 100.0
NOISE = 3.0
SUBSAMPLES = 3


def ellipsoid(scale, *, centre_mm=(0.0, 0.0, 0.0), thickness_mm=0.0):
    """Share of each voxel inside an ellipsoid, by counting points: the slow obvious way."""
    steps = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    axes = [
        ((np.arange(n)[:, None] - (n - 1) / 2 + steps).ravel() * SPACING_MM - c)
        / (scale * r - thickness_mm)
        for n, r, c in zip(SHAPE, RADII_MM, centre_mm, strict=True)
    ]
    i, j, k = np.meshgrid(*axes, indexing="ij", sparse=True)
    inside = (i**2 + j**2 + k**2 < 1.0).astype(np.float32)
    for axis, n in enumerate(SHAPE):
        shape = (*inside.shape[:axis], n, SUBSAMPLES, *inside.shape[axis + 1 :])
        inside = inside.reshape(shape).mean(axis=axis + 1)
    return inside


@pytest.fixture(scope="module")
def head():
    """Shells of CSF, GM and WM about a ventricle and brighter grey: (WM, GM, CSF), (deep, low)."""
    whole = ellipsoid(1.0)
    brain = ellipsoid(1.0, thickness_mm=5.0)
    white = ellipsoid(1.0, thickness_mm=15.0)
    ventricle = ellipsoid(0.25)
    nuclei = sum(ellipsoid(0.16, centre_mm=(side * 32.0, 0.0, 0.0)) for side in (-1, 1))
    cerebellum = ellipsoid(0.2, centre_mm=(0.0, -30.0, -25.0))
    special = np.stack([nuclei, cerebellum]).astype(np.float32)
    grey = special.sum(axis=0)
    maps = np.stack([white - ventricle - grey, brain - white + grey, whole - brain + ventricle])
    return maps.astype(np.float32), special


def scan(head, *, seed=0, noise=NOISE):
    maps, (nuclei, cerebellum) = head
    image = WM * maps[0] + GM * (maps[1] - nuclei - cerebellum) + CSF * maps[2]
    image += DEEP_GM * nuclei + CEREBELLAR_GM * cerebellum
    rng = np.random.default_rng(seed)
    return (image + rng.normal(0.0, noise, SHAPE)).astype(np.float32)


def segment(head, image):
    """Segment with the blurred truth as template, as a template is of nobody in particular."""
    maps, special = head
    priors = np.stack([ndimage.gaussian_filter(m, 1.5) for m in maps])
    mask = maps.sum(axis=0) > 0.5
    parts = [ndimage.gaussian_filter((s > 0.5).astype(np.float32), 0.5) for s in special]
    return segment_tissues(image, mask, priors, special=np.stack(parts), spacing_mm=SPACING_MM)


@pytest.fixture(scope="module")
def result(head):
    return segment(head, scan(head))


def test_volumes_are_recovered_within_a_few_percent(head, result):
    truth, found = (maps.sum(axis=(1, 2, 3)) for maps in (head[0], result[0]))
    np.testing.assert_allclose(found, truth, rtol=0.04)


def test_partial_volumes_follow_the_truth_voxel_by_voxel(head, result):
    inside = head[0].sum(axis=0) > 0.99
    off = np.abs(result[0] - head[0])[:, inside].mean(axis=1)
    assert (off < 0.03).all()


def test_maps_sum_to_one_inside_the_mask_and_to_zero_outside(head, result):
    mask = head[0].sum(axis=0) > 0.5
    total = result[0].sum(axis=0)
    np.testing.assert_allclose(total[mask], 1.0, atol=1e-5)
    assert not total[~mask].any()
    assert result[0].min() >= 0.0


def test_means_and_noise_are_those_of_the_image(result):
    means = result[1]
    assert means.csf == pytest.approx(CSF, abs=1.5)
    assert means.gm == pytest.approx(GM, abs=1.5)
    assert means.deep_gm == pytest.approx(DEEP_GM, abs=1.5)
    assert means.cerebellar_gm == pytest.approx(CEREBELLAR_GM, abs=1.5)
    assert means.wm == pytest.approx(WM, abs=1.5)
    assert means.noise == pytest.approx(NOISE, rel=0.15)


def test_the_scanners_unit_does_not_matter(head, result):
    maps, means = segment(head, 40.0 * scan(head))
    np.testing.assert_allclose(maps, result[0], atol=2e-3)
    assert means.wm == pytest.approx(40.0 * result[1].wm, rel=1e-3)


def test_an_image_without_noise_can_be_segmented(head):
    maps, means = segment(head, scan(head, noise=0.0))
    np.testing.assert_allclose(maps.sum(axis=(1, 2, 3)), head[0].sum(axis=(1, 2, 3)), rtol=0.04)
    assert means.noise > 0.0


def test_inverted_contrast_is_refused(head):
    with pytest.raises(SegmentationError, match="T1-weighted"):
        segment(head, 120.0 - scan(head))


def test_an_image_of_one_grey_is_refused(head):
    with pytest.raises(SegmentationError, match="T1-weighted"):
        segment(head, np.full(SHAPE, 50.0, dtype=np.float32))


def test_an_empty_mask_is_refused(head):
    maps, special = head
    nothing = np.zeros(SHAPE, dtype=bool)
    with pytest.raises(SegmentationError, match="the brain mask is empty"):
        segment_tissues(scan(head), nothing, maps, special=special, spacing_mm=SPACING_MM)


@pytest.mark.parametrize(
    ("csf", "gm", "wm", "noise"),
    [(60, 20, 100, 3), (20, 100, 60, 3), (20, 60, 62, 3), (20, 60, float("nan"), 3)],
    ids=["CSF brighter than GM", "GM brighter than WM", "less than the noise", "no number"],
)
def test_means_out_of_order_are_refused_with_their_numbers(csf, gm, wm, noise):
    with pytest.raises(SegmentationError, match=f"found CSF {csf}, GM {gm}, WM {wm} and noise 3"):
        check_order(TissueMeans(csf, gm, gm, gm, wm, noise))


def test_means_in_order_are_accepted():
    check_order(TissueMeans(20, 60, 70, 80, 100, 3))
