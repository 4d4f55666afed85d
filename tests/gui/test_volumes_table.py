import math

import pytest
from PySide6.QtGui import QGuiApplication

from brainviewer.gui.volumes_table import NORMALISED, VolumesTable, volume_rows


@pytest.fixture
def table(qtbot):
    widget = VolumesTable()
    qtbot.addWidget(widget)
    rows = volume_rows({"WM": 480.0, "GM": 620.0}, {"WM": 500.0}, {"WM": 5.0, "GM": 61.7})
    widget.show_rows(rows)
    return widget


def words_of(table: VolumesTable) -> list[list[str]]:
    cells = table.table
    return [
        [cells.item(row, column).text() for column in range(cells.columnCount())]
        for row in range(cells.rowCount())
    ]


def test_each_structure_has_a_row_of_numbers(table) -> None:
    assert words_of(table) == [
        ["480.0", "500.0", "−20.0", "−4.0", "≤ 5th"],
        ["620.0", "–", "–", "–", "62nd"],
    ]


def test_every_column_names_its_unit(table) -> None:
    headings = [table.table.horizontalHeaderItem(i).text() for i in range(5)]
    assert [words.split("\n")[1] for words in headings[:4]] == ["mL", "mL", "mL", "%"]


def test_fewer_structures_leave_no_old_rows(table) -> None:
    table.show_rows(volume_rows({"CSF": 300.0}, {"CSF": 300.0}, {"CSF": 50.0}))
    assert words_of(table) == [["300.0", "300.0", "0.0", "0.0", "50th"]]


def test_volumes_of_template_space_say_that_they_are_normalised(table) -> None:
    table.show_caption("Now 60.0", space="native")
    assert table.caption.text() == "Now 60.0"
    table.show_caption("Now 60.0", space="template")
    assert NORMALISED in table.caption.text()


def test_the_table_is_copied_as_text_with_tabs(table, qtbot) -> None:
    with qtbot.waitSignal(table.copied):
        table.copy_button.click()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["structure", "now_ml"]
    assert lines[1].split("\t") == ["WM", "480.000", "500.000", "-20.000", "-4.000", "5.0"]
    assert lines[2].split("\t")[2] == "n/a"


def test_a_factual_volume_of_zero_gives_no_percentage() -> None:
    (row,) = volume_rows({"WM": 10.0}, {"WM": 0.0}, {})
    assert math.isnan(row.change_percent)
