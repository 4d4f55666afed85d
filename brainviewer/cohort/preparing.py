"""Preparing one scan of one's own as `import` does, without a cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.acceptance import (
    check_alignment,
    check_brain,
    check_tissues,
)
from brainviewer.cohort.image_checks import check_file, check_image
from brainviewer.cohort.own_scan import STAGES, OwnScan
from brainviewer.cohort.preprocess import STORE_SPACING_MM, prepare_scan, volumes_on_grid
from brainviewer.cohort.reading import FULL
from brainviewer.cohort.store import T1_RIGID
from brainviewer.cohort.template import template_grid
from brainviewer.cohort.tools import build_tools
from brainviewer.core.nifti import peek, read_volume
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain, Volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def prepare_own_scan(
    path: Path, *, tools: str = "deepbet", on_stage: Callable[[int], None] = lambda stage: None
) -> OwnScan:
    """Strip, correct, align and segment a T1-weighted scan.

    Parameters
    ----------
    path : Path
    tools : ``"deepbet"`` or ``"fsl"``
    on_stage : function of the index of one of `STAGES`, as it begins

    Raises
    ------
    ImageError
        When the file cannot be read.
    PreprocessingError, SegmentationError, ToolError
        When it is no T1-weighted scan of one whole adult head, or the tools are not there.
    ScanRefusedError
        When it lies beyond what the application can show; see `acceptance`.
    """
    on_stage(0)
    doubts = check_file(peek(path))
    volume = read_volume(path)
    doubts += check_image(volume)
    prepared = prepare_scan(
        volume,
        build_tools(tools),
        on_stage=lambda stage: on_stage(1 + stage),
        check_brain=lambda *found: doubts.extend(check_brain(*found)),
        check_alignment=lambda *found: doubts.extend(check_alignment(*found)),
    )
    on_stage(len(STAGES) - 1)
    found, _ = volumes_on_grid(prepared)
    _, affine = template_grid(STORE_SPACING_MM)
    channels = (*TISSUES, T1_RIGID)
    maps = np.stack([found[name].astype(np.float32) / np.float32(FULL) for name in channels])
    from_rigid = np.asarray(prepared.to_template @ np.linalg.inv(prepared.to_rigid))
    doubts += check_tissues(
        prepared.volumes_ml, maps[:3], maps[3], affine=affine, to_template=from_rigid
    )
    return OwnScan(
        name=volume.name,
        t1=Volume(prepared.t1.data, prepared.to_rigid @ prepared.t1.affine, volume.name),
        maps=Brain(channels, maps, affine),
        to_rigid=prepared.to_rigid,
        volumes_ml=prepared.volumes_ml,
        doubts=tuple(doubts),
    )
