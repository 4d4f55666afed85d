"""What every generator offers, and the identity that stays while conditions change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Generator as Steps

    import numpy as np
    from numpy.typing import NDArray

    from brainviewer.core.features import Conditions, FeatureSchema
    from brainviewer.core.volume import Affine, Brain, FloatArray

Space = Literal["native", "template"]


class GenerationError(RuntimeError):
    """A generator that cannot do what it was asked for; the message is one sentence."""


class DeviceError(ValueError):
    """A device that this computer does not have; the message is one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """Who a brain belongs to, apart from every condition.

    Attributes
    ----------
    latent : (D,) float32 ndarray
        The latent noise, standard normal over people; what more a generator knows of somebody who
        was encoded follows.
    label : str
        How to call the person: ``"seed 7"``, ``"sub-IXI012"``.
    seed : int or None
        The seed it was drawn from; None when it was encoded from a scan.
    key : str
        A short text that two identities share only if they are the same.
    """

    latent: FloatArray
    label: str
    seed: int | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        # Made once: the latent of somebody who was registered has a megabyte.
        key = hashlib.sha256(self.latent.tobytes()).hexdigest()[:16]
        object.__setattr__(self, "key", key)


class Generator(Protocol):
    """A trained model on a device.

    Attributes
    ----------
    name : str
        The name of its checkpoint.
    channels : tuple of str
        ``("WM", "GM", "CSF")`` or ``("T1w",)``.
    shape : (I, J, K) tuple of int
    affine : (4, 4) float64 ndarray, voxel to world mm
    space : ``"native"`` (volumes are the person's own) or ``"template"`` (head-size-normalised)
    schema : FeatureSchema
    can_encode : bool
        Whether `encode` works.
    device_name : str
        What it runs on, for people: ``"CPU"`` or the name of the GPU.
    """

    name: str
    channels: tuple[str, ...]
    shape: tuple[int, int, int]
    affine: Affine
    space: Space
    schema: FeatureSchema
    can_encode: bool
    device_name: str

    def draw(self, seed: int) -> Identity:
        """Draw a person: the same seed gives the same identity on every machine."""
        ...

    def encode(self, brain: Brain, conditions: Conditions) -> Identity:
        """Find the identity of a real brain on this generator's grid.

        Raises
        ------
        GenerationError
            When the model has no encoder or the brain has other channels or another grid.
        """
        ...

    def generate(self, identity: Identity, conditions: Conditions) -> Brain:
        """Make the brain of an identity under conditions; the same arguments, the same array.

        Conditions are taken as they are: `FeatureSchema.check` is the caller's.
        """
        ...

    def volume_gradients(
        self, identity: Identity, conditions: Conditions, weights: FloatArray | None = None
    ) -> FloatArray:
        """Differentiate volumes by each column of the condition vector.

        Parameters
        ----------
        weights : (S, C, I, J, K) float32 ndarray or None
            What one unit of each voxel of each channel adds to each of S structures, in mL; None
            takes the C channels themselves.

        Returns
        -------
        (C, D) or (S, D) float32 ndarray
            d(mL) / d(encoded column), structures by `FeatureSchema.columns`.

        Raises
        ------
        GenerationError
            When the model cannot be differentiated, or the weights are of another grid.
        """
        ...


@runtime_checkable
class KnowsRegions(Protocol):
    """A generator that knows where the regions of its brains are.

    Attributes
    ----------
    regions : tuple of str
        Their names; none where the people it was made from had no labels.
    """

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the R regions."""
        ...

    def region_volumes(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Measure the regions of a brain: (R,) float32, mL."""
        ...

    def region_labels(self, identity: Identity, conditions: Conditions) -> NDArray[np.int16]:
        """Label a brain: (I, J, K) int16, 1 + the index of the region, 0 for none."""
        ...


@runtime_checkable
class DrawsInSteps(Protocol):
    """A generator that takes seconds to draw a person, so that it can be watched and left."""

    def drawing_steps(self, seed: int) -> Steps[float, None, Identity]:
        """Draw a person as `Generator.draw` does; yields the part that is done, 0 to 1."""
        ...


@runtime_checkable
class UnveilsInSteps(DrawsInSteps, Protocol):
    """A generator that can be looked at while it draws a person."""

    def unveiling_steps(self, seed: int) -> Steps[tuple[float, Identity], None, Identity]:
        """Draw a person; yields the part that is done, 0 to 1, and who is there so far."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """A generator that can tell at once where a brain lies in its latent space."""

    def embed(self, brain: Brain) -> FloatArray:
        """Find the place (D,) float32 of a brain as the generator makes them; like ones are near.

        Raises
        ------
        GenerationError
            When the brain has other channels or another grid.
        """
        ...


@runtime_checkable
class HasAverage(Protocol):
    """A generator that knows the mean brain of its training people at every age and sex."""

    def average(self) -> Identity:
        """Return who has nothing but their conditions."""
        ...


@runtime_checkable
class EncodesInSteps(Protocol):
    """A generator that takes longer to find an identity, and keeps more of the person."""

    def encode_steps(self, brain: Brain, conditions: Conditions) -> Steps[float, None, Identity]:
        """Find the identity of a real brain; yields the part that is done.

        Raises
        ------
        GenerationError
            When the brain has other channels or another grid, or is too unlike a brain.
        """
        ...


@runtime_checkable
class Refines(Protocol):
    """A generator that can look further for the identity of a brain than its encoder does."""

    def refining_steps(
        self, identity: Identity, brain: Brain, conditions: Conditions
    ) -> Steps[Identity, None, None]:
        """Look for a better identity, from one that was encoded; yields one after every step.

        It does not end: whoever asks stops when there is no more time.
        """
        ...


@runtime_checkable
class MakesFine(Protocol):
    """A generator that makes the same brains on a finer grid too, which takes longer."""

    @property
    def fine_affine(self) -> Affine | None:
        """Of the fine grid, (4, 4) float64, mm; None where this checkpoint has none."""
        ...

    def fine_steps(self, identity: Identity, conditions: Conditions) -> Steps[float, None, Brain]:
        """Make the brain of an identity under conditions, on the fine grid, part by part.

        Yields the part that is done.
        """
        ...


@runtime_checkable
class Warps(Protocol):
    """A generator whose brains are one template, warped."""

    def jacobian(self, identity: Identity, conditions: Conditions) -> FloatArray:
        """Tell how the warp of a brain spreads space, at each place of a grid of its own.

        Returns
        -------
        (I', J', K') float32 ndarray
            Determinant of the Jacobian; at or below 0 where the brain folds.
        """
        ...


@runtime_checkable
class Deforms(Protocol):
    """A generator that knows where what a person's brain has here is under other conditions."""

    def displacement(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how far what a brain under `after` has at a place is away in that under `before`.

        Returns
        -------
        (3, I, J, K) float32 ndarray, world mm
            What lies at x under `after` comes from x + displacement(x) under `before`; 0 where the
            conditions are the same.
        """
        ...

    def tone(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how much brighter an image of a brain under `after` is than it was under `before`.

        Returns
        -------
        (I, J, K) float32 ndarray
            A factor at each place of the brain under `after`; 1 where the conditions are the same,
            and everywhere when the generator does not know.
        """
        ...

    def log_growth(self, identity: Identity, before: Conditions, after: Conditions) -> FloatArray:
        """Tell how much space each place of a brain under `before` takes under `after`.

        Returns
        -------
        (I, J, K) float32 ndarray
            Logarithm of the Jacobian determinant: above 0 where it grows, below where it shrinks.
        """
        ...
