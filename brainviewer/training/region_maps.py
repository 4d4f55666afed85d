"""The regions of a template: those of registered people, brought to it and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from brainviewer.cohort.grouping import group_regions
from brainviewer.generators.flow import exponentiate, pull, resample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from brainviewer.cohort.grouping import RegionGroups
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.region_maps import RegionMaps


@dataclass(frozen=True, slots=True, eq=False)
class RegionLabels:
    """The regions of people.

    Attributes
    ----------
    groups : RegionGroups
    read : callable
        From a participant id to the labels (I, J, K), None where somebody has none.
    """

    groups: RegionGroups
    read: Callable[[str], NDArray[Any] | None]

    def of_person(self, name: str) -> NDArray[np.uint8] | None:
        """Return 1 + the index of the region (I, J, K) of a person; None without labels."""
        if not self.groups.names:
            return None
        labels = self.read(name)
        return None if labels is None else self.groups.of(labels)

    def volumes_of(self, ids: Sequence[str]) -> NDArray[np.float64]:
        """Count the regions of people: (N, R) voxels, NaN for who has no labels."""
        count = len(self.groups.names)
        volumes = np.full((len(ids), count), np.nan)
        for row, name in zip(volumes, ids, strict=True):
            regions = self.of_person(name)
            if regions is not None:
                row[:] = np.bincount(regions.ravel(), minlength=count + 1)[1:]
        return volumes

    def of_people(
        self, ids: Sequence[str], velocities: FloatArray
    ) -> Iterator[tuple[FloatArray, NDArray[np.uint8]]]:
        """Return the velocity and the regions of each person who has labels."""
        for name, velocity in zip(ids, velocities, strict=True):
            regions = self.of_person(name)
            if regions is not None:
                yield velocity, regions


NO_LABELS = RegionLabels(group_regions({}), lambda name: None)


@torch.inference_mode()
def fit_region_maps(maps: RegionMaps, people: Iterable[tuple[FloatArray, NDArray[Any]]]) -> int:
    """Set where regions lie, from people, and return how many there were.

    Parameters
    ----------
    people : iterable of velocity and labels
        (3, I', J', K') float32, voxels, of exp(v) that carries the template onto the person, and
        (I, J, K) of 1 + the index of a region, 0 for none.
    """
    regions, shape = len(maps.shares), maps.labels.shape
    counts = torch.zeros((regions + 1, *shape), dtype=torch.int16)
    number = 0
    for velocity, labels in people:
        back = resample(exponentiate(-torch.from_numpy(velocity)[None]), shape)
        own = torch.from_numpy(labels.astype(np.float32))[None, None]
        there = pull(own, back, nearest=True)[0].round().long()  # (1, I, J, K)
        counts.scatter_add_(0, there, torch.ones_like(there, dtype=torch.int16))
        number += 1
    if not number:
        return 0
    maps.labels.copy_(counts.argmax(dim=0))
    factor = [n // m for n, m in zip(shape, maps.shares.shape[1:], strict=True)]
    for region in range(regions):
        share = counts[region + 1].float()[None, None] / number
        maps.shares[region].copy_(functional.avg_pool3d(share, factor)[0, 0])
    return number
