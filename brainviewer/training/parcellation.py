"""Trains the network that finds regions in any T1-weighted brain.

On labelled people of a cohort, whose images are bent, turned, blurred, shaded and made noisy, half
of the time mirrored with left and right exchanged, and in part not their own: a tissue map of
theirs under random intensities instead (label-to-image, as in Billot et al. 2023, SynthSeg), so
that the network holds on other contrasts and on brains that a generator made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from brainviewer.cohort.grouping import group_regions
from brainviewer.cohort.reading import FULL, Crop, read_maps, read_regions
from brainviewer.cohort.store import CohortError
from brainviewer.core.volume import voxel_spacing
from brainviewer.generators.brainsynth import T1
from brainviewer.generators.parcellation import (
    NetworkFacts,
    NetworkSizes,
    Parcellator,
    RegionNetwork,
    brain_box,
    cut_out,
    load_network,
    places_of,
    save_network,
    standardise,
)
from brainviewer.training.dataset import FEWEST_PEOPLE, load_training_data, random_of
from brainviewer.training.loop import Player, train
from brainviewer.training.recipe import TrainingRecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lightning_fabric import Fabric
    from monai.transforms import Compose
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from brainviewer.cohort.reading import People
    from brainviewer.cohort.store import CohortStore
    from brainviewer.core.volume import Affine
    from brainviewer.training.loop import Progress
    from brainviewer.training.recipe import TrainingRecipe

    Images = NDArray[np.uint8]

LEFT, RIGHT = "left ", "right "
MOST_SHIFT_VOXELS = 3
SIMULATED = 0.4  # of the images
ANY_CONTRAST = 0.3  # of the simulated ones; the others are T1-like
MEAN_RANGES = {"WM": (0.65, 0.9), "GM": (0.4, 0.65), "CSF": (0.05, 0.3)}
REGION_SPREAD = 0.03  # of the intensity of a region about that of its tissue
MOST_NOISE = 0.03
LEAST_INTENSITY = 0.01  # inside the brain: 0 is outside
SMOOTH = 1.0  # voxels added to both sides of Dice, so that regions that are nowhere count as found


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPeople:
    """People with image, tissue maps and regions, all on one grid.

    Attributes
    ----------
    ids : tuple of N str
    images : (N, I, J, K) uint8 ndarray
        255 x intensity, 0 outside the brain.
    maps : (N, 3, I, J, K) uint8 ndarray
        255 x partial volume of WM, GM, CSF.
    labels : (N, I, J, K) uint8 ndarray
        1 + the index of the region.
    """

    ids: tuple[str, ...]
    images: Images
    maps: Images
    labels: Images

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBatch:
    """Images (B, 1, I, J, K), places (B, 3, I, J, K) and labels (B, I, J, K), in boxes."""

    images: Tensor
    places: Tensor
    labels: Tensor

    def part(self, rank: int, processes: int) -> LabelledBatch:
        """Return the share of one of several processes."""
        own = slice(rank, None, processes)
        return LabelledBatch(self.images[own], self.places[own], self.labels[own])


class LabelledSource:
    """Endless augmented batches of labelled people; batch n is the same in every run.

    Parameters
    ----------
    people : LabelledPeople
    names : tuple of str
        The regions.
    affine : (4, 4) float64 ndarray, mm
        Of the people's grid, which lies symmetrically about the midline.
    box : (I, J, K)
        How large the images of a batch are.
    size : int
        Of a batch.
    """

    def __init__(
        self,
        people: LabelledPeople,
        names: Sequence[str],
        affine: Affine,
        *,
        box: tuple[int, int, int],
        size: int,
        seed: int,
    ) -> None:
        self._people, self._box = people, box
        self._affine = affine
        self._size, self._seed = size, seed
        self._mirrored = torch.from_numpy(mirrored_labels(names))
        self._bend = _augmentation()

    def batch(self, step: int) -> LabelledBatch:
        """Make the batch of a step."""
        made = [self._example(step * self._size + index) for index in range(self._size)]
        images, places, labels = (torch.stack(parts) for parts in zip(*made, strict=True))
        return LabelledBatch(images, places, labels)

    def _example(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        epoch, place = divmod(number, len(self._people))
        order = torch.randperm(len(self._people), generator=random_of(self._seed, epoch, 0))
        index = int(order[place])
        random = random_of(self._seed, number, 1)
        inside = self._people.images[index] > 0
        image = torch.from_numpy(self._people.images[index]).float() / FULL
        labels = torch.from_numpy(self._people.labels[index]).long()
        if _chance(SIMULATED, random):
            maps = torch.from_numpy(self._people.maps[index]).float() / FULL
            image = simulate_contrast(maps, labels, len(self._mirrored), random)
        if _chance(0.5, random):
            image, labels = image.flip(0), self._mirrored[labels.flip(0)]
            inside = inside[::-1]
        shift = torch.randint(-MOST_SHIFT_VOXELS, MOST_SHIFT_VOXELS + 1, (3,), generator=random)
        box = [
            range(it.start + by, it.stop + by)
            for it, by in zip(brain_box(inside, self._box), shift.tolist(), strict=True)
        ]
        # Of one size, so that several make a batch: larger brains are cut at the back and sides.
        box = [range(it.start, it.start + n) for it, n in zip(box, self._box, strict=True)]
        self._bend.set_random_state(int(torch.randint(2**31, (), generator=random)))
        bent: dict[str, Any] = self._bend(
            {
                "image": torch.from_numpy(cut_out(image.numpy(), box))[None],
                "labels": torch.from_numpy(cut_out(labels.numpy(), box).astype(np.float32))[None],
            }
        )
        places = torch.from_numpy(places_of(box, self._affine))
        seen = torch.as_tensor(bent["image"]).float()
        noise = _between(0.0, MOST_NOISE, random) * torch.randn(seen.shape, generator=random)
        noisy = (seen + noise).clamp_min(LEAST_INTENSITY)
        seen = torch.where(seen > LEAST_INTENSITY, noisy, torch.zeros(()))
        return seen, places, torch.as_tensor(bent["labels"])[0].round().long()


class RegionTask:
    """What the training loop needs to know of the network.

    Parameters
    ----------
    names : tuple of str
    sizes : NetworkSizes
    validation : LabelledPeople
    affine : (4, 4) float64 ndarray, mm
    """

    def __init__(
        self,
        names: tuple[str, ...],
        sizes: NetworkSizes,
        validation: LabelledPeople,
        affine: Affine,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = RegionNetwork(len(names), sizes)
        self.model.to(device)
        self.players: Mapping[str, Player] = {"network": Player(self.model)}
        self._facts = NetworkFacts(names, sizes, {}, 0, "")
        self._validation, self._affine = validation, affine
        self._device = device

    def losses(
        self,
        player: str,
        modules: Mapping[str, nn.Module],
        batch: LabelledBatch,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        """Return cross-entropy and Dice loss inside the brain."""
        device = self._device
        inside = (batch.images[:, 0] > 0).to(device)
        images, places = standardise(batch.images).to(device), batch.places.to(device)
        found = modules["network"](images, places, inside)  # (P, 1 + R)
        wanted = batch.labels.to(device)[inside]
        entropy = functional.cross_entropy(found, wanted)
        overlap = 1.0 - soft_dice(torch.softmax(found, dim=1), wanted)
        return {"total": entropy + overlap, "entropy": entropy, "overlap_loss": overlap}

    def after_step(self, losses: dict[str, float]) -> None:
        """Adapt nothing."""

    def state(self) -> dict[str, Any]:
        """Remember nothing besides the network."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up nothing."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return the mean Dice of the regions of unseen people."""
        if not len(self._validation):
            return {}
        assert isinstance(model, RegionNetwork)
        labeller = Parcellator(model, self._facts, str(self._device))
        found = region_dice(labeller, self._validation, self._affine)
        return {"val_overlap": float(np.nanmean(found))}


def train_region_network(
    recipe: TrainingRecipe,
    store: CohortStore,
    out: Path,
    *,
    fabric: Fabric,
    resume: bool,
    source: str,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> NetworkFacts:
    """Train a network, measure it on the test people, and write it.

    Parameters
    ----------
    out : Path
        Folder; the state of the run lies in ``out/training``.
    source : str
        What the cohort is, for the facts.

    Raises
    ------
    TrainingRecipeError
        When sizes of the recipe are not allowed.
    CohortError
        When the cohort has no labels, or too few labelled people.
    TrainingError
        When a loss is not finite.
    """
    data = load_training_data(store, recipe, channels=T1)
    names = group_regions(store.read_manifest().region_names).names
    crop = Crop(recipe.first_voxel, recipe.shape)
    people = read_labelled(store, data.train, crop)
    if len(people) < FEWEST_PEOPLE:
        raise CohortError(
            f"a network that finds regions needs at least {FEWEST_PEOPLE} people with labels and "
            f"a T1 image; this cohort has {len(people)}"
        )
    validation = read_labelled(store, data.validation, crop)
    sizes = _sizes(recipe, data.affine)
    task = RegionTask(names, sizes, validation, data.affine, seed=recipe.seed, device=fabric.device)
    batches = LabelledSource(
        people, names, data.affine, box=sizes.box, size=recipe.batch_size, seed=recipe.seed
    )
    network = train(
        task,
        batches,
        recipe,
        fabric=fabric,
        out=out / "training",
        people=people.ids,
        resume=resume,
        on_progress=on_progress,
    )
    assert isinstance(network, RegionNetwork)
    facts = NetworkFacts(names, sizes, {}, len(people), source)
    save_network(network, facts, out)
    # As it will be used: with what packing takes from it.
    test = read_labelled(store, data.test, crop)
    dice = np.nanmean(region_dice(load_network(out, "cpu"), test, data.affine), axis=0)
    measured = {name: round(float(d), 4) for name, d in zip(names, dice, strict=True)}
    facts = replace(facts, dice=measured)
    save_network(network, facts, out)
    return facts


def _sizes(recipe: TrainingRecipe, affine: Affine) -> NetworkSizes:
    try:
        return NetworkSizes(**recipe.model, spacing_mm=float(voxel_spacing(affine)[0]))
    except (TypeError, ValueError) as error:
        raise TrainingRecipeError(
            f"the recipe does not fit a network of regions: {error}"
        ) from error


def read_labelled(store: CohortStore, people: People, crop: Crop) -> LabelledPeople:
    """Read tissue maps and labels of people whose maps are T1 images; who has none is left out."""
    groups = group_regions(store.read_manifest().region_names)
    kept, images, maps, labels = [], [], [], []
    for name, (image,) in zip(people.ids, people.maps, strict=True):
        own = read_regions(store, name, crop)
        if own is not None:
            kept.append(name)
            images.append(image)
            maps.append(read_maps(store, name, crop))
            labels.append(groups.of(own))
    return LabelledPeople(
        tuple(kept),
        np.array(images, dtype=np.uint8).reshape(-1, *crop.shape),
        np.array(maps, dtype=np.uint8).reshape(-1, 3, *crop.shape),
        np.array(labels, dtype=np.uint8).reshape(-1, *crop.shape),
    )


def region_dice(
    parcellator: Parcellator, people: LabelledPeople, affine: Affine
) -> NDArray[np.float64]:
    """Compare found labels with people's own: Dice (N, R), NaN where somebody lacks a region."""
    dice = np.full((len(people), len(parcellator.names)), np.nan)
    for row, (image, own) in enumerate(zip(people.images, people.labels, strict=True)):
        found = parcellator(image.astype(np.float32) / FULL, affine).labels
        both = np.bincount(own[own == found], minlength=dice.shape[1] + 1)[1:]
        sizes = [np.bincount(it.ravel(), minlength=dice.shape[1] + 1)[1:] for it in (own, found)]
        known = sizes[0] > 0
        dice[row, known] = 2.0 * both[known] / (sizes[0] + sizes[1])[known]
    return dice


