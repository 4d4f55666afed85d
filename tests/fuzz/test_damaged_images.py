"""Damaged image files: shown or refused in a sentence, never more."""

from __future__ import annotations

import gzip
import warnings
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.imagefile import ImageError
from brainviewer.core.nifti import peek, read_volume
from brainviewer.core.space import Convention, Plane
from brainviewer.session.display import Display
from brainviewer.session.slicing import render_slice
from tests.fuzz.mutation import answered, damaged_bytes, damaged_fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Offsets and types of the NIfTI-1 header: dim, datatype, bitpix, pixdim, vox_offset, slope,
# intercept, units, codes, quaternion, offsets, rows, and the magic.
FIELDS = [
    (0, "<i4"),
    *((40 + 2 * n, "<i2") for n in range(8)),
    *((70, "<i2"), (72, "<i2")),
    *((76 + 4 * n, "<f4") for n in range(8)),
    *((108, "<f4"), (112, "<f4"), (116, "<f4"), (123, "u1"), (252, "<i2"), (254, "<i2")),
    *((256 + 4 * n, "<f4") for n in range(18)),
    (344, "<i4"),
]
KINDS = ("int16", "uint8", "float32", "float64")


def image_bytes(kind: str) -> bytes:
    """Make a small NIfTI-1 file."""
    data = np.random.default_rng(0).integers(0, 90, (7, 6, 5)).astype(kind)
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = -5
    return nib.Nifti1Image(data, affine).to_bytes()


def look_at(path: Path) -> None:
    """Read an image and show it as the window does."""
    peek(path)
    display = Display()
    with warnings.catch_warnings():
        # nibabel's log goes to stderr; its warnings are about what the sentence says anyway.
        warnings.simplefilter("ignore")
        display.add_image(read_volume(path))
    for plane in Plane:
        render_slice(display.layers, plane, display.crosshair, Convention.RADIOLOGICAL)
    display.values_at_crosshair()


def try_all(count: int, seed: int, path: Path, make: Callable[[np.random.Generator], bytes]) -> int:
    """Look at many damaged files; returns how many were refused."""
    refused = 0
    for number in range(count):
        path.write_bytes(make(np.random.default_rng([seed, number])))
        with answered(ImageError) as sentences:
            look_at(path)
        refused += len(sentences)
    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_values_in_a_header(kind: str, tmp_path: Path) -> None:
    whole = image_bytes(kind)
    refused = try_all(500, 1, tmp_path / "a.nii", lambda rng: damaged_fields(whole, rng, FIELDS))
    assert 50 < refused < 500


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes(kind: str, tmp_path: Path) -> None:
    whole = image_bytes(kind)
    try_all(250, 2, tmp_path / "a.nii", lambda rng: damaged_bytes(whole, rng))


def test_damaged_compressed_bytes(tmp_path: Path) -> None:
    whole = gzip.compress(image_bytes("int16"), mtime=0)
    refused = try_all(400, 3, tmp_path / "a.nii.gz", lambda rng: damaged_bytes(whole, rng))
    assert refused > 300


def test_damaged_bytes_inside_good_compression(tmp_path: Path) -> None:
    whole = image_bytes("int16")
    try_all(
        250, 4, tmp_path / "a.nii.gz",
        lambda rng: gzip.compress(damaged_bytes(whole, rng), compresslevel=1, mtime=0),
    )  # fmt: skip


def test_damaged_mgh(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 90, (7, 6, 5)).astype("int16")
    path = tmp_path / "a.mgh"
    nib.save(nib.MGHImage(data, np.eye(4)), path)
    whole = path.read_bytes()
    header = whole[:100]
    try_all(300, 5, path, lambda rng: damaged_bytes(header, rng) + whole[100:])


def test_a_small_file_that_claims_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype("float64")
    header.set_data_shape((1024, 1024, 1024))
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    (tmp_path / "a.nii").write_bytes(header.binaryblock + bytes(1000))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1000)))
    for path in sorted(tmp_path.iterdir()):
        with answered(ImageError) as sentences:
            look_at(path)
        assert sentences
