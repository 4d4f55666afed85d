"""Masked diffusion over codes: its schedule, what a slab sees, and sampling by seed."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from brainviewer.generators.code_diffusion import (
    CodeTransformer,
    TransformerConfig,
    cosine_schedule,
    sampling_steps,
)

GRID = (2, 3, 7)
CODES = 5


def transformer_of(**changes) -> CodeTransformer:
    torch.manual_seed(1)
    sizes = {"width": 16, "layers": 2, "heads": 2, "dropout": 0.0, "sampling_steps": 4} | changes
    made = CodeTransformer(TransformerConfig(**sizes), CODES, GRID)
    nn.init.normal_(made.head.weight, std=0.5)
    nn.init.normal_(made.is_target, std=0.5)
    return made.eval().requires_grad_(requires_grad=False)


def random_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes_of(people: int = 2) -> torch.Tensor:
    return torch.randint(CODES, (people, 4, *GRID), generator=random_of(3))


def sample(transformer: CodeTransformer, seed: int) -> tuple[torch.Tensor, list[float]]:
    shares, steps = [], sampling_steps(transformer, random_of(seed))
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as done:
            return done.value, shares


@pytest.mark.parametrize(("steps", "entries"), [(1, 10), (4, 100), (12, 2240), (8, 3)])
def test_fewer_and_fewer_entries_stay_masked_until_none_is_left(steps, entries) -> None:
    left = cosine_schedule(steps, entries)
    assert len(left) == steps
    assert left[-1] == 0
    assert all(a >= b for a, b in zip([entries, *left], left, strict=False))


def test_few_entries_are_unveiled_at_first() -> None:
    left = [1000, *cosine_schedule(8, 1000)]
    unveiled = [a - b for a, b in pairwise(left)]
    assert unveiled == sorted(unveiled)
    assert unveiled[0] < 30


def test_slabs_cover_the_grid_one_after_the_other() -> None:
    assert transformer_of().slabs == [slice(0, 3), slice(3, 5), slice(5, 7)]


def test_a_slab_gets_logits_for_each_of_its_codes() -> None:
    logits = transformer_of()(codes_of(), 1, torch.tensor([0.5, 0.2]))
    assert logits.shape == (2, 4, 2, 3, 2, CODES)


@pytest.mark.parametrize("slab", range(3))
def test_a_slab_sees_itself_and_the_one_before(slab) -> None:
    made, share = transformer_of(), torch.tensor([0.5, 0.5])
    before = made(codes_of(), slab, share)
    for other in range(3):
        codes = codes_of()
        codes[..., made.slabs[other]] = (codes[..., made.slabs[other]] + 1) % CODES
        sees = not torch.allclose(made(codes, slab, share), before)
        assert sees == (other in (slab - 1, slab))


def test_the_share_that_is_masked_matters() -> None:
    made = transformer_of()
    one, other = (made(codes_of(), 1, torch.full((2,), share)) for share in (0.1, 0.9))
    assert not torch.allclose(one, other)


def test_a_seed_draws_the_same_codes_again_and_all_of_them() -> None:
    made = transformer_of()
    first, shares = sample(made, 1)
    assert torch.equal(first, sample(made, 1)[0])
    assert not torch.equal(first, sample(made, 2)[0])
    assert first.shape == (1, 4, *GRID)
    assert first.min() >= 0
    assert first.max() < CODES
    assert [done for done, _ in shares] == pytest.approx([(n + 1) / 12 for n in range(12)])
    for _, so_far in shares:
        assert torch.equal(so_far[so_far >= 0], first[so_far >= 0])
    masked = [int((so_far < 0).sum()) for _, so_far in shares]
    assert masked == sorted(masked, reverse=True)
    assert (masked[0] > 0, masked[-1]) == (True, 0)


class Knowing(CodeTransformer):
    """Is sure of every code, whatever it is shown; notes how much was masked."""

    def forward(self, codes, slab, masked):
        here = codes[..., self.slabs[slab]]
        self.seen.append((slab, masked.item(), (here == self.mask).float().mean().item()))
        return 50.0 * nn.functional.one_hot(self.answer[..., self.slabs[slab]], CODES)


def test_what_the_transformer_is_sure_of_is_drawn() -> None:
    made = Knowing(TransformerConfig(width=16, heads=2, layers=1, sampling_steps=4), CODES, GRID)
    made.seen, made.answer = [], codes_of(1)
    drawn, _ = sample(made.eval(), 1)
    assert torch.equal(drawn, made.answer)
    assert [slab for slab, _, _ in made.seen] == [0] * 4 + [1] * 4 + [2] * 4
    for _, told, true in made.seen:
        assert told == pytest.approx(true)


def test_a_low_temperature_keeps_to_what_is_likely() -> None:
    cold = transformer_of(temperature=1e-4)
    logits = cold(torch.full((1, 4, *GRID), CODES), 0, torch.ones(1))
    sure = cosine_schedule(4, 72)[0]
    drawn, _ = sample(transformer_of(temperature=1e-4, sampling_steps=1), 5)
    assert torch.equal(drawn[..., cold.slabs[0]], logits.argmax(dim=-1))
    assert sure == 66


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"heads": 3}, "width must be a multiple of 3 heads, got 16"),
        ({"temperature": 0.0}, "temperature above 0, got 4 and 0.0"),
        ({"sampling_steps": 0}, "sampling_steps must be 1 or more"),
    ],
)
def test_sizes_that_do_not_fit_are_one_sentence(change, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        transformer_of(**change)
