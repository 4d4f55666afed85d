from dataclasses import dataclass, replace

import ants
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from brainviewer.cohort import preparing
from brainviewer.cohort.bids import find_scans, read_label_names
from brainviewer.cohort.own_scan import STAGES
from brainviewer.cohort.preparing import prepare_own_scan
from brainviewer.cohort.preprocess import (
    PreparedScan,
    ants_matrix,
    prepare_scan,
    preprocess_scan,
    regions_on_grid,
    register_affine,
    rigid_part,
    to_ants,
    volumes_on_grid,
)
from brainviewer.cohort.segment import TissueMeans
from brainviewer.cohort.template import load_template, template_grid
from brainviewer.cohort.tools import PreprocessingError, build_tools
from brainviewer.core.nifti import read_volume, write_volume
from brainviewer.core.space import resample, voxel_to_world
from brainviewer.core.tissues import TISSUES, label_map, map_volumes_ml
from brainviewer.core.volume import Volume

MEANS = TissueMeans(csf=300.0, gm=700.0, deep_gm=750.0, cerebellar_gm=800.0, wm=1000.0, noise=20.0)


@dataclass(frozen=True)
class KnownTools:
    """Tools that know the answer."""

    mask: np.ndarray
    tissues: np.ndarray

    def extract(self, volume):
        return self.mask

    def segment(self, t1, mask, priors, *, special):
        wm = float(np.median(t1.data[self.tissues[0] > 0.99]))
        return self.tissues, replace(MEANS, wm=wm)


def world_matrix(*, turned_deg, scale, shift_mm):
    matrix = np.eye(4)
    rotation = Rotation.from_euler("xyz", turned_deg, degrees=True).as_matrix()
    matrix[:3, :3] = rotation * np.array(scale)
    matrix[:3, 3] = shift_mm
    return matrix


TO_TEMPLATE = world_matrix(turned_deg=(9, -4, 6), scale=(1.1, 1.05, 1.15), shift_mm=(4, -12, 9))


@pytest.fixture(scope="module")
def head():
    """The template's brain as somebody with a smaller, tilted head: volume, mask, tissues."""
    template = load_template(2.0)
    shape = (84, 100, 88)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    centre = np.linalg.inv(TO_TEMPLATE) @ [0, -20, 12, 1]
    affine[:3, 3] = centre[:3] - affine[:3, :3] @ (np.array(shape) - 1) / 2

    def carry(data):
        moved = resample(Volume(data, template.affine), affine=TO_TEMPLATE @ affine, shape=shape)
        return moved.data

    tissues = np.stack([carry(t) for t in template.tissues])
    tissues /= np.maximum(tissues.sum(axis=0), 1.0)
    image = tissues[0] * MEANS.wm + tissues[1] * MEANS.gm + tissues[2] * MEANS.csf
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * 15
    mask = tissues.sum(axis=0) > 0.5
    return Volume(image + noise * mask, affine, "head"), mask, tissues * mask


@pytest.fixture(scope="module")
def prepared(head):
    volume, mask, tissues = head
    return prepare_scan(volume, KnownTools(mask, tissues))


def known_scan(head, *, to_template=TO_TEMPLATE):
    """The head as a prepared scan without the work of preparing it."""
    volume, mask, tissues = head
    t1 = Volume(np.clip(volume.data / 1400, 0, 1).astype(np.float32) * mask, volume.affine)
    rigid = rigid_part(to_template, np.array([0.0, 0.0, 0.0]))
    volumes_ml = map_volumes_ml(tissues, volume.affine)
    return PreparedScan(t1, mask, tissues, MEANS, to_template, rigid, volumes_ml)


