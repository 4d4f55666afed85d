"""Which region each place of the brain on the screen belongs to; made in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from scipy import ndimage

from brainviewer.core.volume import Volume
from brainviewer.session.measuring import Place
from brainviewer.session.slicing import contains, nearest_voxel

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.core.features import Conditions
    from brainviewer.generators.base import Identity
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.worker import Worker

    World = tuple[float, float, float]

Post = Callable[[Callable[[], None]], None]

# Rounds the corners of voxels; a sheet of one voxel is still there.
SMOOTHING_VOXELS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class RegionMap:
    """The regions of one brain.

    Attributes
    ----------
    names : tuple of str
    labels : Volume of integers
        1 + the index of the region's name, 0 for none.
    """

    names: tuple[str, ...]
    labels: Volume

    def name_at(self, world: World) -> str:
        """Return the region at a point, world mm; empty where there is none."""
        if not contains(self.labels, world):
            return ""
        number = int(self.labels.data[nearest_voxel(self.labels, world)])
        return self.names[number - 1] if number else ""

    def share(self, name: str) -> Volume:
        """Return how much of a region each place holds: 0-1, crosses 0.5 at its border.

        It is no larger than the region with a rim; of one that is nowhere, it is all zero.
        """
        number = self.names.index(name) + 1
        inside = self.labels.data == number
        box = ndimage.find_objects(inside.astype(np.uint8))
        if not box:
            return Volume(np.zeros((2, 2, 2), np.float32), self.labels.affine, name)
        rim = 3
        start = np.array([it.start for it in box[0]]) - rim
        held = np.pad(inside[box[0]], rim).astype(np.float32)
        soft = ndimage.gaussian_filter(held, SMOOTHING_VOXELS, truncate=rim / SMOOTHING_VOXELS)
        affine = self.labels.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ start
        return Volume(soft, affine, name)


class RegionMapWatch:
    """Keeps the map in step with the newest state, where the generator knows regions.

    The map of the brain before stays until the next one is there: the hand may still move.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker

    Signals
    -------
    changed : RegionMap or None
    """

    changed = Signal(object)

    def __init__(self, post: Post, worker: Worker) -> None:
        self.map: RegionMap | None = None
        self._post = post
        self._worker = worker
        self._of: tuple[Identity, Conditions] | None = None
        self._state: State | None = None

    def follow(self, state: State, decoder: Decoder) -> None:
        """Map the brain of a state when there is nothing better to do."""
        old, self._state = self._state, state
        if self.map is not None and (
            not decoder.regions or old is None or old.person.identity is not state.person.identity
        ):
            self._show(None, None)
        if not decoder.regions or self._is_there(state):
            self._worker.cancel_background(Place.REGION_MAP)
            return
        self._worker.run_background(
            "Finding the regions", self._work(state, decoder), place=Place.REGION_MAP
        )

    def _is_there(self, state: State) -> bool:
        if self._of is None:
            return False
        identity, conditions = self._of
        return identity is state.person.identity and dict(conditions) == state.conditions

    def _work(self, state: State, decoder: Decoder) -> Generator[None, None, None]:
        identity, conditions = state.person.identity, state.conditions
        if decoder.finds_regions:
            yield from decoder.region_steps(identity, conditions)  # the labels are kept
        labels = decoder.region_labels(identity, conditions)
        found = RegionMap(decoder.regions, Volume(labels, decoder.generator.affine, "regions"))
        self._post(partial(self._on_made, found, identity, conditions))
        yield

    def _on_made(self, found: RegionMap, identity: Identity, conditions: Conditions) -> None:
        state = self._state
        if state is None or state.person.identity is not identity:
            return
        if state.conditions == dict(conditions):
            self._show(found, (identity, conditions))

    def _show(self, found: RegionMap | None, of: tuple[Identity, Conditions] | None) -> None:
        self.map, self._of = found, of
        self.changed.emit(found)
