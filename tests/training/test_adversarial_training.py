"""GAN and alpha-GAN, with and without conditions: their terms, turns and critics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional

from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.training import loop
from brainviewer.training.adversary import (
    LOUDEST,
    MEASURE_EVERY_STEPS,
    RISE_STEPS,
    Balance,
    loudness,
)
from brainviewer.training.alphagan import AlphaGANTask
from brainviewer.training.critics import (
    CodeCritic,
    Glimpse,
    ImageCritic,
    draw_glimpses,
    look_at,
    with_background,
)
from brainviewer.training.dataset import BatchSource, load_training_data
from brainviewer.training.gan import GANTask
from brainviewer.training.loop import train
from brainviewer.training.losses import hinge_critic_loss
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.run import train_checkpoint
from tests.tiny import RECIPE, SHAPE, assert_moves_alone

CONDITIONAL = {"cgan": GANTask, "csegsynth": AlphaGANTask}
UNCONDITIONAL = {"gan": GANTask, "alphagan": AlphaGANTask}
TASKS = CONDITIONAL | UNCONDITIONAL


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def recipe_of(name: str, **changes):
    features = () if name in UNCONDITIONAL else RECIPE.features
    return replace(RECIPE, generator=name, features=features, **changes)


@pytest.fixture(scope="module")
def people(cohort_once):
    return {name: load_training_data(cohort_once, recipe_of(name)) for name in TASKS}


def turns(task, data, recipe, step: int = 0) -> dict[str, dict[str, torch.Tensor]]:
    """Return the terms of every player's turn of a step, in order."""
    modules = {name: player.module for name, player in task.players.items()}
    batch, random = BatchSource(data, recipe).batch(step), noise()
    return {name: task.losses(name, modules, batch, random) for name in task.players}


def make(name, people, **changes):
    recipe = recipe_of(name, **changes)
    return TASKS[name](people[name], recipe, "cpu"), people[name], recipe


@pytest.mark.parametrize("name", TASKS)
def test_every_player_has_finite_terms_and_gradients_of_its_own(people, name) -> None:
    task, data, recipe = make(name, people)
    for player, terms in turns(task, data, recipe).items():
        assert_moves_alone(task, player, terms)


@pytest.mark.parametrize("name", TASKS)
def test_volumes_and_triplets_are_for_conditions_alone(people, name) -> None:
    terms = turns(*make(name, people))["generator"]
    assert ({"volume", "triplet"} <= set(terms)) == (name in CONDITIONAL)


def test_the_total_of_a_gan_is_the_weighted_sum(people) -> None:
    weights = {"adversarial": 0.3, "volume": 0.5, "triplet": 0.25}
    terms = turns(*make("cgan", people, losses=weights))["generator"]
    expected = sum(weight * terms[name] for name, weight in weights.items())
    torch.testing.assert_close(terms["total"], expected)


