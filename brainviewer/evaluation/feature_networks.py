"""Networks in whose features brains are compared, for the Frechet distances of Table I.

CSegSynth takes RadImageNet's and MedicalNet's ResNet50, which cannot be had everywhere. Instead,
two small networks are fitted here to the training people alone: one on whole tissue maps, which
tells age, sex and the three volumes, and one on slices, which tells age, sex, plane and place.
Their distances rank generators of one evaluation; they are no numbers to hold against the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainviewer.cohort.reading import FULL
from brainviewer.core.tissues import TISSUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.core.volume import FloatArray

CHANNELS = (8, 16, 32)
AXES = (0, 1, 2)  # slices across i, j, k: sagittal, coronal, axial
SEED = 1
MOST_PEOPLE = 200  # fitted to: their maps are held at once
LEARNING_RATE = 2e-3
VOLUME_BATCH = 4
SLICE_BATCH = 64
FACTS = 5
FACTS_OF_SLICES = 2  # age and sex; a slice does not tell volumes


@dataclass(frozen=True, slots=True)
class Plan:
    """How long networks are fitted, and to how many pictures a step."""

    volume_steps: int = 300
    volume_batch: int = 8
    slice_steps: int = 400
    slice_batch: int = 64


@dataclass(frozen=True, slots=True, eq=False)
class FittingPeople:
    """Whom the networks are fitted to.

    Attributes
    ----------
    maps : (N, 3, I, J, K) uint8 ndarray
        255 x partial volume of WM, GM, CSF.
    facts : (N, 5) ndarray
        Age, sex as a number, and the volumes of WM, GM, CSF in mL.
    """

    maps: NDArray[np.uint8]
    facts: FloatArray


class FeatureNetwork(nn.Module):
    """Three convolutions of stride 2; the features are the spatial means after each.

    The first layer's means see texture and blur, the last one's see form.

    Parameters
    ----------
    dimensions : 2 or 3
    targets : int
        Numbers to tell.
    """

    def __init__(self, dimensions: int, targets: int) -> None:
        super().__init__()
        convolution = nn.Conv3d if dimensions == 3 else nn.Conv2d
        sizes = (1, *CHANNELS)
        self.layers = nn.ModuleList(
            convolution(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes)
        )
        self.head = nn.Linear(sum(CHANNELS), targets)

    def features(self, images: Tensor) -> Tensor:
        """Describe images (B, 1, ...) in [0, 1] by (B, F) features."""
        means = []
        for layer in self.layers:
            images = functional.leaky_relu(layer(images), 0.1)  # (B, C, I/2, ...)
            means.append(images.flatten(2).mean(dim=2))
        return torch.cat(means, dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Tell the targets: (B, T)."""
        told: Tensor = self.head(self.features(images))
        return told


@dataclass(frozen=True, slots=True, eq=False)
class Embedder:
    """A network, and what tables call it.

    Attributes
    ----------
    name : str
    describe : function of (B, 1, ...) float32 tensors in [0, 1] to (B, F)
    own : bool
        Fitted here: its features have no unit of their own and are told in standard deviations.
    """

    name: str
    describe: Callable[[Tensor], Tensor]
    own: bool

    @property
    def label(self) -> str:
        """Whose features they are, for the head of a column."""
        return "own network" if self.own else self.name


@dataclass(frozen=True, slots=True)
class Embedders:
    """The network that sees whole maps, and the one that sees slices."""

    volumes: Embedder
    slices: Embedder

    @property
    def names(self) -> dict[str, str]:
        """What tables call them."""
        return {"volumes": self.volumes.name, "slices": self.slices.name}