def test_ants_matrices_carry_points_as_ants_does(tmp_path):
    """A spot of the moving image shows in the fixed one where the matrix says."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-50, -40, -30)
    spot_mm = np.array([9.0, -7.0, 14.0])
    points = voxel_to_world(affine, np.moveaxis(np.indices((50, 44, 40)), 0, -1))
    spot = np.exp(-((points - spot_mm) ** 2).sum(axis=-1) / 50).astype(np.float32)
    turn = Rotation.from_euler("xyz", (10, -20, 15), degrees=True).as_matrix()
    transform = ants.create_ants_transform(
        transform_type="AffineTransform",
        matrix=turn * [1.1, 0.9, 1.0],
        translation=[3.0, -5.0, 4.0],
        center=[6.0, 2.0, -8.0],
    )
    path = str(tmp_path / "affine.mat")
    ants.write_transform(transform, path)
    image = to_ants(Volume(spot, affine))
    warped = ants.apply_transforms(image, image, [path]).numpy()
    found_mm = (points * warped[..., None]).sum(axis=(0, 1, 2)) / warped.sum()
    matrix = ants_matrix(ants.read_transform(path))
    np.testing.assert_allclose((matrix @ [*found_mm, 1])[:3], spot_mm, atol=0.3)


def test_the_rigid_part_of_a_turn_with_scale_is_the_turn():
    turn = world_matrix(turned_deg=(20, -10, 5), scale=(1, 1, 1), shift_mm=(0, 0, 0))
    centre = np.array([10.0, -20.0, 30.0])
    scaled = turn @ np.diag([1.2, 0.9, 1.1, 1.0])
    scaled[:3, 3] = (7, 8, 9)
    rigid = rigid_part(scaled, centre)
    np.testing.assert_allclose(rigid[:3, :3], turn[:3, :3], atol=1e-12)
    np.testing.assert_allclose(rigid @ [*centre, 1], scaled @ [*centre, 1])


def test_the_rigid_part_keeps_volume_and_right_hand():
    rng = np.random.default_rng(2)
    for _ in range(20):
        affine = np.eye(4)
        affine[:3, :3] += 0.25 * rng.standard_normal((3, 3))
        rigid = rigid_part(affine, rng.standard_normal(3))[:3, :3]
        assert np.linalg.det(rigid) == pytest.approx(1.0)
        np.testing.assert_allclose(rigid @ rigid.T, np.eye(3), atol=1e-12)


def test_a_tilted_head_finds_its_way_to_the_template(head, prepared):
    volume, mask, _ = head
    corners = voxel_to_world(volume.affine, np.argwhere(mask)[::2000])
    there = voxel_to_world(prepared.to_template, corners)
    assert np.abs(there - voxel_to_world(TO_TEMPLATE, corners)).max() < 3.0
    assert prepared.volume_factor == pytest.approx(np.linalg.det(TO_TEMPLATE), rel=0.04)


def test_white_matter_has_its_intensity_and_outside_is_black(prepared):
    pure = prepared.t1.data[prepared.tissues[0] > 0.99]
    assert np.median(pure) == pytest.approx(0.75)
    assert not prepared.t1.data[~prepared.mask].any()
    assert 0 <= prepared.t1.data.min() <= prepared.t1.data.max() <= 1


def test_alignment_does_not_depend_on_the_clock(prepared):
    """Two threads leave rounding errors; with one, as in an import, nothing differs."""
    first, again = (register_affine(prepared.t1) for _ in range(2))
    np.testing.assert_allclose(first, again, atol=0.03)


def test_rigid_alignment_keeps_the_persons_volumes(head):
    scan = known_scan(head)
    volumes, lost = volumes_on_grid(scan)
    shape, affine = template_grid(2.0)
    maps = np.stack([volumes[t] for t in TISSUES])
    assert maps.shape[1:] == shape
    on_grid = map_volumes_ml(maps / 255.0, affine)
    for tissue in TISSUES:
        assert on_grid[tissue] == pytest.approx(scan.volumes_ml[tissue], rel=0.005)
    assert abs(lost) < 0.001


def test_affine_alignment_brings_the_brain_to_the_templates_size(head):
    volumes, _ = volumes_on_grid(known_scan(head))
    template = load_template(2.0).mask
    aligned = volumes["T1w_affine"] > 40
    overlap = 2 * (aligned & template).sum() / (aligned.sum() + template.sum())
    assert overlap > 0.95
    rigid = volumes["T1w"] > 40
    factor = np.linalg.det(TO_TEMPLATE[:3, :3])
    assert aligned.sum() / rigid.sum() == pytest.approx(factor, rel=0.03)


def test_a_finer_scan_keeps_its_volumes_too(head):
    volume, _, tissues = head
    fine = np.diag([1.0, 1.0, 1.0, 1.0])
    fine[:3, 3] = volume.affine[:3, 3] + 0.5
    shape = tuple(2 * n for n in volume.shape)
    maps = np.stack(
        [resample(Volume(t, volume.affine), affine=fine, shape=shape).data for t in tissues]
    )
    scan = known_scan((Volume(maps.sum(0), fine), maps.sum(0) > 0.5, maps))
    volumes, _ = volumes_on_grid(scan)
    on_grid = map_volumes_ml(np.stack([volumes[t] for t in TISSUES]) / 255.0, template_grid(2.0)[1])
    for tissue in TISSUES:
        assert on_grid[tissue] == pytest.approx(scan.volumes_ml[tissue], rel=0.01)


def test_a_brain_outside_the_grid_is_refused(head):
    away = TO_TEMPLATE.copy()
    away[2, 3] += 90
    with pytest.raises(PreprocessingError, match=r"% of the brain lies outside"):
        volumes_on_grid(known_scan(head, to_template=away))


def test_labels_of_the_same_world_follow_the_brain(head):
    scan = known_scan(head)
    labels = label_map(scan.tissues)
    cropped = Volume(labels[2:], scan.t1.affine @ _step(2, 0, 0), "labels")
    on_grid = regions_on_grid(cropped, scan)
    assert on_grid.dtype == np.uint8
    expected = label_map(np.stack([volumes_on_grid(scan)[0][t] for t in TISSUES]) / 255.0)
    assert (on_grid == expected)[expected > 0].mean() > 0.85


def test_labels_above_255_are_kept(head):
    scan = known_scan(head)
    labels = Volume(np.where(scan.mask, np.int32(2035), np.int32(0)), scan.t1.affine)
    on_grid = regions_on_grid(labels, scan)
    assert on_grid.dtype == np.uint16
    assert set(np.unique(on_grid)) == {0, 2035}


@pytest.mark.parametrize(
    ("dtype", "value", "step", "sentence"),
    [
        (np.float32, 0.5, 0, "must hold whole numbers"),
        (np.int32, -3, 0, "must hold whole numbers"),
        (np.int32, 70000, 0, "must hold whole numbers"),
        (np.uint8, 1, 40, "does not lie on the brain"),
        (np.uint8, 1, 500, "does not lie on the brain"),
    ],
)
def test_label_maps_that_do_not_fit_are_refused(head, dtype, value, step, sentence):
    scan = known_scan(head)
    data = np.where(scan.mask, value, 0).astype(dtype)
    labels = Volume(data, scan.t1.affine @ _step(0, 0, step), "strange")
    with pytest.raises(PreprocessingError, match=f"label map strange {sentence}"):
        regions_on_grid(labels, scan)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_brain_that_is_too_small_is_refused(head, share):
    volume, mask, tissues = head
    kept = mask & (np.arange(mask.shape[0]) < share * mask.shape[0])[:, None, None]
    with pytest.raises(PreprocessingError, match=r"found has \d+ mL, an adult's has 700-2500 mL"):
        prepare_scan(volume, KnownTools(kept, tissues))


def _step(i, j, k):
    matrix = np.eye(4)
    matrix[:3, 3] = (i, j, k)
    return matrix


def test_a_real_scan_agrees_with_its_labels(shared_data):
    folder = shared_data / "ixi"
    scan = find_scans(folder)[0]
    record = preprocess_scan(scan, build_tools("deepbet"))
    labels, names = read_volume(scan.labels), read_label_names(folder)
    # Low and high bound of ours over the labels': they read GM high and cortical CSF low.
    for tissue, (low, high) in {"WM": (0.8, 1.1), "GM": (0.7, 1.0), "CSF": (1.0, 2.5)}.items():
        wanted = [number for number, (_, named) in names.items() if named == tissue]
        counted_ml = float(np.isin(labels.data, wanted).sum()) * labels.voxel_volume_ml
        assert low < record.volumes_ml[tissue] / counted_ml < high
        ours = record.volumes[tissue] > 127
        theirs = np.isin(record.volumes["regions"], wanted)
        dice = 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())
        assert dice > {"WM": 0.75, "GM": 0.65, "CSF": 0.5}[tissue]
    assert 1.0 < record.affine_volume_factor < 1.6
    assert record.details["lost_share"] < 0.001


def test_an_own_scan_is_prepared_as_in_an_import(head, prepared, tmp_path, monkeypatch) -> None:
    volume, mask, tissues = head
    write_volume(tmp_path / "sub-X_T1w.nii.gz", volume)
    monkeypatch.setattr(preparing, "build_tools", lambda name: KnownTools(mask, tissues))
    stages = []
    scan = prepare_own_scan(tmp_path / "sub-X_T1w.nii.gz", on_stage=stages.append)
    expected, _ = volumes_on_grid(prepared)
    assert stages == list(range(len(STAGES)))
    assert scan.name == "sub-X_T1w"
    for name in (*TISSUES, "T1w"):
        apart = np.abs(scan.maps.volume(name).data - expected[name] / 255.0)
        assert apart.mean() < 0.01
    assert scan.volumes_ml == pytest.approx(prepared.volumes_ml, rel=0.01)
    # The image leads to the world of the maps: white matter is bright where its map is full.
    shape, affine = template_grid(2.0)
    t1 = resample(scan.t1, affine=affine, shape=shape).data
    assert np.median(t1[scan.maps.volume("WM").data > 0.99]) == pytest.approx(0.75, abs=0.05)
