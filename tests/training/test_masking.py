"""What the transformer over R-codes is shown and asked for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from brainviewer.generators.code_diffusion import CodeTransformer, TransformerConfig
from brainviewer.training.masking import mask_codes, masked_code_loss, usual_codes

GRID = (3, 4, 6)
CODES = 7


@pytest.fixture
def transformer() -> CodeTransformer:
    config = TransformerConfig(width=16, layers=1, heads=2, dropout=0.0)
    return CodeTransformer(config, CODES, GRID)


def random_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes_of(people: int) -> torch.Tensor:
    return torch.randint(CODES, (people, 4, *GRID), generator=random_of(3))


def test_entries_of_one_slab_are_masked_and_all_others_stay(transformer) -> None:
    codes, slabs = codes_of(5), set()
    for seed in range(12):
        masked = mask_codes(transformer, codes, random_of(seed))
        slabs.add(masked.slab)
        here = transformer.slabs[masked.slab]
        hidden = torch.zeros_like(codes, dtype=torch.bool)
        hidden[..., here] = masked.hidden
        assert (masked.codes[hidden] == transformer.mask).all()
        assert torch.equal(masked.codes[~hidden], codes[~hidden])
    assert slabs == {0, 1, 2}


def test_as_many_are_masked_as_the_step_says(transformer) -> None:
    masked = mask_codes(transformer, codes_of(400), random_of(1))
    found = masked.hidden.flatten(1).float().mean(dim=1)
    entries = masked.hidden[0].numel()
    assert (found - masked.share).abs().max() < 4.5 * 0.5 / math.sqrt(entries) + 1 / entries
    edges = torch.linspace(0, 1, 11)  # the steps are spread evenly
    assert torch.histogram(masked.share, edges).hist.tolist() == [40.0] * 10


def test_at_least_one_code_of_each_person_is_asked_for(transformer) -> None:
    masked = mask_codes(transformer, codes_of(2000), random_of(1))
    assert masked.hidden.flatten(1).any(dim=1).all()


def test_who_knows_nothing_misses_every_code_equally(transformer) -> None:
    """The head starts at zero: every code is as likely."""
    nn.init.zeros_(transformer.head.bias)
    loss = masked_code_loss(transformer, transformer, codes_of(2), random_of(1))
    assert loss.item() == pytest.approx(math.log(CODES))


def test_only_masked_codes_are_asked_for(transformer) -> None:
    codes = codes_of(2)

    def network(shown, slab, share):
        """Be right about what is masked and wrong about what is shown."""
        here = transformer.slabs[slab]
        hidden = (shown[..., here] == transformer.mask)[..., None]
        right = nn.functional.one_hot(codes[..., here], CODES).float()
        return 50.0 * torch.where(hidden, right, 1.0 - right)

    assert masked_code_loss(transformer, network, codes, random_of(1)).item() < 1e-6


def test_codes_are_usual_where_they_occur_and_nearby() -> None:
    codes = torch.zeros((30, 4, *GRID), dtype=torch.int64)
    codes[:, 1, 0, 0, 0] = 5
    chances = usual_codes(codes, CODES).exp()
    assert torch.allclose(chances.sum(dim=-1), torch.ones(4, *GRID))
    assert chances[1, 0, 0, 0, 5] > 0.4
    assert chances[1, 0, 0, 0, 5] > chances[1, 0, 0, 1, 5] > chances[1, 2, 3, 5, 5] > 0
    assert chances[0, ..., 5].max() < 0.01


def test_a_transformer_that_has_learned_nothing_says_what_is_usual(transformer) -> None:
    codes = codes_of(40)
    transformer.usual.copy_(usual_codes(codes, CODES))
    nn.init.zeros_(transformer.head.bias)
    for slab, here in enumerate(transformer.slabs):
        told = transformer(codes[:1], slab, torch.ones(1))[0]
        assert torch.allclose(told, transformer.usual[..., here, :])
    assert masked_code_loss(transformer, transformer, codes, random_of(1)) < math.log(CODES)
