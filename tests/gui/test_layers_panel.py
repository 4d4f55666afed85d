"""The controls of the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from brainviewer.core.volume import Brain, Volume
from brainviewer.gui.layers_panel import LayersPanel
from brainviewer.session.display import Display

if TYPE_CHECKING:
    from PySide6.QtGui import QColor
    from pytestqt.qtbot import QtBot

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (11, 12, 13)


def brain_of(seed: int) -> Brain:
    data = np.random.default_rng(seed).random((3, *SHAPE), np.float32)
    return Brain(("WM", "GM", "CSF"), data, AFFINE)


@pytest.fixture
def display() -> Display:
    shown = Display()
    shown.show_brain(brain_of(0))
    return shown


@pytest.fixture
def panel(qtbot: QtBot, display: Display) -> LayersPanel:
    widget = LayersPanel(display)
    qtbot.addWidget(widget)
    widget.resize(320, 600)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def shown_from_the_top(panel: LayersPanel) -> list[str]:
    return [row.active.text() for row in sorted(panel.rows, key=lambda row: row.y())]


def test_the_top_layer_is_listed_first(panel: LayersPanel) -> None:
    assert shown_from_the_top(panel) == ["CSF", "GM", "WM", "Tissue contrast"]


def test_every_control_fits_into_the_panel(panel: LayersPanel) -> None:
    assert panel.widget().minimumSizeHint().width() <= panel.minimumWidth()


def test_the_eye_shows_and_hides(panel: LayersPanel, display: Display) -> None:
    panel.rows[2].eye.click()
    assert [layer.visible for layer in display.layers] == [True, False, True, False]


def active_rows(panel: LayersPanel) -> list[int]:
    return [index for index, row in enumerate(panel.rows) if row.active.isChecked()]


def test_one_layer_is_active_at_first_the_lowest(panel: LayersPanel) -> None:
    assert active_rows(panel) == [0]


def test_a_click_on_a_name_or_beside_the_controls_makes_a_layer_active(
    panel: LayersPanel, display: Display, qtbot: QtBot
) -> None:
    panel.rows[2].active.click()
    assert (display.active, active_rows(panel)) == (2, [2])
    qtbot.mouseClick(panel.rows[1], Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert (display.active, active_rows(panel)) == (1, [1])


def test_the_keyboard_chooses_the_active_layer(
    panel: LayersPanel, display: Display, qtbot: QtBot
) -> None:
    panel.rows[3].active.setFocus()
    qtbot.keyClick(panel.rows[3].active, Qt.Key.Key_Space)
    assert display.active == 3


def test_the_active_row_stands_out(panel: LayersPanel, display: Display) -> None:
    def edge(row: int) -> QColor:
        return panel.rows[row].grab().toImage().pixelColor(1, 20)

    display.set_active(1)
    accent = panel.palette().highlight().color()
    assert [edge(row) == accent for row in range(3)] == [False, True, False]


def test_the_active_layer_is_shown_wherever_it_goes(panel: LayersPanel, display: Display) -> None:
    display.set_active(1)
    display.move_layer(1, 3)
    assert active_rows(panel) == [3]
    display.add_image(Volume(np.random.default_rng(0).random(SHAPE), AFFINE, "scan"))
    assert active_rows(panel) == [3]
    display.remove_layer(3)
    assert active_rows(panel) == [0]


def test_opacity_and_colours_reach_the_layer(panel: LayersPanel, display: Display) -> None:
    panel.rows[1].opacity.setValue(30)
    panel.rows[1].colormap.setCurrentText("viridis")
    assert (display.layers[1].opacity, display.layers[1].colormap) == (0.3, "viridis")
    assert panel.rows[1].percent.text() == "30 %"


def test_the_window_is_typed_and_its_ends_cannot_cross(panel: LayersPanel, display) -> None:
    row = panel.rows[0]
    row.high.setValue(0.8)
    row.low.setValue(0.2)
    assert display.layers[0].window == (0.2, 0.8)
    row.low.setValue(0.95)
    low, high = display.layers[0].window
    assert low < high == 0.8


def test_auto_takes_the_window_from_the_values(panel: LayersPanel, display: Display) -> None:
    panel.rows[0].auto.click()
    data = display.layers[0].volume.data
    assert display.layers[0].window == pytest.approx(tuple(np.percentile(data, [1, 99.5])))


def test_layers_move_and_go_by_click(panel: LayersPanel, display: Display, qtbot: QtBot) -> None:
    panel.rows[1].up.click()
    qtbot.waitUntil(lambda: shown_from_the_top(panel) == ["CSF", "WM", "GM", "Tissue contrast"])
    assert not panel.rows[0].down.isEnabled()
    assert not panel.rows[3].up.isEnabled()
    panel.rows[3].remove.click()
    qtbot.waitUntil(lambda: shown_from_the_top(panel) == ["WM", "GM", "Tissue contrast"])


def test_a_new_brain_keeps_the_rows_and_the_settings(panel: LayersPanel, display: Display) -> None:
    rows = list(panel.rows)
    panel.rows[1].opacity.setValue(70)
    display.show_brain(brain_of(1))
    assert panel.rows == rows
    assert panel.rows[1].opacity.value() == 70


def test_a_change_from_elsewhere_is_shown_without_an_echo(panel: LayersPanel, display) -> None:
    heard: list[int] = []
    display.layers_changed.connect(lambda: heard.append(1))
    display.set_layer(1, visible=True, opacity=0.254, window=(0.1234, 0.9))
    assert len(heard) == 1
    assert (panel.rows[1].eye.isChecked(), panel.rows[1].opacity.value()) == (True, 25)
    assert display.layers[1].window == (0.1234, 0.9)


def test_a_label_map_has_neither_window_nor_colormap(panel: LayersPanel, display: Display) -> None:
    labels = np.zeros(SHAPE, np.int16)
    labels[3:8] = 4
    display.add_image(Volume(labels, AFFINE, "dseg"))
    row = panel.rows[-1]
    assert not any(it.isVisible() for it in (row.colormap, row.low, row.high, row.auto))


def test_the_interpolation_is_chosen(panel: LayersPanel, display: Display, qtbot) -> None:
    qtbot.keyClick(panel.interpolation, Qt.Key.Key_Down)
    assert display.interpolation == "cubic"
    display.set_interpolation("nearest")
    assert panel.interpolation.currentText() == "Nearest interpolation"


def test_an_empty_panel_says_so(panel: LayersPanel, display: Display) -> None:
    assert not panel.empty.isVisible()
    for _ in range(4):
        display.remove_layer(0)
    assert panel.empty.isVisible()
    assert panel.rows == []


def test_a_closed_panel_hears_nothing(panel: LayersPanel, display: Display) -> None:
    panel.close()
    assert len(display.layers_changed) == 0
