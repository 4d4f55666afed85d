"""Volumes written to files come back the same, and nothing is lost on the way."""

import errno
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core import files
from brainviewer.core.nifti import ImageError, SpaceCode, read_volume, write_frames, write_volume
from brainviewer.core.volume import Volume

RNG = np.random.default_rng(3)


@pytest.fixture
def volume(affine_of):
    affine = affine_of(spacing=(1, 1.5, 2), angles=(4, -7, 11))
    return Volume(RNG.normal(size=(4, 5, 6)).astype(np.float32), affine, "a")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.nii.gz"


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "NII.GZ"])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int16", "uint16", "int32"])
def test_what_is_written_is_read_back_bit_by_bit(suffix, dtype, volume, tmp_path):
    given = replace(volume, data=(volume.data * 50 + 120).astype(dtype))
    write_volume(tmp_path / f"a.{suffix}", given)
    back = read_volume(tmp_path / f"a.{suffix}")
    assert back.data.dtype == dtype
    assert back.data.tobytes() == given.data.tobytes()
    np.testing.assert_allclose(back.affine, given.affine, atol=1e-5)
    assert back.name == "a"


def test_every_orientation_is_written_where_it_lies(orientation, affine_of, phantom_on, path):
    phantom = phantom_on(affine_of(**orientation, spacing=(1, 2, 3), angles=(10, -12, 14)))
    write_volume(path, Volume(phantom.data, phantom.affine))
    phantom.assert_shown_by(read_volume(path))


def test_sform_and_qform_are_equal_orthonormal_and_coded(volume, path):
    write_volume(path, volume, description="age 63 years", space=SpaceCode.MNI)
    header = nib.load(path).header
    sform, sform_code = header.get_sform(coded=True)
    qform, qform_code = header.get_qform(coded=True)
    assert (sform_code, qform_code) == (4, 4)
    np.testing.assert_allclose(sform, qform, atol=1e-5)
    np.testing.assert_allclose(sform, volume.affine, atol=1e-5)
    cosines = sform[:3, :3] / np.linalg.norm(sform[:3, :3], axis=0)
    np.testing.assert_allclose(cosines.T @ cosines, np.eye(3), atol=1e-6)
    assert header.get_xyzt_units() == ("mm", "sec")
    assert header["descrip"].item() == b"age 63 years"


def test_the_same_volume_gives_the_same_bytes(volume, tmp_path):
    write_volume(tmp_path / "a.nii.gz", volume)
    write_volume(tmp_path / "b.nii.gz", volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_the_layout_in_memory_does_not_matter(volume, tmp_path):
    write_volume(tmp_path / "c.nii", volume)
    write_volume(tmp_path / "f.nii", replace(volume, data=np.asfortranarray(volume.data)))
    assert (tmp_path / "c.nii").read_bytes() == (tmp_path / "f.nii").read_bytes()


@pytest.mark.parametrize(("dtype", "step"), [("uint8", 1 / 255), ("uint16", 1 / 65535)])
def test_partial_volumes_can_be_stored_small(dtype, step, volume, path):
    fractions = RNG.uniform(size=volume.shape).astype(np.float32)
    fractions[0, 0, :2] = 0, 1
    write_volume(path, replace(volume, data=fractions), dtype=dtype)
    back = read_volume(path)
    assert nib.load(path).get_data_dtype() == dtype
    assert np.abs(back.data - fractions).max() <= 0.51 * step
    assert back.data[0, 0, :2].tolist() == [0, 1]
    assert back.data.max() == 1


def test_frames_make_a_4d_file(volume, path):
    frames = [replace(volume, data=volume.data + n) for n in range(3)]
    write_frames(path, frames, description="ages 20 to 30 years, step 5", step=5)
    image = nib.load(path)
    assert image.shape == (4, 5, 6, 3)
    assert image.header.get_zooms() == pytest.approx((1, 1.5, 2, 5))
    assert image.header.get_xyzt_units() == ("mm", "unknown")
    assert image.header["descrip"].item() == b"ages 20 to 30 years, step 5"
    for number, frame in enumerate(frames):
        back = read_volume(path, frame=number)
        assert back.data.tobytes() == frame.data.tobytes()
        np.testing.assert_allclose(back.affine, frame.affine, atol=1e-5)


def test_frames_share_one_slope(volume, path):
    frames = [replace(volume, data=np.full(volume.shape, n / 4, np.float32)) for n in range(5)]
    write_frames(path, frames, dtype="uint16")
    means = [read_volume(path, frame=number).data.mean() for number in range(5)]
    assert means == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-5)
    assert all(before < after for before, after in pairwise(means))


