"""What the transformer over R-codes is trained on: a slab with some of its entries masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor, nn

    from brainviewer.generators.code_diffusion import CodeTransformer


NEARBY_PLACES = 0.5  # standard deviation of the neighbourhood whose codes count too
LEAST = 0.5  # occurrences of a code that never does
FEWEST = 20.0  # occurrences of codes as they are anywhere, beside those at a place


def usual_codes(codes: Tensor, vocabulary: int) -> Tensor:
    """Count how often each code occurs at each place and around it.

    Chosen on the validation people of IXI: 5.1 nats a code, where codes counted anywhere take 6.0.

    Parameters
    ----------
    codes : (N, D, i, j, k) int64 Tensor
    vocabulary : int

    Returns
    -------
    (D, i, j, k, vocabulary) float32 Tensor
        Logarithms of probabilities.
    """
    everywhere = np.zeros((*codes.shape[1:], vocabulary), dtype=np.float32)
    places = np.indices(codes.shape[1:])
    for own in codes.numpy():
        everywhere[(*places, own)] += 1
    near = NEARBY_PLACES
    counts = gaussian_filter(everywhere, (0, near, near, near, 0))
    anywhere = everywhere.sum(axis=(1, 2, 3), keepdims=True) + LEAST
    chances = counts + FEWEST * anywhere / anywhere.sum(axis=-1, keepdims=True)
    chances /= chances.sum(axis=-1, keepdims=True)
    return torch.from_numpy(np.log(chances).astype(np.float32))


class Masked(NamedTuple):
    """Codes after t of T steps forward (Eq. 2).

    Attributes
    ----------
    codes : (B, 4, i, j, k) int64 Tensor
        With masks in one slab.
    slab : int
    hidden : (B, 4, i, j, k') bool Tensor
        Where in the slab.
    share : (B,) Tensor, in (0, 1]
        t/T.
    """

    codes: Tensor
    slab: int
    hidden: Tensor
    share: Tensor


def mask_codes(transformer: CodeTransformer, codes: Tensor, random: torch.Generator) -> Masked:
    """Mask entries of one slab of codes (B, 4, i, j, k), each with probability t/T.

    The t of the batch are spread evenly, and at least one entry of each person is masked.
    """
    slab = int(torch.randint(len(transformer.slabs), (), generator=random))
    here = transformer.slabs[slab]
    people = len(codes)
    share = (torch.arange(people) + torch.rand(people, generator=random)) / people
    own = codes[..., here]
    entries = own[0].numel()
    hidden = torch.rand((people, entries), generator=random) < share[:, None]
    hidden.scatter_(1, torch.randint(entries, (people, 1), generator=random), value=True)
    hidden = hidden.view(own.shape).to(codes.device)
    masked = codes.clone()
    masked[..., here] = own.masked_fill(hidden, transformer.mask)
    return Masked(masked, slab, hidden, share.to(codes.device))


def masked_code_loss(
    transformer: CodeTransformer, network: nn.Module, codes: Tensor, random: torch.Generator
) -> Tensor:
    """Return the cross-entropy of the codes that are masked, in nats a code (section 4.2.2).

    Parameters
    ----------
    network : nn.Module
        The transformer, perhaps wrapped for several processes.
    codes : (B, 4, i, j, k) int64 Tensor
    """
    masked = mask_codes(transformer, codes, random)
    logits = network(masked.codes, masked.slab, masked.share)
    wanted = codes[..., transformer.slabs[masked.slab]]
    return functional.cross_entropy(logits[masked.hidden].float(), wanted[masked.hidden])
