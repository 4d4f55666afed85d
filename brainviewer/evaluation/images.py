"""Judge generators of T1 images on people they never saw: image quality, and whether they copy."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from brainviewer.cohort.reading import FULL, read_people, read_table
from brainviewer.cohort.store import grid_affine
from brainviewer.core.files import write_json_atomically
from brainviewer.core.scenario import AGE, SEX, feature_age
from brainviewer.evaluation.cache import ArrayCache, fingerprint
from brainviewer.evaluation.comparison import folder_of
from brainviewer.evaluation.distances import discrepancy, linear_kernels, rbf_kernels
from brainviewer.evaluation.evidence import label_progress
from brainviewer.evaluation.figures import (
    MontageBrain,
    plot_montage,
    plot_region_sizes,
    plot_regions,
    save_figure,
)
from brainviewer.evaluation.image_quality import (
    block_means,
    multiscale_similarities,
    nearest,
    signal_to_noise,
)
from brainviewer.evaluation.image_report import (
    OTHERS,
    REAL,
    Nearness,
    Sample,
    copying,
    distances,
    write_region_tables,
    write_tables,
)
from brainviewer.evaluation.latents import find_latents, nearest_latents, plot_latents
from brainviewer.evaluation.likeness import draw_sample
from brainviewer.evaluation.people import EvaluationError, find_people
from brainviewer.evaluation.regions import find_regions, measure_regions, score_regions
from brainviewer.evaluation.report import FORMAT_VERSION, plain
from brainviewer.evaluation.same_people import check_same_people
from brainviewer.evaluation.scores import estimate, estimate_distance, mean
from brainviewer.evaluation.similarity import choose_pairs, mean_similarity
from brainviewer.generators.checkpoint import SCORES_FILE, load_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from brainviewer.cohort.reading import People
    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Affine, FloatArray
    from brainviewer.evaluation.evidence import Progress
    from brainviewer.evaluation.latents import Latents
    from brainviewer.evaluation.regions import LabelledPeople, RegionScores
    from brainviewer.evaluation.scores import Estimate
    from brainviewer.generators.base import Generator
    from brainviewer.generators.checkpoint import Checkpoint

CHANNELS = ("T1w",)
CACHE_FOLDER = "cache"
FIGURE_FOLDER = "figures"
SHOWN = 4  # in the figure, as in Fig. 1


@dataclass(frozen=True, slots=True, eq=False)
class ImagePeople:
    """Whom generators of images are judged on.

    Attributes
    ----------
    train, test : People
        Their maps (N, 1, I, J, K) are images.
    others : (N,) int ndarray
        For each test person a training person of like age and sex.
    affine : (4, 4) float64 ndarray, mm
    """

    train: People
    test: People
    others: NDArray[np.intp]
    affine: Affine


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What was found of one generator, and the images (N, 1, I, J, K) it made."""

    device_name: str
    made: NDArray[np.uint8]
    sample: Sample
    latents: Latents | None
    regions: RegionScores | None


def makes_images(checkpoint: Checkpoint) -> bool:
    """Whether a generator makes T1 images, alone or besides tissue maps."""
    return set(CHANNELS) <= set(checkpoint.structures)


def makes_images_alone(checkpoint: Checkpoint) -> bool:
    """Whether a generator makes T1 images and nothing else."""
    return checkpoint.structures == CHANNELS


def evaluate_images(
    checkpoints: Sequence[Checkpoint],
    store: CohortStore,
    out: Path,
    *,
    device: str = "auto",
    on_progress: Progress = lambda done, total, what: None,
) -> None:
    """Judge generators of T1 images on the test people of their folds.

    One image of each test person's age and sex is made. ``images.md``, ``images.csv``,
    ``nearest.csv``, ``latents.csv`` and figures are about all of them, each has scores.json of its
    own (last): in `out` when it is the only one, else in ``out/<name>``. Latents are compared where
    a generator encodes at once. Regions are held against those of unseen people here where a
    generator makes nothing but images (BrainSynth, Figs. 2 and 3).

    Raises
    ------
    EvaluationError
        When a checkpoint cannot be judged on this cohort or not be held against another; nothing
        is written.
    CheckpointError, CohortError, BidsError, FeatureError, OSError
        When files are damaged or cannot be written.
    """
    strange = [it.name for it in checkpoints if not makes_images(it)]
    if strange:
        raise EvaluationError(
            f"{strange[0]} makes no T1 images, others do; evaluate them in two runs"
        )
    check_same_people(checkpoints)
    people = load_image_people(checkpoints[0], store, on_progress=on_progress)
    labelled = _find_regions(checkpoints, store)
    judge = _Judge(people, on_progress)
    others = people.train.maps[people.others]
    samples = {
        REAL: Sample(judge.quality(people.test.maps), judge.nearness(people.test.maps)),
        OTHERS: Sample(judge.quality(others) | judge.discrepancies(others), None),
    }
    judged = {
        checkpoint.name: _judge_one(
            checkpoint,
            store,
            judge,
            labelled,
            generator=load_generator(checkpoint, device=device),
            cache_folder=out / CACHE_FOLDER,
            on_progress=on_progress,
        )
        for checkpoint in checkpoints
    }
    samples |= {name: own.sample for name, own in judged.items()}
    near = {
        name: nearest_latents(name, own.latents)
        for name, own in judged.items()
        if own.latents is not None
    }
    write_tables(samples, near, out)
    (out / FIGURE_FOLDER).mkdir(exist_ok=True)
    for checkpoint in checkpoints:
        name, own = checkpoint.name, judged[checkpoint.name]
        figure = plot_montage(_montage(own.made, own.sample, people), people.affine)
        save_figure(figure, out / FIGURE_FOLDER / f"{name}.png")
        content = _scores_json(name, own, people, samples)
        if name in near:
            content["nearest_training_latent"] = plain(_nearness_json(name, near[name]))
        folder = folder_of(checkpoint, checkpoints, out)
        _write_details(name, own, folder)
        write_json_atomically(folder / SCORES_FILE, content)
    shutil.rmtree(out / CACHE_FOLDER)