@pytest.mark.parametrize(("step", "rise"), [(0, 0.0), (RISE_STEPS // 4, 0.25), (1000, 1.0)])
def test_the_total_of_csegsynth_is_the_weighted_sum(people, step, rise) -> None:
    losses = {"adversarial": 0.5, "code": 0.1, "volume": 0.5, "triplet": 0.25}
    task, data, recipe = make("csegsynth", people, losses=losses)
    task.restore({"loudness": 0.1, "steps": step})
    terms = turns(task, data, recipe)["generator"]
    loud = task.state()["loudness"]
    expected = (
        terms["reconstruction"]
        + 0.5 * rise * loud * terms["adversarial"]
        + 0.1 * terms["code"]
        + 0.5 * (terms["volume"] + terms["rebuilt_volume"])
        + 0.25 * terms["triplet"]
    )
    torch.testing.assert_close(terms["total"], expected)


def test_the_balance_is_measured_every_few_steps_and_rises() -> None:
    last = nn.Parameter(torch.ones(4))
    balance = Balance(last)
    weights = [
        balance.weigh((step + 1.0) * last.sum(), (5.0 * last).sum())
        for step in range(2 * MEASURE_EVERY_STEPS)
    ]
    risen = [weight * RISE_STEPS / step for step, weight in enumerate(weights) if step]
    assert weights[0] == 0.0
    np.testing.assert_allclose(risen[: MEASURE_EVERY_STEPS - 1], 0.2)
    np.testing.assert_allclose(risen[MEASURE_EVERY_STEPS - 1 :], 0.5 * 0.2 + 0.5 * 1.0)


def test_a_balance_goes_on_where_it_was() -> None:
    last = nn.Parameter(torch.ones(4))
    first, second = Balance(last), Balance(last)
    for _ in range(7):
        first.weigh(last.sum(), (5.0 * last).sum())
    second.restore(first.state())
    for _ in range(3):
        found = [it.weigh(last.sum(), (2.0 * last).sum()) for it in (first, second)]
        assert found[0] == found[1] > 0


def test_the_second_draws_have_the_same_conditions_and_wrong_ones_the_same_noise(people) -> None:
    task, _, _ = make("cgan", people)
    y = torch.randn(5, task.config.conditions)
    asked = task.ask(y, noise())
    assert (asked.people, asked.half, len(asked.noise)) == (5, 2, 9)
    assert torch.equal(asked.conditions[:5], y)
    assert torch.equal(asked.conditions[5:7], y[:2])
    assert not torch.equal(asked.noise[5:7], asked.noise[:2])
    assert torch.equal(asked.noise[7:], asked.noise[:2])
    assert not torch.equal(asked.conditions[7:], y[:2])


@pytest.mark.parametrize("name", ["cgan", "csegsynth"])
@pytest.mark.parametrize("adversary", ["hinge", "wgan-gp"])
def test_a_few_steps_change_the_brains_and_resume(people, tmp_path, monkeypatch, name, adversary):
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    task, data, recipe = make(name, people, losses={"adversary": adversary}, steps=4)

    def run(task, out, **arguments):
        fabric = Fabric(accelerator="cpu")
        source = BatchSource(data, recipe)
        return train(task, source, recipe, fabric=fabric, out=tmp_path / out, **arguments)

    def stop(progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    before = {k: v.clone() for k, v in task.model.state_dict().items()}
    whole = run(task, "whole").state_dict()
    assert any(not torch.equal(whole[key], before[key]) for key in before)
    with pytest.raises(KeyboardInterrupt):
        run(TASKS[name](data, recipe, "cpu"), "halves", on_progress=stop)
    resumed = run(TASKS[name](data, recipe, "cpu"), "halves", resume=True).state_dict()
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


@pytest.mark.parametrize("name", TASKS)
def test_training_writes_a_checkpoint_that_draws_people(cohort_once, tmp_path, name) -> None:
    train_checkpoint(
        recipe_of(name, steps=1), cohort_once, tmp_path / name, resume=False, device="cpu",
        command="brainviewer train",
    )  # fmt: skip
    checkpoint = open_checkpoint(tmp_path / name)
    generator = load_generator(checkpoint, device="cpu")
    conditions = {} if name in UNCONDITIONAL else {"age": 50.0, "sex": "F"}
    assert generator.generate(generator.draw(1), conditions).data.shape == (3, *SHAPE)
    assert generator.can_encode == (name in ("alphagan", "csegsynth"))


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        ({"adversary": "kind"}, "adversary must be one of wgan-gp, hinge, got 'kind'"),
        ({"beauty": 1.0}, "unexpected keyword argument 'beauty'"),
    ],
)
def test_losses_that_do_not_fit_are_one_sentence(people, losses, sentence) -> None:
    with pytest.raises(TrainingRecipeError, match=f"fit a cgan: .*{sentence}"):
        make("cgan", people, losses=losses)


# Critics


@pytest.mark.parametrize("bounded", [True, False])
def test_the_image_critic_scores_fine_and_coarse_patches(bounded) -> None:
    scores = ImageCritic((4, 4, 4), bounded=bounded)(torch.rand(2, 4, *SHAPE))
    assert scores.shape == (2, 2, *(n // 4 for n in SHAPE))
    coarse = scores[:, 1]
    assert torch.equal(coarse[:, 0], coarse[:, 1])  # each coarse score covers two fine places
    assert not torch.equal(coarse[:, 1], coarse[:, 2])


def test_a_bounded_critic_hardly_answers_to_a_small_change() -> None:
    torch.manual_seed(1)
    critic = ImageCritic((4, 4, 4), bounded=True).eval()
    for parameter in critic.parameters():
        parameter.data.mul_(50.0)  # the norm of a layer stays one
    shares = torch.rand(1, 4, *SHAPE)
    change = 1e-2 * torch.randn_like(shares)
    moved = (critic(shares + change) - critic(shares)).abs().max()
    assert moved < 4 * change.norm()


def test_the_code_critic_gives_a_code_a_score() -> None:
    assert CodeCritic(6, 8)(torch.randn(5, 6)).shape == (5, 1)


def test_background_is_what_is_left() -> None:
    maps = torch.rand(2, 3, *SHAPE) / 3
    shares = with_background(maps)
    assert torch.equal(shares[:, :3], maps)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2, *SHAPE))


def test_a_glimpse_is_a_part_of_its_brain_or_of_its_mirror_image() -> None:
    shares = torch.rand(12, 4, *SHAPE)
    glimpses = draw_glimpses(12, SHAPE, noise(), size=8)
    seen = look_at(shares, glimpses, size=8)
    assert seen.shape == (12, 4, 8, 8, 8)
    for brain, part, glimpse in zip(shares, seen, glimpses, strict=True):
        i, j, k = (slice(start, start + 8) for start in glimpse.start)
        assert not any(start % 8 for start in glimpse.start)
        assert torch.equal(part.flip(1) if glimpse.mirrored else part, brain[:, i, j, k])
    assert len({glimpse.start for glimpse in glimpses}) > 4
    assert {glimpse.mirrored for glimpse in glimpses} == {False, True}


def test_more_brains_than_glimpses_are_looked_at_in_turn() -> None:
    brain = torch.rand(1, 4, *SHAPE).expand(4, -1, -1, -1, -1)
    glimpses = [Glimpse((0, 8, 0), False), Glimpse((8, 0, 8), True)]
    seen = look_at(brain, glimpses, size=8)
    assert torch.equal(seen[:2], seen[2:])
    assert not torch.equal(seen[0], seen[1])


def test_a_small_brain_is_seen_whole() -> None:
    shares = torch.rand(2, 4, *SHAPE)
    assert look_at(shares, draw_glimpses(2, SHAPE, noise())).shape == shares.shape


def test_a_glimpse_passes_gradients_on() -> None:
    shares = torch.rand(2, 4, *SHAPE, requires_grad=True)
    look_at(shares, [Glimpse((0, 8, 0), True)], size=8).square().sum().backward()
    seen = shares.grad != 0
    assert seen.sum() == 2 * 4 * 8**3
    torch.testing.assert_close(shares.grad[seen], 2 * shares.detach()[seen])


def test_loudness_is_the_ratio_of_gradients_at_the_last_layer() -> None:
    last = torch.randn(3, 4, requires_grad=True)
    assert loudness(last.sum(), (5.0 * last).sum(), last) == pytest.approx(0.2)


def test_a_critic_that_says_nothing_is_not_amplified_without_end() -> None:
    last = torch.ones(3, requires_grad=True)
    assert loudness(last.sum(), (1e-9 * last).sum(), last) == LOUDEST


def test_a_critic_learns_to_tell_blurred_brains_from_sharp_ones() -> None:
    torch.manual_seed(1)
    critic = ImageCritic((8, 8, 8), bounded=True)
    adam = torch.optim.Adam(critic.parameters(), lr=5e-3, betas=(0.5, 0.99))
    losses = []
    for _ in range(60):
        sharp = torch.rand(4, 4, 16, 16, 16).argmax(dim=1)
        sharp = functional.one_hot(sharp, 4).movedim(-1, 1).float()
        blurred = functional.avg_pool3d(functional.pad(sharp, (1,) * 6, mode="replicate"), 3, 1)
        scores = critic(torch.cat([sharp, blurred]))
        loss = hinge_critic_loss(scores[:4], scores[4:])
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[0] > 1.5
    assert losses[-1] < 0.5


def test_players_do_not_share_parameters(people) -> None:
    for name in TASKS:
        task, _, _ = make(name, people)
        owned = [{id(p) for p in player.module.parameters()} for player in task.players.values()]
        assert sum(map(len, owned)) == len(set.union(*owned))
        assert isinstance(task.players["generator"].module, nn.Module)
        assert task.players["generator"].module is task.model
