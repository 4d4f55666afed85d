"""From a recipe and a cohort to a checkpoint, end to end."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from brainviewer.cohort.store import CohortError
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.generators.packing import read_weights
from brainviewer.generators.vae import VAE
from brainviewer.training.dataset import load_training_data
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.run import TASKS, train_checkpoint
from tests.tiny import RECIPE, features_of, person_id, write_table


def run(store, out, recipe=RECIPE, **arguments) -> None:
    arguments = {"resume": False, "device": "cpu", "command": "brainviewer train", **arguments}
    train_checkpoint(recipe, store, out, **arguments)


def test_training_writes_a_checkpoint_that_makes_brains(cohort_once, tmp_path) -> None:
    steps = []
    run(cohort_once, tmp_path / "tiny", on_progress=lambda progress: steps.append(progress.step))
    assert steps == [1, 2, 3]
    checkpoint = open_checkpoint(tmp_path / "tiny")
    assert checkpoint.config["trained_on"] == {
        "source": "cohort", "licence": "licence not stated", "people": 28, "more_people": 0,
    }  # fmt: skip
    generator = load_generator(checkpoint, device="cpu")
    brain = generator.generate(generator.draw(1), checkpoint.schema.typical())
    assert np.isfinite(brain.data).all()
    assert (tmp_path / "tiny" / "training" / "log.csv").is_file()


def test_a_finished_run_can_be_published_again_without_a_step(cohort_once, tmp_path) -> None:
    run(cohort_once, tmp_path / "tiny")
    weights = (tmp_path / "tiny" / "weights.safetensors").read_bytes()
    steps = []
    run(
        cohort_once,
        tmp_path / "tiny",
        resume=True,
        on_progress=lambda progress: steps.append(progress.step),
    )
    assert steps == []
    assert (tmp_path / "tiny" / "weights.safetensors").read_bytes() == weights


def test_the_cohort_says_its_name_and_licence(store, tmp_path) -> None:
    about = {"Name": "Ellipsoids", "License": "CC0"}
    (store.folder / "dataset_description.json").write_text(json.dumps(about), encoding="utf-8")
    run(store, tmp_path / "tiny", replace(RECIPE, steps=1))
    card = open_checkpoint(tmp_path / "tiny").card
    assert "Ellipsoids" in card
    assert "licence CC0" in card


@pytest.mark.parametrize("content", ["{", "[1]", "3"])
def test_a_broken_description_is_found_before_the_training(store, tmp_path, content) -> None:
    (store.folder / "dataset_description.json").write_text(content, encoding="utf-8")
    with pytest.raises(CohortError, match=r"dataset_description\.json is not readable JSON"):
        run(store, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


def test_what_is_left_out_is_told(store, tmp_path, caplog) -> None:
    rows = [{"participant_id": person_id(i), **features_of(i), "height": 170} for i in range(40)]
    write_table(store.folder, rows)
    run(store, tmp_path / "tiny", replace(RECIPE, steps=1))
    (record,) = caplog.records
    assert record.levelname == "WARNING"  # the command line shows it
    assert record.getMessage().startswith("height is left out, as it is 170.0 for all")
    checkpoint = open_checkpoint(tmp_path / "tiny")
    assert "height" not in checkpoint.schema
    generator = load_generator(checkpoint, device="cpu")
    generator.generate(generator.draw(1), checkpoint.schema.typical())


def test_an_unknown_generator_is_refused_with_those_there_are(cohort_once, tmp_path) -> None:
    with pytest.raises(
        TrainingRecipeError, match=r"generator must be one of vae, cvae, .*, got 'dream'"
    ):
        run(cohort_once, tmp_path / "tiny", replace(RECIPE, generator="dream"))


# Starting from another checkpoint


def weights_of(folder) -> dict:
    return read_weights(folder / "weights.safetensors")


def start_of(name: str, start, cohort_once, **changes):
    features = RECIPE.features if name in ("cvae", "cgan", "csegsynth") else ()
    recipe = replace(RECIPE, generator=name, features=features, start=str(start), **changes)
    return TASKS[name](load_training_data(cohort_once, recipe), recipe, "cpu").model.state_dict()


@pytest.fixture(scope="module")
def trained_vae(cohort_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("started") / "vae"
    run(cohort_once, folder, replace(RECIPE, generator="vae", features=(), learning_rate=0.01))
    return folder


def test_a_c_vae_shares_every_parameter_of_its_vae(cohort_once, trained_vae) -> None:
    model = start_of("cvae", trained_vae, cohort_once)
    shared = weights_of(trained_vae)
    assert set(shared) < set(model)
    new = ("deviations", "condition", "prior")
    for name, value in shared.items():
        if not name.startswith((new[0], new[2])):
            torch.testing.assert_close(model[name], value.float(), msg=name)
    assert all(any(part in name for part in new) for name in set(model) - set(shared))


@pytest.mark.parametrize("name", ["gan", "alphagan"])
def test_a_model_of_standard_noise_takes_up_the_fitted_prior_of_its_vae(
    cohort_once, trained_vae, name
) -> None:
    weights = {key: value.float() for key, value in weights_of(trained_vae).items()}
    recipe = replace(RECIPE, generator=name, features=(), start=str(trained_vae))
    model = TASKS[name](load_training_data(cohort_once, recipe), recipe, "cpu").model
    vae = VAE(model.config)
    vae.load_state_dict(weights)
    assert not torch.allclose(weights["prior.factor"], torch.eye(model.config.latent))
    noise, y = torch.randn(3, model.config.latent), torch.zeros(3, 0)
    mean = vae.mean.features()
    with torch.inference_mode():
        torch.testing.assert_close(model.decode(noise, y, mean), vae.decode(noise, y, mean))
        if name == "alphagan":
            maps = torch.rand(3, 3, *model.config.shape)
            expected = vae.noise(maps, y)
            torch.testing.assert_close(model.noise(maps, y), expected, rtol=1e-3, atol=1e-3)


def test_codes_of_people_are_noise_around_the_shift_when_a_csegsynth_starts(
    cohort_once, trained_vae
) -> None:
    def task_of(name, features):
        recipe = replace(RECIPE, generator=name, features=features, start=str(trained_vae))
        return TASKS[name](load_training_data(cohort_once, recipe), recipe, "cpu")

    before, after = task_of("alphagan", ()).model, task_of("csegsynth", RECIPE.features)
    data, model = load_training_data(cohort_once, RECIPE), after.model
    maps = torch.from_numpy(data.train.maps).float() / 255.0
    y = after.training_conditions(model, data)
    with torch.inference_mode():
        code, shift = model.code(maps), model.shift(y)
        mean = model.mean.features()
        torch.testing.assert_close(
            model.decode_latent(code, mean),
            before.decode_latent(before.code(maps), mean),
            rtol=1e-3, atol=1e-3,
        )  # fmt: skip
    noise = code - shift
    assert shift.std(dim=0).max() > 0.5
    assert noise.mean(dim=0).abs().max() < 0.3
    assert 0.5 < noise.std() < 1.2


def test_networks_of_another_size_cannot_be_started_from(cohort_once, trained_vae) -> None:
    sizes = {**RECIPE.model, "channels": (16, 16, 16)}
    with pytest.raises(TrainingRecipeError, match="whose networks are of other sizes; give it"):
        start_of("cvae", trained_vae, cohort_once, model=sizes)


def test_a_start_that_has_seen_people_held_out_here_is_refused(cohort_once, trained_vae) -> None:
    with pytest.raises(TrainingRecipeError, match=r"trained on \d+ of the people held out here, s"):
        start_of("cvae", trained_vae, cohort_once, test_folds=(0, 5))


def test_a_start_that_is_not_there_is_named(cohort_once) -> None:
    with pytest.raises(TrainingRecipeError, match="starts from 'nowhere': there is no checkpoint"):
        start_of("cvae", "nowhere", cohort_once)


# Several processes


@pytest.mark.parametrize("processes", [0, 3])
def test_a_batch_must_be_shared_out_evenly(cohort_once, tmp_path, processes) -> None:
    with pytest.raises(TrainingRecipeError, match=f"the batch of 4 .* got {processes} processes"):
        run(cohort_once, tmp_path / "tiny", processes=processes)
