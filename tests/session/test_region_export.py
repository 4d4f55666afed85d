"""Label images of regions: what the numbers mean, for other viewers too; all or nothing."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.regions import finer_labels
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.session.bids import Destination
from brainviewer.session.export import ExportError
from brainviewer.session.label_tables import freesurfer_lut, itksnap_labels, label_colors
from brainviewer.session.region_export import region_export_steps
from tests.fakes import write_fake_checkpoint

NAMES = ("left caudate", "right caudate", "brain stem", "fornix")


def run(steps) -> list:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


@pytest.fixture
def labelled(session, root):
    write_fake_checkpoint(root, "labelled")
    session.open_checkpoint("labelled")
    session.wait_idle()
    return session


def test_labels_names_and_volumes_are_written_together(labelled, tmp_path) -> None:
    place = Destination(tmp_path, "seed1")
    recipe, decoder = labelled.recipe(), labelled.decoder
    (path,) = run(region_export_steps(decoder, recipe, place))
    assert path.name == "sub-seed1_seg-regions_desc-factual_dseg.nii.gz"
    image = nib.load(path)
    person, labels = labelled.person, np.asarray(image.dataobj)
    wanted = decoder.region_labels(person.identity, recipe.conditions)
    assert (labels == wanted).mean() > 0.95
    np.testing.assert_allclose(image.affine, decoder.generator.affine)
    volumes = decoder.region_volumes(person.identity, recipe.conditions)
    counted = np.bincount(labels.ravel(), minlength=3)[1:] * voxel_volume_ml(image.affine)
    np.testing.assert_allclose(counted, volumes, rtol=0.02)
    stem = path.name.removesuffix(".nii.gz")
    with (path.parent / f"{stem}.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["index"], row["name"]) for row in rows] == [
        ("1", "left half"),
        ("2", "right half"),
    ]
    assert [float(row["volume_ml"]) for row in rows] == pytest.approx(list(volumes), abs=1e-3)
    sidecar = json.loads((path.parent / f"{stem}.json").read_text())
    assert sidecar["VolumesML"]["left half"] == pytest.approx(float(volumes[0]), abs=1e-3)
    assert (path.parent / f"{stem}.lut.txt").is_file()
    assert (path.parent / f"{stem}.itksnap.txt").is_file()


def test_what_is_there_is_not_replaced_unless_allowed(labelled, tmp_path) -> None:
    place = Destination(tmp_path, "seed1")
    run(region_export_steps(labelled.decoder, labelled.recipe(), place))
    with pytest.raises(ExportError, match="exist already"):
        run(region_export_steps(labelled.decoder, labelled.recipe(), place))
    again = Destination(tmp_path, "seed1", overwrite=True)
    assert run(region_export_steps(labelled.decoder, labelled.recipe(), again))


def test_without_regions_nothing_is_written(session, tmp_path) -> None:
    steps = region_export_steps(
        session.decoder, session.recipe(), Destination(tmp_path / "out", "a")
    )
    with pytest.raises(ExportError, match="no regions to export: fake makes brains voxel by voxel"):
        run(steps)
    assert not (tmp_path / "out").exists()


def test_sides_share_a_colour_and_regions_do_not() -> None:
    left, right, *others = label_colors(NAMES)
    assert left == right
    assert len({left, *others}) == 3


def test_tables_are_as_other_viewers_read_them() -> None:
    red, green, blue = label_colors(NAMES)[2]
    assert f"3 brain_stem {red} {green} {blue} 0" in freesurfer_lut(NAMES).splitlines()
    assert f'3 {red} {green} {blue} 1 1 1 "brain stem"' in itksnap_labels(NAMES).splitlines()


def test_finer_labels_keep_their_place_and_size() -> None:
    away = np.linalg.norm(np.indices((16, 18, 14)).T - (7.5, 8.5, 6.5), axis=-1).T
    labels = np.where(away < 3, 2, np.where(away < 6, 5, 0)).astype(np.int16)
    fine = finer_labels(labels, 2)
    assert fine.shape == (32, 36, 28)
    assert fine.dtype == labels.dtype
    assert set(np.unique(fine)) == {0, 2, 5}
    for number in (2, 5):
        assert (fine == number).sum() / 8 == pytest.approx((labels == number).sum(), rel=0.06)
        middle = np.argwhere(fine == number).mean(axis=0)
        np.testing.assert_allclose((middle - 0.5) / 2, (7.5, 8.5, 6.5), atol=0.05)


def test_labels_at_the_edge_of_the_box_stay_there() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0], labels[-1] = 1, 2
    fine = finer_labels(labels, 2)
    assert (fine[0] == 1).all()
    assert (fine[-1] == 2).all()
    assert (fine[3:5] == 0).all()
