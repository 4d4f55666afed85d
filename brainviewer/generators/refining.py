"""Looking further for an identity: descent on what is between a brain and its reconstruction.

An encoder answers at once and is right on average. From its answer, Adam goes on for this one
person: it minimises

    w mean over voxels sum_c (x_c(e, y) - p_c)^2 + |e|^2 / 2

over the noise e, with the maps x of the generator, those p of the person and their conditions y.
The second term is the standard normal prior of e: nobody is found whom the generator does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from brainviewer.generators.base import Identity
from brainviewer.generators.tissue_generator import TissueGenerator

if TYPE_CHECKING:
    from collections.abc import Generator

    from brainviewer.core.features import Conditions
    from brainviewer.core.volume import Brain

STEP = 0.1
# With 1e5 people of IXI whom no generator saw come closer to their scans and stay as near to the
# middle of the prior as drawn people (|e|^2 / L below one); more weight leaves it for little.
FIT_WEIGHT = 1e5


class RefiningGenerator(TissueGenerator):
    """A model with an encoder whose identities can be refined."""

    def refining_steps(
        self, identity: Identity, brain: Brain, conditions: Conditions
    ) -> Generator[Identity, None, None]:
        """Look for a better identity from one that was encoded, for as long as one likes.

        Yields
        ------
        Identity
            After every step.

        Raises
        ------
        GenerationError
            When the brain or the identity is of another generator.
        """
        wanted, y = self._maps_tensor(brain), self._condition_tensor(conditions)
        start = self._noise_tensor(identity).clone()
        noise = start.requires_grad_()
        optimizer = torch.optim.Adam([noise], lr=STEP)
        while True:
            optimizer.zero_grad()
            misfit = (self._decode(noise, y) - wanted).square().sum(dim=1).mean()
            torch.autograd.backward(FIT_WEIGHT * misfit + 0.5 * noise.square().sum())
            optimizer.step()
            yield Identity(noise.detach()[0].float().cpu().numpy().copy(), identity.label)
