"""What was found of generators of T1 images, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import mannwhitneyu

from brainviewer.core.files import write_text_atomically
from brainviewer.evaluation.report import region_tables
from brainviewer.evaluation.scores import Estimate, estimate
from brainviewer.evaluation.tables import UNDEFINED, Cell, Table, to_csv, to_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.regions import RegionScores
    from brainviewer.evaluation.scores import Array

REAL, OTHERS = "unseen people", "training people of like age and sex"
QUALITY = {
    "ms_ssim": "MS-SSIM within the sample",
    "mmd_linear": "MMD of voxels",
    "mmd_rbf": "MMD of blocks",
    "snr": "SNR",
}
DEFINITIONS = """\
**MS-SSIM**: mean over pairs of a sample (Wang et al. 2003), at as many scales as its window fits
into the grid; a sample near that of unseen people is as varied as they are. **MMD** to unseen
people: unbiased squared maximum mean discrepancy (Gretton et al. 2012); of voxels in [0, 1] with
their mean product as kernel, and of the means of blocks of 4 voxels with a Gaussian kernel as wide
as unseen people lie apart in the median. **SNR**: mean of the white matter by the noise in it,
which is 1.4826 times the median departure of a voxel from the mean of its six neighbours, by
sqrt(7/6); a blurred image has more. BrainSynth's paper prints an MS-SSIM of 0.933 for its images
and 0.931 for real ones, of 1 mm, and MMD and SNR without a definition. In brackets: 95 % interval
over people.
"""
NEAREST_DEFINITIONS = """\
Root mean square difference of the means of blocks of 4 voxels to the nearest training person or
mirror image. What is nearer to one than any unseen person is counts as a copy; p is that of a
one-sided Mann-Whitney test that a sample is nearer to training people than unseen people are.
"""
LATENT_DEFINITIONS = """\
The same with root mean square differences of what the generator's own encoder makes of real and
made images alike. Distances in two latent spaces cannot be compared with each other.
"""
NEAREST = ("Median distance", "Smallest distance", "Copies", "p")


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    """How near a sample of N images is to the training people.

    Attributes
    ----------
    index : (N,) int ndarray
        Of the nearest.
    distance : (N,) float32 ndarray
    """

    index: NDArray[np.intp]
    distance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What was found of a sample of images.

    Attributes
    ----------
    quality : mapping of a name in `QUALITY` to Estimate
        Unseen people are not held against themselves.
    nearness : Nearness or None
        None for training people.
    """

    quality: Mapping[str, Estimate]
    nearness: Nearness | None


def distances(sample: Sample) -> dict[str, Estimate]:
    """Return the median and the smallest distance of a sample to the training people."""
    assert sample.nearness is not None
    found = sample.nearness.distance

    def median(values: Array) -> Array:
        return np.asarray(np.median(values, axis=-1))

    smallest = Estimate(float(found.min()), np.nan, np.nan)
    return {"median": estimate(median, found), "smallest": smallest}


def copying(made: Sample, real: Sample) -> dict[str, float]:
    """Say how many of a sample are copies, and the p of being nearer than unseen people are."""
    assert made.nearness is not None
    assert real.nearness is not None
    own, unseen = made.nearness.distance, real.nearness.distance
    p = mannwhitneyu(own, unseen, alternative="less").pvalue
    return {"copies": int((own < unseen.min()).sum()), "p_nearer": float(p)}


def write_tables(
    samples: Mapping[str, Sample], latents: Mapping[str, Mapping[str, Sample]], out: Path
) -> None:
    """Write ``images.md``, ``images.csv``, ``nearest.csv`` and ``latents.csv`` to a folder.

    Parameters
    ----------
    latents : mapping of generator to its part and that of unseen people, in its latent space
        ``latents.csv`` is not written when there are none.
    """
    out.mkdir(parents=True, exist_ok=True)
    parts = [
        (_quality_table(samples), DEFINITIONS),
        (_nearest_table(samples), NEAREST_DEFINITIONS),
    ]
    if latents:
        parts.append((_latent_table(latents), LATENT_DEFINITIONS))
    text = "\n".join(f"{to_markdown(table)}\n{said}" for table, said in parts)
    write_text_atomically(out / "images.md", text)
    for table, _ in parts:
        write_text_atomically(out / f"{table.name}.csv", to_csv(table))


def write_region_tables(scores: RegionScores, out: Path) -> None:
    """Write ``regions.md``, ``regions_summary.csv`` and ``regions.csv`` to a folder."""
    tables = region_tables(scores)
    text = "\n".join(to_markdown(table) for table in tables)
    write_text_atomically(out / "regions.md", f"{text}\n")
    for table in tables:
        write_text_atomically(out / f"{table.name}.csv", to_csv(table))


def _quality_table(samples: Mapping[str, Sample]) -> Table:
    rows: list[Sequence[Cell]] = [
        (name, *(sample.quality.get(score, UNDEFINED) for score in QUALITY))
        for name, sample in samples.items()
    ]
    return Table("images", "Images", ("Sample", *QUALITY.values()), rows)


def _nearest_table(samples: Mapping[str, Sample]) -> Table:
    rows = _nearest_rows(samples)
    return Table("nearest", "Nearest training person", ("Sample", *NEAREST), rows)


def _latent_table(latents: Mapping[str, Mapping[str, Sample]]) -> Table:
    rows: list[Sequence[Cell]] = [
        (name, *row) for name, samples in latents.items() for row in _nearest_rows(samples)
    ]
    title = "Nearest training person in latent space"
    return Table("latents", title, ("Latent space of", "Sample", *NEAREST), rows)


def _nearest_rows(samples: Mapping[str, Sample]) -> list[Sequence[Cell]]:
    rows: list[Sequence[Cell]] = []
    for name, sample in samples.items():
        if sample.nearness is not None:
            found = distances(sample)
            told = copying(sample, samples[REAL]) if name != REAL else {}
            words = (f"{told[key]:.3g}" if told else UNDEFINED for key in ("copies", "p_nearer"))
            rows.append((name, found["median"], found["smallest"], *words))
    return rows
