"""Reading one frame of an image after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core import frames
from brainviewer.core.frames import FrameFile
from brainviewer.core.nifti import ImageError, read_volume

if TYPE_CHECKING:
    from pathlib import Path

AFFINE = np.diag([-2.0, 2.0, 3.0, 1.0])
STORED = np.random.default_rng(0).integers(0, 900, (4, 5, 6, 7)).astype(">i2")


def write(path: Path, *, slope: float = 1.0) -> Path:
    image = nib.Nifti1Image(STORED, AFFINE)
    image.header.set_slope_inter(slope, 0.0)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_every_frame_is_that_of_the_file_however_often_it_is_asked(tmp_path, name, slope) -> None:
    file = FrameFile(write(tmp_path / name, slope=slope))
    for frame in (6, 0, 3, 3):
        found = file.read(frame)
        np.testing.assert_array_equal(found.data, slope * STORED[::-1, ..., frame])
        assert found.data.dtype == ("int16" if slope == 1 else "float32")
        assert found.affine[0, 0] == 2.0


def test_mgh_files_have_frames_too(tmp_path) -> None:
    nib.save(nib.MGHImage(STORED.astype(np.float32), AFFINE), tmp_path / "a.mgz")
    file = FrameFile(tmp_path / "a.mgz")
    for frame in (5, 2):
        np.testing.assert_array_equal(file.read(frame).data, STORED[::-1, ..., frame])


def test_a_compressed_file_is_decompressed_once_for_all_that_follow(tmp_path, monkeypatch) -> None:
    file = FrameFile(write(tmp_path / "a.nii.gz"))
    file.read(1)
    file.read(2)
    monkeypatch.setattr(frames, "_read_frame", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(file.read(6).data, STORED[::-1, ..., 6])


def test_where_memory_is_short_frames_are_read_one_by_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(frames, "available_bytes", lambda: 2 * STORED.nbytes)
    file = FrameFile(write(tmp_path / "a.nii.gz"))
    for frame in (1, 2, 3):
        np.testing.assert_array_equal(file.read(frame).data, STORED[::-1, ..., frame])
    assert file._kept is None


def test_a_frame_that_is_not_there_is_a_sentence(tmp_path) -> None:
    path = write(tmp_path / "a.nii")
    with pytest.raises(ImageError, match="it has no frame 7; choose one from 0 to 6"):
        FrameFile(path).read(7)
    with pytest.raises(ImageError, match="it has no frame -1"):
        read_volume(path, frame=-1)


def test_a_single_volume_has_one_frame(tmp_path) -> None:
    nib.save(nib.Nifti1Image(STORED[..., 0], AFFINE), tmp_path / "a.nii.gz")
    file = FrameFile(tmp_path / "a.nii.gz")
    for _ in range(3):
        np.testing.assert_array_equal(file.read(0).data, STORED[::-1, ..., 0])
