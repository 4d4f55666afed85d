import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from brainviewer.core.regions import LabelRegions
from brainviewer.core.tissues import TISSUES
from brainviewer.gui.bar_table import BAR_COLUMN
from brainviewer.gui.gradient_panel import GradientPanel
from brainviewer.session.gradients import Gradients, LabelChoice
from brainviewer.session.saliency import SaliencyRow


def rows_of(structure: str, scale: float = 1.0) -> list[SaliencyRow]:
    return [
        SaliencyRow(structure, "age", "", -9.0 * scale, -0.5 * scale, "years"),
        SaliencyRow(structure, "sex", "male", 20.0 * scale, 40.0, "being male rather than female"),
        SaliencyRow(structure, "height", "", 12.0 * scale, 1.25 * scale, "cm"),
        SaliencyRow(structure, "education", "", 0.5 * scale, 0.75, "level"),
        SaliencyRow(structure, "occupation", "retired", 3.0, 6.0, "being retired"),
    ]


@pytest.fixture
def panel(qtbot, checkpoint) -> GradientPanel:
    widget = GradientPanel()
    qtbot.addWidget(widget)
    widget.resize(800, 220)
    widget.show_schema(checkpoint.schema)
    rows = [row for n, name in enumerate(TISSUES, 1) for row in rows_of(name, n)]
    widget.show_gradients(Gradients(tuple(rows)))
    widget.show()
    return widget


def words(panel: GradientPanel, column: int) -> list[str]:
    bars = panel.bars
    return [bars.item(row, column).text() for row in range(bars.rowCount())]


def test_the_heaviest_feature_comes_first_in_the_chosen_unit(panel) -> None:
    assert words(panel, 0) == [
        "Sex: male", "Height", "Age", "Occupation: retired", "Education",
    ]  # fmt: skip
    assert words(panel, 2)[2] == "−9.00 mL per sd"
    panel.units.setCurrentIndex(1)
    assert words(panel, 0) == [
        "Sex: male", "Occupation: retired", "Height", "Education", "Age",
    ]  # fmt: skip
    assert words(panel, 2) == [
        "+40.00 mL for being male rather than female",
        "+6.00 mL for being retired",
        "+1.25 mL per cm",
        "+0.75 mL per level",
        "−0.50 mL per year",
    ]


def test_another_volume_can_be_chosen_and_stays_chosen(panel) -> None:
    assert panel.structures.currentText() == "White matter"
    panel.structures.setCurrentIndex(1)
    assert words(panel, 2)[0] == "+40.00 mL per sd"
    panel.show_gradients(Gradients((*rows_of("GM", 3.0), *rows_of("Ventricles"))))
    assert panel.structures.currentText() == "Grey matter"
    assert words(panel, 2)[0] == "+60.00 mL per sd"


def bar_pixels(panel: GradientPanel, row: int, where: float) -> str:
    """The colour in a row's bar cell, at a share of its width."""
    bars = panel.bars
    cell = bars.visualRect(bars.model().index(row, BAR_COLUMN))
    at = QPoint(round(cell.left() + where * cell.width()), cell.center().y())
    return bars.viewport().grab().toImage().pixelColor(at).name()


def test_bars_go_to_the_right_for_more_and_to_the_left_for_less(panel) -> None:
    more, less = 0, 2
    assert bar_pixels(panel, more, 0.9) == bar_pixels(panel, less, 0.4)
    assert bar_pixels(panel, more, 0.9) != bar_pixels(panel, more, 0.1)
    assert bar_pixels(panel, less, 0.1) == bar_pixels(panel, less, 0.9)  # shorter than the longest


