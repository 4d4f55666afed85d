"""Look-up tables."""

import matplotlib
import numpy as np
import pytest

from brainviewer.session.colormaps import (
    COLORMAPS,
    LABELS,
    OVERLAY_COLORS,
    TISSUE_COLORS,
    TWO_TAILED,
    lookup_table,
    premultiplied_table,
)


@pytest.mark.parametrize("name", COLORMAPS)
def test_every_colormap_is_a_read_only_table_of_256_colours(name: str) -> None:
    table = lookup_table(name)
    assert table.shape in ((256, 3), (256, 4))
    assert (table.dtype, table.flags.writeable) == (np.uint8, False)


def test_gray_counts_from_black_to_white() -> None:
    np.testing.assert_array_equal(lookup_table("gray"), np.arange(256)[:, None].repeat(3, axis=1))


def test_viridis_is_matplotlibs() -> None:
    expected = [matplotlib.colormaps["viridis"](step)[:3] for step in range(256)]
    np.testing.assert_allclose(lookup_table("viridis") / 255, expected, atol=0.5 / 255)


@pytest.mark.parametrize("tissue", TISSUE_COLORS)
def test_a_tissue_goes_from_transparent_to_its_one_colour(tissue: str) -> None:
    table = lookup_table(tissue)
    np.testing.assert_array_equal(table[:, 3], np.arange(256))
    assert {tuple(color) for color in table[:, :3].tolist()} == {TISSUE_COLORS[tissue]}


def test_neighbouring_labels_differ_and_zero_is_transparent() -> None:
    table = lookup_table(LABELS)
    assert table[0, 3] == 0
    assert (table[1:, 3] == 255).all()
    assert (table[1:-1] != table[2:]).any(axis=1).all()


def test_premultiplied_colours_are_colour_times_alpha_times_opacity() -> None:
    table = premultiplied_table("WM", 0.5)
    red, green, blue = TISSUE_COLORS["WM"]
    alpha = 0.5 * 51 / 255
    np.testing.assert_allclose(
        table[51], [red * alpha, green * alpha, blue * alpha, 255 * alpha], rtol=1e-6
    )


@pytest.mark.parametrize("name", OVERLAY_COLORS)
def test_an_overlay_is_seen_above_its_lowest_value_alone(name: str) -> None:
    table = lookup_table(name)
    first, last = OVERLAY_COLORS[name]
    assert table[0, 3] == 0
    assert (table[1:, 3] == 255).all()
    np.testing.assert_allclose(table[1, :3], first, atol=2)
    np.testing.assert_array_equal(table[-1, :3], last)


def test_two_tails_are_both_overlays_back_to_back() -> None:
    table = lookup_table(TWO_TAILED)
    (first, last), (negative_first, negative_last) = OVERLAY_COLORS.values()
    assert table[[127, 128], 3].tolist() == [0, 0]
    assert (np.delete(table[:, 3], [127, 128]) == 255).all()
    np.testing.assert_allclose(table[129, :3], first, atol=3)
    np.testing.assert_allclose(table[255, :3], last, atol=3)
    np.testing.assert_allclose(table[126, :3], negative_first, atol=3)
    np.testing.assert_allclose(table[0, :3], negative_last, atol=3)


def test_an_unknown_colormap_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of gray, .*, got 'jet'"):
        lookup_table("jet")
