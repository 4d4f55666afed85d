"""What the transformer over R-codes is trained on: a slab with some of its entries masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor, nn

    from brainviewer.generators.code_diffusion import CodeTransformer


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
