"""Volumes read from files: every orientation, and right stays right."""

import logging
from itertools import product

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.nifti import ImageInfo, image_name, peek, read_volume
from brainviewer.core.space import to_ras

FORMATS = {
    "nii": nib.Nifti1Image,
    "nii.gz": nib.Nifti1Image,
    "nifti2.nii.gz": nib.Nifti2Image,
    "hdr": nib.Nifti1Pair,
    "img.gz": nib.Nifti1Pair,
    "mgz": nib.MGHImage,
    "mgh": nib.MGHImage,
}


def save(path, data, affine=None, **fields):
    """Save as NIfTI-1 with an sform and any field of the header overwritten."""
    image = nib.Nifti1Image(data, None)
    image.header.set_sform(np.eye(4) if affine is None else affine, 2)
    for name, value in fields.items():
        image.header[name] = value
    nib.save(image, path)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_orientation_in_every_format(orientation, suffix, affine_of, phantom_on, tmp_path):
    phantom = phantom_on(affine_of(**orientation))
    path = tmp_path / f"brain.{suffix}"
    nib.save(FORMATS[suffix](phantom.data, phantom.affine), path)
    phantom.assert_shown_by(read_volume(path))


@pytest.mark.parametrize("suffix", ["nii", "mgz"])
def test_oblique_and_anisotropic_files(orientation, suffix, affine_of, phantom_on, tmp_path):
    affine = affine_of(**orientation, spacing=(0.8, 1.2, 3), angles=(14, -20, 9))
    phantom = phantom_on(affine)
    path = tmp_path / f"brain.{suffix}"
    nib.save(FORMATS[suffix](phantom.data, phantom.affine), path)
    volume = read_volume(path)
    phantom.assert_shown_by(volume)
    assert sorted(volume.spacing_mm) == pytest.approx([0.8, 1.2, 3])


def test_a_sheared_sform_is_shown_where_it_says(affine_of, phantom_on, tmp_path):
    affine = affine_of(order=(1, 2, 0), signs=(1, -1, -1))
    affine[:3, 0] += 0.2 * affine[:3, 1]
    phantom = phantom_on(affine)
    phantom.assert_shown_by(read_volume(save(tmp_path / "a.nii", phantom.data, affine)))


@pytest.mark.parametrize(
    ("sform_code", "qform_code", "used"),
    [(1, 0, "s"), (0, 1, "q"), (1, 1, "s"), (1, 2, "s"), (4, 1, "s"), (0, 4, "q")],
)
def test_the_sform_goes_before_the_qform(
    sform_code, qform_code, used, affine_of, phantom_on, tmp_path
):
    affines = {
        "s": affine_of(signs=(-1, 1, 1)),
        "q": affine_of(order=(1, 0, 2), signs=(1, -1, 1), spacing=(1, 2, 1)),
    }
    phantom = phantom_on(affines[used])
    image = nib.Nifti1Image(phantom.data, None)
    image.header.set_sform(affines["s"], sform_code)
    image.header.set_qform(affines["q"], qform_code)
    nib.save(image, tmp_path / "a.nii")
    phantom.assert_shown_by(read_volume(tmp_path / "a.nii"))
    info = peek(tmp_path / "a.nii")
    assert (info.sform_code, info.qform_code) == (sform_code, qform_code)
    assert info.has_orientation


def test_a_file_without_orientation_is_shown_with_a_warning(tmp_path, caplog):
    data = np.zeros((4, 6, 8), np.int16)
    path = save(tmp_path / "a.nii", data, sform_code=0, qform_code=0, pixdim=[1, 1, 2, 3, *[1] * 4])
    with caplog.at_level(logging.WARNING, "brainviewer"):
        volume = read_volume(path)
    assert "left and right" in caplog.text
    assert str(path) in caplog.text
    assert volume.spacing_mm.tolist() == [1, 2, 3]
    np.testing.assert_allclose(volume.affine, to_ras(data, nib.load(path).affine)[1])
    assert not peek(path).has_orientation


@pytest.mark.parametrize(
    ("unit", "mm"), [("mm", 1), ("unknown", 1), ("meter", 1e3), ("micron", 1e-3)]
)
def test_other_units_become_mm(unit, mm, tmp_path):
    image = nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.diag([2 / mm, 2 / mm, 2 / mm, 1]))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    assert peek(tmp_path / "a.nii").spacing_mm == pytest.approx((2, 2, 2))
    assert read_volume(tmp_path / "a.nii").spacing_mm == pytest.approx([2, 2, 2])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32"])
