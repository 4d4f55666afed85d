"""What headers say, in words."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.header import header_facts
from brainviewer.core.nifti import ImageError

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 3.0, 0, -20], [0, 0, 4.0, 5], [0, 0, 0, 1]])


def write(path, shape=(4, 5, 6, 7)):
    image = nib.Nifti1Image(np.zeros(shape, np.int16), AFFINE)
    header = image.header
    header.set_slope_inter(0.5, -3)
    header.set_xyzt_units("mm", "sec")
    header.set_zooms((2, 3, 4, 1.5)[: len(shape)])
    header["descrip"] = b"a <test>"
    image.set_sform(AFFINE, 4)
    image.set_qform(AFFINE, 1)
    nib.save(image, path)
    return path


def test_the_header_of_a_series_in_words(tmp_path) -> None:
    path = write(tmp_path / "bold.nii.gz")
    facts = dict(header_facts(path))
    assert facts["File"] == str(path)
    assert facts["Format"] == "NIfTI-1"
    assert facts["Shape"] == "4 × 5 × 6 voxels"
    assert facts["Frames"] == "7"
    assert facts["Voxel size"] == "2 × 3 × 4 mm"
    assert facts["Field of view"] == "8 × 15 × 24 mm"
    assert facts["Orientation"] == "LAS (i to left, j to anterior, k to superior)"
    assert (facts["sform code"], facts["qform code"]) == ("4 (MNI 152)", "1 (scanner)")
    assert (facts["Data type"], facts["Scaling"]) == ("int16", "slope 0.5, intercept -3")
    assert facts["Units"] == "space mm, time s"
    assert facts["Frame step"] == "1.5 s"
    assert facts["sform"] == "-2  0  0  10"
    assert facts["Description"] == "a <test>"


def test_a_volume_has_no_frame_step_and_mgh_no_codes(tmp_path) -> None:
    assert "Frame step" not in dict(header_facts(write(tmp_path / "a.nii", (4, 5, 6))))
    nib.save(nib.MGHImage(np.zeros((4, 5, 6), np.float32), AFFINE), tmp_path / "a.mgz")
    facts = dict(header_facts(tmp_path / "a.mgz"))
    assert (facts["Format"], facts["Scaling"]) == ("MGH", "none")
    assert "sform code" not in facts


def test_a_qform_that_is_no_rotation_is_said_and_the_rest_is_told(tmp_path) -> None:
    path = write(tmp_path / "a.nii")
    image = nib.load(path)
    image.header["quatern_b"] = image.header["quatern_c"] = 3.0
    nib.save(image, path)
    facts = dict(header_facts(path))
    assert "not a rotation" in facts["qform"]
    assert facts["Shape"] == "4 × 5 × 6 voxels"


def test_a_file_that_is_gone_is_a_sentence(tmp_path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        header_facts(tmp_path / "gone.nii")