def _judge_one(
    checkpoint: Checkpoint,
    store: CohortStore,
    judge: _Judge,
    labelled: LabelledPeople | None,
    *,
    generator: Generator,
    cache_folder: Path,
    on_progress: Progress,
) -> _Judged:
    """Make images with one generator and score them."""
    people = judge.people
    cache = ArrayCache(cache_folder, fingerprint(checkpoint, generator.device_name))
    told = label_progress(on_progress, f"drawing with {checkpoint.name}")
    _, _, test = find_people(checkpoint, store, read_table(store), store.read_manifest())
    made = draw_sample(
        generator, [*test.values()], cache=cache, channels=CHANNELS, on_progress=told
    )
    scores = judge.quality(made) | judge.discrepancies(made)
    told = label_progress(on_progress, "encoding images")
    latents = find_latents(
        generator, people.train.maps, people.test.maps, made, cache=cache, on_progress=told
    )
    regions = None
    if makes_images_alone(checkpoint):
        told = label_progress(on_progress, "measuring regions")
        trained = people.train.conditions
        regions = measure_regions(
            generator, labelled, people.test, trained, cache=cache, on_progress=told
        )
    return _Judged(
        generator.device_name,
        made,
        Sample(scores, judge.nearness(made)),
        latents,
        None if regions is None else score_regions(regions),
    )


def _write_details(name: str, judged: _Judged, folder: Path) -> None:
    """Write what there is of one generator alone, apart from its scores."""
    figures = folder / FIGURE_FOLDER
    figures.mkdir(parents=True, exist_ok=True)
    if judged.latents is not None:
        save_figure(plot_latents(name, judged.latents), figures / "latents.png")
    if judged.regions is not None:
        write_region_tables(judged.regions, folder)
        save_figure(plot_regions(judged.regions), figures / "regions.png")
        save_figure(plot_region_sizes(judged.regions), figures / "region_sizes.png")


def _find_regions(checkpoints: Sequence[Checkpoint], store: CohortStore) -> LabelledPeople | None:
    """Read the labels of the people where somebody's regions are to be held against them."""
    alone = [it for it in checkpoints if makes_images_alone(it)]
    if not alone:
        return None
    manifest = store.read_manifest()
    crop, train, test = find_people(alone[0], store, read_table(store), manifest)
    return find_regions(store, manifest, crop, train=tuple(train), test=tuple(test))


def load_image_people(
    checkpoint: Checkpoint,
    store: CohortStore,
    *,
    on_progress: Progress = lambda done, total, what: None,
) -> ImagePeople:
    """Read the images of the training and test people of a checkpoint; see `find_people`."""
    manifest, table = store.read_manifest(), read_table(store)
    crop, train, test = find_people(checkpoint, store, table, manifest)
    affine = crop.affine(grid_affine(manifest))

    def read(own: Mapping[str, Conditions]) -> People:
        # Age and sex are known of everybody, also where the generator does not take them.
        facts = {
            n: {**row, **{f: table.people[n][f] for f in (AGE, SEX)}} for n, row in own.items()
        }
        told = label_progress(on_progress, "reading people")
        return read_people(store, facts, crop, affine=affine, channels=CHANNELS, on_progress=told)

    trained, tested = read(train), read(test)
    others = match_people(tested.conditions, trained.conditions)
    return ImagePeople(trained, tested, others, affine)


