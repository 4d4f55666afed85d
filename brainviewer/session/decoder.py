"""A loaded generator that moves to the processor when the memory of the GPU is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from brainviewer.generators.base import (
    Deforms,
    DrawsInSteps,
    EncodesInSteps,
    GenerationError,
    KnowsRegions,
    MakesFine,
    Refines,
    UnveilsInSteps,
)
from brainviewer.generators.labelling import NetworkRegions, regions_of
from brainviewer.generators.parcellation import ParcellationError
from brainviewer.session.weights import weights_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Generator as Steps

    import numpy as np
    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Brain, FloatArray
    from brainviewer.generators.base import Generator, Identity, Space
    from brainviewer.generators.checkpoint import Checkpoint

Answer = TypeVar("Answer")
Step = TypeVar("Step")
CPU = "cpu"


class LoadGenerator(Protocol):
    """Loads the weights of a checkpoint onto a device: `generators.checkpoint.load_generator`."""

    def __call__(self, checkpoint: Checkpoint, *, device: str = "auto") -> Generator:
        """Return the generator, ready to be used."""
        ...


class Decoder:
    """Asks a generator; used on one thread, the worker's or that of a command.

    Parameters
    ----------
    checkpoint : Checkpoint
    load : function
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    on_moved : function
        Called with a sentence after the generator had to move to the CPU.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        load: LoadGenerator,
        *,
        device: str = "auto",
        on_moved: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.checkpoint = checkpoint
        self._load = load
        self._device = device
        self._on_moved = on_moved
        # The file may be another one by the time somebody asks.
        self.weights = weights_hash(checkpoint)
        self.generator = self._loaded()
        self._drawn: dict[int, Identity] = {}
        self._labelling: tuple[Generator, KnowsRegions | ParcellationError] | None = None
        self.why_no_regions()  # reads the network now, where one is needed: later is too late

    @property
    def space(self) -> Space:
        """``"native"``, or ``"template"`` for volumes that are normalised for head size."""
        return self.generator.space

    @property
    def channels(self) -> tuple[str, ...]:
        """The maps that the generator makes."""
        return self.generator.channels

    def draw(self, seed: int) -> Identity:
        """Draw a person; at once when `drawing_steps` has drawn them."""
        known = self._drawn.get(seed)
        return self.generator.draw(seed) if known is None else known

    def undrawn(self, seeds: Sequence[int]) -> list[int]:
        """Return the seeds of people who would take seconds to draw."""
        if not isinstance(self.generator, DrawsInSteps):
            return []
        return [seed for seed in seeds if seed not in self._drawn]

    def drawing_steps(self, seed: int) -> Steps[float, None, None]:
        """Draw a person who would take seconds, and keep them; yields the part that is done."""
        if self.undrawn([seed]):
            self._drawn[seed] = yield from self._ask_in_steps(
                lambda generator: _drawing(generator).drawing_steps(seed)
            )

    @property
    def unveils(self) -> bool:
        """Whether the drawing of a person can be looked at."""
        return isinstance(self.generator, UnveilsInSteps)

    def unveiling_steps(self, seed: int) -> Steps[tuple[float, Identity], None, None]:
        """Do what `drawing_steps` does; yields who is there so far, too."""
        if self.undrawn([seed]):
            self._drawn[seed] = yield from self._ask_in_steps(
                lambda generator: _unveiling(generator).unveiling_steps(seed)
            )

    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Make a brain; on the CPU when the GPU has no memory for it."""
        return self._ask(lambda generator: generator.generate(identity, conditions))

    def encode(self, brain: Brain, conditions: Conditions) -> Identity:
        """Find the identity of a real brain; on the CPU when the GPU has no memory for it."""
        return self._ask(lambda generator: generator.encode(brain, conditions))

    def encode_steps(self, brain: Brain, conditions: Conditions) -> Steps[float, None, Identity]:
        """Find the identity of a real brain, and more of the person where that takes longer.

        Yields the part that is done.
        """
        if not isinstance(self.generator, EncodesInSteps):
            yield 0.0
            return self.encode(brain, conditions)
        return (
            yield from self._ask_in_steps(lambda it: _encoding(it).encode_steps(brain, conditions))
        )

    @property
    def refines(self) -> bool:
        """Whether the generator can look further for an identity than its encoder does."""
        return isinstance(self.generator, Refines)

    def refining_steps(
        self, identity: Identity, brain: Brain, conditions: Conditions
    ) -> Steps[Identity, None, None]:
        """Look for a better identity; yields one after every step, without end.

        Raises
        ------
        GenerationError
            When the generator cannot.
        """
        if not isinstance(self.generator, Refines):
            raise GenerationError(no_refining(self.checkpoint))
        return self.generator.refining_steps(identity, brain, conditions)

    def volume_gradients(
        self, identity: Identity, conditions: Conditions, weights: FloatArray | None = None
    ) -> FloatArray:
        """Differentiate the volumes; on the CPU when the GPU has no memory for it."""
        return self._ask(
            lambda generator: generator.volume_gradients(identity, conditions, weights)
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are known in the generator's brains, by name; none where not."""
        try:
            return self._labeller(self.generator).regions
        except ParcellationError:
            return ()

    @property
    def finds_regions(self) -> bool:
        """Whether a network finds the regions in the images: the generator knows none itself."""
        return bool(self.regions) and isinstance(self._labeller(self.generator), NetworkRegions)

    def why_no_regions(self) -> str:
        """Say why there are no regions; an empty text where there are."""
        try:
            self._labeller(self.generator)
        except ParcellationError as error:
            return str(error)
        return ""

    def region_steps(
        self, identity: Identity, conditions: Conditions
    ) -> Steps[None, None, FloatArray]:
        """Measure the regions of a brain, (R,) mL, in steps of a fraction of a second."""
        labeller = self._labeller(self.generator)
        if isinstance(labeller, NetworkRegions):
            return (
                yield from self._ask_in_steps(
                    lambda it: self._network_steps(it, identity, conditions)
                )
            )
        return self.region_volumes(identity, conditions)

    def region_volumes(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Measure the regions of a brain: (R,) mL; on the CPU when the GPU has no memory for it."""
        return self._ask(lambda it: self._labeller(it).region_volumes(identity, conditions))

    def region_labels(self, identity: Identity, conditions: Conditions) -> NDArray[np.int16]:
        """Label a brain; on the CPU when the GPU has no memory for it."""
        return self._ask(lambda it: self._labeller(it).region_labels(identity, conditions))

    @property
    def makes_fine(self) -> bool:
        """Whether the generator makes the same brains on a finer grid."""
        generator = self.generator
        return isinstance(generator, MakesFine) and generator.fine_affine is not None

    def fine_steps(self, identity: Identity, conditions: Conditions) -> Steps[float, None, Brain]:
        """Make a brain on the fine grid; yields the part that is done."""
        if not isinstance(self.generator, MakesFine):
            raise GenerationError(f"{self.checkpoint.name} makes no finer brains")
        return self._ask_in_steps(lambda it: _fine(it).fine_steps(identity, conditions))

    @property
    def deforms(self) -> bool:
        """Whether the generator's brains are warps of each other."""
        return isinstance(self.generator, Deforms)

    def log_growth(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how much each place of a brain grows; on the CPU when the GPU has no memory."""
        return self._ask(
            lambda generator: self._warping(generator).log_growth(identity, before, after)
        )

    def displacement(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell where what a brain has lies in another; on the CPU when the GPU has no memory."""
        return self._ask(
            lambda generator: self._warping(generator).displacement(identity, before, after)
        )

    def tone(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how much brighter a brain gets; on the CPU when the GPU has no memory."""
        return self._ask(lambda generator: self._warping(generator).tone(identity, before, after))

    def _labeller(self, generator: Generator) -> KnowsRegions:
        """Return who knows the regions of a generator's brains, made once for each."""
        if self._labelling is None or self._labelling[0] is not generator:
            self._labelling = (generator, _found_by(generator, self._device))
        labeller = self._labelling[1]
        if isinstance(labeller, ParcellationError):
            raise labeller
        return labeller

    def _network_steps(
        self, generator: Generator, identity: Identity, conditions: Conditions
    ) -> Steps[None, None, FloatArray]:
        labeller = self._labeller(generator)
        assert isinstance(labeller, NetworkRegions)
        found = yield from labeller.steps(identity, conditions)
        return found.volumes_ml

    def _warping(self, generator: Generator) -> Deforms:
        if not isinstance(generator, Deforms):
            raise GenerationError(no_warps(self.checkpoint))
        return generator

    def _ask(self, question: Callable[[Generator], Answer]) -> Answer:
        try:
            return question(self.generator)
        except RuntimeError as error:
            if self._device == CPU or not is_out_of_memory(error):
                raise
        # Outside of the except block, which would keep tensors of the GPU alive.
        self._move_to_cpu()
        return question(self.generator)

    def _ask_in_steps(
        self, question: Callable[[Generator], Steps[Step, None, Answer]]
    ) -> Steps[Step, None, Answer]:
        """Ask what takes long; all of it once more on the CPU when the GPU's memory is used up."""
        try:
            return (yield from question(self.generator))
        except RuntimeError as error:
            if self._device == CPU or not is_out_of_memory(error):
                raise
        self._move_to_cpu()
        return (yield from question(self.generator))

    def _loaded(self) -> Generator:
        try:
            return self._load(self.checkpoint, device=self._device)
        except (RuntimeError, ValueError) as error:
            if self._device == CPU or not is_out_of_memory(error):
                raise
        self._move_to_cpu()
        return self.generator

    def _move_to_cpu(self) -> None:
        self._device = CPU
        self.generator = self._load(self.checkpoint, device=CPU)
        self._on_moved(
            f"the memory of the GPU is used up; {self.checkpoint.name} now runs on the CPU"
        )


def _found_by(generator: Generator, device: str) -> KnowsRegions | ParcellationError:
    """Return who knows the regions of a generator's brains, or why nobody does."""
    try:
        return regions_of(generator, device)
    except ParcellationError as error:
        return error


def _drawing(generator: Generator) -> DrawsInSteps:
    assert isinstance(generator, DrawsInSteps)
    return generator


def _unveiling(generator: Generator) -> UnveilsInSteps:
    assert isinstance(generator, UnveilsInSteps)
    return generator


def _encoding(generator: Generator) -> EncodesInSteps:
    assert isinstance(generator, EncodesInSteps)
    return generator


def _fine(generator: Generator) -> MakesFine:
    assert isinstance(generator, MakesFine)
    return generator


def no_warps(checkpoint: Checkpoint) -> str:
    """Say that a generator makes every brain anew."""
    return (
        f"{checkpoint.name} makes every brain voxel by voxel and does not know where a place of "
        f"one lies in another; choose a diffeomorphic generator"
    )


def no_refining(checkpoint: Checkpoint) -> str:
    """Say that there is nothing to refine."""
    return f"{checkpoint.name} finds its best identity at once; leave refining out"


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether a GPU had too little memory; works without importing torch."""
    words = str(error).lower()
    return "out of memory" in words or "alloc_failed" in words
