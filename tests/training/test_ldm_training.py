"""LDM and C-LDM: two stages in one run, codes that are made once, and a start from an LDM."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric

from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.generators.ldm import LDM
from brainviewer.training import loop
from brainviewer.training.dataset import BatchSource, load_training_data
from brainviewer.training.ldm import LDMTask, standard_kl
from brainviewer.training.loop import LOG_FILE, train
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.run import train_checkpoint
from tests.tiny import RECIPE, SHAPE, assert_moves_alone
from tests.tiny_ldm import SIZES

STAGES = {
    "autoencoder_steps": 3,
    "adversary_steps": 1,
    "passes": 2,
    "denoiser_batch_size": 5,
}
FEATURES = {"ldm": (), "cldm": RECIPE.features}
NAMES = pytest.mark.parametrize("name", FEATURES)
RANDOM = torch.Generator()


def recipe_of(name: str, **changes):
    entries = {"model": SIZES, "losses": STAGES, "steps": 6} | changes
    return replace(RECIPE, generator=name, features=FEATURES[name], **entries)


@pytest.fixture(scope="module")
def people(cohort_once):
    return {name: load_training_data(cohort_once, recipe_of(name)) for name in FEATURES}


def make(name, people, **changes):
    """Return a task, its batches and its recipe."""
    recipe = recipe_of(name, **changes)
    task = LDMTask(people[name], recipe, "cpu")
    return task, task.batches(BatchSource(people[name], recipe)), recipe


def terms_of(task, player, batch):
    modules = {name: it.module for name, it in task.players.items()}
    return task.losses(player, modules, batch, RANDOM.manual_seed(1))


# Turns


def test_the_denoisers_turn_comes_after_the_autoencoders(people) -> None:
    task, _, _ = make("cldm", people)
    assert {name: player.steps for name, player in task.players.items()} == {
        "critic": range(2, 3),
        "autoencoder": range(3),
        "denoiser": range(3, 6),
    }


@NAMES
def test_every_player_has_finite_terms_and_gradients_of_its_own(people, name) -> None:
    task, source, _ = make(name, people)
    for player, step in (("critic", 2), ("autoencoder", 2), ("denoiser", 3)):
        terms = terms_of(task, player, source.batch(step))
        assert_moves_alone(task, player, terms)


def test_the_total_of_an_autoencoder_is_the_weighted_sum(people) -> None:
    task, source, _ = make("ldm", people, losses=STAGES | {"kl": 0.5, "adversarial": 0.25})
    batch = source.batch(0)
    alone = terms_of(task, "autoencoder", batch)
    torch.testing.assert_close(alone["total"], alone["reconstruction"] + 0.5 * alone["kl"])
    task.after_step({})
    task.restore({"loudness": 0.1, "steps": 1001})
    terms_of(task, "critic", batch)
    judged = terms_of(task, "autoencoder", batch)
    expected = judged["reconstruction"] + 0.5 * judged["kl"] + 0.25 * 0.1 * judged["adversarial"]
    torch.testing.assert_close(judged["total"], expected)


def test_an_untrained_denoiser_misses_all_of_the_noise(people) -> None:
    """Its output starts at zero: what is left is the variance of the noise."""
    task, source, _ = make("ldm", people, losses=STAGES | {"denoiser_batch_size": 400})
    missed = terms_of(task, "denoiser", source.batch(3))["total"].item()
    assert missed == pytest.approx(1.0, abs=0.05)


def test_kl_is_that_of_gaussians_worked_out_by_hand() -> None:
    """Of N(1, 1) it is 1/2 for each number of a code."""
    ones = torch.ones(3, 2, 2, 2, 2)
    assert standard_kl(ones, torch.zeros_like(ones)) == pytest.approx(8.0)


# Codes


def test_codes_are_made_once_with_mean_zero_and_unit_spread(people) -> None:
    task, source, _ = make("cldm", people)
    codes = task.encode_people(source._people)
    count = len(people["cldm"].train)
    assert codes.shape == (2, count, *task.config.latent_shape)
    everybody = codes.flatten(0, 1)
    zero = torch.zeros(task.config.latent_shape)
    torch.testing.assert_close(everybody.mean(dim=0), zero, rtol=0, atol=1e-4)
    spread = everybody.square().mean(dim=(0, 2, 3, 4))
    torch.testing.assert_close(spread, torch.ones_like(spread))
    assert not torch.equal(codes[0], codes[1])


def test_the_codes_of_a_batch_are_those_of_people_under_their_conditions(people) -> None:
    task, source, _ = make("cldm", people)
    made = []
    encode = source._encode
    source._encode = lambda: made.append(encode()) or made[-1]
    first, second, again = (source.batch(step) for step in (3, 4, 3))
    assert len(made) == 1
    assert first.maps.shape == (5, *task.config.latent_shape)
    assert first.conditions.shape == (5, task.config.conditions)
    assert not torch.equal(first.maps, second.maps)
    assert torch.equal(first.maps, again.maps)
    assert torch.equal(first.conditions, again.conditions)
    everybody = made[0].flatten(0, 1)
    assert all(any(torch.equal(code, one) for one in everybody) for code in first.maps)
    assert source.batch(2).maps.shape == (RECIPE.batch_size, 3, *SHAPE)


# Runs


def run(task, source, recipe, out, **arguments):
    return train(task, source, recipe, fabric=Fabric(accelerator="cpu"), out=out, **arguments)


def stop_at(step: int):
    def stop(progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return stop


def test_a_run_resumes_in_either_stage_as_if_never_stopped(people, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    changes = {"steps": 4, "losses": STAGES | {"autoencoder_steps": 2, "passes": 1}}
    whole = run(*make("cldm", people, **changes), tmp_path / "whole").state_dict()
    for step in (2, 4):  # the state is of the step before
        out = tmp_path / f"{step}"
        with pytest.raises(KeyboardInterrupt):
            run(*make("cldm", people, **changes), out, on_progress=stop_at(step))
        again = run(*make("cldm", people, **changes), out, resume=True).state_dict()
        assert all(torch.equal(again[name], whole[name]) for name in whole)


def test_the_autoencoder_rests_while_the_denoiser_learns(people, tmp_path) -> None:
    task, source, recipe = make("ldm", people)
    start = {name: value.clone() for name, value in task.model.state_dict().items()}
    seen = {}

    def watch(progress) -> None:
        seen[progress.step] = {
            name: value.clone() for name, value in task.model.autoencoder.state_dict().items()
        }

    average = run(task, source, recipe, tmp_path, on_progress=watch, validate_every=2)
    assert any(not torch.equal(seen[3][n], start[f"autoencoder.{n}"]) for n in seen[3])
    assert all(torch.equal(seen[6][n], seen[3][n]) for n in seen[3])
    assert torch.equal(average.denoiser.spread, task.model.denoiser.spread)
    assert not torch.equal(average.denoiser.spread, start["denoiser.spread"])
    with (tmp_path / LOG_FILE).open(newline="", encoding="utf-8") as file:
        rows = {(int(step), name) for step, name, _ in csv.reader(file)}
    assert {(1, "val_reconstruction"), (3, "val_noise"), (5, "val_noise")} <= rows
    assert (3, "val_reconstruction") not in rows


def test_an_autoencoder_learns_to_rebuild_people(people) -> None:
    recipe = recipe_of("ldm", steps=41, learning_rate=5e-3, losses=STAGES | {
        "autoencoder_steps": 40, "adversary_steps": 0,
    })  # fmt: skip
    task = LDMTask(people["ldm"], recipe, "cpu")
    source = task.batches(BatchSource(people["ldm"], recipe))
    player = task.players["autoencoder"]
    optimizer = torch.optim.AdamW(player.module.parameters(), lr=5e-3)
    found = []
    for step in range(40):
        terms = terms_of(task, "autoencoder", source.batch(step))
        task.after_step({})
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        found.append(terms["reconstruction"].item())
    assert sum(found[-5:]) < 0.9 * sum(found[:5])


@NAMES
def test_training_writes_a_checkpoint_that_draws_people(cohort_once, tmp_path, name) -> None:
    train_checkpoint(
        recipe_of(name, steps=4), cohort_once, tmp_path / name, resume=False, device="cpu",
        command="brainviewer train",
    )  # fmt: skip
    generator = load_generator(open_checkpoint(tmp_path / name), device="cpu")
    conditions = {} if name == "ldm" else {"age": 50.0, "sex": "F"}
    brain = generator.generate(generator.draw(1), conditions)
    assert brain.data.shape == (3, *SHAPE)
    assert generator.can_encode


def test_a_conditional_model_starts_as_the_unconditional_one(cohort_once, people, tmp_path) -> None:
    train_checkpoint(
        recipe_of("ldm", steps=4), cohort_once, tmp_path / "ldm", resume=False, device="cpu",
        command="brainviewer train",
    )  # fmt: skip
    losses = {"passes": 1, "denoiser_batch_size": 5}
    task, source, recipe = make("cldm", people, losses=losses, start=str(tmp_path / "ldm"), steps=2)
    alone = load_generator(open_checkpoint(tmp_path / "ldm"), device="cpu")._model
    z, t = torch.randn(2, *task.config.latent_shape), torch.tensor([10, 800])
    y = torch.randn(2, task.config.conditions)
    torch.testing.assert_close(task.model.denoiser(z, t, y), alone.denoiser(z, t, y[:, :0]))
    before = {n: v.clone() for n, v in task.model.autoencoder.state_dict().items()}
    average = run(task, source, recipe, tmp_path / "cldm")
    assert all(torch.equal(average.autoencoder.state_dict()[n], before[n]) for n in before)
    moved = average.denoiser.condition.linear.weight
    assert isinstance(average, LDM)
    assert moved.any()


# What is refused


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"losses": {}}, "the recipe has no autoencoder: give it autoencoder_steps under losses"),
        ({"steps": 3}, "must be below the recipe's 3 steps, .*, got 3"),
        (
            {"losses": STAGES | {"adversary_steps": 4}},
            r"fit a ldm: adversary_steps must be at most autoencoder_steps \(3\), got 4",
        ),
        ({"losses": STAGES | {"passes": 0}}, "must be 1 or more, got 0 and 5"),
        ({"losses": {"adversary": "kind"}}, "adversary must be one of wgan-gp, hinge, got 'kind'"),
        ({"model": SIZES | {"sampling_steps": 3}}, "fit a ldm: sampling_steps must divide 1000"),
        ({"model": {"latent": 6}}, "unexpected keyword argument 'latent'"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_sentence(people, changes, sentence) -> None:
    with pytest.raises(TrainingRecipeError, match=sentence):
        make("ldm", people, **changes)
