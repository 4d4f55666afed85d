"""What each feature does to each volume of the person on the screen; made in the background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from brainviewer.core.regions import LabelRegions, label_structure, region_weights
from brainviewer.core.saliency import SaliencyRow, saliency_rows
from brainviewer.core.tissues import TISSUES, tissue_maps
from brainviewer.generators.base import GenerationError
from brainviewer.session.measuring import Place
from brainviewer.session.model import takes_no_features
from brainviewer.session.request import key_of, structures_of
from brainviewer.session.ventricles import VENTRICLES, ventricle_region

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.cache import BrainCache
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.request import BrainKey
    from brainviewer.session.worker import Worker

Post = Callable[[Callable[[], None]], None]
# A brain, and the label that was asked for beside the tissues.
Wanted = tuple["BrainKey", "LabelChoice | None"]

MOST_KEPT = 500


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """A label of an image whose volume is to be differentiated too."""

    regions: LabelRegions
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """The gradients of the volumes of one brain with respect to the features.

    Attributes
    ----------
    rows : tuple of SaliencyRow
        By structure, the heaviest feature first; empty where there are no gradients.
    sentence : str
        Why there are none; empty where there are.
    """

    rows: tuple[SaliencyRow, ...] = ()
    sentence: str = ""

    @property
    def in_label(self) -> tuple[SaliencyRow, ...]:
        """The rows of the label that was asked for."""
        return tuple(row for row in self.rows if row.structure not in (*TISSUES, VENTRICLES))


class GradientWatch:
    """Keeps gradients in step with the newest state while somebody looks at them.

    Parameters
    ----------
    post : function
        Runs a function on the owner's thread.
    worker : Worker
    cache : BrainCache
    """

    changed = Signal(Gradients)
    outdated = Signal()

    def __init__(self, post: Post, worker: Worker, cache: BrainCache) -> None:
        self.gradients: Gradients | None = None
        self._post = post
        self._worker = worker
        self._cache = cache
        self._kept: OrderedDict[Wanted, Gradients] = OrderedDict()
        self._label: LabelChoice | None = None
        self._state: State | None = None
        self._decoder: Decoder | None = None
        self._watched = False

    def watch(self, watched: bool) -> None:
        """Compute gradients from now on, or no longer."""
        self._watched = watched
        if not watched:
            self._worker.cancel_background(Place.GRADIENTS)
        elif self._state is not None and self._decoder is not None:
            self.follow(self._state, self._decoder)

    def choose_label(self, label: LabelChoice | None) -> None:
        """Differentiate the volume inside a label too; the tissues alone without one."""
        if label == self._label:
            return
        self._label = label
        if self._state is not None and self._decoder is not None:
            self.follow(self._state, self._decoder)

    def follow(self, state: State, decoder: Decoder) -> None:
        """Give the gradients of the brain of a state, from memory or soon."""
        self._state, self._decoder = state, decoder
        if not self._watched:
            return
        known = self._known(state)
        if known is not None:
            self._worker.cancel_background(Place.GRADIENTS)
            self._show(known)
            return
        self.outdated.emit()
        self._worker.run_background(
            "Differentiating the volumes", self._work(state, decoder), place=Place.GRADIENTS
        )

    def _known(self, state: State) -> Gradients | None:
        sentence = _why_none(state.checkpoint)
        return Gradients(sentence=sentence) if sentence else self._kept.get(self._wanted(state))

    def _wanted(self, state: State) -> Wanted:
        return _key(state), self._label

    def _show(self, gradients: Gradients) -> None:
        self.gradients = gradients
        self.changed.emit(gradients)

    def _work(self, state: State, decoder: Decoder) -> Generator[None, None, None]:
        key, label = wanted = self._wanted(state)
        without = self._kept.get((key, None))
        near = self._cache.nearest(key, within_years=0.0)
        brain = near.brain() if near else decoder.generate(state.person.identity, state.conditions)
        rows = list(without.rows) if without is not None else []
        try:
            for own in gradient_steps(brain, state, decoder, label=label, tissues=not rows):
                rows += own
                yield
            gradients = Gradients(tuple(rows))
        except GenerationError as error:
            gradients = Gradients(sentence=str(error))
        self._post(partial(self._on_made, wanted, gradients))
        yield

    def _on_made(self, wanted: Wanted, gradients: Gradients) -> None:
        self._kept[wanted] = gradients
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if self._watched and self._state is not None and self._wanted(self._state) == wanted:
            self._show(gradients)


def gradient_steps(
    brain: Brain,
    state: State,
    decoder: Decoder,
    *,
    label: LabelChoice | None = None,
    tissues: bool = True,
) -> Generator[list[SaliencyRow], None, None]:
    """Differentiate the tissue volumes of a brain, and that of its ventricles where they are found.

    One volume a step, so that a slider that is taken up again waits for one alone. The ventricles
    are the CSF in the region where this brain has them; a label's volume is that of the tissue
    which fills most of it, inside the label.

    Parameters
    ----------
    tissues : bool
        Whether tissues and ventricles are asked for; a label alone otherwise.

    Raises
    ------
    GenerationError
        When the generator cannot be differentiated.
    """

    def rows(structure: str, weights: FloatArray) -> list[SaliencyRow]:
        gradients = decoder.volume_gradients(state.person.identity, state.conditions, weights[None])
        return saliency_rows(gradients, state.checkpoint.schema, channels=(structure,))

    brain = tissue_maps(brain)
    if tissues:
        region = ventricle_region(brain)
        everywhere = np.ones_like(region)
        for tissue in brain.channels:
            yield rows(tissue, region_weights(brain, tissue, everywhere))
        if region.any():
            yield rows(VENTRICLES, region_weights(brain, "CSF", region))
    if label is not None and label.regions.labels.shape == brain.data.shape[1:]:
        yield rows(*label_structure(brain, label.regions, label.number))


def _why_none(checkpoint: Checkpoint) -> str:
    if not checkpoint.schema.features:
        return takes_no_features(checkpoint)
    if structures_of(checkpoint) != TISSUES:
        return "this generator makes images without tissue maps, so there are no volumes"
    return ""


def _key(state: State) -> BrainKey:
    return key_of(state.checkpoint, state.person.identity, state.course, age=state.age)
