"""Brains that were already made, kept small and within a bound of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from brainviewer.core.volume import Affine, Brain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.request import BrainKey

CACHE_BYTES = 256 * 2**20
MAX_VOLUME_ENTRIES = 20_000
_STEPS = 255

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True, eq=False)
class Cached:
    """A brain as it is kept.

    Attributes
    ----------
    key : BrainKey
    channels : tuple of str
    codes : (C, I, J, K) uint8 ndarray
        Values in [0, 1] in steps of 1/255.
    affine : (4, 4) float64 ndarray, mm
    volumes_ml : mapping of structure to float, mL
        Measured before rounding.
    """

    key: BrainKey
    channels: tuple[str, ...]
    codes: NDArray[np.uint8]
    affine: Affine
    volumes_ml: Mapping[str, float]

    def brain(self) -> Brain:
        """Return the brain, with values rounded to steps of 1/255."""
        return Brain(self.channels, self.codes * np.float32(1 / _STEPS), self.affine)


class BrainCache:
    """Keeps the brains that were used last, and the volumes of many more.

    It may be used from several threads.

    Parameters
    ----------
    limit_bytes : int
        What the maps may take together; the one used longest ago goes first.
    """

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._brains: OrderedDict[BrainKey, Cached] = OrderedDict()
        self._volumes: OrderedDict[BrainKey, Mapping[str, float]] = OrderedDict()
        self._region_volumes: OrderedDict[BrainKey, FloatArray] = OrderedDict()

    @property
    def used_bytes(self) -> int:
        """What the maps take now."""
        with self._lock:
            return self._used_bytes()

    def put(self, key: BrainKey, brain: Brain, volumes_ml: Mapping[str, float]) -> None:
        """Keep a brain, and forget others until the bound holds."""
        entry = _rounded(key, brain, volumes_ml)
        with self._lock:
            self._brains[key] = entry
            self._brains.move_to_end(key)
            while self._used_bytes() > self._limit_bytes:
                self._brains.popitem(last=False)
        self.put_volumes(key, volumes_ml)

    def offer(self, key: BrainKey, brain: Brain, volumes_ml: Mapping[str, float]) -> None:
        """Keep a brain if there is room without forgetting another, and its volumes anyway."""
        if self.used_bytes + brain.data.size <= self._limit_bytes:
            self.put(key, brain, volumes_ml)
        else:
            self.put_volumes(key, volumes_ml)

    def put_volumes(self, key: BrainKey, volumes_ml: Mapping[str, float]) -> None:
        """Keep only the volumes of a brain."""
        with self._lock:
            _keep(self._volumes, key, volumes_ml)

    def volumes(self, key: BrainKey) -> Mapping[str, float] | None:
        """Return the volumes of a brain in mL; None when they were never measured."""
        with self._lock:
            return self._volumes.get(key)

    def put_region_volumes(self, key: BrainKey, volumes_ml: FloatArray) -> None:
        """Keep the volumes (R,) in mL of all regions that the generator of a brain knows."""
        with self._lock:
            _keep(self._region_volumes, key, volumes_ml)

    def region_volumes(self, key: BrainKey) -> FloatArray | None:
        """Return the volumes (R,) of the regions of a brain in mL; None when never measured."""
        with self._lock:
            return self._region_volumes.get(key)

    def nearest(self, key: BrainKey, *, within_years: float) -> Cached | None:
        """Return the brain of the same person and course at the nearest age.

        None when there is none within so many years.
        """
        with self._lock:
            near = [other for other in self._brains if _distance(key, other) <= within_years]
            if not near:
                return None
            nearest = min(near, key=lambda other: _distance(key, other))
            self._brains.move_to_end(nearest)
            return self._brains[nearest]

    def forget(self, checkpoint: Checkpoint) -> None:
        """Forget all that a checkpoint made."""
        with self._lock:
            for kept in (self._brains, self._volumes, self._region_volumes):
                for key in [key for key in kept if key.checkpoint is checkpoint]:
                    del kept[key]

    def _used_bytes(self) -> int:
        return sum(entry.codes.nbytes for entry in self._brains.values())


def _keep(kept: OrderedDict[BrainKey, Kept], key: BrainKey, what: Kept) -> None:
    """Put what was measured last at the end, and forget what was long ago."""
    kept[key] = what
    kept.move_to_end(key)
    while len(kept) > MAX_VOLUME_ENTRIES:
        kept.popitem(last=False)


def _rounded(key: BrainKey, brain: Brain, volumes_ml: Mapping[str, float]) -> Cached:
    codes = np.rint(brain.data * _STEPS).clip(0, _STEPS).astype(np.uint8)
    return Cached(key, brain.channels, codes, brain.affine, volumes_ml)


def _distance(key: BrainKey, other: BrainKey) -> float:
    """Years between two brains; infinite when anything but age differs."""
    if key[:3] != other[:3]:
        return float("inf")
    return 0.0 if key.age is None or other.age is None else abs(key.age - other.age)
