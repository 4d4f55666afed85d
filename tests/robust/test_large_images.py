"""Images that are larger than the memory, or than anybody can wait for."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core import frames
from brainviewer.core.imagefile import ImageError
from brainviewer.core.nifti import peek, read_volume
from brainviewer.core.space import Convention, Plane
from brainviewer.core.thinning import MOST_VALUES
from brainviewer.session.display import Display
from brainviewer.session.slabs import MOST_CUBIC_VOXELS
from brainviewer.session.slicing import render_slice

if TYPE_CHECKING:
    from pathlib import Path

MB = 2**20


def write_sparse(path: Path, side: int, kind: str = "uint8", slope: float = 1.0) -> Path:
    """Write a cube of zeros that takes no room on the disk, with one plane of values."""
    header = nib.Nifti1Header()
    header.set_data_dtype(kind)
    header.set_data_shape((side, side, side))
    header.set_sform(np.diag([0.2, 0.2, 0.2, 1.0]), 1)
    header["magic"], header["vox_offset"], header["scl_slope"] = b"n+1", 352, slope
    size = np.dtype(kind).itemsize
    with path.open("wb") as file:
        file.write(header.binaryblock)
        file.truncate(352 + side**3 * size)
        file.seek(352 + side // 2 * side**2 * size)
        file.write((np.arange(side**2) % 251).astype(kind).tobytes())
    return path


def test_an_image_of_1024_cubed_is_refused_and_takes_no_memory(tmp_path: Path) -> None:
    plain = write_sparse(tmp_path / "a.nii", 1024)
    packed = tmp_path / "b.nii.gz"
    with plain.open("rb") as file:
        packed.write_bytes(gzip.compress(file.read(2**22)))
    tracemalloc.start()
    try:
        for path in (plain, packed):
            for look in (peek, read_volume):
                with pytest.raises(ImageError, match="resample it to larger voxels or crop it"):
                    look(path)
        assert tracemalloc.get_traced_memory()[1] < MB
    finally:
        tracemalloc.stop()


def test_an_image_for_which_too_little_memory_is_free_is_refused(tmp_path, monkeypatch) -> None:
    path = write_sparse(tmp_path / "a.nii", 64, "int16", slope=0.5)
    monkeypatch.setattr(frames, "available_bytes", lambda: 2_000_000)
    with pytest.raises(ImageError, match=r"it needs 0.0 GB of memory, 0.0 GB are free; close"):
        read_volume(path)
    monkeypatch.setattr(frames, "available_bytes", lambda: None)
    assert read_volume(path).data.max() == 125.0


@pytest.mark.parametrize(("kind", "slope", "copies"), [("int16", 1.0, 4), ("int16", 0.5, 10)])
def test_reading_takes_no_more_than_was_asked_for(tmp_path, kind, slope, copies) -> None:
    side = 160
    path = write_sparse(tmp_path / "a.nii", side, kind, slope)
    tracemalloc.start()
    try:
        read_volume(path)
        assert tracemalloc.get_traced_memory()[1] < copies * side**3 + MB
    finally:
        tracemalloc.stop()


def test_an_image_of_300_cubed_is_shown_from_parts_of_it(tmp_path: Path) -> None:
    volume = read_volume(write_sparse(tmp_path / "a.nii", 330))
    assert volume.data.size > max(MOST_VALUES, MOST_CUBIC_VOXELS)
    display = Display()
    tracemalloc.start()
    try:
        display.add_image(volume)
        display.set_layer(0, interpolation="cubic")
        for plane in Plane:
            render_slice(display.layers, plane, display.crosshair, Convention.RADIOLOGICAL)
        assert tracemalloc.get_traced_memory()[1] < volume.data.size
    finally:
        tracemalloc.stop()
