import numpy as np
import pytest

from brainviewer.cohort.regions import (
    REGION_NAMES,
    TERRITORIES,
    label_regions,
    region_maps,
    region_volumes_ml,
)
from brainviewer.cohort.template import average_cells, load_template, template_grid
from brainviewer.core.volume import voxel_volume_ml


def mirrored_names():
    """Label of the region on the other side, for each label."""
    swap = {name: name for name in REGION_NAMES}
    swap |= {
        n: n[:-1] + {"L": "R", "R": "L"}[n[-1]] for n in REGION_NAMES if n[-2:] in ("_L", "_R")
    }
    return np.array([REGION_NAMES.index(swap[name]) for name in REGION_NAMES])


@pytest.fixture(scope="module", params=[4.0, 2.0])
def template(request):
    return load_template(request.param)


def test_grid_is_the_stores_grid_at_2_mm():
    shape, affine = template_grid(2.0)
    assert shape == (80, 112, 96)
    np.testing.assert_array_equal(affine[:3, 3], (-79, -131, -76))


def test_a_spacing_that_does_not_divide_the_field_is_refused():
    with pytest.raises(ValueError, match=r"divide 32 mm, got 3\.0 mm"):
        template_grid(3.0)


def test_maps_are_partial_volumes(template):
    assert template.t1.dtype == template.tissues.dtype == np.float32
    assert template.tissues.min() >= 0
    assert template.tissues.sum(axis=0).max() <= 1 + 1e-5
    assert 0 <= template.t1.min() <= template.t1.max() <= 1
    assert (template.ventricles <= template.tissues[2]).all()


def test_the_brain_touches_no_face_of_the_grid(template):
    for axis in range(3):
        faces = np.take(template.mask, (0, -1), axis=axis)
        assert not faces.any()


def test_volumes_do_not_depend_on_the_spacing():
    coarse, fine = (
        region_volumes_ml(t.classes, t.territories, t.affine)
        for t in (load_template(4.0), load_template(2.0))
    )
    assert fine["ventricles"] == pytest.approx(coarse["ventricles"], rel=1e-4)
    assert 15 < fine["ventricles"] < 30
    assert sum(fine.values()) == pytest.approx(sum(coarse.values()), rel=1e-4)


def test_region_volumes_are_the_sums_of_the_region_maps(template):
    maps = region_maps(template.classes, template.territories)
    sums = maps.sum(axis=(1, 2, 3), dtype=float) * voxel_volume_ml(template.affine)
    volumes = region_volumes_ml(template.classes, template.territories, template.affine)
    assert dict(zip(REGION_NAMES[1:], sums, strict=True)) == pytest.approx(volumes, rel=1e-4)
    np.testing.assert_allclose(maps.sum(axis=0), template.classes.sum(axis=0), atol=1e-5)


def test_left_and_right_are_mirror_images(template):
    np.testing.assert_allclose(template.t1, template.t1[::-1], atol=1e-5)
    swapped = mirrored_names()[template.regions[::-1]]
    assert (swapped == template.regions).mean() > 0.9999


def test_right_labels_lie_at_positive_x(template):
    x = template.affine[0, 0] * np.arange(template.t1.shape[0]) + template.affine[0, 3]
    for label, name in enumerate(REGION_NAMES):
        where = x[np.nonzero(template.regions == label)[0]]
        if name.endswith("_R"):
            assert where.min() > 0
        if name.endswith("_L"):
            assert where.max() < 0


@pytest.mark.parametrize(
    ("point_mm", "name"),
    [
        ((-5, 13, 11), "ventricles"),  # frontal horn
        ((27, -43, 11), "ventricles"),  # atrium
        ((1, -43, -33), "ventricles"),  # fourth
        ((11, -17, 9), "deep_GM_R"),  # thalamus
        ((-25, 5, 1), "deep_GM_L"),  # putamen
        ((1, -25, -31), "brainstem"),  # pons
        ((25, 25, 25), "cerebrum_WM_R"),
        ((-1, -37, 1), "CSF"),  # quadrigeminal cistern
        ((-9, -81, 5), "occipital_GM_L"),  # calcarine cortex
        ((37, -69, -39), "cerebellum_GM_R"),
        ((-25, -21, -13), "medial_temporal_GM_L"),  # hippocampus
    ],
)
def test_landmarks_have_their_names(point_mm, name):
    template = load_template(2.0)
    voxel = np.round(np.linalg.inv(template.affine) @ (*point_mm, 1)).astype(int)[:3]
    assert template.region_names[template.regions[tuple(voxel)]] == name


def test_nuclei_and_brain_stem_have_the_tissue_that_anatomists_give_them():
    template = load_template(2.0)
    wm, gm, _ = template.tissues
    deep = np.isin(template.regions, [REGION_NAMES.index(f"deep_GM_{side}") for side in "LR"])
    stem = template.regions == REGION_NAMES.index("brainstem")
    assert gm[deep].mean() > 0.7
    assert wm[stem].mean() > 0.85


def test_ventricles_have_no_grey_lining_beside_white_matter():
    template = load_template(2.0)
    atrium = np.s_[50:58, 40:50, 43:50]  # x 21-35, y -51 to -33, z 10-22 mm
    rim = (template.ventricles[atrium] > 0.1) & (template.ventricles[atrium] < 0.9)
    assert template.tissues[1][atrium][rim].mean() < 0.2


def test_label_regions_leaves_mostly_empty_voxels_unnamed():
    classes = np.zeros((4, 1, 1, 2), np.float32)
    classes[1, 0, 0] = (0.4, 0.6)
    territories = np.full((1, 1, 2), 1 + 2 * TERRITORIES.index("frontal"), np.uint8)
    names = [REGION_NAMES[label] for label in label_regions(classes, territories).ravel()]
    assert names == ["background", "frontal_GM_L"]


def test_average_cells_is_the_mean_over_whole_cells():
    rng = np.random.default_rng(0)
    data = rng.random((4, 6, 8), dtype=np.float32)
    target = np.diag([2.0, 2.0, 2.0, 1.0])
    target[:3, 3] = 0.5
    averaged = average_cells(data, np.eye(4), (2, 3, 4), target)
    slow = data.reshape(2, 2, 3, 2, 4, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(averaged, slow, rtol=1e-5)
