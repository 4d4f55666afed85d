"""How large each region of the person on the screen is, now and in fact; made in the background."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from scipy import ndimage

from brainviewer.core.scenario import AGE, SEX
from brainviewer.core.space import voxel_to_world
from brainviewer.generators.base import KnowsRegions
from brainviewer.generators.labelling import can_label
from brainviewer.session.measuring import Place
from brainviewer.session.request import key_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions, Value
    from brainviewer.core.volume import FloatArray
    from brainviewer.generators.base import Identity
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.request import BrainKey
    from brainviewer.session.worker import Worker

    World = tuple[float, float, float]

Post = Callable[[Callable[[], None]], None]
# A brain, and the person as given.
Wanted = tuple["BrainKey", str]

MOST_KEPT = 500
FOUND = "found in the image by a network"
# Fixed, so that the same person always has the same percentiles.
OTHER_SEEDS = tuple(range(920_000_001, 920_000_065))


@dataclass(frozen=True, slots=True)
class RegionRow:
    """One region.

    Attributes
    ----------
    name : str
    now_ml, factual_ml : float, mL
    centre_mm : (x, y, z), world mm
        Where it lies now; NaN where it is nowhere.
    percentile : float, 0-100
        Among people of the same age and sex whom the generator draws; NaN where not yet known.
    """

    name: str
    now_ml: float
    factual_ml: float
    centre_mm: World
    percentile: float = math.nan

    @property
    def change_ml(self) -> float:
        """What is there now but was not in fact, in mL."""
        return self.now_ml - self.factual_ml

    @property
    def change_percent(self) -> float:
        """The change in per cent of the factual volume."""
        return 100 * self.change_ml / self.factual_ml if self.factual_ml else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """The regions of one brain.

    Attributes
    ----------
    rows : tuple of RegionRow
        Empty where the generator knows of none.
    sentence : str
        Why there are none; empty where there are.
    note : str
        How they were found, where the generator does not know them.
    """

    rows: tuple[RegionRow, ...] = ()
    sentence: str = ""
    note: str = ""


class RegionWatch:
    """Keeps regions in step with the newest state while somebody looks at them.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker
    """

    changed = Signal(Regions)
    outdated = Signal()

    def __init__(self, post: Post, worker: Worker) -> None:
        self.regions: Regions | None = None
        self._post = post
        self._worker = worker
        self._kept: OrderedDict[Wanted, Regions] = OrderedDict()
        self._drawn: dict[tuple[Decoder, str], FloatArray] = {}
        self._state: State | None = None
        self._decoder: Decoder | None = None
        self._watched = False

    def watch(self, watched: bool) -> None:
        """Measure regions from now on, or no longer."""
        self._watched = watched
        if not watched:
            self._worker.cancel_background(Place.REGIONS)
        elif self._state is not None and self._decoder is not None:
            self.follow(self._state, self._decoder)

    def follow(self, state: State, decoder: Decoder) -> None:
        """Give the regions of the brain of a state, from memory or soon."""
        self._state, self._decoder = state, decoder
        if not self._watched:
            return
        sentence = _why_none(decoder)
        known = Regions(sentence=sentence) if sentence else self._kept.get(_wanted(state))
        if known is not None:
            self._worker.cancel_background(Place.REGIONS)
            self._show(known)
            return
        self.outdated.emit()
        self._worker.run_background(
            "Measuring the regions", self._work(state, decoder), place=Place.REGIONS
        )

    def _show(self, regions: Regions) -> None:
        self.regions = regions
        self.changed.emit(regions)

    def _work(self, state: State, decoder: Decoder) -> Generator[None, None, None]:
        identity, factual = state.person.identity, state.person.factual
        factual_ml = yield from decoder.region_steps(identity, factual)
        yield
        now_ml = yield from decoder.region_steps(identity, state.conditions)
        yield
        rows = region_rows(decoder, identity, state.conditions, now_ml, factual_ml)
        note = FOUND if decoder.finds_regions else ""
        self._post(partial(self._on_measured, _wanted(state), Regions(rows, note=note)))
        yield
        if decoder.undrawn(OTHER_SEEDS):
            return
        others = yield from self._others(state, decoder)
        places = percentiles_among(others, now_ml)
        placed = tuple(
            replace(row, percentile=place) for row, place in zip(rows, places, strict=True)
        )
        self._post(partial(self._on_placed, _wanted(state), Regions(placed, note=note)))
        yield

    def _others(self, state: State, decoder: Decoder) -> Generator[None, None, FloatArray]:
        """Measure the regions (P, R) of drawn people of the same age, to the year, and sex."""
        alike = alike_conditions(state.conditions)
        key = decoder, repr(alike)
        if key not in self._drawn:
            drawn = []
            for seed in OTHER_SEEDS:
                identity = decoder.draw(seed)
                drawn.append((yield from decoder.region_steps(identity, alike)))
                yield
            self._drawn = {key: np.stack(drawn)}  # one alone: the age that is looked at
        return self._drawn[key]

    def _on_measured(self, wanted: Wanted, regions: Regions) -> None:
        if self._is_wanted(wanted):
            self._show(regions)

    def _on_placed(self, wanted: Wanted, regions: Regions) -> None:
        self._kept[wanted] = regions
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if self._is_wanted(wanted):
            self._show(regions)

    def _is_wanted(self, wanted: Wanted) -> bool:
        return self._watched and self._state is not None and _wanted(self._state) == wanted


def region_rows(
    decoder: Decoder,
    identity: Identity,
    conditions: Conditions,
    now_ml: FloatArray,
    factual_ml: FloatArray,
) -> tuple[RegionRow, ...]:
    """Find where the regions are, and put this beside their volumes (R,) in mL."""
    labels = decoder.region_labels(identity, conditions)
    places = voxel_to_world(decoder.generator.affine, middles_of(labels, len(decoder.regions)))
    return tuple(
        RegionRow(name, float(now), float(then), (float(x), float(y), float(z)))
        for name, now, then, (x, y, z) in zip(
            decoder.regions, now_ml, factual_ml, places, strict=True
        )
    )


def middles_of(labels: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Find the voxel of each label 1 to `count` that is nearest to its centre of mass.

    The centre itself may lie in another region: that of a gyrus lies in the white matter.

    Parameters
    ----------
    labels : (I, J, K) integer ndarray
    count : int

    Returns
    -------
    (count, 3) float64 ndarray, voxels
        NaN where a label is nowhere.
    """
    middles = np.full((count, 3), np.nan)
    for index, box in enumerate(ndimage.find_objects(labels, max_label=count)):
        if box is not None:
            inside = np.argwhere(labels[box] == index + 1)  # (N, 3)
            away = np.square(inside - inside.mean(axis=0)).sum(axis=1)
            middles[index] = inside[np.argmin(away)] + [it.start for it in box]
    return middles


def alike_conditions(conditions: Conditions) -> dict[str, Value]:
    """Return the age, to the year, and the sex of somebody; all else is open."""
    alike: dict[str, Value] = {name: conditions.get(name) for name in (AGE, SEX)}
    age = alike[AGE]
    if isinstance(age, int | float):
        alike[AGE] = float(round(age))
    return {name: value for name, value in alike.items() if name in conditions}


def percentiles_among(others: FloatArray, own: FloatArray) -> list[float]:
    """Return the place (R,) of volumes (R,) among those of others (P, R), 0-100."""
    below = (others < own).mean(axis=0) + 0.5 * (others == own).mean(axis=0)
    places: list[float] = (100.0 * below).tolist()
    return places


def _why_none(decoder: Decoder) -> str:
    generator = decoder.generator
    if decoder.regions:
        return ""
    if isinstance(generator, KnowsRegions) and not can_label(generator.affine):
        return f"{generator.name} was made from people without labelled regions"
    return decoder.why_no_regions()


def _wanted(state: State) -> Wanted:
    """Return what the regions of a state are kept under."""
    key = key_of(state.checkpoint, state.person.identity, state.course, age=state.age)
    return key, repr(sorted(state.person.factual.items()))
