"""Registration of a brain: the velocity whose flow carries a template onto it.

Minimised by Adam, coarse to fine, over a stationary velocity v (B = 1):

    mean over voxels sum_c (T_c o exp(v) - P_c)^2
        + smoothness * (mean |laplacian(v)|^2 + mean |grad v|^2 / 4)

with the template T and the person P, and the same mean for guides where both have some: further
channels at half the resolution, such as what tells regions apart. The Laplacian lets ventricles
grow to three times their size; the gradient, which would hold them back, has a little weight,
against creases where the Laplacian does not see them (Ashburner 2007 has both, NeuroImage 38:95).
The velocity is what a binomial filter leaves of the numbers that Adam moves, which is a Sobolev
gradient: steps are smooth from the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from brainviewer.generators.flow import exponentiate, pull, resample

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    Pair = tuple[Tensor, Tensor]  # of a template and of a brain, on one grid

# Where the velocity lives at each level, and how far the maps are reduced: voxels of the maps.
LEVELS = ((8, 2), (4, 2), (2, 2), (2, 1))
SHARES = (0.3, 0.3, 0.25, 0.15)  # of the steps
GRADIENT_SHARE = 0.25
BETAS = (0.8, 0.98)
# Where the gradient is smaller, at voxels of the velocity that see no edge, Adam's steps are too:
# its usual 1e-8 would let the background run away.
STILL = 0.02


@dataclass(frozen=True, slots=True)
class Effort:
    """How a brain is registered.

    Attributes
    ----------
    steps : int
        Of all levels together.
    step_voxels : float
        Adam's step, in voxels of the velocity.
    smoothness : float
        Weight of the velocity's roughness.
    """

    steps: int = 160
    step_voxels: float = 0.1
    smoothness: float = 0.005


def register(template: Tensor, brain: Tensor, effort: Effort, guides: Pair | None = None) -> Tensor:
    """Find the velocity that carries a template onto a brain.

    Parameters
    ----------
    template, brain : (1, C, I, J, K) Tensor
        Maps in [0, 1] on one grid whose axes are multiples of eight voxels.
    guides : pair of (1, G, I/2, J/2, K/2) Tensor
        Of the template and of the brain: their squared difference counts as that of the maps does.

    Returns
    -------
    (1, 3, I/2, J/2, K/2) Tensor, voxels of 1/2 of the resolution
    """
    steps = registration_steps(template, brain, effort, guides)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            velocity: Tensor = end.value
            return velocity


def registration_steps(
    template: Tensor, brain: Tensor, effort: Effort, guides: Pair | None = None
) -> Generator[float, None, Tensor]:
    """Do what `register` does, and yield the part that is done after every step."""
    shape = brain.shape[2:]
    velocity = brain.new_zeros((1, 3, *(n // LEVELS[0][0] for n in shape)))
    before = 0.0
    for (spacing, reduced), share in zip(LEVELS, SHARES, strict=True):
        velocity = resample(velocity, [n // spacing for n in shape])
        pairs = [(functional.avg_pool3d(template, reduced), functional.avg_pool3d(brain, reduced))]
        if guides is not None:
            pairs.append(guides)
        descent = _descend(velocity, pairs, effort, steps=round(share * effort.steps))
        velocity = yield from _scaled(descent, before, before + share)
        before += share
    return velocity


def _scaled(
    steps: Generator[float, None, Tensor], start: float, end: float
) -> Generator[float, None, Tensor]:
    """Let steps go from one fraction to another instead of from 0 to 1."""
    while True:
        try:
            yield start + (end - start) * next(steps)
        except StopIteration as stop:
            velocity: Tensor = stop.value
            return velocity


def _descend(
    velocity: Tensor, pairs: Sequence[Pair], effort: Effort, *, steps: int
) -> Generator[float, None, Tensor]:
    """Improve a velocity on one level."""
    moved = velocity.clone().requires_grad_()
    optimizer = torch.optim.Adam([moved], lr=effort.step_voxels, betas=BETAS, eps=STILL)
    voxels = moved[0, 0].numel()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = effort.step_voxels * (1.0 - step / steps)
        optimizer.zero_grad()
        smooth = binomial(moved)
        loss = mismatch(pairs, smooth) + effort.smoothness * roughness(smooth)
        torch.autograd.backward(voxels * loss)
        optimizer.step()
        yield (step + 1) / steps
    return binomial(moved.detach())


def mismatch(pairs: Sequence[Pair], velocity: Tensor) -> Tensor:
    """Return the mean squared difference between carried templates and brains, over channels."""
    flow = exponentiate(velocity)
    total = velocity.new_zeros(())
    for template, brain in pairs:
        squares = (pull(template, resample(flow, brain.shape[2:])) - brain) ** 2
        total = total + squares.sum(dim=1).mean()
    return total


def roughness(velocity: Tensor) -> Tensor:
    """Return mean |laplacian(v)|^2 + mean |grad v|^2 / 4 of a velocity (B, 3, I, J, K), in voxels.

    The border is continued.
    """
    laplacian, gradient = torch.zeros_like(velocity), velocity.new_zeros(())
    for axis in (2, 3, 4):
        n = velocity.shape[axis]
        step = velocity.diff(dim=axis)
        first, last = velocity.narrow(axis, 0, 1), velocity.narrow(axis, n - 1, 1)
        laplacian = laplacian + velocity.diff(n=2, dim=axis, prepend=first, append=last)
        gradient = gradient + (step**2).sum(dim=1).mean()
    return (laplacian**2).sum(dim=1).mean() + GRADIENT_SHARE * gradient


def binomial(field: Tensor) -> Tensor:
    """Smooth a field by 1 2 1 along each axis; its border is continued."""
    for axis in (2, 3, 4):
        n = field.shape[axis]
        first, last = field.narrow(axis, 0, 1), field.narrow(axis, n - 1, 1)
        before = torch.cat([first, field.narrow(axis, 0, n - 1)], dim=axis)
        after = torch.cat([field.narrow(axis, 1, n - 1), last], dim=axis)
        field = 0.5 * field + 0.25 * (before + after)
    return field
