"""A tiny cohort of ellipsoid people, made once, and one thread."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from brainviewer.cohort.store import CohortStore
from brainviewer.training.dataset import TrainingData, load_training_data
from tests.tiny import RECIPE, write_tiny_cohort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread, in fixtures of modules too: sums depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cohort_once(tmp_path_factory: pytest.TempPathFactory) -> CohortStore:
    """Forty people; do not change the files."""
    return write_tiny_cohort(tmp_path_factory.mktemp("tiny") / "cohort")


@pytest.fixture
def store(cohort_once: CohortStore, tmp_path: Path) -> CohortStore:
    """A cohort of one's own."""
    shutil.copytree(cohort_once.folder, tmp_path / "cohort")
    return CohortStore(tmp_path / "cohort")


@pytest.fixture(scope="session")
def data(cohort_once: CohortStore) -> TrainingData:
    return load_training_data(cohort_once, RECIPE)
