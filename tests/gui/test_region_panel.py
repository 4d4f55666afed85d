"""The regions panel: order, search, places, and what it says where there are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from brainviewer.gui.region_panel import BY_NAME, BY_SIZE, RegionPanel
from brainviewer.session.regions import RegionRow, Regions

NAN = float("nan")
ROWS = (
    RegionRow("left hippocampus", 3.0, 3.5, (-25.0, -20.0, -15.0)),
    RegionRow("brain stem", 20.0, 20.1, (0.0, -30.0, -35.0)),
    RegionRow("right hippocampus", 3.6, 3.6, (25.0, -20.0, -15.0)),
    RegionRow("third ventricle", 2.0, 1.0, (NAN, NAN, NAN)),
)


@pytest.fixture
def panel(qtbot) -> RegionPanel:
    widget = RegionPanel()
    qtbot.addWidget(widget)
    widget.resize(700, 220)
    widget.show()
    widget.show_regions(Regions(ROWS))
    return widget


def test_those_that_changed_most_come_first(panel) -> None:
    assert panel.bars.keys == (
        "third ventricle", "left hippocampus", "brain stem", "right hippocampus",
    )  # fmt: skip
    assert panel.bars.item(1, 2).text() == "3.0 mL, −14.3 %"


def test_a_place_among_others_is_said_as_soon_as_it_is_known(panel) -> None:
    placed = [
        replace(row, percentile=place) for row, place in zip(ROWS, (0, 43, 100, 50), strict=True)
    ]
    panel.show_regions(Regions(tuple(placed)))
    texts = [panel.bars.item(n, 2).text() for n in range(4)]
    assert texts[1] == "3.0 mL, −14.3 %, ≤ 2nd"
    assert texts[2].endswith("43rd")
    assert "43rd percentile of people of this age and sex" in panel.bars.item(2, 2).toolTip()
    assert panel.tsv().splitlines()[2].endswith("\t43.000")


def test_the_order_can_be_chosen(panel) -> None:
    panel.order.setCurrentText(BY_SIZE)
    assert panel.bars.keys[0] == "brain stem"
    panel.order.setCurrentText(BY_NAME)
    assert panel.bars.keys[1:3] == ("left hippocampus", "right hippocampus")


def test_typing_finds_regions(panel, qtbot) -> None:
    qtbot.keyClicks(panel.search, "HIPPO")
    assert set(panel.bars.keys) == {"left hippocampus", "right hippocampus"}


def test_a_click_asks_for_the_place(panel, qtbot) -> None:
    with qtbot.waitSignal(panel.place_requested) as asked:
        cell = panel.bars.visualItemRect(panel.bars.item(1, 0)).center()
        qtbot.mouseClick(panel.bars.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    assert asked.args == [(-25.0, -20.0, -15.0)]


def test_a_region_that_is_nowhere_has_no_place(panel, qtbot) -> None:
    with qtbot.assertNotEmitted(panel.place_requested):
        panel.bars.chosen.emit("third ventricle")


def test_all_regions_can_be_copied(panel, qtbot) -> None:
    panel.search.setText("stem")
    with qtbot.waitSignal(panel.copied):
        panel.copy_button.click()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["region", "now_ml"]
    assert len(lines) == 1 + len(ROWS)


def test_without_regions_a_sentence_says_why(panel) -> None:
    panel.show_regions(Regions(sentence="cvae makes brains voxel by voxel"))
    assert panel.nothing.isVisible()
    assert panel.nothing.text() == "Cvae makes brains voxel by voxel"
    assert not panel.bars.isVisible()


def test_old_numbers_are_told(panel) -> None:
    panel.show_outdated()
    assert "Being measured" in panel.caption.text()
    panel.show_regions(Regions(ROWS))
    assert "Being measured" not in panel.caption.text()
