"""Brain extraction and tissue segmentation: the project's own, or FSL's where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import nibabel as nib
import numpy as np
from deepbet.bet import BrainExtraction

from brainviewer.cohort.segment import TissueMeans, check_order, segment_tissues
from brainviewer.core.nifti import read_volume, write_volume
from brainviewer.core.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray

TOOLS = ("deepbet", "fsl")
FSL_COMMANDS = ("bet", "fast")
PURE = 0.99


class PreprocessingError(ValueError):
    """A scan that cannot become a person; the sentence says why."""


class ToolError(ValueError):
    """A tool that is unknown or not installed."""


class Tools(Protocol):
    """The two steps of preparation that can be exchanged."""

    def extract(self, volume: Volume) -> NDArray[np.bool_]:
        """Return the brain mask, CSF included: (I, J, K) bool."""
        ...

    def segment(
        self, t1: Volume, mask: NDArray[np.bool_], priors: FloatArray, *, special: FloatArray
    ) -> tuple[FloatArray, TissueMeans]:
        """Return the partial volumes of WM, GM, CSF: (3, I, J, K), and the tissue means."""
        ...


def build_tools(name: str) -> Tools:
    """Load the tools of a name: ``"deepbet"`` or ``"fsl"``; ToolError when there are none."""
    check_tools(name)
    return FslTools() if name == "fsl" else DeepbetTools()


def check_tools(name: str) -> None:
    """Raise ToolError when the tools are unknown or not installed."""
    if name not in TOOLS:
        raise ToolError(f"the tools must be one of {', '.join(TOOLS)}, got {name!r}")
    missing = [command for command in FSL_COMMANDS if shutil.which(command) is None]
    if name == "fsl" and missing:
        raise ToolError(
            f"FSL's {' and '.join(missing)} is not on the PATH; install FSL or leave the tools "
            f"at deepbet"
        )


class DeepbetTools:
    """Extraction with deepbet (Fisch et al. 2024), segmentation with `segment_tissues`."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # Its weights are TorchScript, which torch no longer recommends.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._network = BrainExtraction(no_gpu=True)

    def extract(self, volume: Volume) -> NDArray[np.bool_]:
        """Return the brain mask; PreprocessingError when there is no brain."""
        image = nib.Nifti1Image(volume.data.astype(np.float32), volume.affine)
        try:
            mask = self._network.run(image)[1]
        except (AssertionError, IndexError, RuntimeError, ValueError) as error:
            raise PreprocessingError(
                "no brain was found; the image must be a T1-weighted scan of a head"
            ) from error
        return np.asarray(mask.dataobj) > 0

    def segment(
        self, t1: Volume, mask: NDArray[np.bool_], priors: FloatArray, *, special: FloatArray
    ) -> tuple[FloatArray, TissueMeans]:
        """Segment with template priors; SegmentationError for other contrasts."""
        intensities = t1.data.astype(np.float32, copy=False)
        spacing = float(t1.spacing_mm.mean())
        return segment_tissues(intensities, mask, priors, special=special, spacing_mm=spacing)


class FslTools:
    """FSL's BET and FAST (Smith 2002; Zhang, Brady and Smith 2001), as both papers used."""

    def extract(self, volume: Volume) -> NDArray[np.bool_]:
        """Run ``bet`` with a robust centre and return its mask."""
        with tempfile.TemporaryDirectory() as folder:
            write_volume(Path(folder) / "head.nii.gz", volume)
            _call("bet", "head.nii.gz", "brain.nii.gz", "-m", "-n", "-R", folder=folder)
            return np.asarray(_read(folder, "brain_mask") > 0)

    def segment(
        self, t1: Volume, mask: NDArray[np.bool_], priors: FloatArray, *, special: FloatArray
    ) -> tuple[FloatArray, TissueMeans]:
        """Run ``fast`` on the stripped image; it needs no template maps."""
        del priors, special
        intensities = np.where(mask, t1.data, 0).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            write_volume(Path(folder) / "brain.nii.gz", Volume(intensities, t1.affine))
            _call("fast", "-t", "1", "-n", "3", "-N", "brain.nii.gz", folder=folder)
            # FAST numbers its classes from dark to bright.
            csf, gm, wm = (_read(folder, f"brain_pve_{number}") for number in range(3))
        maps = np.clip(np.stack([wm, gm, csf]), 0.0, 1.0)
        return maps, _measure_means(intensities, maps)


def _measure_means(intensities: FloatArray, maps: FloatArray) -> TissueMeans:
    """Average each tissue over its partial volumes; FAST knows one grey matter."""
    weights = maps.reshape(3, -1)
    if weights.sum(axis=1).min() < 1.0:
        raise PreprocessingError(
            "FSL's fast found no voxel of one tissue; the image must be a T1-weighted brain"
        )
    wm, gm, csf = np.average(np.stack([intensities.ravel()] * 3), axis=1, weights=weights).tolist()
    pure = intensities[maps[0] > PURE]
    noise = float(pure.std()) if pure.size else 0.0
    means = TissueMeans(csf, gm, gm, gm, wm, noise)
    check_order(means)
    return means


def _read(folder: str, name: str) -> FloatArray:
    return read_volume(Path(folder) / f"{name}.nii.gz").data.astype(np.float32)


def _call(command: str, *arguments: str, folder: str) -> None:
    result = subprocess.run(
        [command, *arguments],
        cwd=folder,
        env={**os.environ, "FSLOUTPUTTYPE": "NIFTI_GZ"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines() or ["nothing"]
        raise PreprocessingError(f"FSL's {command} failed and said: {said[-1]}")
