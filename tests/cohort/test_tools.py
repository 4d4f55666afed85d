import numpy as np
import pytest

from brainviewer.cohort.segment import SegmentationError
from brainviewer.cohort.tools import FslTools, PreprocessingError, ToolError, build_tools
from brainviewer.core.nifti import read_volume, write_volume
from brainviewer.core.volume import Volume

SHAPE = (9, 10, 11)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture
def fsl(tmp_path, monkeypatch):
    """A PATH on which scripts stand in for FSL; returns a function that writes one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def script(name, text):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    script("bet", "exit 0")
    script("fast", "exit 0")
    return script


@pytest.fixture
def head():
    data = np.zeros(SHAPE, np.float32)
    data[2:7, 2:8, 2:9] = 500.0
    return Volume(data, AFFINE)


def layers(*, wm=900.0):
    """An image in three layers: WM, GM, CSF (3, I, J, K) and their intensities."""
    maps = np.zeros((3, *SHAPE), np.float32)
    maps[0, :3], maps[1, 3:6], maps[2, 6:] = 1, 1, 1
    image = maps[0] * np.float32(wm) + maps[1] * 600 + maps[2] * 200
    return maps, Volume(image.astype(np.float32), AFFINE)


def prepare_answers(folder, maps):
    for number, tissue in enumerate(maps[::-1]):  # FAST: CSF, GM, WM
        write_volume(folder / f"brain_pve_{number}.nii.gz", Volume(tissue, AFFINE))


def test_unknown_tools_are_refused():
    with pytest.raises(ToolError, match="must be one of deepbet, fsl, got 'spm'"):
        build_tools("spm")


def test_missing_fsl_is_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="FSL's bet and fast is not on the PATH; install FSL"):
        build_tools("fsl")


def test_fsl_is_found_on_the_path(fsl):
    assert isinstance(build_tools("fsl"), FslTools)


def test_bet_gets_the_head_and_gives_the_mask(fsl, head, tmp_path):
    said = tmp_path / "said"
    fsl("bet", f'echo "$@" $FSLOUTPUTTYPE > {said}; cp "$1" brain_mask.nii.gz')
    mask = FslTools().extract(head)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, head.data > 0)
    assert said.read_text() == "head.nii.gz brain.nii.gz -m -n -R NIFTI_GZ\n"


def test_fast_gets_the_brain_and_gives_the_maps(fsl, tmp_path):
    maps, image = layers()
    mask = np.ones(SHAPE, bool)
    mask[:, 0] = False
    maps *= mask
    prepare_answers(tmp_path, maps)
    seen = tmp_path / "seen.nii.gz"
    fsl("fast", f"cp brain.nii.gz {seen}; cp {tmp_path}/brain_pve_*.nii.gz .")
    found, means = FslTools().segment(image, mask, maps, special=maps[:2])
    np.testing.assert_allclose(found, maps)
    np.testing.assert_array_equal(read_volume(seen).data, np.where(mask, image.data, 0))
    assert means.csf < means.gm == means.deep_gm == means.cerebellar_gm < means.wm


def test_a_wrong_contrast_is_refused(fsl, tmp_path):
    maps, image = layers(wm=100.0)
    prepare_answers(tmp_path, maps)
    fsl("fast", f"cp {tmp_path}/brain_pve_*.nii.gz .")
    with pytest.raises(SegmentationError, match="T1-weighted"):
        FslTools().segment(image, np.ones(SHAPE, bool), maps, special=maps[:2])


def test_a_tissue_that_fast_does_not_find_is_named(fsl, tmp_path):
    maps, image = layers()
    maps[2] = 0
    prepare_answers(tmp_path, maps)
    fsl("fast", f"cp {tmp_path}/brain_pve_*.nii.gz .")
    with pytest.raises(PreprocessingError, match="found no voxel of one tissue"):
        FslTools().segment(image, np.ones(SHAPE, bool), maps, special=maps[:2])


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo starting; echo 'cannot open volume' >&2; exit 1", "said: cannot open volume"),
        ("exit 3", "said: nothing"),
    ],
)
def test_what_fsl_complains_of_is_passed_on(fsl, head, script, sentence):
    fsl("bet", script)
    with pytest.raises(PreprocessingError, match=f"FSL's bet failed and {sentence}"):
        FslTools().extract(head)


def test_deepbet_finds_no_brain_in_noise():
    noise = np.random.default_rng(0).standard_normal((40, 40, 40)).astype(np.float32)
    tools = build_tools("deepbet")
    with pytest.raises(PreprocessingError, match="no brain was found"):
        tools.extract(Volume(noise * 0, AFFINE))
