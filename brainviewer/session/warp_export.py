"""What only generators that warp can export: local change, and a scan that was carried."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import brainviewer
from brainviewer.core.nifti import SpaceCode, write_volume
from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.tissues import T1, TISSUES, tissue_volumes_ml
from brainviewer.session.bids import Destination, image_sidecar, image_stem, subject_label
from brainviewer.session.carrying import carrying_steps
from brainviewer.session.encoding import scaled
from brainviewer.session.export import (
    PROGRAM,
    check_destination,
    image_files,
    write_files,
    write_image,
)
from brainviewer.session.local_change import inside_brain, local_change_steps
from brainviewer.session.model import identity_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from brainviewer.cohort.own_scan import OwnScan
    from brainviewer.core.features import Conditions
    from brainviewer.core.recipe import Recipe
    from brainviewer.core.volume import Volume
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.directions import Direction
    from brainviewer.session.export import Files
    from brainviewer.session.request import Course, Person

CARRIED = "carried"
OWN_VOXELS = "orig"


def local_change_export_steps(
    decoder: Decoder,
    recipe: Recipe,
    destination: Destination,
    *,
    direction: Direction,
    course: Course,
) -> Generator[float, None, list[Path]]:
    """Map the local change of the person of a recipe and write it, 0 outside of the brain.

    Returns
    -------
    list of Path
        The image; its sidecar says what the values are, and is a recipe of the brain.
    """
    stem = image_stem(destination.label, "localchange", desc=subject_label(direction.text))
    check_destination(destination, [f"{stem}.nii.gz", f"{stem}.json"])
    identity = identity_of(recipe, decoder)
    change = yield from local_change_steps(
        decoder, identity, direction, course=course, age=recipe.age
    )
    assert change.percent is not None
    inside = inside_brain(change.percent, decoder.generate(identity, recipe.conditions))
    volume = replace(inside, data=np.nan_to_num(inside.data))
    what = f"local change of volume, {change.title}, {change.unit}: below 0 shrinks, above 0 grows"
    sidecar = image_sidecar(
        recipe,
        what,
        space=decoder.space,
        further={"Units": change.unit, "Direction": direction.text},
    )
    write = partial(write_image, volume=volume, space=decoder.space)
    paths = write_files(destination, image_files(stem, write, sidecar))
    yield 1.0
    return paths


def carried_export_steps(
    scan: OwnScan,
    person: Person,
    decoder: Decoder,
    destination: Destination,
    *,
    conditions: Conditions,
) -> Generator[float, None, list[Path]]:
    """Carry a scan to other conditions and write it.

    The T1 image and the tissue maps, on the generator's grid and on the scan's own voxels, in the
    world of its file (``space-orig``).

    Parameters
    ----------
    person : Person
        As the scan was encoded.

    Returns
    -------
    list of Path
        The images. Their sidecars say what was done; they are no recipes, since the scan is needed.
    """
    check_carried(destination)
    steps = carrying_steps(scan, person, decoder, conditions)
    brain, native = yield from scaled(steps, 0.0, 0.9)
    about = _about(scan, person, decoder, conditions)
    volumes = tissue_volumes_ml(brain)
    files: Files = {}
    for channel in brain.channels:
        further = {"VolumeML": volumes[channel]} if channel in volumes else {}
        write = partial(write_image, volume=brain.volume(channel), space=decoder.space)
        files |= image_files(_stem(destination.label, channel), write, about | further)
    for channel, volume in native.items():
        further = {"VolumeML": volumes[channel]} if channel in volumes else {}
        write = partial(_write_native, volume=volume)
        files |= image_files(_stem(destination.label, channel, OWN_VOXELS), write, about | further)
    paths = write_files(destination, files)
    yield 1.0
    return paths


def check_carried(destination: Destination) -> None:
    """Raise ExportError when files of a carried scan exist that may not be replaced."""
    names = (*TISSUES, T1)
    stems = [_stem(destination.label, it, space) for it in names for space in ("", OWN_VOXELS)]
    check_destination(
        destination, [f"{stem}{end}" for stem in stems for end in (".nii.gz", ".json")]
    )


def _stem(label: str, name: str, space: str = "") -> str:
    if name in TISSUES:
        return image_stem(label, "probseg", desc=CARRIED, tissue=name, space=space)
    return image_stem(label, name, desc=CARRIED, space=space)


def _about(
    scan: OwnScan, person: Person, decoder: Decoder, conditions: Conditions
) -> dict[str, Any]:
    """Say what a carried scan is."""
    return {
        "Description": f"the scan {scan.name}, without skull and evened out, "
        f"{'warped' if decoder.deforms else 're-toned'} by the change that a generative model "
        f"expects between the conditions; a hypothetical image",
        "SkullStripped": True,
        "Sources": [scan.name],
        "Checkpoint": decoder.checkpoint.name,
        "Weights": decoder.weights,
        "ConditionsOfTheScan": dict(person.factual),
        "Conditions": dict(conditions),
        "Application": brainviewer.__version__,
        "Doubts": list(scan.doubts),
        "Warning": NOT_CLINICAL,
    }


def _write_native(path: Path, *, volume: Volume) -> None:
    write_volume(path, volume, description=PROGRAM, space=SpaceCode.SCANNER)
