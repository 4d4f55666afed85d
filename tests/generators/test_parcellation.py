"""The network of regions: boxes, places, standard images, and files that are not what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from brainviewer.generators.parcellation import (
    FACTS_FILE,
    WEIGHTS_FILE,
    NetworkFacts,
    NetworkSizes,
    ParcellationError,
    Parcellator,
    RegionNetwork,
    brain_box,
    cut_out,
    load_network,
    places_of,
    put_back,
    save_network,
    standardise,
)

SIZES = NetworkSizes(widths=(4, 6, 8), fine_width=4, box=(16, 24, 16))
NAMES = ("left half", "right half")
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = (-18.0, -28.0, -20.0)


@pytest.fixture
def network() -> RegionNetwork:
    torch.manual_seed(3)
    return RegionNetwork(len(NAMES), SIZES).eval()


@pytest.fixture
def facts() -> NetworkFacts:
    return NetworkFacts(NAMES, SIZES, {"left half": 0.9, "right half": 0.8}, 30, "nobody")


@pytest.fixture
def brain() -> np.ndarray:
    """A ball (20, 28, 20) with some texture."""
    inside = np.linalg.norm(np.indices((20, 28, 20)).T - (9.5, 13.5, 9.5), axis=-1).T < 7
    return (inside * np.random.default_rng(1).uniform(0.3, 0.9, inside.shape)).astype(np.float32)


def test_a_box_lies_about_the_brain_and_grows_with_it() -> None:
    inside = np.zeros((40, 40, 40), dtype=bool)
    inside[10:20, 5:15, 20:37] = True
    box = brain_box(inside, (16, 16, 16))
    assert [len(it) for it in box] == [16, 16, 24]
    for it, (first, last) in zip(box, ((10, 20), (5, 15), (20, 37)), strict=True):
        assert it.start <= first
        assert it.stop >= last
        assert abs((it.start + it.stop) - (first + last)) <= 1


def test_what_is_cut_out_is_put_back_where_it_was() -> None:
    image = np.random.default_rng(2).normal(size=(10, 12, 9))
    box = (range(-3, 13), range(2, 10), range(4, 20))
    cut = cut_out(image, box)
    assert cut.shape == (16, 8, 16)
    assert (cut[:3] == 0).all()
    back = np.zeros_like(image)
    put_back(back, cut, box)
    np.testing.assert_array_equal(back[:, 2:10, 4:], image[:, 2:10, 4:])
    assert (back[:, :2] == 0).all()


def test_places_are_world_coordinates() -> None:
    places = places_of((range(-1, 3), range(4), range(5)), AFFINE)
    assert places.shape == (3, 4, 4, 5)
    np.testing.assert_allclose(places[:, 1, 2, 3] * 100, [-18.0, -24.0, -14.0], atol=1e-4)


def test_how_bright_an_image_is_does_not_matter(brain) -> None:
    one = torch.from_numpy(brain)[None, None]
    torch.testing.assert_close(standardise(one), standardise(40.0 * one), rtol=1e-4, atol=1e-4)


def test_labels_lie_in_the_brain_and_volumes_add_up(network, facts, brain) -> None:
    labeller = Parcellator(network, facts, "cpu")
    found = labeller(brain, AFFINE)
    assert found.names == NAMES
    assert found.labels.shape == brain.shape
    assert (found.labels[brain == 0] == 0).all()
    assert set(np.unique(found.labels)) <= {0, 1, 2}
    volume = (brain > 0).sum() * 0.008
    assert 0 < found.volumes_ml.sum() <= volume + 1e-4
    again = labeller(3.0 * brain, AFFINE)
    np.testing.assert_array_equal(again.labels, found.labels)


def test_a_finer_image_is_labelled_on_its_own_grid(network, facts, brain) -> None:
    fine = np.kron(brain, np.ones((2, 2, 2), np.float32))
    affine = AFFINE.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= 0.5
    labeller = Parcellator(network, facts, "cpu")
    found = labeller(fine, affine)
    assert found.labels.shape == fine.shape
    assert (found.labels[fine == 0] == 0).all()
    whole = labeller(brain, AFFINE).volumes_ml.sum()
    assert found.volumes_ml.sum() == pytest.approx(whole, rel=0.25)


@pytest.mark.parametrize("image", [np.zeros((20, 28, 20)), np.ones((20, 28, 20))])
def test_an_image_without_a_brain_is_refused(network, facts, image) -> None:
    with pytest.raises(ParcellationError, match="no brain"):
        Parcellator(network, facts, "cpu")(image.astype(np.float32), AFFINE)


def test_a_network_comes_back_from_its_files(network, facts, brain, tmp_path) -> None:
    save_network(network, facts, tmp_path)
    back = load_network(tmp_path, "cpu")
    assert back.facts == facts
    before = Parcellator(network, facts, "cpu")(brain, AFFINE)
    np.testing.assert_allclose(back(brain, AFFINE).volumes_ml, before.volumes_ml, rtol=0.02)


def write_facts(folder, **changed) -> None:
    entry = json.loads((folder / FACTS_FILE).read_text())
    (folder / FACTS_FILE).write_text(json.dumps(entry | changed))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / FACTS_FILE).unlink(),
        lambda folder: (folder / FACTS_FILE).write_text("[1, 2]"),
        lambda folder: write_facts(folder, schema=99),
        lambda folder: write_facts(folder, regions=["one"]),
        lambda folder: write_facts(folder, sizes={"widths": [4]}),
        lambda folder: write_facts(folder, sizes=7),
        lambda folder: (folder / WEIGHTS_FILE).write_bytes(b"nothing"),
    ],
)
def test_a_damaged_network_is_refused_in_a_sentence(network, facts, tmp_path, spoil) -> None:
    save_network(network, facts, tmp_path)
    spoil(tmp_path)
    with pytest.raises(ParcellationError, match="train it"):
        load_network(tmp_path, "cpu")
