"""A tiny BrainSynth, and the people of `tests.tiny` with T1 images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from brainviewer.cohort.store import CohortStore, PersonRecord
from brainviewer.generators.brainsynth import T1, BrainSynth, BrainSynthConfig
from brainviewer.training.dataset import load_training_data
from brainviewer.training.publish import publish_checkpoint
from tests.tiny import RECIPE, SHAPE, write_tiny_cohort

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {
    "channels": (8, 8),
    "latent_channels": 4,
    "codes": 12,
    "residual_codes": 9,
    "width": 16,
    "layers": 2,
    "heads": 2,
    "slabs": 3,
    "dropout": 0.0,
    "sampling_steps": 3,
}
INTENSITIES = {"WM": 0.75, "GM": 0.6, "CSF": 0.25}


def tiny_brainsynth(conditions: int, *, seed: int = 1, **changes) -> BrainSynth:
    """Make networks in which everything matters: no layer is left at its start of zero."""
    torch.manual_seed(seed)
    model = BrainSynth(BrainSynthConfig(SHAPE, conditions, **SIZES | changes))
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.2)
    for quantiser in (model.autoencoder.codebook, model.residual):
        quantiser.books.normal_()
        quantiser.books[1] *= 0.3
    model.deviations.coefficients.normal_(std=0.1)
    model.metadata.maps.normal_(std=0.5)
    model.mean.image.uniform_(0.3, 0.6)
    model.mean.spread.fill_(0.5)
    return model.eval().requires_grad_(requires_grad=False)


def write_pictured_cohort(folder: Path) -> CohortStore:
    """Write the people of `tests.tiny` with a T1 image, mixed from their tissue maps."""
    store = write_tiny_cohort(folder)
    for name in store.participant_ids:
        person = store.read_person(name)
        mixed = sum(person.volumes[t] * np.float32(level) for t, level in INTENSITIES.items())
        volumes = {**person.volumes, "T1w": np.round(mixed).astype(np.uint8)}
        store.write_person(PersonRecord(name, volumes, person.volumes_ml, 1.0))
    return store


def publish_tiny_brainsynth(folder: Path, store: CohortStore) -> Path:
    """Write an untrained BrainSynth of the people of a cohort as a checkpoint folder."""
    recipe = replace(
        RECIPE, generator="brainsynth", title="Tiny BrainSynth", features=("age", "sex")
    )
    data = load_training_data(store, recipe, channels=T1)
    model = tiny_brainsynth(len(data.schema.columns))
    publish_checkpoint(
        folder,
        model,
        data=data,
        recipe=recipe,
        model_config=model.config.to_json(),
        command="brainviewer train tiny.toml",
        source="Tiny people",
        licence="CC0",
    )
    return folder
