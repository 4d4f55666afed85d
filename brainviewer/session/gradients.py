"""What each feature does to each volume of the person on the screen; made in the background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from brainviewer.core.saliency import SaliencyRow, saliency_rows
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import voxel_volume_ml
from brainviewer.generators.base import GenerationError
from brainviewer.session.measuring import Place
from brainviewer.session.model import takes_no_features
from brainviewer.session.request import key_of, structures_of
from brainviewer.session.ventricles import VENTRICLES, ventricle_region

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.checkpoint import Checkpoint
    from brainviewer.session.cache import BrainCache
    from brainviewer.session.decoder import Decoder
    from brainviewer.session.model import State
    from brainviewer.session.request import BrainKey
    from brainviewer.session.worker import Worker

Post = Callable[[Callable[[], None]], None]

MOST_KEPT = 500


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
    def structures(self) -> tuple[str, ...]:
        """What was differentiated: the tissues, and the ventricles where they were found."""
        return tuple(dict.fromkeys(row.structure for row in self.rows))


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
        self._kept: OrderedDict[BrainKey, Gradients] = OrderedDict()
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
        return Gradients(sentence=sentence) if sentence else self._kept.get(_key(state))

    def _show(self, gradients: Gradients) -> None:
        self.gradients = gradients
        self.changed.emit(gradients)

    def _work(self, state: State, decoder: Decoder) -> Generator[None, None, None]:
        key = _key(state)
        near = self._cache.nearest(key, within_years=0.0)
        brain = near.brain() if near else decoder.generate(state.person.identity, state.conditions)
        rows: list[SaliencyRow] = []
        try:
            for own in gradient_steps(brain, state, decoder):
                rows += own
                yield
            gradients = Gradients(tuple(rows))
        except GenerationError as error:
            gradients = Gradients(sentence=str(error))
        self._post(partial(self._on_made, key, gradients))
        yield

    def _on_made(self, key: BrainKey, gradients: Gradients) -> None:
        self._kept[key] = gradients
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if self._watched and self._state is not None and _key(self._state) == key:
            self._show(gradients)


def gradient_steps(
    brain: Brain, state: State, decoder: Decoder
) -> Generator[list[SaliencyRow], None, None]:
    """Differentiate the tissue volumes of a brain, and that of its ventricles where they are found.

    One volume a step, so that a slider that is taken up again waits for one alone. The ventricles
    are the CSF in the region where this brain has them.

    Raises
    ------
    GenerationError
        When the generator cannot be differentiated.
    """
    region = ventricle_region(brain)
    structures = (*brain.channels, VENTRICLES) if region.any() else brain.channels
    for structure in structures:
        weights = structure_weights(brain, structure, region)
        gradients = decoder.volume_gradients(state.person.identity, state.conditions, weights[None])
        yield saliency_rows(gradients, state.checkpoint.schema, channels=(structure,))


def structure_weights(brain: Brain, structure: str, region: NDArray[np.bool_]) -> FloatArray:
    """Return what a voxel of each map adds to a structure: (C, I, J, K), mL."""
    weights = np.zeros(brain.data.shape, np.float32)
    if structure == VENTRICLES:
        weights[brain.channels.index("CSF")] = region
    else:
        weights[brain.channels.index(structure)] = 1.0
    return weights * np.float32(voxel_volume_ml(brain.affine))


def _why_none(checkpoint: Checkpoint) -> str:
    if not checkpoint.schema.features:
        return takes_no_features(checkpoint)
    if structures_of(checkpoint) != TISSUES:
        return f"{checkpoint.name} makes images without tissue maps, so there are no volumes"
    return ""


def _key(state: State) -> BrainKey:
    return key_of(state.checkpoint, state.person.identity, state.course, age=state.age)