@pytest.mark.parametrize("order", "<>")
def test_unscaled_integers_stay_exact(dtype, order, tmp_path):
    limits = np.iinfo(dtype)
    values = np.array([limits.min, 0, 1, limits.max], dtype).reshape(4, 1, 1)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nib.save(nib.Nifti1Image(values, np.eye(4), header), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.data.dtype == np.dtype(dtype)
    assert volume.data.dtype.isnative
    assert np.array_equal(volume.data, values)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", "<>")
def test_real_numbers_become_float32(dtype, order, tmp_path):
    values = np.linspace(-1, 3, 24).reshape(2, 3, 4).astype(dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nib.save(nib.Nifti1Image(values, np.eye(4), header), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.data.dtype == np.float32
    assert volume.data.dtype.isnative
    assert np.array_equal(volume.data, values.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_slope_and_intercept_are_applied(dtype, tmp_path):
    stored = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = save(tmp_path / "a.nii.gz", stored, scl_slope=0.5, scl_inter=-3)
    volume = read_volume(path)
    assert volume.data.dtype == np.float32
    assert np.array_equal(volume.data, stored.astype(np.float32) * 0.5 - 3)


def test_a_slope_of_zero_means_none(tmp_path):
    path = save(tmp_path / "a.nii", np.full((2, 2, 2), 7, np.int16), scl_slope=0, scl_inter=9)
    assert (read_volume(path).data == 7).all()


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "mgz"])
@pytest.mark.parametrize("frame", [0, 2])
def test_a_frame_is_picked_from_4d(suffix, frame, affine_of, tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 3)).astype(np.float32)
    affine = affine_of(order=(2, 0, 1), signs=(-1, 1, -1))
    nib.save(FORMATS[suffix](data, affine), tmp_path / f"a.{suffix}")
    volume = read_volume(tmp_path / f"a.{suffix}", frame=frame)
    expected, expected_affine = to_ras(data[..., frame], affine)
    assert np.array_equal(volume.data, expected)
    np.testing.assert_allclose(volume.affine, expected_affine, atol=1e-5)
    assert peek(tmp_path / f"a.{suffix}").frames == 3


@pytest.mark.parametrize("further", [(1,), (1, 1), (1, 1, 1, 1), (2, 1)])
def test_axes_of_one_are_no_obstacle(further, tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, *further)).astype(np.float32)
    path = save(tmp_path / "a.nii", data)
    assert nib.load(path).shape == data.shape
    volume = read_volume(path)
    assert np.array_equal(volume.data, data.reshape(3, 4, 5, -1)[..., 0])


def test_values_that_are_not_finite_are_counted_and_shown_as_zero(tmp_path, caplog):
    data = np.ones((2, 3, 4), np.float32)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    path = save(tmp_path / "a.nii", data)
    with caplog.at_level(logging.WARNING, "brainviewer"):
        volume = read_volume(path)
    assert f"{path}: 3 of 24 values are NaN, infinite or beyond 1e+18" in caplog.text
    assert volume.data[0, 0].tolist() == [0, 0, 0, 1]
    assert volume.data.sum() == 21


def test_a_good_file_is_read_without_a_word(tmp_path, caplog, capfd):
    path = save(tmp_path / "a.nii", np.ones((2, 2, 2), np.float32))
    with caplog.at_level(logging.DEBUG, "brainviewer"):
        read_volume(path)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_peek_reads_the_header_alone(affine_of, tmp_path):
    affine = affine_of(order=(1, 2, 0), signs=(-1, 1, 1), spacing=(1, 1.5, 2))
    path = save(tmp_path / "a.nii.gz", np.zeros((4, 5, 6, 7), np.int16), affine)
    path.write_bytes(path.read_bytes()[:-8])
    assert peek(path) == ImageInfo(
        shape=(4, 5, 6),
        spacing_mm=(1, 1.5, 2),
        frames=7,
        dtype="int16",
        orientation="PSR",
        sform_code=2,
        qform_code=0,
    )


def test_mgh_has_no_codes(tmp_path):
    nib.save(nib.MGHImage(np.zeros((2, 3, 4), np.float32), np.eye(4)), tmp_path / "a.mgz")
    info = peek(tmp_path / "a.mgz")
    assert (info.sform_code, info.qform_code) == (None, None)
    assert info.has_orientation


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("sub-01_T1w.nii.gz", "sub-01_T1w"),
        ("a.b.nii", "a.b"),
        ("T1.mgz", "T1"),
        ("A.NII.GZ", "A"),
        ("x.hdr", "x"),
    ],
)
def test_a_volume_is_named_as_its_file(file, name, tmp_path):
    assert image_name(tmp_path / file) == name


def test_the_data_are_laid_out_for_fast_slicing(affine_of, tmp_path):
    for order, signs in product([(2, 0, 1), (0, 1, 2)], [(1, 1, 1), (-1, 1, -1)]):
        affine = affine_of(order=order, signs=signs)
        volume = read_volume(save(tmp_path / "a.nii", np.ones((3, 4, 5), np.uint8), affine))
        assert volume.data.flags.c_contiguous
        assert volume.name == "a"
