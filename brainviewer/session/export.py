"""What the File menu and the commands write: images with sidecars, tables; all or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import brainviewer
from brainviewer.core.files import (
    TEMPORARY,
    reason_for,
    remove_stale,
    write_json_atomically,
    write_text_atomically,
)
from brainviewer.core.nifti import ImageError, SpaceCode, write_frames, write_volume
from brainviewer.core.scenario import AGE
from brainviewer.core.tissues import TISSUE_NAMES, TISSUES, has_tissues, label_map, tissue_maps
from brainviewer.core.volume import Brain, Volume
from brainviewer.session.bids import (
    DATASET_FILE,
    Destination,
    dataset_description,
    description_of,
    image_sidecar,
    image_stem,
    label_table,
)
from brainviewer.session.model import identity_of
from brainviewer.session.request import Course, measured_volumes_ml
from brainviewer.session.sweep import conditions_along

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.recipe import Recipe
    from brainviewer.generators.base import Identity, Space
    from brainviewer.session.model import State
    from brainviewer.session.sweep import Sweep

PROGRAM = f"BrainViewer {brainviewer.__version__}"
SPACE_CODES = {"native": SpaceCode.ALIGNED, "template": SpaceCode.MNI}

Write = Callable[[Path], None]
Files = dict[str, Write]


class ExportError(ValueError):
    """An export that cannot be; the message says why and what to do."""


class Maker(Protocol):
    """What an export needs: a `Generator`, or a session's `decoder`."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The maps it makes."""
        ...

    @property
    def space(self) -> Space:
        """``"native"`` or ``"template"``."""
        ...

    def draw(self, seed: int) -> Identity:
        """Draw a person."""
        ...

    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Make a brain."""
        ...


def reproduce(recipe: Recipe, maker: Maker) -> Brain:
    """Make the brain of a recipe: on the same machine the same array, bit for bit."""
    return maker.generate(identity_of(recipe, maker), recipe.conditions)


def brain_export_steps(
    maker: Maker, recipe: Recipe, destination: Destination
) -> Generator[float, None, list[Path]]:
    """Make the brain of a recipe and write it; returns the paths of the images."""
    desc = description_of(recipe)
    check_destination(destination, _names(maker.channels, destination.label, desc))
    yield 0.0
    brain = reproduce(recipe, maker)
    yield 0.5
    paths = export_brain(brain, recipe, destination, space=maker.space)
    yield 1.0
    return paths


def export_brain(
    brain: Brain, recipe: Recipe, destination: Destination, *, space: Space
) -> list[Path]:
    """Write a brain that a recipe made.

    Tissue maps become one probability map a tissue and a label image with its table, a T1-weighted
    image one image; each has a sidecar that `core.recipe.read_recipe` opens.

    Returns
    -------
    list of Path
        The images.

    Raises
    ------
    ExportError
        When a file exists and may not be replaced, or the disk refuses. Nothing is left then.
    """
    files = _brain_files(brain, recipe, destination.label, space=space)
    return write_files(destination, files)


def trajectory_export_steps(
    maker: Maker,
    recipe: Recipe,
    destination: Destination,
    *,
    course: Course,
    ages: NDArray[np.float64],
    on_brain: Callable[[float, Brain], None] = lambda age, brain: None,
) -> Generator[float, None, list[Path]]:
    """Make the brain at every age and write each channel as a 4D image, one frame an age.

    Parameters
    ----------
    on_brain : function of (age, brain)
        Hears of every brain, so that none need be made again to be measured.

    Yields
    ------
    float
        The part that is done, 0 to 1.

    Returns
    -------
    list of Path
        The images; their sidecars hold the recipe, the ages and the volumes.
    """
    desc = course.scenario.value
    series = Series(
        desc,
        f"one frame an age ({desc} scenario)",
        tuple(float(age) for age in ages),
        [course.at(float(age)) for age in ages],
        {"AgesYears": ages.tolist()},
    )
    return series_export_steps(maker, recipe, destination, series=series, on_brain=on_brain)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One person under many conditions, the frames of a 4D image.

    Attributes
    ----------
    desc : str
        For the file name, letters and digits.
    what : str
        What a frame is, in words.
    values : tuple of float
        What goes along the frames, such as the age in years.
    conditions : sequence of Conditions, one a frame
    facts : mapping
        Further keys of the sidecar.
    """

    desc: str
    what: str
    values: tuple[float, ...]
    conditions: Sequence[Conditions]
    facts: Mapping[str, Any]


def sweep_series(state: State, sweep: Sweep) -> Series:
    """Describe the frames of a sweep; the times of the image are the values of the feature."""
    feature = state.checkpoint.schema[sweep.name]
    conditions = conditions_along(state, sweep)
    facts: dict[str, Any] = {"SweptFeature": sweep.name, "SweptValues": list(sweep.values)}
    if sweep.name == AGE:
        facts["AgesYears"] = list(sweep.values)
    else:
        facts["SweptUnit"] = feature.unit
    letters = "".join(it for it in sweep.name if it.isalnum())
    what = f"one frame a value of {sweep.name} ({state.scenario.value} scenario)"
    return Series(f"sweep{letters}", what, sweep.values, conditions, facts)


