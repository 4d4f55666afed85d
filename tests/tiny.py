"""Tiny real things for tests of training and commands: a cohort, a recipe, a C-VAE, a checkpoint.

The people are the ellipsoids of `tests.fakes` on a grid whose axes are multiples of eight voxels.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import nn

from brainviewer.cohort.store import CohortStore, Manifest, PersonRecord, to_uint8
from brainviewer.core.tissues import TISSUES, map_volumes_ml
from brainviewer.generators.alphagan import AlphaGAN
from brainviewer.generators.gan import GAN
from brainviewer.generators.networks import NetworkConfig
from brainviewer.generators.vae import VAE
from brainviewer.training.publish import publish_checkpoint
from brainviewer.training.recipe import TrainingRecipe
from tests.fakes import AFFINE, FEATURES, FakeGenerator, fake_training

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from brainviewer.training.dataset import TrainingData
    from brainviewer.training.task import TissueTask

Model = TypeVar("Model", VAE, GAN, AlphaGAN)

PEOPLE = 40
SHAPE = (16, 24, 16)
MARGIN = ((0, 0), (2, 2), (0, 0))
GRID_AFFINE = AFFINE.copy()
GRID_AFFINE[1, 3] -= 2 * AFFINE[1, 1]
SIZES = {"latent": 6, "channels": (8, 8, 8), "bottleneck": 2, "hidden": 5}
RECIPE = TrainingRecipe(
    generator="cvae",
    title="Tiny C-VAE",
    features=tuple(feature.name for feature in FEATURES),
    shape=SHAPE,
    first_voxel=(0, 0, 0),
    steps=3,
    batch_size=4,
    learning_rate=1e-3,
    model=SIZES,
)


def recipe_toml(*, steps: int, batch_size: int) -> str:
    """Return a recipe file of a tiny C-VAE."""
    return f"""
generator = "cvae"
title = "Tiny"
features = {json.dumps(RECIPE.features)}
shape = {list(SHAPE)}
first_voxel = [0, 0, 0]
steps = {steps}
batch_size = {batch_size}
learning_rate = 0.01

[model]
latent = {SIZES["latent"]}
channels = {list(SIZES["channels"])}
bottleneck = {SIZES["bottleneck"]}
hidden = {SIZES["hidden"]}
"""


def person_id(index: int) -> str:
    return f"sub-{index:03d}"


def features_of(index: int) -> dict[str, Any]:
    """Features of a person, ages and sexes mixed so that every fold has all of them."""
    rng = np.random.default_rng([1, index])
    sex = "FM"[index % 2]
    return {
        "age": round(21.0 + 58.0 * ((7 * index) % PEOPLE) / PEOPLE, 1),
        "sex": sex,
        "height": round(165.0 + 12.0 * (sex == "M") + rng.normal(0, 6), 1),
        "education": str(1 + index % 3),
        "occupation": "abc"[index % 3],
    }


def write_tiny_cohort(folder: Path, people: int = PEOPLE) -> CohortStore:
    """Write people of the fake generator as a simulated cohort."""
    store = CohortStore(folder)
    maker = FakeGenerator(SimpleNamespace(name="fake", schema=None))
    for index in range(people):
        maps = maker.generate(maker.draw(index), features_of(index)).data
        volumes = {t: np.pad(to_uint8(m), MARGIN) for t, m in zip(TISSUES, maps, strict=True)}
        store.write_person(
            PersonRecord(person_id(index), volumes, map_volumes_ml(maps, AFFINE), 1.0)
        )
    store.write_manifest(Manifest(SHAPE, GRID_AFFINE.tolist(), "tiny", {}, "simulated"))
    write_table(folder, [{"participant_id": person_id(i), **features_of(i)} for i in range(people)])
    return store


def write_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    with (folder / "participants.tsv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    described = {
        f.name: {"Description": f.description, "Units": f.unit, "Ordered": f.kind == "ordered"}
        | ({"Levels": {level.code: level.label for level in f.levels}} if f.levels else {})
        for f in FEATURES
    }
    (folder / "participants.json").write_text(json.dumps(described), encoding="utf-8")


def tiny_model(kind: type[Model], conditions: int, *, seed: int = 1) -> Model:
    """Make a network in which everything matters: no layer is left at its start of zero."""
    torch.manual_seed(seed)
    model = kind(NetworkConfig(SHAPE, conditions, **SIZES))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    shares = torch.rand(model.mean.shares.shape) + 0.1
    model.mean.shares.copy_(shares / shares.sum(dim=1, keepdim=True))
    return model


def assert_moves_alone(task: TissueTask, player: str, terms: Mapping[str, torch.Tensor]) -> None:
    """Check that a player's terms are finite and give gradients to it and to no other."""
    assert all(torch.isfinite(value) for value in terms.values()), (player, terms)
    for other in task.players.values():
        other.module.zero_grad()
    terms["total"].backward()
    moved = {
        who: any(p.grad is not None and bool(p.grad.any()) for p in it.module.parameters())
        for who, it in task.players.items()
    }
    assert moved == {who: who == player for who in task.players}


def tiny_cvae(conditions: int | None = None, *, seed: int = 1) -> VAE:
    """Make a C-VAE of the fake generator's features, or of another number of columns."""
    columns = len(fake_training()[0].columns) if conditions is None else conditions
    return tiny_model(VAE, columns, seed=seed)


def publish_tiny_checkpoint(folder: Path, data: TrainingData, **changes: Any) -> Path:
    """Write an untrained C-VAE of the people of a cohort as a checkpoint folder."""
    model = tiny_cvae(len(data.schema.columns))
    publish_checkpoint(
        folder,
        model,
        data=data,
        recipe=replace(RECIPE, **changes),
        model_config=model.config.to_json(),
        command="brainviewer train tiny.toml",
        source="Tiny people",
        licence="CC0",
    )
    return folder
