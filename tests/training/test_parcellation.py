"""Training of the network of regions: what it is shown, and that it learns halves from a ball."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from brainviewer.cohort.store import CohortError, Manifest
from brainviewer.generators.parcellation import FACTS_FILE, load_network
from brainviewer.training.parcellation import (
    LabelledPeople,
    LabelledSource,
    mirrored_labels,
    region_dice,
    simulate_contrast,
    soft_dice,
    train_region_network,
)
from brainviewer.training.recipe import TrainingRecipeError
from tests.tiny import GRID_AFFINE, RECIPE, SHAPE

NAMES = ("brain stem", "left half", "right half")
MODEL = {"widths": (6, 8, 8), "fine_width": 6, "box": (16, 24, 16)}
REGION_RECIPE = replace(
    RECIPE, generator="regions", features=(), steps=150, batch_size=2, learning_rate=1e-2,
    ema_decay=0.8, model=MODEL,
)  # fmt: skip


def with_labels(store) -> None:
    """Give everybody an image and the two halves of the brain."""
    for name in store.participant_ids:
        record = store.read_person(name)
        wm, gm, csf = (record.volumes[t].astype(float) / 255 for t in ("WM", "GM", "CSF"))
        image = np.rint(255 * (0.75 * wm + 0.5 * gm + 0.2 * csf)).astype(np.uint8)
        right = np.arange(SHAPE[0])[:, None, None] >= SHAPE[0] // 2
        labels = np.where(image > 0, 1 + right, 0).astype(np.uint8)
        volumes = {**record.volumes, "T1w": image, "regions": labels}
        store.write_person(replace(record, volumes=volumes))
    names = {"1": ("left half", "GM"), "2": ("right half", "GM")}
    store.write_manifest(
        Manifest(SHAPE, GRID_AFFINE.tolist(), "tiny", {}, "imported", region_names=names)
    )


def test_left_and_right_change_places_in_a_mirror() -> None:
    assert mirrored_labels(NAMES).tolist() == [0, 1, 3, 2]
    assert mirrored_labels(("left alone",)).tolist() == [0, 1]


def test_dice_is_one_where_all_is_right_and_low_where_it_is_not() -> None:
    wanted = torch.tensor([0, 1, 1, 2] * 50)
    right = torch.nn.functional.one_hot(wanted, 3).float()
    assert float(soft_dice(right, wanted)) == pytest.approx(1.0)
    assert float(soft_dice(right.roll(1, dims=1), wanted)) < 0.05


def test_simulated_images_are_of_the_brain_alone() -> None:
    maps = torch.zeros((3, 6, 6, 6))
    maps[0, 2:4], maps[1, 4:5] = 1.0, 1.0
    labels = torch.ones((6, 6, 6), dtype=torch.long)
    image = simulate_contrast(maps, labels, 2, torch.Generator().manual_seed(1))
    assert (image[:2] == 0).all()
    assert (image[2:5] > 0).all()


@pytest.fixture
def people() -> LabelledPeople:
    """Two with a bright left side."""
    images = np.zeros((2, *SHAPE), np.uint8)
    images[:, 2:14, 4:20, 2:14] = 100
    images[:, 2:8, 4:20, 2:14] = 200
    labels = np.where(images == 200, 2, np.where(images == 100, 3, 0)).astype(np.uint8)
    maps = np.stack([images // 2, images // 4, images // 8], axis=1)
    return LabelledPeople(("sub-1", "sub-2"), images, maps, labels)


def test_a_batch_is_the_same_in_every_run_and_differs_between_steps(people) -> None:
    def source(seed: int = 1) -> LabelledSource:
        return LabelledSource(people, NAMES, GRID_AFFINE, box=SHAPE, size=2, seed=seed)

    first, again, other = source().batch(3), source().batch(3), source().batch(4)
    torch.testing.assert_close(first.images, again.images)
    torch.testing.assert_close(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)
    assert first.images.shape == (2, 1, *SHAPE)
    assert first.places.shape == (2, 3, *SHAPE)
    assert set(torch.unique(first.labels).tolist()) <= {0, 1, 2, 3}


def test_left_stays_left_in_the_world_when_people_are_mirrored(people) -> None:
    source = LabelledSource(people, NAMES, GRID_AFFINE, box=SHAPE, size=1, seed=1)
    for step in range(12):
        batch = source.batch(step)
        x = batch.places[0, 0]
        left, right = (float(x[batch.labels[0] == label].mean()) for label in (2, 3))
        assert left < right


def test_a_network_learns_what_is_where_and_says_how_well(store, tmp_path) -> None:
    with_labels(store)
    out = tmp_path / "network"
    fabric = Fabric(accelerator="cpu", devices=1)
    facts = train_region_network(
        REGION_RECIPE, store, out, fabric=fabric, resume=False, source="tiny people"
    )
    assert facts.regions == ("left half", "right half")
    assert min(facts.dice.values()) > 0.8
    assert json.loads((out / FACTS_FILE).read_text())["trained_on"] == "tiny people"
    labeller = load_network(out, "cpu")
    record = store.read_person(store.participant_ids[0])
    one = LabelledPeople(
        ("one",), record.volumes["T1w"][None], np.zeros((1, 3, *SHAPE), np.uint8),
        record.volumes["regions"][None],
    )  # fmt: skip
    assert region_dice(labeller, one, GRID_AFFINE).min() > 0.8


def test_people_without_labels_are_refused(store, tmp_path) -> None:
    with_labels(store)
    for name in store.participant_ids:
        record = store.read_person(name)
        kept = {key: value for key, value in record.volumes.items() if key != "regions"}
        store.write_person(replace(record, volumes=kept))
    with pytest.raises(CohortError, match="at least 20 people with labels"):
        train_region_network(
            REGION_RECIPE, store, tmp_path / "n", fabric=Fabric(accelerator="cpu", devices=1),
            resume=False, source="",
        )  # fmt: skip


def test_wrong_sizes_are_refused(store, tmp_path) -> None:
    with_labels(store)
    recipe = replace(REGION_RECIPE, model=MODEL | {"box": (15, 24, 16)})
    with pytest.raises(TrainingRecipeError, match="multiples of 8"):
        train_region_network(
            recipe, store, tmp_path / "n", fabric=Fabric(accelerator="cpu", devices=1),
            resume=False, source="",
        )  # fmt: skip
