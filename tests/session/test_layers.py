"""Layers: how volumes are shown at first, and what stays when they change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from brainviewer.core.volume import Brain, Volume
from brainviewer.session.layers import (
    TISSUE_CONTRAST,
    Layer,
    auto_window,
    check_layer,
    fitting_window,
    layer_of_image,
    layers_of,
    told_apart,
    with_new_data,
)

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def volume_of(data: Any, name: str = "image") -> Volume:
    return Volume(np.asarray(data), AFFINE, name)


@pytest.fixture
def tissues() -> Brain:
    data = np.random.default_rng(1).dirichlet([1, 1, 1, 1], (3, 4, 5))[..., :3]
    return Brain(("WM", "GM", "CSF"), np.moveaxis(data, -1, 0).astype(np.float32), AFFINE)


def test_tissue_maps_are_a_grey_picture_under_hidden_probabilities(tissues: Brain) -> None:
    layers = layers_of(tissues)
    assert [layer.name for layer in layers] == [TISSUE_CONTRAST, "WM", "GM", "CSF"]
    assert [layer.visible for layer in layers] == [True, False, False, False]
    assert [layer.opacity for layer in layers] == [1.0, 0.5, 0.5, 0.5]
    assert [layer.kind for layer in layers] == ["intensity", *["probability"] * 3]


def test_the_grey_picture_weighs_the_tissues_like_a_t1_image(tissues: Brain) -> None:
    picture = layers_of(tissues)[0].volume.data
    white, grey, fluid = tissues.data[:, 1, 2, 3]
    assert picture[1, 2, 3] == pytest.approx(0.92 * white + 0.62 * grey + 0.18 * fluid)
    assert picture.dtype == np.float32


def test_an_image_generators_brain_is_one_grey_picture() -> None:
    brain = Brain(("T1w",), np.random.default_rng(0).random((1, 4, 4, 4), np.float32), AFFINE)
    (layer,) = layers_of(brain)
    assert (layer.name, layer.colormap, layer.visible) == ("T1w", "gray", True)


def test_new_data_is_shown_the_way_the_old_was(tissues: Brain) -> None:
    old = list(layers_of(tissues))
    old[1] = replace(old[1], visible=True, opacity=0.3, colormap="viridis", window=(0.2, 0.8))
    later = Brain(tissues.channels, tissues.data * 0.5, AFFINE)
    new = with_new_data(old, layers_of(later))
    assert (new[1].visible, new[1].opacity, new[1].colormap) == (True, 0.3, "viridis")
    assert new[1].window == (0.2, 0.8)
    np.testing.assert_array_equal(new[1].volume.data, later.data[0])


def test_new_data_of_another_name_is_shown_afresh(tissues: Brain) -> None:
    layer = Layer("T1w", volume_of(np.ones((2, 2, 2))))
    assert with_new_data(layers_of(tissues), [layer]) == (layer,)


def test_only_the_layers_of_a_brain_are_generated(tissues: Brain) -> None:
    assert all(layer.generated for layer in layers_of(tissues))
    assert not layer_of_image(volume_of(np.random.default_rng(0).random((4, 4, 4)))).generated


def test_new_data_is_not_shown_the_way_an_image_of_the_same_name_is(tissues: Brain) -> None:
    image = Layer("GM", volume_of(np.ones((2, 2, 2))), "hot")
    assert with_new_data([image], layers_of(tissues))[2].colormap == "GM"


def test_images_give_way_to_generated_layers_of_their_name(tissues: Brain) -> None:
    image = Layer("GM", volume_of(np.ones((2, 2, 2))))
    layers = told_apart([image, replace(image, name="GM (2)"), replace(image), *layers_of(tissues)])
    assert [it.name for it in layers[:3]] == ["GM (3)", "GM (2)", "GM (4)"]
    assert layers[3:] == told_apart(layers)[3:]
    assert [it.name for it in layers[3:]] == [TISSUE_CONTRAST, "WM", "GM", "CSF"]


def test_the_automatic_window_leaves_out_zeros_and_extremes() -> None:
    data = np.concatenate([np.zeros(5000), np.arange(1, 1002)])
    assert auto_window(data) == pytest.approx((11, 996))


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((2, 2, 2)),
        np.full((2, 2, 2), -7.0),
        np.full(8, np.nan),
        np.full(8, -3e17),
        [1e-40, 2e-40],
    ],
)
def test_the_automatic_window_of_a_flat_image_is_not_empty(data: np.ndarray) -> None:
    low, high = auto_window(np.asarray(data))
    check_layer("gray", (low, high), 1.0)


def test_whole_numbers_in_patches_are_labels() -> None:
    data = np.zeros((12, 12, 12), np.int16)
    data[2:6, 2:10, 2:10] = 17
    data[6:10, 2:10, 2:10] = 2035
    layer = layer_of_image(volume_of(data))
    assert (layer.kind, layer.interpolation, layer.colormap) == ("label", "nearest", "labels")


@pytest.mark.parametrize(
    "data",
    [
        np.random.default_rng(0).integers(0, 200, (12, 12, 12)).astype(np.uint8),
        np.random.default_rng(0).random((12, 12, 12)),
        np.full((12, 12, 12), -3),
        np.zeros((12, 12, 12), np.uint8),
    ],
    ids=["8-bit image", "fractions", "negative", "empty"],
)
def test_other_images_are_intensities(data: np.ndarray) -> None:
    assert layer_of_image(volume_of(data)).kind == "intensity"


def test_a_probseg_file_is_a_probability_in_its_tissues_colour() -> None:
    data = np.random.default_rng(0).random((4, 4, 4))
    layer = layer_of_image(volume_of(data, "sub-1_label-GM_probseg"))
    assert (layer.kind, layer.colormap, layer.window) == ("probability", "GM", (0.0, 1.0))


@pytest.mark.parametrize(
    "name",
    ["zstat1", "thresh_zstat1", "tstat3", "spmT_0001", "sub-1_task-rest_stat-z_statmap", "z-map"],
)
def test_a_statistic_is_seen_beyond_2_3_on_either_side(name: str) -> None:
    data = np.random.default_rng(0).normal(scale=2, size=(12, 12, 12))
    layer = layer_of_image(volume_of(data, name))
    assert (layer.kind, layer.colormap) == ("intensity", "two-tailed")
    assert layer.window == (2.3, pytest.approx(np.abs(data).max()))


@pytest.mark.parametrize("name", ["heatmap", "t1map", "sub-1_T1w", "contrast", "fitzstats"])
def test_other_names_say_nothing_of_statistics(name: str) -> None:
    data = np.random.default_rng(0).normal(size=(12, 12, 12))
    assert layer_of_image(volume_of(data, name)).colormap == "gray"


def test_the_automatic_window_fits_the_colours() -> None:
    data = np.random.default_rng(0).normal(size=(12, 12, 12))
    grey = Layer("image", volume_of(data))
    assert fitting_window(grey) == auto_window(data)
    assert fitting_window(replace(grey, colormap="two-tailed")) == (2.3, 4.6)


def test_an_empty_statistic_has_a_window_all_the_same() -> None:
    layer = layer_of_image(volume_of(np.full((4, 4, 4), np.nan), "zstat1"))
    assert layer.window == (2.3, 4.6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": (1.0, 1.0)}, "lower to a higher value, got 1, 1"),
        ({"window": (0.0, float("nan"))}, "lower to a higher value"),
        ({"opacity": 1.5}, "opacity must lie in 0-1, got 1.5"),
        ({"colormap": "jet"}, "got 'jet'"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], words: str) -> None:
    layer = Layer("image", volume_of(np.ones((2, 2, 2))))
    with pytest.raises(ValueError, match=words):
        replace(layer, **changes)
