"""Whether an image can be the scan of one head at all: by its header and its values alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from brainviewer.cohort import limits
from brainviewer.cohort.limits import ScanRefusedError, judge

if TYPE_CHECKING:
    from brainviewer.core.imagefile import ImageInfo
    from brainviewer.core.volume import Volume

    Doubts = list[str]

COARSE_MM = 4.0
HEAD_SHARE = 0.2  # of the brightest: what is brighter is head
HEAD_OPENING = 2  # coarse voxels


def check_file(info: ImageInfo) -> Doubts:
    """Judge what the header of a file says."""
    if info.frames > 1:
        raise ScanRefusedError(
            f"the file holds {info.frames} volumes, as a series or several people do; write one "
            f"T1-weighted volume of one person to a file of its own"
        )
    if not info.has_orientation:
        return ["the file does not say where left and right are; they are guessed"]
    return []


def check_image(volume: Volume) -> Doubts:
    """Judge an image by its voxels, its field of view and what is in it."""
    spacing = np.sort(volume.spacing_mm)
    longest, shortest = float(spacing[-1]), float(spacing[0])
    elongation = (longest / shortest, limits.ELONGATION)
    doubts = judge([(longest, limits.SPACING_MM), (shortest, limits.SPACING_MM), elongation])
    field = np.sort(volume.spacing_mm * volume.shape)
    if (field < limits.LEAST_FIELD_MM).any():
        size = " x ".join(f"{side:.0f}" for side in field)
        raise ScanRefusedError(f"the image covers {size} mm, less than a brain; {limits.WHOLE}")
    if len(np.unique(volume.data)) < limits.FEWEST_VALUES:
        raise ScanRefusedError(
            f"the image has {len(np.unique(volume.data))} different values, as labels or masks "
            f"have; {limits.ONE_IMAGE}"
        )
    largest, second = second_head_ml(volume)
    if second > max(limits.SECOND_HEAD_ML, limits.SECOND_HEAD_SHARE * largest):
        raise ScanRefusedError(
            f"the image holds two things as large as heads ({largest:.0f} and {second:.0f} mL); "
            f"take a scan of one person"
        )
    return list(dict.fromkeys(doubts))


def may_be_scan(info: ImageInfo, volume: Volume) -> bool:
    """Tell whether an image may be the scan of a head, so that it is worth asking."""
    try:
        check_file(info)
        check_image(volume)
    except ScanRefusedError:
        return False
    return True


def second_head_ml(volume: Volume) -> tuple[float, float]:
    """Measure the largest and the second largest thing in an image, in mL."""
    steps = [max(1, round(COARSE_MM / spacing)) for spacing in volume.spacing_mm.tolist()]
    coarse = ndimage.uniform_filter(volume.data.astype(np.float32), steps)
    coarse = coarse[:: steps[0], :: steps[1], :: steps[2]]
    head = coarse > HEAD_SHARE * np.percentile(coarse, 98)
    pieces, count = ndimage.label(ndimage.binary_opening(head, iterations=HEAD_OPENING))
    sizes = sorted(np.bincount(pieces.ravel(), minlength=count + 1)[1:].tolist())
    largest, second = [0, 0, *sizes][-1], [0, 0, *sizes][-2]
    voxel_ml = volume.voxel_volume_ml * np.prod(steps)
    return float(largest * voxel_ml), float(second * voxel_ml)
