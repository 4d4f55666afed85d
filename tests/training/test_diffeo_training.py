"""The diffeomorphic family, from a tiny cohort to a checkpoint; who fails is named."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch.nn import functional

from brainviewer.cohort.store import CohortError
from brainviewer.generators.base import KnowsRegions, MakesFine
from brainviewer.generators.checkpoint import load_generator, open_checkpoint
from brainviewer.generators.device import choose_device
from brainviewer.generators.diffeo import DiffeoGenerator
from brainviewer.generators.registration import Effort, register
from brainviewer.session.fine import FineMaker
from brainviewer.training import anatomy, diffeo, registering
from brainviewer.training.anatomy import build_template, load_anatomy, refine_template
from brainviewer.training.diffeo import fit_diffeo
from brainviewer.training.loop import TrainingError
from brainviewer.training.recipe import TrainingRecipeError
from brainviewer.training.registering import RegistrationError, check_registration
from brainviewer.training.registration_page import mean_region_dice
from brainviewer.training.run import train_checkpoint
from brainviewer.training.task import mean_shares
from tests.tiny import RECIPE, SHAPE

if TYPE_CHECKING:
    from collections.abc import Iterator

TINY = replace(
    RECIPE,
    generator="diffeo",
    title="Tiny warps",
    steps=12,
    batch_size=1,
    learning_rate=0.07,
    model={"components": 6},
)


@pytest.fixture(autouse=True, scope="module")
def own_anatomy(data) -> Iterator[np.ndarray]:
    """The mean person, twice as fine, in the place of MNI152, which takes seconds to load."""
    mean = mean_shares(data.train.maps)
    fine = mean.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffeo, "load_anatomy", lambda shape, affine: fine)
        patch.setattr(registering, "load_anatomy", lambda shape, affine: fine)
        patch.setattr(registering, "TEMPLATE_PEOPLE", 3)
        patch.setattr(registering, "LEAST_OVERLAP", 0.3)
        yield fine


def fit(data, out, *, resume: bool = False):
    return fit_diffeo(data, TINY, "cpu", out=out, resume=resume)


@pytest.fixture(scope="module")
def fitted_once(data, own_anatomy, tmp_path_factory):
    """A folder of a run that has ended, and its model."""
    out = tmp_path_factory.mktemp("diffeo")
    return out, fit(data, out)[0]


def test_training_writes_a_checkpoint_that_makes_brains(cohort_once, tmp_path) -> None:
    seen = []
    train_checkpoint(
        TINY, cohort_once, tmp_path / "tiny", resume=False, device="cpu", command="train",
        on_progress=lambda progress: seen.append((progress.step, progress.steps)),
    )  # fmt: skip
    assert (28, 28) in seen
    assert seen[-1] == (4 * 28, 4 * 28)
    checkpoint = open_checkpoint(tmp_path / "tiny")
    assert checkpoint.config["trained_on"]["people"] == 28
    assert "a warp of one" in checkpoint.card
    generator = load_generator(checkpoint, device="cpu")
    brain = generator.generate(generator.draw(1), checkpoint.schema.typical())
    assert brain.data.shape == (3, *SHAPE)
    assert np.isfinite(brain.data).all()
    assert generator.can_encode
    assert isinstance(generator, KnowsRegions)
    assert all(size > 0 for size in generator.region_volumes(generator.draw(1), {}))
    assert isinstance(generator, MakesFine)
    fine = FineMaker(generator).generate(generator.draw(1), checkpoint.schema.typical())
    averages = functional.avg_pool3d(torch.from_numpy(fine.data), 2).numpy()
    assert np.abs(averages - brain.data).mean() < 0.02
    log = (tmp_path / "tiny" / "training" / "log.csv").read_text()
    assert "val_mae_WM" in log


def test_volumes_of_unseen_people_are_predicted_from_their_features(data, fitted_once) -> None:
    scores = diffeo.validate(fitted_once[1], data)
    spread = np.abs(data.validation.volumes_ml - data.train.volumes_ml.mean(axis=0)).mean(axis=0)
    errors = [scores[f"val_mae_{tissue}"] for tissue in ("WM", "GM", "CSF")]
    assert sum(errors / spread) < 3


def test_a_resumed_run_registers_only_who_is_missing(data, fitted_once, monkeypatch) -> None:
    out, model = fitted_once
    name = data.train.ids[4]
    before = (out / "velocities" / f"{name}.npz").read_bytes()
    (out / "velocities" / f"{name}.npz").unlink()
    calls = []

    def counted(*given) -> torch.Tensor:
        calls.append(1)
        return register(*given)

    monkeypatch.setattr(registering, "register", counted)
    resumed, _ = fit(data, out, resume=True)
    assert len(calls) == 1
    assert (out / "velocities" / f"{name}.npz").read_bytes() == before
    for key, value in model.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_several_processes_find_the_same_velocities(data, fitted_once, tmp_path) -> None:
    out, missing = tmp_path / "run", data.train.ids[3:6]
    shutil.copytree(fitted_once[0], out)
    before = [(out / "velocities" / f"{name}.npz").read_bytes() for name in missing]
    for name in missing:
        (out / "velocities" / f"{name}.npz").unlink()
    fit_diffeo(data, TINY, "cpu", out=out, resume=True, processes=2)
    after = [(out / "velocities" / f"{name}.npz").read_bytes() for name in missing]
    for first, second in zip(before, after, strict=True):
        np.testing.assert_allclose(*(np.load(io.BytesIO(b))["array"] for b in (first, second)),
                                   atol=0.02)  # fmt: skip


def test_a_process_that_dies_is_one_sentence() -> None:
    with pytest.raises(TrainingError, match=r"train again with --resume, and with fewer --proc"):
        list(registering._run(die, iter([1, 2, 3]), 2))


def die(job: int) -> float:
    os._exit(job)


def test_images_of_people_become_the_image_of_every_brain(data, fitted_once, tmp_path) -> None:
    bright = np.array([0.75, 0.5, 0.15]).reshape(3, 1, 1, 1)
    place = {name: index for index, name in enumerate(data.train.ids)}

    def image_of(name: str) -> np.ndarray | None:
        if place[name] == 0:
            return None
        age = data.train.conditions[place[name]]["age"]
        faded = bright * np.array([1.0, 1.0 - 0.003 * (age - 50), 1.0]).reshape(3, 1, 1, 1)
        image = (data.train.maps[place[name]] * faded).sum(axis=0)
        return np.rint(image).astype(np.uint8)

    out = tmp_path / "run"
    shutil.copytree(fitted_once[0], out)
    model, _ = fit_diffeo(data, TINY, "cpu", out=out, resume=True, images=image_of)
    generator = DiffeoGenerator(
        "tiny", model, schema=data.schema, affine=data.affine, device=choose_device("cpu")
    )
    assert generator.channels == ("WM", "GM", "CSF", "T1w")
    someone, conditions = generator.draw(3), data.train.conditions[0]
    brain = generator.generate(someone, conditions)
    assert brain.data.shape == (4, *SHAPE)
    wanted = (brain.data[:3] * bright).sum(axis=0)
    inside = brain.data[:3].sum(axis=0) > 0.5
    assert np.abs(brain.data[3] - wanted)[inside].mean() < 0.05
    fine = FineMaker(generator).generate(someone, conditions)
    assert fine.data.shape == (4, *(2 * n for n in SHAPE))
    averages = functional.avg_pool3d(torch.from_numpy(fine.data), 2).numpy()
    assert np.abs(averages[3] - brain.data[3])[inside].mean() < 0.05
    assert generator.volume_gradients(someone, conditions).shape[0] == 3
    older = {**conditions, "age": conditions["age"] + 15.0}
    tone = generator.tone(someone, conditions, older)
    assert tone.shape == SHAPE
    assert 0.5 <= tone.min() < 0.999
    np.testing.assert_array_equal(generator.tone(someone, older, older), 1.0)
    known = generator.encode(brain, conditions)
    assert np.isfinite(known.latent).all()


def test_who_cannot_be_registered_is_named_and_left_out(
    data, fitted_once, monkeypatch, caplog
) -> None:
    out, _ = fitted_once
    check, count = registering.check_registration, []

    def fail_second(*given) -> float:
        count.append(1)
        if len(count) == 2:
            raise RegistrationError("the warp folds")
        return check(*given)

    monkeypatch.setattr(registering, "check_registration", fail_second)
    with caplog.at_level(logging.WARNING):
        _, kept = fit(data, out, resume=True)
    assert len(kept.train) == len(data.train) - 1
    assert data.train.ids[1] not in kept.train.ids
    assert f"{data.train.ids[1]} is left out: the warp folds" in caplog.text
    failed = json.loads((out / "failed.json").read_text())
    assert failed == {data.train.ids[1]: "the warp folds"}
    page = (out / "registration.html").read_text()
    assert "27 people, 1 left out" in page
    assert f"{data.train.ids[1]}</td><td>the warp folds" in page
    assert page.count("<section") == 27
    assert (out / "registration" / f"{data.train.ids[0]}.png").stat().st_size > 500


def test_dice_of_regions_is_that_of_each_averaged() -> None:
    first = np.array([1, 1, 1, 2, 2, 0], np.uint8)
    second = np.array([1, 1, 2, 2, 2, 0], np.uint8)
    assert mean_region_dice(first, second) == pytest.approx((4 / 5 + 4 / 5) / 2)
    assert mean_region_dice(first, first) == 1


def test_too_few_registered_people_are_refused(data, fitted_once, monkeypatch) -> None:
    monkeypatch.setattr(registering, "LEAST_OVERLAP", 1.1)
    with pytest.raises(CohortError, match="at least 20 people, and was to 0 of 28"):
        fit(data, fitted_once[0], resume=True)


def test_a_damaged_velocity_is_named(data, fitted_once, tmp_path) -> None:
    (tmp_path / "velocities").mkdir()
    for name in ("template.npz", "run.json"):
        (tmp_path / name).write_bytes((fitted_once[0] / name).read_bytes())
    (tmp_path / "velocities" / f"{data.train.ids[0]}.npz").write_bytes(b"PK")
    with pytest.raises(CohortError, match=rf"{data.train.ids[0]}\.npz is damaged .* and resume"):
        fit(data, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": {"wings": 2}}, "does not fit a diffeo: .*'wings'"),
        ({"losses": {"beauty": 1.0}}, "do not fit a diffeo: .*'beauty'"),
        ({"start": "vae-ixi"}, "a diffeo starts from no other checkpoint, got start 'vae-ixi'"),
        ({"model": {"knots": 1}}, "does not fit a diffeo: there must be at least 3 knots"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_sentence(data, tmp_path, changes, sentence) -> None:
    with pytest.raises(TrainingRecipeError, match=sentence):
        fit_diffeo(data, replace(TINY, **changes), "cpu", out=tmp_path, resume=False)


def test_people_without_features_are_refused(data, tmp_path) -> None:
    with pytest.raises(TrainingRecipeError, match="train it without --more"):
        fit(replace(data, more=data.train), tmp_path)


def test_a_run_of_another_recipe_is_not_taken_up(data, fitted_once) -> None:
    out, _ = fitted_once
    longer = replace(TINY, steps=TINY.steps + 1)
    with pytest.raises(TrainingError, match=r"run\.json is damaged or of another recipe or coh"):
        fit_diffeo(data, longer, "cpu", out=out, resume=True)


def test_a_warp_that_folds_or_does_not_cover_is_refused(data) -> None:
    template = mean_shares(data.train.maps)
    still = np.zeros((3, *[n // 2 for n in SHAPE]), np.float32)
    assert check_registration(template, template[:3], still) == pytest.approx(1)
    rng = np.random.default_rng(1)
    folded = rng.normal(0, 9, still.shape).astype(np.float32)
    with pytest.raises(RegistrationError, match="the warp folds, its smallest Jacobian is -"):
        check_registration(template, template[:3], folded)
    with pytest.raises(RegistrationError, match=r"overlap by 0\.00, less than 0\.3"):
        check_registration(template, np.zeros_like(template[:3]), still)


# The template


def test_the_template_has_the_shape_and_the_shares_of_its_people(data, own_anatomy) -> None:
    people = [data.train.maps[n].astype(np.float32) / 255 for n in range(4)]
    larger = np.repeat(np.repeat(own_anatomy, 2, 1), 2, 2)[:, 16:48, 24:72]
    larger = larger / larger.sum(axis=0)
    template, guide = build_template(larger, people, Effort(steps=40))
    assert guide is None
    assert template.shape == (4, *SHAPE)
    np.testing.assert_allclose(template.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(template, template[:, ::-1], atol=1e-4)
    wanted, before, after = (
        maps[:3].sum(axis=(1, 2, 3)) * factor
        for maps, factor in ((np.mean(people, axis=0), 1), (larger, 1 / 8), (template, 1))
    )
    assert np.abs(before / wanted - 1).min() > 0.3
    assert np.abs(after / wanted - 1).max() < 0.15


def test_a_refined_template_has_the_averages_and_is_sharper(data, own_anatomy) -> None:
    template = mean_shares(data.train.maps)
    rng = np.random.default_rng(2)
    detail = own_anatomy * rng.uniform(0.5, 1.5, own_anatomy.shape).astype(np.float32)
    fine = refine_template(detail / detail.sum(axis=0), template, Effort(steps=12))
    np.testing.assert_allclose(fine.sum(axis=0), 1, atol=1e-5)
    averages = functional.avg_pool3d(torch.from_numpy(fine)[None], 2)[0].numpy()
    assert np.abs(averages - template).mean() < 0.005
    blurred = np.repeat(np.repeat(np.repeat(template, 2, 1), 2, 2), 2, 3)
    assert np.abs(fine - blurred).mean() > 3 * np.abs(averages - template).mean()


def test_shares_of_an_anatomy_become_those_of_people(own_anatomy) -> None:
    wanted = np.ones((4, *SHAPE), np.float32)
    mixed = 0.5 * own_anatomy + 0.125
    changed = anatomy._with_shares(mixed, wanted)
    np.testing.assert_allclose(changed[:3].sum(axis=0), mixed[:3].sum(axis=0), rtol=1e-4)
    sums = changed[:3].sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums / sums.sum(), 1 / 3, rtol=0.01)


def test_the_anatomy_is_the_template_of_nilearn_on_a_grid_twice_as_fine(data) -> None:
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = [-76.0, -128.0, -74.0]
    shares = load_anatomy((20, 28, 20), affine)
    assert shares.shape == (4, 40, 56, 40)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    brain_ml = shares[:3].sum() * 4.0**3 * 1e-3
    assert 1700 < brain_ml < 1950
    np.testing.assert_allclose(shares, shares[:, ::-1], atol=0.1)
