"""The legend: of which layers, in which pane, and what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from brainviewer.core.space import Plane
from brainviewer.core.volume import Volume
from brainviewer.gui.legend import draw_legend, ends, legend_rows
from brainviewer.gui.ortho_view import OrthoView
from brainviewer.gui.slice_drawing import LETTER_PIXELS, TEXT_INSET_PIXELS
from brainviewer.session.colormaps import TISSUE_COLORS
from brainviewer.session.display import Display
from brainviewer.session.layers import Layer

pytestmark = pytest.mark.usefixtures("qapp")

VOLUME = Volume(np.zeros((4, 4, 4), np.float32), np.eye(4), "it")
GREY = Layer("scan", VOLUME)
STAT = Layer("zstat", VOLUME, "red-yellow", (2.3, 6.0))
TISSUE = Layer("GM", VOLUME, "GM", kind="probability")
LABELS = Layer("atlas", VOLUME, "labels", kind="label")


def drawn(layers, width: int = 400) -> np.ndarray:
    image = QImage(width, 300, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    draw_legend(painter, layers, QRectF(0, 0, width, 300))
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(300, -1)
    return rows[:, : 3 * width].reshape(300, width, 3).astype(int)


def near(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture - color).max(axis=2) < 20


def test_coloured_layers_that_are_seen_have_a_row_the_top_one_first() -> None:
    hidden = Layer("CSF", VOLUME, "CSF", visible=False)
    assert legend_rows([GREY, TISSUE, hidden, LABELS, STAT]) == [STAT, TISSUE]
    assert legend_rows([GREY]) == []


def test_colours_go_from_the_lowest_value_on_the_left_to_the_highest() -> None:
    picture = drawn([GREY, STAT])
    red, yellow = (np.nonzero(near(picture, it))[1] for it in ((255, 8, 0), (255, 250, 0)))
    assert red.size
    assert yellow.size
    assert red.max() < yellow.min()
    assert np.nonzero(near(picture, (255, 8, 0)))[0].min() > 200  # in the lower corner


def test_in_a_narrow_pane_the_row_is_above_the_letter_and_the_convention() -> None:
    narrow, wide = (drawn([STAT], width=width).any(axis=(1, 2)) for width in (300, 700))
    lowest = [np.nonzero(seen)[0].max() for seen in (narrow, wide)]
    assert lowest[0] < 300 - LETTER_PIXELS - TEXT_INSET_PIXELS <= lowest[1]


def test_two_layers_are_below_each_other() -> None:
    picture = drawn([GREY, TISSUE, STAT])
    yellow, grey_matter = (
        np.nonzero(near(picture, it))[0] for it in ((255, 250, 0), TISSUE_COLORS["GM"])
    )
    assert yellow.max() < grey_matter.min()


def test_a_two_tailed_bar_says_both_ends_and_from_which_size_on() -> None:
    assert ends(replace(STAT, colormap="two-tailed")) == ("−6", "6  zstat, beyond ±2.3")
    assert ends(replace(STAT, colormap="two-tailed", window=(-1.0, 6.0))) == ("−6", "6  zstat")
    assert ends(STAT) == ("2.3", "6  zstat")


def test_nothing_is_drawn_for_a_grey_image() -> None:
    assert not drawn([GREY, LABELS]).any()


@pytest.fixture
def ortho(qtbot):
    display = Display()
    display.add_image(VOLUME)
    display.set_layer(0, colormap="GM", window=(0.0, 1.0))
    view = OrthoView(display, QWidget())
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show()
    yield display, view
    view.close()


def with_legend(view: OrthoView) -> list[str]:
    """The panes in which the colours of the legend are seen; the slices themselves are black."""
    found = []
    for plane, pane in view.slices.items():
        image = pane.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
        pixels = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
        if near(pixels.astype(int), TISSUE_COLORS["GM"]).any():
            found.append(plane.value)
    return found


def test_one_pane_has_the_legend_or_the_large_one(ortho) -> None:
    display, view = ortho
    assert with_legend(view) == ["coronal"]
    view.maximise(view.slices[Plane.AXIAL])
    assert with_legend(view) == ["axial"]
    view.restore()
    display.show_legend(False)
    assert with_legend(view) == []