def match_people(wanted: Sequence[Conditions], pool: Sequence[Conditions]) -> NDArray[np.intp]:
    """Choose for each person another one of the same sex and the nearest age, nobody twice.

    Where nobody of the sex is left, anybody of the nearest age is taken.

    Raises
    ------
    EvaluationError
        When there are too few to choose from.
    """
    if len(pool) < len(wanted):
        raise EvaluationError(
            f"evaluation needs as many training people as test people, got {len(pool)} and "
            f"{len(wanted)}"
        )
    left = dict(enumerate(pool))
    found = []
    for one in wanted:

        def away(index: int, one: Conditions = one) -> tuple[bool, float]:
            other = left[index]
            return other[SEX] != one[SEX], abs(feature_age(other) - feature_age(one))

        found.append(min(left, key=away))
        del left[found[-1]]
    return np.array(found, dtype=np.intp)


class _Judge:
    """Scores samples of as many images as there are test people."""

    def __init__(self, people: ImagePeople, on_progress: Progress) -> None:
        self.people = people
        self._real = people.test.maps[:, 0]
        self._real_blocks = block_means(self._real, unit=FULL)
        self._pairs = choose_pairs(len(self._real))
        trained = people.train.maps[:, 0]
        both = [block_means(it, unit=FULL) for it in (trained, trained[:, ::-1])]
        self._trained, self._count = np.concatenate(both), len(trained)
        self._on_progress = on_progress

    def quality(self, maps: NDArray[np.uint8]) -> dict[str, Estimate]:
        """Score a sample (N, 1, I, J, K) by itself: MS-SSIM and SNR."""
        told = label_progress(self._on_progress, "comparing images")
        done = count(1)

        def read(index: int) -> FloatArray:
            return np.asarray(maps[index, 0].astype(np.float32) / np.float32(FULL))

        similar = multiscale_similarities(
            read, self._pairs, on_pair=lambda: told(next(done), len(self._pairs))
        )
        ratios = np.array([signal_to_noise(read(index)) for index in range(len(maps))])
        weigh = partial(mean_similarity, similar, self._pairs)
        return {"ms_ssim": estimate_distance(weigh, len(maps)), "snr": estimate(mean, ratios)}

    def discrepancies(self, maps: NDArray[np.uint8]) -> dict[str, Estimate]:
        """Hold a sample (N, 1, I, J, K) against the unseen people."""
        images = maps[:, 0]
        kernels = {
            "mmd_linear": linear_kernels(self._real, images, unit=FULL),
            "mmd_rbf": rbf_kernels(self._real_blocks, block_means(images, unit=FULL)),
        }
        return {
            name: estimate_distance(partial(discrepancy, own), len(images), lowest=-np.inf)
            for name, own in kernels.items()
        }

    def nearness(self, maps: NDArray[np.uint8]) -> Nearness:
        """Find the training person or mirror image that is nearest to each of (N, 1, I, J, K)."""
        index, distance = nearest(block_means(maps[:, 0], unit=FULL), self._trained)
        return Nearness(index % self._count, distance)


def _montage(
    made: NDArray[np.uint8], sample: Sample, people: ImagePeople
) -> list[list[MontageBrain]]:
    """Put the first few made images beside the training people who are nearest to them."""
    assert sample.nearness is not None
    rows = []
    for number, other in enumerate(sample.nearness.index[:SHOWN]):
        age = feature_age(people.test.conditions[number])
        own, near = made[number] / FULL, people.train.maps[other] / FULL
        rows.append(
            [
                MontageBrain(f"made, {age:.0f} years", own.astype(np.float32)),
                MontageBrain("nearest in training", near.astype(np.float32)),
            ]
        )
    return rows


def _scores_json(
    name: str, judged: _Judged, people: ImagePeople, samples: Mapping[str, Sample]
) -> dict[str, Any]:
    """Return plain values for the scores.json of one generator, nobody by name."""
    shown = {"generator": samples[name], "unseen_people": samples[REAL]}
    content = {
        "format_version": FORMAT_VERSION,
        "checkpoint": name,
        "device": judged.device_name,
        "people": {"training": len(people.train), "test": len(people.test)},
        "image_quality": {who: it.quality for who, it in shown.items()}
        | {"training_people": samples[OTHERS].quality},
        "nearest_training_person": _nearness_json(name, samples),
    }
    if judged.regions is not None:
        content["regions"] = judged.regions.summary
    return {key: plain(entry) for key, entry in content.items()}


def _nearness_json(name: str, samples: Mapping[str, Sample]) -> dict[str, Any]:
    shown = {"generator": samples[name], "unseen_people": samples[REAL]}
    found = {who: distances(it) for who, it in shown.items()}
    return found | copying(samples[name], samples[REAL])
