"""BrainSynth in training: three parts of one run, and what they leave in the checkpoint."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from brainviewer.core.volume import Brain
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.training import loop
from brainviewer.training.brainsynth import BrainSynthTask
from brainviewer.training.dataset import BatchSource, load_training_data
from brainviewer.training.loop import LOG_FILE, train
from brainviewer.training.losses import edge_loss
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.run import train_checkpoint
from tests.tiny import RECIPE, SHAPE
from tests.tiny_brainsynth import SIZES, write_pictured_cohort

PARTS = {
    "autoencoder_steps": 3,
    "decoder_steps": 2,
    "adversary_steps": 3,
    "passes": 2,
    "transformer_batch_size": 5,
}
TINY = replace(
    RECIPE,
    generator="brainsynth",
    title="Tiny BrainSynth",
    features=("age", "sex"),
    steps=7,
    model=SIZES,
    losses=PARTS,
)
RANDOM = torch.Generator()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_pictured_cohort(tmp_path_factory.mktemp("pictured") / "cohort")


@pytest.fixture(scope="module")
def people(cohort):
    return load_training_data(cohort, TINY, channels=("T1w",))


def make(people, **changes):
    """Return a task, its batches and its recipe."""
    recipe = replace(TINY, **changes)
    task = BrainSynthTask(people, recipe, "cpu")
    return task, task.batches(BatchSource(people, recipe)), recipe


def terms_of(task, player, batch, *, done):
    task._done = done
    modules = {name: it.module for name, it in task.players.items()}
    return task.losses(player, modules, batch, RANDOM.manual_seed(1))


def run(task, source, recipe, out, **arguments):
    return train(task, source, recipe, fabric=Fabric(accelerator="cpu"), out=out, **arguments)


# Turns


def test_the_parts_of_a_run_follow_each_other(people) -> None:
    task, _, _ = make(people)
    assert {name: player.steps for name, player in task.players.items()} == {
        "critic": range(2, 5),
        "autoencoder": range(3),
        "decoder": range(3, 5),
        "transformer": range(5, 7),
    }


def moved_by(task, terms) -> set[str]:
    task.model.zero_grad()
    task.adversary.critic.zero_grad()
    terms["total"].backward()
    parts = {
        "critic": task.adversary.critic,
        "encoder": task.model.autoencoder.encoder,
        "decoder": task.model.autoencoder.decoder,
        "transformer": task.model.transformer,
    }
    return {
        name
        for name, part in parts.items()
        if any(p.grad is not None and p.grad.any() for p in part.parameters())
    }


def test_every_player_has_finite_terms_and_moves_what_is_its_own(people) -> None:
    task, source, _ = make(people)
    torch.nn.init.normal_(task.model.autoencoder.decoder.head.weight, std=0.1)
    turns = (
        ("critic", 2, {"critic"}),
        ("autoencoder", 2, {"encoder", "decoder"}),
        ("critic", 3, {"critic"}),
        ("decoder", 3, {"decoder"}),
        ("transformer", 5, {"transformer"}),
    )
    for player, step, parts in turns:
        terms = terms_of(task, player, source.batch(step), done=step)
        assert all(torch.isfinite(value) for value in terms.values()), (player, terms)
        assert moved_by(task, terms) == parts, player
        if player != "critic":
            task.after_step({})


def test_the_total_of_the_autoencoder_is_the_weighted_sum(people) -> None:
    losses = PARTS | {"edges": 0.5, "commitment": 0.25, "adversarial": 0.1}
    task, source, _ = make(people, losses=losses)
    batch = source.batch(0)
    alone = terms_of(task, "autoencoder", batch, done=0)
    expected = alone["reconstruction"] + 0.5 * alone["edges"] + 0.25 * alone["commitment"]
    torch.testing.assert_close(alone["total"], expected)
    mean = task.model.mean.image.expand_as(batch.maps)  # what the decoder says at first
    torch.testing.assert_close(alone["reconstruction"], (mean - batch.maps).abs().mean())
    torch.testing.assert_close(alone["edges"], edge_loss(mean, batch.maps))
    assert 0 < alone["usage"] <= 1
    assert 1 <= alone["perplexity"] <= SIZES["codes"]


def test_the_mean_image_is_that_of_people_and_their_mirror_images(people) -> None:
    task, _, _ = make(people)
    maps = people.train.maps[:, 0].astype(np.float64) / 255.0
    expected = 0.5 * (maps + maps[:, ::-1]).mean(axis=0)
    np.testing.assert_allclose(task.model.mean.image, expected, atol=1e-6)
    spread = np.sqrt(np.square(maps - expected).mean())
    assert float(task.model.mean.spread) == pytest.approx(spread, rel=1e-4)


def test_departures_from_the_mean_have_a_size_of_one(people) -> None:
    """In intensities, steps of Adam throw what the last layer says far beyond what people do."""
    task, source, _ = make(people)
    departures = [task.model.mean.departure(source.batch(step).maps) for step in range(3)]
    size = torch.cat(departures).square().mean().sqrt()
    assert float(size) == pytest.approx(1.0, abs=0.3)


# The GLM and the residuals


def test_residuals_of_the_training_people_do_not_go_with_metadata(people) -> None:
    task, source, _ = make(people)
    terms_of(task, "autoencoder", source.batch(0), done=0)
    task.fit()
    model = task.model
    encoded = np.stack([people.schema.encode(row) for row in people.train.conditions])
    y = torch.from_numpy(encoded)
    residuals = torch.stack(
        [task._quantised_pair(n) - model.metadata_part(y[n : n + 1]) for n in range(len(y))]
    )
    design = model.metadata.design(model.deviations(y))
    found = torch.einsum("nm,np...->m...", design, residuals)
    torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-3)
    assert residuals.abs().max() > 0.1


def test_r_codes_are_made_once_and_with_the_residuals_own_codebook(people) -> None:
    task, source, _ = make(people, model=SIZES | {"residual_codes": 5})
    terms_of(task, "autoencoder", source.batch(0), done=0)
    made = []
    encode = source._encode
    source._encode = lambda: made.append(encode()) or made[-1]
    first, second, again = (source.batch(step) for step in (5, 6, 5))
    assert len(made) == 1
    assert made[0].shape == (2, len(people.train), *task.config.code_shape)
    assert made[0].dtype == torch.int64
    assert set(made[0].unique().tolist()) <= set(range(5))
    assert first.maps.shape == (5, *task.config.code_shape)
    assert torch.equal(first.maps, again.maps)
    assert not torch.equal(first.maps, second.maps)
    assert source.batch(4).maps.shape == (RECIPE.batch_size, 1, *SHAPE)


# Runs


def stop_at(step: int):
    def stop(progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return stop


@pytest.fixture(scope="module")
def whole(people, tmp_path_factory):
    """The averaged weights of a run that never stopped."""
    return run(*make(people), tmp_path_factory.mktemp("whole")).state_dict()


@pytest.mark.parametrize("step", [2, 5, 7])
def test_a_run_resumes_in_every_part_as_if_never_stopped(
    people, whole, tmp_path, monkeypatch, step
) -> None:
    """The state is that of the step before the one that is stopped."""
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(*make(people), tmp_path / "part", on_progress=stop_at(step))
    again = run(*make(people), tmp_path / "part", resume=True).state_dict()
    # On several threads the sums of a backward pass differ in their last bits.
    torch.testing.assert_close(again, whole, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("step", "part"),
    [(2, "learner"), (5, "done"), (5, "balance"), (5, "metadata"), (5, "residual")],
)
def test_a_part_of_the_state_that_is_forgotten_is_noticed(
    people, whole, tmp_path, monkeypatch, step, part
) -> None:
    """What the resumed run is held against finds it."""
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(*make(people), tmp_path, on_progress=stop_at(step))
    task, source, recipe = make(people)
    fresh, restore = task.state()[part], task.restore
    monkeypatch.setattr(task, "restore", lambda state: restore(state | {part: fresh}))
    again = run(task, source, recipe, tmp_path, resume=True).state_dict()
    assert not all(torch.equal(again[name], whole[name]) for name in whole)


def test_encoder_and_codebook_rest_after_their_part(people, tmp_path) -> None:
    task, source, recipe = make(people)
    seen = {}

    def watch(progress) -> None:
        state = task.model.state_dict()
        seen[progress.step] = {name: value.clone() for name, value in state.items()}

    average = run(task, source, recipe, tmp_path, on_progress=watch, validate_every=1)
    resting = ("autoencoder.encoder", "autoencoder.codebook")
    for name in seen[3]:
        changed = not torch.equal(seen[3][name], seen[5][name])
        assert changed == name.startswith(
            ("autoencoder.decoder", "metadata.maps", "metadata.age", "metadata.sex",
             "metadata.knots", "residual")
        ), name  # fmt: skip
        if name.startswith(resting):
            assert torch.equal(seen[3][name], seen[7][name])
    assert torch.equal(average.metadata.maps, task.model.metadata.maps)
    with (tmp_path / LOG_FILE).open(newline="", encoding="utf-8") as file:
        rows = {(int(step), name) for step, name, _ in csv.reader(file)}
    assert {(0, "val_perplexity"), (0, "autoencoder_usage"), (4, "val_reconstruction")} <= rows
    assert {(6, "val_codes"), (5, "transformer_total")} <= rows
    assert (2, "val_codes") not in rows
    assert (4, "val_perplexity") not in rows


def test_an_autoencoder_learns_to_rebuild_people(people) -> None:
    task, source, _ = make(people)
    optimizer = torch.optim.AdamW(task.model.autoencoder.parameters(), lr=5e-3)
    found = []
    for step in range(40):
        terms = terms_of(task, "autoencoder", source.batch(step % 3), done=0)
        task.after_step({})
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        found.append(terms["reconstruction"].item())
    assert sum(found[-5:]) < 0.8 * sum(found[:5])


def test_a_transformer_learns_the_codes_of_people_who_are_all_the_same(people) -> None:
    task, source, _ = make(people)
    terms_of(task, "autoencoder", source.batch(0), done=0)
    same = source.batch(5).maps[:1].expand(5, -1, -1, -1, -1)
    optimizer = torch.optim.AdamW(task.model.transformer.parameters(), lr=1e-2)
    found = []
    for step in range(40):
        batch = source.batch(5 + step)
        terms = terms_of(task, "transformer", replace(batch, maps=same), done=5)
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        found.append(terms["total"].item())
    assert found[0] == pytest.approx(math.log(SIZES["residual_codes"]), rel=0.2)
    assert sum(found[-5:]) < 0.5 * sum(found[:5])


@pytest.fixture(scope="module")
def trained(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "brainsynth"
    train_checkpoint(
        replace(TINY, model=SIZES | {"design": "splines"}, learning_rate=5e-3), cohort, folder,
        resume=False, device="cpu", command="brainviewer train tiny.toml",
    )  # fmt: skip
    return folder


def test_training_writes_a_checkpoint_that_draws_images(trained) -> None:
    checkpoint = open_checkpoint(trained)
    assert checkpoint.structures == ("T1w",)
    generator = load_generator(checkpoint, device="cpu")
    person = generator.draw(1)
    young, old = (generator.generate(person, {"age": a, "sex": "F"}) for a in (25.0, 75.0))
    assert young.channels == ("T1w",)
    assert young.data.shape == (1, *SHAPE)
    assert not np.array_equal(young.data, old.data)


def test_the_card_speaks_of_images(trained) -> None:
    card = (trained / "card.md").read_text(encoding="utf-8")
    assert "Makes T1-weighted images without skull, white matter near 0.75,\non 16 x 24" in card
    assert "of 10 mm, rigidly" in card
    assert "hypothetical images under chosen values of\nage, sex" in card
    assert "partial" not in card
    assert not [line for line in card.splitlines() if len(line) > 110]


def test_a_training_person_is_encoded_to_the_residual_that_was_learned(trained, people) -> None:
    generator = load_generator(open_checkpoint(trained), device="cpu")
    conditions = dict(people.train.conditions[0])
    scan = Brain(("T1w",), people.train.maps[0].astype(np.float32) / 255.0, generator.affine)
    identity = generator.encode(scan, conditions)
    rebuilt = generator.generate(identity, conditions).data
    mean = generator._model.mean.image.numpy()
    assert np.abs(rebuilt - scan.data).mean() < 1.5 * np.abs(mean - scan.data).mean()
    assert generator.encode(scan, conditions | {"age": 80.0}).key != identity.key


# What is refused


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"losses": {}}, "fit a brainsynth: autoencoder_steps must be 1 or more"),
        ({"steps": 5}, "must be below the recipe's 5 steps together, .*, got 5"),
        ({"losses": PARTS | {"adversary_steps": 6}}, r"at most .* \(5\), got 6"),
        ({"losses": PARTS | {"passes": 0}}, "must be 1 or more, got 0 and 5"),
        ({"losses": PARTS | {"adversary": "kind"}}, "adversary must be one of wgan-gp, hinge"),
        ({"model": SIZES | {"design": "cubic"}}, "design must be one of linear, splines"),
        ({"model": SIZES | {"slabs": 9}}, r"slabs must lie in 1-4"),
        ({"model": {"latent": 6}}, "unexpected keyword argument 'latent'"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_sentence(people, changes, sentence) -> None:
    with pytest.raises(TrainingRecipeError, match=sentence):
        make(people, **changes)