def soft_dice(shares: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean Dice over classes of shares (P, 1 + R) and labels (P,)."""
    hits = torch.zeros(shares.shape[1], device=shares.device)
    own = shares.gather(1, wanted[:, None])[:, 0]
    hits = hits.index_add(0, wanted, own)
    sizes = torch.bincount(wanted, minlength=shares.shape[1])
    return ((2.0 * hits + SMOOTH) / (shares.sum(dim=0) + sizes + SMOOTH)).mean()


def simulate_contrast(
    maps: Tensor, labels: Tensor, classes: int, random: torch.Generator
) -> Tensor:
    """Make an image (I, J, K) of tissue maps (3, I, J, K) and labels under random intensities."""
    ranges = [(0.05, 1.0)] * 3 if _chance(ANY_CONTRAST, random) else list(MEAN_RANGES.values())
    means = torch.tensor([_between(low, high, random) for low, high in ranges])
    image = (means[:, None, None, None] * maps).sum(dim=0)
    spread = REGION_SPREAD * torch.randn(classes, generator=random)
    brain = maps.sum(dim=0)
    lit = image + spread[labels] * brain
    return torch.where(brain > 0, lit.clamp_min(LEAST_INTENSITY), torch.zeros(()))


def mirrored_labels(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the label (1 + R,) that each has in a mirrored brain."""
    swapped = [0]
    for name in names:
        other = name
        if name.startswith(LEFT):
            other = RIGHT + name.removeprefix(LEFT)
        elif name.startswith(RIGHT):
            other = LEFT + name.removeprefix(RIGHT)
        swapped.append(1 + (names.index(other) if other in names else names.index(name)))
    return np.array(swapped, dtype=np.int64)


def _augmentation() -> Compose:
    """Return what is done to an image in its box, and to its labels where it moves them."""
    from monai import transforms as t  # takes seconds

    both, image = ["image", "labels"], ["image"]
    return t.Compose(
        [
            t.RandAffined(
                both,
                prob=0.9,
                rotate_range=(0.1, 0.1, 0.1),
                shear_range=(0.05, 0.05, 0.05),
                scale_range=(0.1, 0.1, 0.1),
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            t.RandAdjustContrastd(image, prob=0.5, gamma=(0.75, 1.35)),
            t.RandBiasFieldd(image, prob=0.5, coeff_range=(0.0, 0.1)),
            t.RandGaussianSmoothd(
                image, prob=0.3, sigma_x=(0.2, 0.7), sigma_y=(0.2, 0.7), sigma_z=(0.2, 0.7)
            ),
        ]
    )


def _chance(share: float, random: torch.Generator) -> bool:
    return float(torch.rand((), generator=random)) < share


def _between(low: float, high: float, random: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=random))
