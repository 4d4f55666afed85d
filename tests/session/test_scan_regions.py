"""Regions of a scan: labels come out on the scan's own voxels, in the world of its file."""

from __future__ import annotations

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.volume import Brain, Volume
from brainviewer.generators.parcellation import NetworkFacts, NetworkSizes, Parcellation
from brainviewer.session.bids import Destination
from brainviewer.session.export import ExportError
from brainviewer.session.scan_regions import scan_region_steps
from tests.fakes import AFFINE, fake_scan

MOVED = np.eye(4)
MOVED[:3, 3] = (12.0, -7.0, 3.0)


class Sides:
    """A network that finds what lies left and right in the world."""

    names = ("left half", "right half")
    facts = NetworkFacts(names, NetworkSizes(), {}, 30, "nobody")

    def __call__(self, image, affine) -> Parcellation:
        x = (np.indices(image.shape)[0] * affine[0, 0]) + affine[0, 3]
        labels = np.where(image > 0, np.where(x < 0, 1, 2), 0).astype(np.int16)
        volumes = np.bincount(labels.ravel(), minlength=3)[1:].astype(np.float32)
        return Parcellation(self.names, labels, volumes)


@pytest.fixture
def scan():
    """One whose file lies elsewhere than its maps, with voxels turned and half as large."""
    scan = fake_scan()
    image = scan.maps.data.sum(axis=0, keepdims=True)
    maps = Brain((*scan.maps.channels, "T1w"), np.concatenate([scan.maps.data, image]), AFFINE)
    fine = np.kron(image[0], np.ones((2, 2, 2), np.float32)).transpose(1, 0, 2)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    corner = AFFINE[:3, 3] - AFFINE[:3, :3].sum(axis=1) / 4
    affine[0, 1], affine[1, 0], affine[2, 2] = np.diag(AFFINE)[:3] / 2
    affine[:3, 3] = corner
    return replace(scan, maps=maps, t1=Volume(fine, affine, scan.name), to_rigid=MOVED)


def run(steps) -> list:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def test_labels_lie_where_the_scan_has_them(scan, tmp_path) -> None:
    (path,) = run(scan_region_steps(scan, Sides(), Destination(tmp_path, "x")))
    assert path.name == "sub-x_space-orig_seg-regions_desc-network_dseg.nii.gz"
    image = nib.load(path)
    labels = np.asarray(image.dataobj)
    assert labels.shape == scan.t1.shape
    assert (labels[scan.t1.data == 0] == 0).all()
    assert (labels[scan.t1.data > 0] > 0).mean() > 0.9
    world = nib.affines.apply_affine(MOVED @ image.affine, np.argwhere(labels == 1))
    assert (world[:, 0] < 0).mean() > 0.97
    sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
    assert set(sidecar["VolumesML"]) == set(Sides.names)
    assert "Not a medical device" in sidecar["Warning"]


def test_files_that_exist_stop_it_before_anything_is_found(scan, tmp_path, monkeypatch) -> None:
    run(scan_region_steps(scan, Sides(), Destination(tmp_path, "x")))
    monkeypatch.delattr(Sides, "__call__")
    with pytest.raises(ExportError, match="exist already"):
        run(scan_region_steps(scan, Sides(), Destination(tmp_path, "x")))