def fit_networks(
    people: FittingPeople,
    *,
    plan: Plan,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, FeatureNetwork]:
    """Fit both networks, ``volumes`` and ``slices``. The same people give the same networks.

    The loss is the mean squared error over standardised targets; a picture is one tissue's map or
    one slice of it.
    """
    facts = _standardise(people.facts)
    networks, work = (
        new_networks(),
        (
            (
                "volumes",
                plan.volume_steps,
                partial(_volume_batch, people, facts, plan.volume_batch),
            ),
            ("slices", plan.slice_steps, partial(_slice_batch, people, facts, plan.slice_batch)),
        ),
    )
    done, total = 0, plan.volume_steps + plan.slice_steps
    for name, steps, batch in work:
        network, source = networks[name], np.random.default_rng(SEED)
        optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        for _ in range(steps):
            images, targets = batch(source)
            optimiser.zero_grad()
            functional.mse_loss(network(images), targets).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            done += 1
            on_step(done, total)
        network.eval().requires_grad_(False)
    return networks


def embed_volumes(embedder: Embedder, maps: NDArray[np.uint8]) -> FloatArray:
    """Describe stored maps of one tissue (N, I, J, K): (N, F) float32."""
    return _embed(embedder, maps, VOLUME_BATCH)


def embed_slices(embedder: Embedder, maps: NDArray[np.uint8], axis: int) -> FloatArray:
    """Describe all slices of stored maps of one tissue (N, I, J, K), across an axis.

    Returns
    -------
    (N, M, F) float32 ndarray
        M slices a person.
    """
    slices = np.moveaxis(maps, axis + 1, 1)
    found = _embed(embedder, slices.reshape(-1, *slices.shape[2:]), SLICE_BATCH)
    return found.reshape(len(maps), slices.shape[1], -1)


def fitted_embedders(networks: Mapping[str, FeatureNetwork], people: int) -> Embedders:
    """Name the networks that were fitted here, so that nobody takes them for the paper's."""
    name = f"a small network fitted here to {people} training people, not the paper's"
    return Embedders(
        Embedder(name, networks["volumes"].features, own=True),
        Embedder(name, networks["slices"].features, own=True),
    )


def new_networks() -> dict[str, FeatureNetwork]:
    """Return both networks as they are before they are fitted, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        volumes = FeatureNetwork(3, FACTS)
        slices = FeatureNetwork(2, FACTS_OF_SLICES + len(AXES) + 1)
    # Almost twice as fast on a processor.
    volumes.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return {"volumes": volumes, "slices": slices}


def _volume_batch(
    people: FittingPeople, facts: Tensor, size: int, source: np.random.Generator
) -> tuple[Tensor, Tensor]:
    who = source.integers(len(people.maps), size=size)
    tissue = source.integers(len(TISSUES), size=size)
    return _tensor(people.maps[who, tissue]), facts[torch.from_numpy(who)]


def _slice_batch(
    people: FittingPeople, facts: Tensor, size: int, source: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Take slices of one plane: images, and age, sex, plane and place in [-1, 1]."""
    axis = int(source.integers(len(AXES)))
    count = people.maps.shape[2 + axis]
    who = source.integers(len(people.maps), size=size)
    tissue = source.integers(len(TISSUES), size=size)
    place = source.integers(count, size=size)
    across = np.moveaxis(people.maps, 2 + axis, 2)  # (N, 3, M, H, W)
    plane = torch.zeros(size, len(AXES))
    plane[:, axis] = 1.0
    where = torch.from_numpy(2.0 * place / max(count - 1, 1) - 1.0).float()[:, None]
    told = torch.cat([facts[torch.from_numpy(who)][:, :FACTS_OF_SLICES], plane, where], dim=1)
    return _tensor(across[who, tissue, place]), told


def _embed(embedder: Embedder, images: NDArray[np.uint8], batch: int) -> FloatArray:
    with torch.inference_mode():
        found = [
            embedder.describe(_tensor(images[start : start + batch])).float()
            for start in range(0, len(images), batch)
        ]
    return torch.cat(found).numpy()


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    """Turn stored images (B, ...) into (B, 1, ...) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).float()[:, None] / FULL


def _standardise(facts: FloatArray) -> Tensor:
    """Return columns of mean 0 and sd 1; a constant one is 0."""
    centred = facts - facts.mean(axis=0)
    sd = centred.std(axis=0)
    return torch.from_numpy(centred / np.where(sd > 0, sd, 1.0)).float()