def test_frames_on_different_grids_are_refused(volume, path):
    moved = volume.affine.copy()
    moved[0, 3] += 1
    for other in [replace(volume, affine=moved), replace(volume, data=volume.data[1:])]:
        with pytest.raises(ImageError, match="frame 1 lies on another grid than frame 0; resample"):
            write_frames(path, [volume, other])
    with pytest.raises(ImageError, match="no frames; give"):
        write_frames(path, [])
    assert not path.exists()


def sheared(volume):
    affine = volume.affine.copy()
    affine[:3, 0] += 0.1 * affine[:3, 1]
    return replace(volume, affine=affine)


def holding(value):
    def change(volume):
        data = volume.data.copy()
        data[0, 0, 0] = value
        return replace(volume, data=data)

    return change


@pytest.mark.parametrize(
    ("change", "name", "options", "sentence"),
    [
        (sheared, "a.nii.gz", {}, "do not meet at right angles.*; resample it"),
        (holding(np.nan), "a.nii.gz", {}, "NaN or infinite; correct"),
        (holding(np.inf), "a.nii", {}, "NaN or infinite; correct"),
        (
            holding(2),
            "a.nii",
            {"dtype": "uint8"},
            r"uint8 stores real numbers in \[0, 1\].*; correct",
        ),
        (holding(2), "a.nii", {"dtype": "int64"}, "not as int64; "),
        (holding(2), "a.mgz", {}, r"only NIfTI is written; let the name end in \.nii\.gz"),
        (holding(2), "a.nii", {"description": "x" * 80}, "description .*; use at most 79 ASCII"),
        (holding(2), "a.nii", {"description": "50 µm"}, "description .*; use at most 79 ASCII"),
        (lambda v: replace(v, data=v.data[:0]), "a.nii", {}, r"shape \(0, 5, 6\); crop or"),
        (lambda v: replace(v, data=np.zeros((40000, 1, 1))), "a.nii", {}, "shape .*; crop or"),
    ],
)
def test_what_cannot_be_written_is_refused(change, name, options, sentence, volume, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(ImageError, match=sentence) as caught:
        write_volume(path, change(volume), **options)
    assert str(caught.value).startswith(f"cannot write {path}: ")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "no space is left on the disk; choose another folder"),
        (errno.EROFS, "the disk is read-only; choose another folder"),
        (errno.EACCES, "permission is denied; choose another folder"),
    ],
)
@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_an_existing_file_survives_a_disk_that_refuses(
    number, sentence, owner, step, volume, path, monkeypatch
):
    def refuse(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    path.write_bytes(b"old")
    monkeypatch.setattr(owner, step, refuse)
    with pytest.raises(ImageError, match=sentence):
        write_volume(path, volume)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_survives_a_disk_that_is_full_half_way(volume, path, monkeypatch):
    path.write_bytes(b"old")

    def write_some(target, write):
        def write_half(file):
            write(file)
            raise OSError(errno.ENOSPC, "No space left on device")

        files.write_atomically(target, write_half)

    monkeypatch.setattr("brainviewer.core.nifti.write_atomically", write_some)
    with pytest.raises(ImageError, match="no space is left"):
        write_volume(path, volume)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_and_a_folder_in_the_way_are_told(volume, tmp_path):
    with pytest.raises(ImageError, match="folder does not exist; choose another folder"):
        write_volume(tmp_path / "no" / "a.nii", volume)
    (tmp_path / "b.nii").mkdir()
    with pytest.raises(ImageError, match="it is a folder; choose another"):
        write_volume(tmp_path / "b.nii", volume)
    assert [path.name for path in tmp_path.iterdir()] == ["b.nii"]


def test_an_existing_image_is_replaced(volume, path):
    write_volume(path, volume)
    write_volume(path, replace(volume, data=volume.data + 1))
    assert np.array_equal(read_volume(path).data, volume.data + 1)
    assert list(path.parent.iterdir()) == [path]
