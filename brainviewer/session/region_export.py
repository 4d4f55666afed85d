"""The regions of a generated brain as a label image, with tables that other viewers read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.core.files import write_text_atomically
from brainviewer.core.label_sizes import sizing_steps
from brainviewer.core.regions import finer_labels
from brainviewer.core.tissues import tissue_maps
from brainviewer.core.volume import Volume, voxel_volume_ml
from brainviewer.session.bids import description_of, image_sidecar, image_stem
from brainviewer.session.encoding import scaled
from brainviewer.session.export import (
    ExportError,
    check_destination,
    image_files,
    write_files,
    write_image,
)
from brainviewer.session.label_tables import bids_label_table, freesurfer_lut, itksnap_labels
from brainviewer.session.model import identity_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from brainviewer.core.recipe import Recipe
    from brainviewer.core.volume import Brain
    from brainviewer.session.bids import Destination
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.export import Files

SUFFIX = "dseg"
SEGMENTATION = "regions"
ENDINGS = (".nii.gz", ".json", ".tsv", ".lut.txt", ".itksnap.txt")
LEAST_TISSUE = 0.5
WHAT = "regions as whole numbers, named in the tables beside"


def region_export_steps(
    decoder: Decoder, recipe: Recipe, destination: Destination, *, fine: bool = False
) -> Generator[float, None, list[Path]]:
    """Label the brain of a recipe and write it: NIfTI, sidecar, and the labels' names and colours.

    The names are in ``.tsv`` (BIDS, with volumes in mL), ``.lut.txt`` (FreeSurfer, FSLeyes,
    3D Slicer) and ``.itksnap.txt``. The volumes are those of the *Regions* tab, which counts parts
    of voxels; borders are moved so that the voxels of a label add up to them.

    Parameters
    ----------
    fine : bool
        On the generator's fine grid, on which borders are smoothed; where it has none, on its
        usual one.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Raises
    ------
    ExportError
        When no regions are known, a file exists and may not be replaced, or the disk refuses.
    """
    sentence = decoder.why_no_regions()
    if sentence:
        raise ExportError(f"there are no regions to export: {sentence}")
    desc = description_of(recipe)
    stem = image_stem(destination.label, SUFFIX, desc=desc, segmentation=SEGMENTATION)
    check_destination(destination, [f"{stem}{ending}" for ending in ENDINGS])
    yield 0.0
    identity = identity_of(recipe, decoder)
    steps = decoder.region_steps(identity, recipe.conditions)
    while True:
        try:
            next(steps)
            yield 0.1
        except StopIteration as done:
            volumes = done.value
            break
    labels = decoder.region_labels(identity, recipe.conditions)
    image = Volume(labels, decoder.generator.affine, SEGMENTATION)
    if fine and decoder.makes_fine:
        brain = yield from scaled(decoder.fine_steps(identity, recipe.conditions), 0.3, 0.7)
        image = _refined(image, brain)
    yield 0.7
    counts = volumes / voxel_volume_ml(image.affine)
    sized = yield from scaled(sizing_steps(image.data, counts), 0.7, 0.95)
    image = Volume(sized, image.affine, image.name)
    names = decoder.regions
    volumes_ml = dict(zip(names, map(float, volumes), strict=True))
    rounded = {name: round(volume, 3) for name, volume in volumes_ml.items()}
    sidecar = image_sidecar(recipe, WHAT, space=decoder.space, further={"VolumesML": rounded})
    write = partial(write_image, volume=image, space=decoder.space)
    files = image_files(stem, write, sidecar)
    files |= label_tables(stem, names, volumes_ml)
    paths = write_files(destination, files)
    yield 1.0
    return paths


def label_tables(stem: str, names: Sequence[str], volumes_ml: Mapping[str, float]) -> Files:
    """Name the tables that say what labels mean, and say how each is written."""
    tables = {
        ".tsv": bids_label_table(names, volumes_ml),
        ".lut.txt": freesurfer_lut(names),
        ".itksnap.txt": itksnap_labels(names),
    }
    return {f"{stem}{end}": partial(_write_text, text=text) for end, text in tables.items()}


def _refined(image: Volume, brain: Brain) -> Volume:
    """Bring labels to the grid of a finer brain of the same box, inside this brain."""
    labels = finer_labels(image.data, brain.data.shape[1] // image.shape[0])
    inside = tissue_maps(brain).data.sum(axis=0) > LEAST_TISSUE
    return Volume(np.where(inside, labels, 0).astype(labels.dtype), brain.affine, image.name)


def _write_text(path: Path, *, text: str) -> None:
    write_text_atomically(path, text)