def series_export_steps(
    maker: Maker,
    recipe: Recipe,
    destination: Destination,
    *,
    series: Series,
    on_brain: Callable[[float, Brain], None] = lambda value, brain: None,
) -> Generator[float, None, list[Path]]:
    """Make the brain of every frame and write each channel as a 4D image.

    Yields and returns what `trajectory_export_steps` does.
    """
    check_destination(destination, _names(maker.channels, destination.label, series.desc))
    identity = identity_of(recipe, maker)
    brains: list[Brain] = []
    for value, conditions in zip(series.values, series.conditions, strict=True):
        brains.append(maker.generate(identity, conditions))
        on_brain(value, brains[-1])
        yield len(brains) / (len(series.values) + 1)
    files: Files = {}
    for channel in maker.channels:
        frames = [brain.volume(channel) for brain in brains]
        facts = dict(series.facts)
        if channel in TISSUES:
            facts["VolumesML"] = [measured_volumes_ml(brain)[channel] for brain in brains]
        files |= image_files(
            _stem(destination.label, channel, series.desc),
            partial(_write_frames, frames=frames, times=series.values, space=maker.space),
            image_sidecar(
                recipe, f"{_in_words(channel)}, {series.what}", space=maker.space, further=facts
            ),
        )
    paths = write_files(destination, files)
    yield 1.0
    return paths


def check_destination(destination: Destination, names: Sequence[str]) -> None:
    """Raise ExportError when files exist that may not be replaced."""
    there = [name for name in names if (destination.anat / name).exists()]
    if there and not destination.overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ExportError(
            f"{destination.anat / there[0]}{more} exist already; choose another folder or label, "
            "or allow them to be replaced"
        )


def _names(channels: Sequence[str], label: str, desc: str) -> list[str]:
    """List the images and sidecars of the channels."""
    stems = [_stem(label, channel, desc) for channel in channels]
    return [f"{stem}{ending}" for stem in stems for ending in (".nii.gz", ".json")]


def _brain_files(brain: Brain, recipe: Recipe, label: str, *, space: Space) -> Files:
    desc, volumes = description_of(recipe), measured_volumes_ml(brain)
    files: Files = {}
    for channel in brain.channels:
        further = {"VolumeML": volumes[channel]} if channel in volumes else {}
        files |= image_files(
            _stem(label, channel, desc),
            partial(write_image, volume=brain.volume(channel), space=space),
            image_sidecar(recipe, _in_words(channel), space=space, further=further),
        )
    if has_tissues(brain.channels):
        labels = Volume(label_map(tissue_maps(brain).data), brain.affine, "labels")
        stem = image_stem(label, "dseg", desc=desc)
        files |= image_files(
            stem,
            partial(write_image, volume=labels, space=space),
            image_sidecar(recipe, "the likeliest tissue of each voxel", space=space),
        )
        files[f"{stem}.tsv"] = lambda path: write_text_atomically(path, label_table())
    return files


def _stem(label: str, channel: str, desc: str) -> str:
    if channel in TISSUES:
        return image_stem(label, "probseg", desc=desc, tissue=channel)
    return image_stem(label, channel, desc=desc)


def _in_words(channel: str) -> str:
    if channel in TISSUES:
        return f"partial volume of {TISSUE_NAMES[channel]}, 0 to 1"
    return f"{channel} intensity, 0 to 1"


def image_files(stem: str, write: Write, sidecar: Mapping[str, Any]) -> Files:
    """Name an image and its sidecar, and say how each is written."""
    return {
        f"{stem}.nii.gz": write,
        f"{stem}.json": lambda path: write_json_atomically(path, sidecar),
    }


def write_image(path: Path, *, volume: Volume, space: Space) -> None:
    """Write an image of a generator's space."""
    write_volume(path, volume, description=PROGRAM, space=SPACE_CODES[space])


def _write_frames(
    path: Path, *, frames: list[Volume], times: tuple[float, ...], space: Space
) -> None:
    """Write frames whose times are ages or other values, where these go in equal steps."""
    steps = np.diff(times)
    even = len(steps) > 0 and bool(np.allclose(steps, steps[0], rtol=1e-3))
    write_frames(
        path,
        frames,
        dtype=np.uint16,
        description=f"{PROGRAM}, one frame a value",
        space=SPACE_CODES[space],
        start=times[0] if even else 0.0,
        step=float(steps[0]) if even else 1.0,
    )


def write_files(destination: Destination, files: Files) -> list[Path]:
    """Write all files, or none; returns the images."""
    check_destination(destination, list(files))
    with _words_for_the_disk(destination.folder):
        destination.anat.mkdir(parents=True, exist_ok=True)
        remove_stale(destination.anat)
        with _staging(destination.anat) as stage:
            for name, write in files.items():
                write(stage / name)
            for name in files:
                (stage / name).replace(destination.anat / name)
        about = destination.folder / DATASET_FILE
        if not about.exists():
            write_json_atomically(about, dataset_description())
    return [destination.anat / name for name in files if name.endswith(".nii.gz")]


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Make a folder on the same disk that is gone afterwards."""
    stage = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _words_for_the_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"cannot export to {folder}: {reason_for(error)}") from error
    except ImageError as error:
        if isinstance(error.__cause__, OSError):
            reason = reason_for(error.__cause__)
            raise ExportError(f"cannot export to {folder}: {reason}") from error
        raise
