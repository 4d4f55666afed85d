"""A tiny C-VAE in float32 on one thread, and checkpoints of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from brainviewer.generators.device import Device
from brainviewer.generators.tissue_generator import TissueGenerator
from brainviewer.training.dataset import load_training_data
from tests.fakes import fake_training
from tests.tiny import (
    GRID_AFFINE,
    RECIPE,
    publish_tiny_checkpoint,
    tiny_cvae,
    write_tiny_cohort,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brainviewer.generators.vae import VAE


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model() -> VAE:
    return tiny_cvae()


@pytest.fixture
def generator(model: VAE) -> TissueGenerator:
    device = Device(torch.device("cpu"), "CPU", bfloat16=False)
    schema, _ = fake_training()
    return TissueGenerator("tiny", model, schema=schema, affine=GRID_AFFINE, device=device)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of real weights; tests get copies."""
    folder = tmp_path_factory.mktemp("tiny")
    data = load_training_data(write_tiny_cohort(folder / "cohort"), RECIPE)
    return publish_tiny_checkpoint(folder / "checkpoints" / "tiny", data)


@pytest.fixture
def root(published_once: Path, tmp_path: Path) -> Path:
    """A folder of checkpoints with one in it, named "tiny"."""
    shutil.copytree(published_once.parent, tmp_path / "checkpoints")
    return tmp_path / "checkpoints"
