"""A small network that tells somebody's age from a T1 image, for BrainSynth's Fig. 4.

Convolution and pooling a few times, as in the simple fully convolutional network of Peng et al.
(2021, Medical Image Analysis 68), but small: at full width it would take an hour for what is
minutes here, on a processor. Unlike theirs it has no norms, which take away how large a departure
is, and no mean over space at the end: heads are aligned, so that places mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainviewer.generators.device import place_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.core.volume import FloatArray
    from brainviewer.evaluation.aged_pictures import AgedPictures
    from brainviewer.generators.device import Device

CHANNELS = (8, 16, 32, 64)
REDUCTION = 2 ** len(CHANNELS)  # voxels in a place of the last grid, along each axis
FARTHEST_SHIFT = 1  # voxels
PICTURES_A_LOOK = 32


@dataclass(frozen=True, slots=True)
class AgePlan:
    """How networks are fitted: all alike, however many people there are.

    Attributes
    ----------
    steps, batch : int
        Of the optimiser, and people in each.
    look_every : int
        Steps between two looks at the validation people.
    runs : int
        Networks for each number of synthetic people, from different starts.
    learning_rate, weight_decay : float
    """

    steps: int = 500
    batch: int = 8
    look_every: int = 25
    runs: int = 3
    learning_rate: float = 1e-3
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.look_every, self.runs) < 1:
            raise ValueError(f"steps, batch, look_every and runs must be at least 1, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What a network is shown and tells, of the real training people: departures from their mean.

    Attributes
    ----------
    image : (I, J, K) float32 ndarray
    spread : float
        Of the images, about the mean one.
    age, age_sd : float, years
    """

    image: FloatArray
    spread: float
    age: float
    age_sd: float

    @classmethod
    def of(cls, people: AgedPictures) -> Scale:
        """Measure people."""
        image = people.images.mean(axis=0, dtype=np.float64).astype(np.float32)
        squares = [float(((one - image) ** 2).mean()) for one in people.images]
        spread, age_sd = float(np.sqrt(np.mean(squares))), float(people.ages.std())
        return cls(image, spread or 1.0, float(people.ages.mean()), age_sd or 1.0)

    def shown(self, images: NDArray[np.uint8]) -> FloatArray:
        """Return departures (B, 1, I, J, K) of images (B, I, J, K)."""
        departures: FloatArray = (images - self.image) / np.float32(self.spread)
        return departures[:, None]


class AgeNetwork(nn.Module):
    """Images on a grid (I, J, K) to one number a person."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv3d(1, CHANNELS[0], 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*(_block(a, b) for a, b in pairwise(CHANNELS)))
        self.head = nn.Linear(CHANNELS[-1] * prod(-(-n // REDUCTION) for n in shape), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Tell the standardised ages (B,) of departures (B, 1, I, J, K)."""
        x = self.blocks(functional.relu(self.stem(images)))  # (B, C, I/16, J/16, K/16)
        told: Tensor = self.head(x.flatten(1))
        return told[:, 0]


def tell_ages(
    train: AgedPictures,
    watched: AgedPictures,
    images: NDArray[np.uint8],
    *,
    scale: Scale,
    plan: AgePlan,
    seed: int,
    device: Device,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Fit a network to people and tell the ages of others.

    The network is the one of all that were looked at which errs least on the validation people;
    every call takes the same number of steps.

    Parameters
    ----------
    watched : AgedPictures
        The validation people.
    images : (M, I, J, K) uint8 ndarray
        Of whom to tell.

    Returns
    -------
    (M,) float64 ndarray, years
    """
    network = new_network(seed, images.shape[1:])
    place_on(network, device)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=plan.learning_rate, total_steps=plan.steps + 1
    )
    batches = _batches(train, scale, plan.batch, np.random.default_rng(seed))
    least, told = np.inf, np.empty(0)
    for step in range(1, plan.steps + 1):
        shown, ages = (device.tensor(array) for array in next(batches))
        optimiser.zero_grad()
        with device.autocast():
            loss = functional.smooth_l1_loss(network(shown), ages)
        torch.autograd.backward(loss)
        optimiser.step()
        rate.step()
        if step % plan.look_every == 0 or step == plan.steps:
            error = float(
                np.abs(_told(network, watched.images, scale, device) - watched.ages).mean()
            )
            if error < least or not told.size:
                least, told = error, _told(network, images, scale, device)
        on_step(step, plan.steps)
    return told


def new_network(seed: int, shape: tuple[int, ...]) -> AgeNetwork:
    """Return a network as it is before it is fitted; the same seed, the same network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AgeNetwork(shape)


def _block(before: int, after: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(before, after, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool3d(2, ceil_mode=True),
    )


def _batches(
    people: AgedPictures, scale: Scale, size: int, source: np.random.Generator
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield departures (B, 1, I, J, K) and standardised ages (B,), everybody once a round."""
    waiting = np.empty(0, np.int64)
    while True:
        while len(waiting) < size:
            waiting = np.concatenate([waiting, source.permutation(len(people))])
        who, waiting = waiting[:size], waiting[size:]
        images = np.stack([_varied(people.images[one], source) for one in who])
        ages = (people.ages[who] - scale.age) / scale.age_sd
        yield scale.shown(images), ages.astype(np.float32)


def _varied(image: NDArray[np.uint8], source: np.random.Generator) -> NDArray[np.uint8]:
    """Turn left and right around in half of the images, and shift them by up to a voxel."""
    turned = image[::-1] if source.random() < 0.5 else image
    steps = source.integers(-FARTHEST_SHIFT, FARTHEST_SHIFT + 1, size=3)
    return np.asarray(np.roll(turned, steps, axis=(0, 1, 2)))


def _told(
    network: AgeNetwork, images: NDArray[np.uint8], scale: Scale, device: Device
) -> NDArray[np.float64]:
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), PICTURES_A_LOOK):
            shown = device.tensor(scale.shown(images[start : start + PICTURES_A_LOOK]))
            with device.autocast():
                found.append(network(shown).float().cpu().numpy())
    standardised = np.concatenate(found).astype(np.float64)
    years: NDArray[np.float64] = standardised * scale.age_sd + scale.age
    return years
