"""Guides of a registration: where the labelled regions of people are to come to lie.

Each region has a code, a random direction. The squared difference of two images of codes is nearly
that of the regions' own indicator maps (Johnson and Lindenstrauss 1984), of which there would be
many more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from brainviewer.generators.flow import exponentiate, pull

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from brainviewer.core.volume import FloatArray

LENGTH = 12
# Squared length of a code: how much a misplaced region counts beside a misplaced tissue. At 2 the
# regions of registered people change with age as their labels do (correlation over regions 0.79,
# without guides 0.55); tissues overlap by 0.01 to 0.03 less.
WEIGHT = 3.0
SEED = 0
REDUCTION = 2  # voxels of the labels in one of the guides, along each axis


def region_codes(regions: int) -> Tensor:
    """Return the codes of no region and of each region: (1 + regions, 12), that of none 0."""
    generator = torch.Generator().manual_seed(SEED)
    codes = torch.randn((1 + regions, LENGTH), generator=generator)
    codes *= WEIGHT**0.5 / codes.norm(dim=1, keepdim=True)
    codes[0] = 0.0
    return codes


def guide_of(labels: NDArray[np.uint8], codes: Tensor) -> FloatArray:
    """Return the guide (12, I/2, J/2, K/2) float32 of labels (I, J, K), 1 + a region's index."""
    image = codes[torch.from_numpy(labels).long()].permute(3, 0, 1, 2)
    guide: FloatArray = functional.avg_pool3d(image[None], REDUCTION)[0].numpy()
    return guide


def mean_guide(guides: Sequence[FloatArray | None], velocities: Sequence[Tensor]) -> Tensor | None:
    """Bring the guides of registered people to the template, and average them.

    Parameters
    ----------
    guides : sequence of (C, I', J', K') float32 ndarray or None
        None where somebody has no labels.
    velocities : sequence of (1, 3, I', J', K') Tensor, voxels
        Of exp(v) that carries the template onto the person.

    Returns
    -------
    (1, C, I', J', K') Tensor or None
        None where nobody has labels.
    """
    brought = [
        pull(torch.from_numpy(guide)[None], exponentiate(-velocity))
        for guide, velocity in zip(guides, velocities, strict=True)
        if guide is not None
    ]
    return torch.stack(brought).mean(dim=0) if brought else None


def paired(template: Tensor | None, person: FloatArray | None) -> tuple[Tensor, Tensor] | None:
    """Pair the guides (1, C, I, J, K) of a template and (C, I, J, K) of a person, if both are."""
    if template is None or person is None:
        return None
    return template, torch.from_numpy(person)[None].to(template.device)
