"""The read-out of the crosshair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication

from brainviewer.core.label_table import LabelTable
from brainviewer.core.space import Convention
from brainviewer.core.volume import Volume
from brainviewer.gui.cursor_bar import CursorBar
from brainviewer.session.display import Display

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -10.0


@pytest.fixture
def display() -> Display:
    data = np.arange(11 * 12 * 13, dtype=np.float32).reshape(11, 12, 13) - 800.0
    shown = Display()
    shown.add_image(Volume(data, AFFINE, "sub-1_T1w"))
    return shown


@pytest.fixture
def bar(qtbot: QtBot, display: Display) -> CursorBar:
    widget = CursorBar(display)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_the_position_is_shown_in_mm_and_voxels(bar: CursorBar, display: Display) -> None:
    display.set_crosshair((-4.0, 2.0, 6.0))
    assert [box.text() for box in bar.world_boxes] == ["x -4.0 mm", "y 2.0 mm", "z 6.0 mm"]
    assert [box.text() for box in bar.voxel_boxes] == ["i 3", "j 6", "k 8"]


def test_a_typed_millimetre_moves_the_crosshair(bar: CursorBar, display: Display) -> None:
    display.set_crosshair((0.123, 0.0, 0.0))
    bar.world_boxes[2].setValue(4.5)
    assert display.crosshair == (0.123, 0.0, 4.5)


def test_a_millimetre_outside_shows_where_the_crosshair_went(bar: CursorBar) -> None:
    bar.world_boxes[0].setValue(900.0)
    assert bar.world_boxes[0].value() == 10.0


def test_a_typed_voxel_moves_the_crosshair(bar: CursorBar, display: Display) -> None:
    bar.voxel_boxes[1].setValue(11)
    assert display.crosshair_voxel[1] == 11
    assert display.crosshair[1] == 12.0
    assert [box.maximum() for box in bar.voxel_boxes] == [10, 11, 12]


def test_the_value_of_every_visible_layer_is_shown(bar: CursorBar, display: Display) -> None:
    maps = np.random.default_rng(0).random((11, 12, 13))
    display.add_image(Volume(maps, AFFINE, "label-GM_probseg"))
    display.set_crosshair_voxel((0, 0, 5))
    assert bar.values.text() == f"sub-1_T1w −795   label-GM_probseg {maps[0, 0, 5]:.2f}"
    display.set_layer(0, visible=False)
    assert bar.values.text().startswith("label-GM_probseg")


def test_a_label_with_a_name_is_named(bar: CursorBar, display: Display) -> None:
    labels = np.full((11, 12, 13), 17, np.int16)
    labels[:5] = 0
    table = LabelTable({17: "Left-Hippocampus"}, {17: (220, 216, 20)})
    display.add_image(Volume(labels, AFFINE, "aseg"), labels=table)
    display.set_crosshair_voxel((8, 0, 5))
    assert bar.values.text().endswith("aseg 17 Left-Hippocampus")
    display.set_crosshair_voxel((0, 0, 5))
    assert bar.values.text().endswith("aseg 0")


def test_copy_writes_it_all_down(bar: CursorBar, display: Display) -> None:
    display.set_crosshair_voxel((0, 0, 5))
    bar.copy.click()
    expected = "world -10.0 -10.0 0.0 mm (RAS+)\nvoxel 0 0 5\nsub-1_T1w -795"
    assert QGuiApplication.clipboard().text() == expected


def test_the_convention_is_written_and_changed_by_a_click(bar: CursorBar, display: Display) -> None:
    assert bar.convention.text() == "Radiological"
    bar.convention.click()
    assert display.convention is Convention.NEUROLOGICAL
    assert bar.convention.text() == "Neurological"


def test_without_layers_nothing_can_be_typed(qtbot: QtBot) -> None:
    bar = CursorBar(Display())
    qtbot.addWidget(bar)
    assert not any(box.isEnabled() for box in (*bar.world_boxes, *bar.voxel_boxes, bar.copy))


def test_a_closed_bar_hears_nothing(bar: CursorBar, display: Display) -> None:
    bar.close()
    signals = (display.layers_changed, display.crosshair_changed, display.view_changed)
    assert [len(it) for it in signals] == [0, 0, 0]
