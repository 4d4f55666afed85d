"""The regions of a scan, found by a network, as a label image on the scan's own voxels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import brainviewer
from brainviewer.core.nifti import SpaceCode, write_volume
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.regions import finer_labels
from brainviewer.core.space import finer_affine, resample
from brainviewer.core.tissues import T1
from brainviewer.core.volume import Volume
from brainviewer.session.bids import image_stem
from brainviewer.session.export import PROGRAM, check_destination, image_files, write_files
from brainviewer.session.region_export import ENDINGS, SEGMENTATION, SUFFIX, label_tables

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.parcellation import Parcellator
    from brainviewer.session.bids import Destination

OWN_VOXELS = "orig"
DESC = "network"
FINER = 2  # the labels' grid against the network's, so that borders are smooth on fine voxels


def check_scan_regions(destination: Destination) -> None:
    """Raise ExportError when files exist that may not be replaced."""
    check_destination(destination, [f"{_stem(destination)}{ending}" for ending in ENDINGS])


def scan_region_steps(
    scan: OwnScan, network: Parcellator, destination: Destination
) -> Generator[float, None, list[Path]]:
    """Find the regions of a scan and write them: NIfTI, sidecar, names, volumes and colours.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Raises
    ------
    ExportError
        When a file exists and may not be replaced, or the disk refuses.
    ParcellationError
        When there is no brain to find regions in.
    """
    check_scan_regions(destination)
    yield 0.0
    image = scan.maps.volume(T1)
    found = network(np.asarray(image.data, dtype=np.float32), image.affine)
    yield 0.6
    volumes_ml = dict(zip(found.names, map(float, found.volumes_ml), strict=True))
    labels = labels_on_scan(scan, Volume(found.labels, image.affine, SEGMENTATION))
    yield 0.8
    about = {
        "Description": f"regions of {scan.name} as whole numbers, named in the tables beside, "
        f"found by a network",
        "Sources": [scan.name],
        "Network": network.facts.trained_on,
        "VolumesML": {name: round(volume, 3) for name, volume in volumes_ml.items()},
        "Application": brainviewer.__version__,
        "Doubts": list(scan.doubts),
        "Warning": NOT_CLINICAL,
    }
    stem = _stem(destination)
    files = image_files(stem, partial(_write_native, volume=labels), about)
    files |= label_tables(stem, found.names, volumes_ml)
    paths = write_files(destination, files)
    yield 1.0
    return paths


def labels_on_scan(scan: OwnScan, labels: Volume) -> Volume:
    """Bring labels from the common grid to the scan's own voxels, in the world of its file."""
    fine = finer_affine(labels.affine, FINER)
    smooth = Volume(finer_labels(labels.data, FINER), fine, labels.name)
    there = resample(smooth, affine=scan.t1.affine, shape=scan.t1.shape, order=0)
    inside: FloatArray = np.asarray(scan.t1.data, dtype=np.float32)
    own = np.where(inside > 0, there.data, 0).astype(np.int16)
    return Volume(own, np.linalg.inv(scan.to_rigid) @ scan.t1.affine, labels.name)


def _stem(destination: Destination) -> str:
    return image_stem(
        destination.label, SUFFIX, desc=DESC, space=OWN_VOXELS, segmentation=SEGMENTATION
    )


def _write_native(path: Path, *, volume: Volume) -> None:
    write_volume(path, volume, description=PROGRAM, space=SpaceCode.SCANNER)