def test_a_click_on_a_bar_asks_for_its_feature(panel, qtbot) -> None:
    bars = panel.bars
    at = bars.visualRect(bars.model().index(1, BAR_COLUMN)).center()
    with qtbot.waitSignal(panel.feature_requested) as asked:
        qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert asked.args == ["height"]


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_the_keyboard_goes_down_and_chooses(panel, qtbot, key) -> None:
    panel.bars.setCurrentCell(0, 0)
    qtbot.keyClick(panel.bars, Qt.Key.Key_Down)
    qtbot.keyClick(panel.bars, Qt.Key.Key_Down)
    with qtbot.waitSignal(panel.feature_requested) as asked:
        qtbot.keyClick(panel.bars, key)
    assert asked.args == ["age"]


def test_the_chosen_bar_stays_chosen_when_its_place_changes(panel) -> None:
    panel.bars.setCurrentCell(4, 0)
    panel.units.setCurrentIndex(1)
    assert words(panel, 0)[panel.bars.currentRow()] == "Education"


def test_without_gradients_the_sentence_says_why(panel) -> None:
    panel.show_gradients(Gradients(sentence="diffusion cannot be differentiated"))
    assert panel.nothing.isVisible()
    assert panel.nothing.text() == "Diffusion cannot be differentiated"
    assert not panel.bars.isVisible()
    assert not panel.save_button.isEnabled()


def test_another_checkpoint_forgets_the_bars(panel, checkpoint) -> None:
    panel.show_schema(checkpoint.schema)
    assert not panel.bars.isVisible()
    assert panel.nothing.isVisible()


def test_another_theme_draws_the_bars_in_its_colours(panel) -> None:
    from brainviewer.gui.theme import load_theme

    before = bar_pixels(panel, 0, 0.9)
    panel.setPalette(load_theme("light").palette())
    assert bar_pixels(panel, 0, 0.9) == load_theme("light").colors["WM"]
    assert before == load_theme("dark").colors["WM"] or before == load_theme("light").colors["WM"]


def test_saving_is_wished_for(panel, qtbot) -> None:
    with qtbot.waitSignal(panel.save_requested):
        qtbot.mouseClick(panel.save_button, Qt.MouseButton.LeftButton)


@pytest.fixture
def labels() -> LabelRegions:
    return LabelRegions("atlas", np.zeros((2, 2, 2), np.int32), (17, 53))


def test_labels_can_be_asked_for_and_are_shown_when_they_come(panel, labels) -> None:
    asked = []
    panel.label_requested.connect(asked.append)
    panel.show_regions([labels])
    panel.structures.setCurrentIndex(panel.structures.findText("Label 53 of atlas"))
    assert asked[-1] == LabelChoice(labels, 53)
    assert panel.caption.text().startswith("Being computed")
    assert panel.bars.rowCount() == 0
    known = panel.gradients.rows
    panel.show_gradients(Gradients((*known, *rows_of("GM in label 53", 2.0))))
    assert panel.structures.currentText() == "Label 53 of atlas"
    assert words(panel, 2)[0] == "+40.00 mL per sd"
    assert panel.caption.text().startswith("GM in label 53: change of the volume")
    panel.structures.setCurrentIndex(0)
    assert asked[-1] is None
    assert words(panel, 2)[0] == "+20.00 mL per sd"


def test_a_label_whose_image_is_closed_is_no_longer_asked_for(panel, labels) -> None:
    asked = []
    panel.label_requested.connect(asked.append)
    panel.show_regions([labels])
    panel.structures.setCurrentIndex(panel.structures.count() - 1)
    panel.show_regions([])
    assert asked[-1] is None
    assert panel.structures.currentText() == "White matter"
    assert panel.structures.count() == 3


def test_small_structures_have_more_decimals(panel, labels) -> None:
    panel.show_regions([labels])
    panel.structures.setCurrentIndex(panel.structures.findText("Label 53 of atlas"))
    rows = rows_of("GM in label 53", 0.001)[:3]
    panel.show_gradients(Gradients((*panel.gradients.rows, rows[0], rows[2])))
    assert words(panel, 2) == ["+0.0120 mL per sd", "−0.0090 mL per sd"]
