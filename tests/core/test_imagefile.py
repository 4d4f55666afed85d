"""Whatever is wrong with a file, it is said in one sentence; nothing else comes out."""

import errno
import gzip
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from brainviewer.core.nifti import ImageError, peek, read_volume

GOOD = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([1.0, 2, 3, 1]))


def nifti_bytes(data=None, **fields):
    """A good NIfTI-1 file with fields of its header overwritten."""
    image = GOOD if data is None else nib.Nifti1Image(data, np.eye(4))
    content = bytearray(image.to_bytes())
    header = nib.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    return bytes(content)


def mgh_bytes():
    return nib.MGHImage(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)).to_bytes()


def make_folder(path):
    path.mkdir()


def write(content):
    """A maker that writes the content to the path, compressed where the name says so."""
    return lambda path: path.write_bytes(
        gzip.compress(content) if path.suffix in {".gz", ".mgz"} else content
    )


def write_raw(content):
    return lambda path: path.write_bytes(content)


RGB = np.zeros((2, 2, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
SINGULAR = {"srow_x": [1, 0, 0, 0], "srow_y": [1, 0, 0, 0], "srow_z": [0, 0, 1, 0]}
HUGE = [3, 20000, 20000, 20000, 1, 1, 1, 1]
CLAIMS_100_MB = [3, 300, 300, 500, 1, 1, 1, 1]
TRUNCATED_GZIP = gzip.compress(nifti_bytes())[:-30]
NOISE = np.random.default_rng(0).integers(0, 1000, (20, 20, 20), dtype=np.int16)
CORRUPT_GZIP = gzip.compress(nifti_bytes(NOISE))[:-8] + bytes(8)

BAD_FILES = {
    "missing": ("a.nii", lambda _path: None, "no such file; check"),
    "folder": ("a.nii", make_folder, "is a folder; choose"),
    "other name": ("a.txt", write(b"hello"), r"not named like an image; choose one that .*\.nii"),
    "dicom": ("a.dcm", write(b"hello"), "not named like an image"),
    "empty": ("a.nii", write(b""), "is empty; copy"),
    "empty gz": ("a.nii.gz", write_raw(b""), "is empty; copy"),
    "nothing in gz": ("a.nii.gz", write(b""), "damaged or not an image"),
    "text": ("a.nii", write(b"hello " * 200), "damaged or not an image .*; copy"),
    "text in gz": ("a.nii.gz", write(b"hello " * 200), "damaged or not an image"),
    "text as mgz": ("a.mgz", write(b"hello " * 200), "damaged or not an image"),
    "short mgh": ("a.mgh", write(b"hello"), "damaged or not an image"),
    "not gzip": ("a.nii.gz", write_raw(nifti_bytes()), r"not compressed .*; .* name it \.nii"),
    "gzip": ("a.nii", write_raw(gzip.compress(nifti_bytes())), r"compressed .* name it \.nii\.gz"),
    "gzip garbage": ("a.nii.gz", write_raw(b"\x1f\x8b" + b"\x99" * 500), "damaged"),
    "half a header": ("a.nii", write(nifti_bytes()[:200]), "damaged or not an image"),
    "cut .nii": ("a.nii", write(nifti_bytes()[:-1]), "cut short .*472 bytes.*471.*; copy"),
    "cut .nii.gz": ("a.nii.gz", write_raw(TRUNCATED_GZIP), "damaged .*; copy"),
    "cut inside .nii.gz": ("a.nii.gz", write(nifti_bytes()[:-1]), "cut short .*472.*471"),
    "cut .mgh": ("a.mgh", write(mgh_bytes()[:300]), "cut short"),
    "cut inside .mgz": ("a.mgz", write(mgh_bytes()[:300]), "cut short"),
    "checksum": ("a.nii.gz", write_raw(CORRUPT_GZIP), "damaged .*CRC.*; copy"),
    "absurd": ("a.nii.gz", write(nifti_bytes(dim=HUGE)), "20000 .* million voxels; resample"),
    "claims": ("a.nii", write(nifti_bytes(dim=CLAIMS_100_MB)), "cut short"),
    "claims in gz": ("a.nii.gz", write(nifti_bytes(dim=CLAIMS_100_MB)), "cut short"),
    "no voxels": ("a.nii", write(nifti_bytes(dim=[3, 4, 0, 4, 1, 1, 1, 1])), "shape is 4 x 0 x 4;"),
    "negative": ("a.nii", write(nifti_bytes(dim=[3, 4, -4, 4, 1, 1, 1, 1])), "4 x -4 x 4; correct"),
    "2D": ("a.nii", write(nifti_bytes(np.zeros((4, 4), np.uint8))), "2 axes .*; give a volume"),
    "5D": ("a.nii", write(nifti_bytes(np.zeros((2, 2, 2, 1, 3), np.uint8))), "5 axes .*; give"),
    "RGB": ("a.nii", write(nifti_bytes(RGB)), r"colours \(RGB\); give"),
    "complex": ("a.nii", write(nifti_bytes(np.zeros((2, 2, 2), "c8"))), "complex64; save"),
    "unknown type": ("a.nii", write(nifti_bytes(datatype=999)), "damaged"),
    "singular": ("a.nii", write(nifti_bytes(**SINGULAR)), "affine .*; correct"),
    "coinciding": (
        "a.nii",
        write(nifti_bytes(srow_x=[1, 1, 0, 0], srow_y=[1, 1, 0, 0])),
        "singular .*; correct",
    ),
    "NaN affine": ("a.nii", write(nifti_bytes(srow_x=[np.nan] * 4)), "affine holds NaN .*; corr"),
    "far away": ("a.nii", write(nifti_bytes(srow_x=[1, 0, 0, 1e9])), "kilometre away; correct"),
    "no zooms for the qform": (
        "a.nii.gz",
        write(nifti_bytes(sform_code=0, qform_code=1, pixdim=[1, 1, 1, np.nan, 0, 0, 0, 0])),
        "header gives voxels of 1 x 1 x nan mm; correct",
    ),
    "tiny voxels": (
        "a.nii",
        write(nifti_bytes(sform_code=0, qform_code=1, pixdim=[1, 1, 1, 1e-9, 0, 0, 0, 0])),
        "affine gives voxels of 1 x 1 x 1e-09 mm; correct",
    ),
    "no zooms": (
        "a.nii",
        write(nifti_bytes(sform_code=0, qform_code=0, pixdim=[1, 1, 0, 1, 0, 0, 0, 0])),
        "header gives voxels of 1 x 0 x 1 mm; correct",
    ),
    "intercept": ("a.nii", write(nifti_bytes(scl_slope=1, scl_inter=np.inf)), "intercept inf"),
    "all NaN": (
        "a.nii",
        write(nifti_bytes(np.full((2, 2, 2), np.nan, np.float32))),
        "none of its values is a finite number; choose",
    ),
    "lonely header": (
        "a.hdr",
        write(nib.Nifti1Pair(np.zeros((2, 2, 2), "u1"), np.eye(4)).header.binaryblock),
        "does not exist; check",
    ),
}


@pytest.mark.parametrize(("name", "make", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(name, make, sentence, tmp_path):
    path = tmp_path / name
    make(path)
    with pytest.raises(ImageError, match=sentence) as caught:
        read_volume(path)
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert "\n" not in str(caught.value)


def test_the_cause_is_kept(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(b"hello")
    with pytest.raises(ImageError) as caught:
        read_volume(path)
    assert caught.value.__cause__ is not None


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(ImageError, match="cannot read"):
        read_volume("a\0.nii")
    with pytest.raises(ImageError, match="name is too long; check"):
        read_volume("a" * 5000 + ".nii")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.nii"
    path.write_bytes(nifti_bytes())

    def deny(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(ImageError, match=r"permission is denied; check its name and permissions"):
        read_volume(path)


@pytest.mark.parametrize("analyze", [nib.AnalyzeImage, nib.Spm99AnalyzeImage])
def test_analyze_files_do_not_tell_left_from_right(analyze, tmp_path):
    nib.save(analyze(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "a.img")
    with pytest.raises(ImageError, match="left from right; convert"):
        read_volume(tmp_path / "a.img")


def test_surface_data_are_refused(tmp_path):
    brain = nib.cifti2.BrainModelAxis.from_mask(np.ones(4), name="CORTEX_LEFT")
    scalars = nib.cifti2.ScalarAxis(["x"])
    nib.save(nib.Cifti2Image(np.zeros((1, 4), "f4"), (scalars, brain)), tmp_path / "a.dscalar.nii")
    with pytest.raises(ImageError, match="Cifti2 data, not a volume; choose"):
        read_volume(tmp_path / "a.dscalar.nii")


@pytest.mark.parametrize("frame", [-1, 2])
def test_a_frame_that_is_not_there_is_refused(frame, tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(nifti_bytes(np.zeros((2, 2, 2, 2), np.uint8)))
    with pytest.raises(ImageError, match=f"no frame {frame}; choose one from 0 to 1"):
        read_volume(path, frame=frame)


@pytest.mark.parametrize("dim", [HUGE, CLAIMS_100_MB])
@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_no_memory_is_taken_for_data_that_are_not_there(dim, suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    write(nifti_bytes(dim=dim))(path)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError):
            read_volume(path)
        with pytest.raises(ImageError):
            peek(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def assert_volume_or_sentence(path):
    try:
        volume = read_volume(path)
    except ImageError as error:
        assert str(path) in str(error)  # noqa: PT017  either outcome is right
        return
    assert volume.data.ndim == 3
    assert np.isfinite(volume.data).all()
    assert np.isfinite(np.linalg.inv(volume.affine)).all()
    assert "".join(nib.aff2axcodes(volume.affine)) == "RAS"


@pytest.mark.parametrize(
    ("name", "content", "header_bytes"),
    [
        ("a.nii", nifti_bytes(scl_slope=2, scl_inter=1), 352),
        ("a.nii.gz", nifti_bytes(np.ones((2, 3, 4, 2), np.float32)), 352),
        ("b.nii", nib.Nifti2Image(np.ones((2, 3, 4)), np.eye(4)).to_bytes(), 544),
        ("a.mgh", mgh_bytes(), 284),
        ("a.mgz", mgh_bytes(), 90),
    ],
)
def test_mutated_headers_give_a_volume_or_a_sentence(name, content, header_bytes, tmp_path):
    rng = np.random.default_rng(7)
    path = tmp_path / name
    for _ in range(150):
        mutated = bytearray(content)
        for place in rng.integers(header_bytes, size=rng.integers(1, 5)):
            mutated[place] = rng.integers(256)
        write(bytes(mutated))(path)
        assert_volume_or_sentence(path)


def test_extreme_header_fields_give_a_volume_or_a_sentence(tmp_path):
    rng = np.random.default_rng(8)
    path = tmp_path / "a.nii"
    fields = nib.Nifti1Header.template_dtype
    for _ in range(300):
        name = rng.choice([field for field in fields.names if fields[field].kind != "S"])
        kind = fields[name].base
        if kind.kind == "f":
            extremes = [0, -1, 1e-38, 1e38, np.nan, np.inf, -np.inf, 0.5]
        else:
            extremes = [np.iinfo(kind).min, np.iinfo(kind).max, 0, 1, 2, 7]
        values = rng.choice(extremes, fields[name].shape or None)
        path.write_bytes(nifti_bytes(**{name: values}))
        assert_volume_or_sentence(path)


def test_no_damage_to_a_compressed_file_changes_a_value(tmp_path):
    rng = np.random.default_rng(9)
    noise = rng.integers(0, 1000, (5, 6, 7), dtype=np.int16)
    content = gzip.compress(nifti_bytes(noise), mtime=0)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    whole = read_volume(path)
    refused = 0
    for _ in range(150):
        mutated = bytearray(content[: rng.integers(20, len(content) + 200)])
        mutated[rng.integers(len(mutated))] ^= 1 << rng.integers(8)
        path.write_bytes(mutated)
        try:
            assert np.array_equal(read_volume(path).data, whole.data)
        except ImageError:
            refused += 1
    assert refused > 100
