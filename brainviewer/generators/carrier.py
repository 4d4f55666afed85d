"""Makes the brains of a diffeomorphic model, without gradients and only where they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from brainviewer.generators.cells import Support, cells_reached
from brainviewer.generators.flow import exponentiate, pull
from brainviewer.generators.intensities import lit, resized
from brainviewer.generators.mixture import mixed_by
from brainviewer.generators.networks import full_precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from brainviewer.generators.cells import Cells
    from brainviewer.generators.diffeo import Diffeo

VOXELS_A_STEP = 2**18
MAPS, FINE = (2,), (2, 2)  # how the grids follow each other from the flow's on
TISSUE_CHANNELS = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Brain:
    """What is to be carried for one brain, on the flow's grid (1, C, I/2, J/2, K/2)."""

    flow: Tensor
    cells: Cells
    mixture: Tensor | None
    bright: Tensor | None


class Carrier:
    """Does what `Diffeo.tissues_and_image` does, and the same with the fine template.

    Parameters
    ----------
    model : Diffeo
        Its template must stay as it is.
    """

    def __init__(self, model: Diffeo) -> None:
        self._model = model

    def maps(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return the tissues of one brain, and its image where that is known: (C, I, J, K)."""
        config = self._model.config
        maps = noise.new_zeros((len(config.channels), *config.shape))
        with torch.inference_mode(), full_precision(noise):
            brain = self._brain(noise, y)
            for cells in _parts(brain, MAPS):
                _put(maps, self._template, brain, cells, MAPS)
        return maps

    def fine_steps(self, noise: Tensor, y: Tensor, maps: Tensor) -> Iterator[float]:
        """Fill maps (C, 2I, 2J, 2K), which are 0 before; yields the part that is done.

        Raises
        ------
        ValueError
            When there is no fine template.
        """
        if self._model.fine is None:
            raise ValueError("there is no fine template")
        template, done = self._model.fine.shares[:, :TISSUE_CHANNELS], 0
        with torch.inference_mode(), full_precision(noise):
            brain = self._brain(noise, y)
            if self._model.config.t1:
                maps[TISSUE_CHANNELS:] = resized(self._texture(brain), maps.shape[1:])[0]
        for cells in _parts(brain, FINE):
            with torch.inference_mode(), full_precision(noise):
                _put(maps, template, brain, cells, FINE)
            done += len(cells.index)
            yield done / len(brain.cells.index)
        maps[TISSUE_CHANNELS:].clamp_(0.0, 1.0)  # texture alone, between cells that hold tissue

    def _brain(self, noise: Tensor, y: Tensor) -> _Brain:
        model = self._model
        flow, fields = exponentiate(model.velocity(noise, y)), model.mixing(noise, y)
        bright = model.intensities
        return _Brain(
            flow,
            cells_reached(self._support, flow),
            None if fields is None else pull(fields, flow),
            None if bright is None else bright.bright(model.terms_of_age(y), flow),
        )

    def _texture(self, brain: _Brain) -> Tensor:
        """Return the texture as it is carried on the maps' grid: (1, 1, I, J, K)."""
        template = self._template[:, TISSUE_CHANNELS:]
        texture = template.new_zeros((1, *template.shape[2:]))
        for cells in _parts(brain, MAPS):
            cells.put(cells.carried(template, cells.filled(brain.flow, *MAPS)), texture)
        return texture[None]

    @cached_property
    def _template(self) -> Tensor:
        """Tissues and, where it is known, texture beside each other in memory: (1, C, I, J, K)."""
        tissues, intensities = self._model.mean.shares[:, :TISSUE_CHANNELS], self._model.intensities
        if intensities is None:
            return tissues
        both = torch.cat([tissues, intensities.texture[None, None]], dim=1)
        return both.contiguous(memory_format=torch.channels_last_3d)

    @cached_property
    def _support(self) -> Support:
        held = (self._template[0] != 0).any(dim=0)
        if self._model.fine is not None:
            fine = (self._model.fine.shares[0, :TISSUE_CHANNELS] != 0).any(dim=0)
            held |= functional.adaptive_max_pool3d(fine[None].float(), held.shape)[0] > 0
        return Support(held)


def _parts(brain: _Brain, factors: tuple[int, ...]) -> Iterator[Cells]:
    return brain.cells.parts(VOXELS_A_STEP // prod(factors) ** 3)


def _put(
    maps: Tensor, template: Tensor, brain: _Brain, cells: Cells, factors: tuple[int, ...]
) -> None:
    """Carry a template into the cells of maps: tissues and, where it is known, the image.

    The texture is carried with the tissues where the template has it, and else is in the maps.
    """
    factor = prod(factors)
    found = cells.carried(template, cells.filled(brain.flow, factor))
    tissues, texture = found[None, :TISSUE_CHANNELS], found[None, TISSUE_CHANNELS:]
    if brain.mixture is not None:
        tissues = mixed_by(tissues, cells.filled(brain.mixture, factor)[None])
    if brain.bright is not None:
        if not texture.shape[1]:
            texture = cells.taken(maps[TISSUE_CHANNELS:])[None]
        bright = cells.filled(brain.bright, *factors)[None]
        tissues = torch.cat([tissues, lit(tissues, torch.cat([bright, texture], dim=1))], dim=1)
    cells.put(tissues[0].clamp(0.0, 1.0), maps)
