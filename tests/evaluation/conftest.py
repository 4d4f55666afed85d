"""A cohort of forty people made by the fake generator, and its checkpoint with folds."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from brainviewer.cohort.store import CohortStore, Manifest, PersonRecord, to_uint8
from brainviewer.core.tissues import TISSUES, map_volumes_ml
from brainviewer.evaluation.cache import ArrayCache
from brainviewer.generators.checkpoint import Checkpoint, open_checkpoint
from tests.fakes import AFFINE, FEATURES, SHAPE, FakeGenerator, write_fake_checkpoint
from tests.tiny_brainsynth import publish_tiny_brainsynth, write_pictured_cohort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 40
FIRST_VOXEL = (1, 0, 2)
COHORT_SHAPE = tuple(n + 2 * a for n, a in zip(SHAPE, FIRST_VOXEL, strict=True))
VENTRICLE_LABEL, CORTEX_LABEL = 51, 1
VENTRICLE_RADIUS_MM = 40.0


def person_id(index: int) -> str:
    return f"sub-{index:03d}"


def features_of(index: int) -> dict[str, Any]:
    rng = np.random.default_rng([1, index])
    sex = "FM"[index % 2]
    age = 21.0 + 58.0 * ((7 * index) % PEOPLE) / PEOPLE
    return {
        "age": round(age, 1),
        "sex": sex,
        "height": round(165.0 + 12.0 * (sex == "M") + rng.normal(0, 6), 1),
        "education": str(1 + index % 3),
        "occupation": "abc"[index % 3],
    }


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch on one thread: small networks are faster so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> CohortStore:
    """The people of `tests.tiny` with T1 images."""
    return write_pictured_cohort(tmp_path_factory.mktemp("pictured") / "cohort")


@pytest.fixture(scope="module")
def brainsynth(pictured: CohortStore) -> Checkpoint:
    """A tiny BrainSynth of the pictured people."""
    return open_checkpoint(publish_tiny_brainsynth(pictured.folder.parent / "tiny", pictured))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint and the cohort; tests get copies."""
    folder = tmp_path_factory.mktemp("evaluation")
    checkpoint = write_fake_checkpoint(folder / "checkpoints")
    change_config(
        checkpoint,
        folds={person_id(index): index % 10 for index in range(PEOPLE)},
        test_folds=[0, 1],
        validation_folds=[2],
        grid={"first_voxel": list(FIRST_VOXEL)},
    )
    _write_cohort(CohortStore(folder / "cohort"), FakeGenerator(open_checkpoint(checkpoint)))
    return folder


@pytest.fixture
def checkpoint(made_once: Path, tmp_path: Path) -> Checkpoint:
    """The fake checkpoint, trained on folds 3-9 of the cohort."""
    shutil.copytree(made_once / "checkpoints", tmp_path / "checkpoints")
    return open_checkpoint(tmp_path / "checkpoints" / "fake")


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "cache", "model")


@pytest.fixture
def store(made_once: Path, tmp_path: Path) -> CohortStore:
    """Forty people of the fake generator, with ventricle labels, on a grid a little larger."""
    shutil.copytree(made_once / "cohort", tmp_path / "cohort")
    return CohortStore(tmp_path / "cohort")


def write_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    with (folder / "participants.tsv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    described = {
        f.name: {"Description": f.description, "Ordered": f.kind == "ordered"}
        | ({"Levels": {level.code: level.label for level in f.levels}} if f.levels else {})
        for f in FEATURES
    }
    (folder / "participants.json").write_text(json.dumps(described), encoding="utf-8")


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(config), encoding="utf-8")


def _write_cohort(store: CohortStore, generator: FakeGenerator) -> None:
    affine = AFFINE.copy()
    affine[:3, 3] -= AFFINE[:3, :3] @ np.array(FIRST_VOXEL, dtype=float)
    for index in range(PEOPLE):
        maps = generator.generate(generator.draw(index), features_of(index)).data
        store.write_person(_record(person_id(index), maps))
    store.write_manifest(
        Manifest(
            shape=COHORT_SHAPE,
            affine=affine.tolist(),
            command="fake",
            versions={},
            kind="simulated",
            region_names={
                str(VENTRICLE_LABEL): ("LateralVentricle_R", "CSF"),
                str(CORTEX_LABEL): ("Cortex", "GM"),
            },
        )
    )
    rows = [{"participant_id": person_id(i), **features_of(i)} for i in range(PEOPLE)]
    write_table(store.folder, rows)


def _record(participant_id: str, maps: np.ndarray) -> PersonRecord:
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    radius = np.linalg.norm(grid @ AFFINE[:3, :3] + AFFINE[:3, 3], axis=-1)
    ventricle = (maps[TISSUES.index("CSF")] > 0.5) & (radius < VENTRICLE_RADIUS_MM)
    regions = np.where(ventricle, VENTRICLE_LABEL, CORTEX_LABEL * (maps.sum(axis=0) > 0.5))
    margin = [(a, a) for a in FIRST_VOXEL]
    volumes = {
        tissue: np.pad(to_uint8(data), margin) for tissue, data in zip(TISSUES, maps, strict=True)
    }
    volumes["regions"] = np.pad(regions.astype(np.uint8), margin)
    return PersonRecord(participant_id, volumes, map_volumes_ml(maps, AFFINE), 1.0)
