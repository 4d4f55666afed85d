import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from brainviewer.core.features import Feature, Kind, Level, fit_schema
from brainviewer.gui.feature_panel import FeaturePanel
from brainviewer.gui.level_row import LevelRow
from brainviewer.gui.number_row import NumberRow, Steps


@pytest.fixture
def factual(checkpoint):
    return {"age": 50.0, "sex": "F", "height": 165.0, "education": "2", "occupation": "a"}


@pytest.fixture
def panel(qtbot, checkpoint, factual):
    widget = FeaturePanel()
    qtbot.addWidget(widget)
    widget.show_schema(checkpoint.schema)
    widget.show_conditions(factual, edits={}, factual=factual)
    widget.show()
    return widget


def requests_of(panel: FeaturePanel) -> list:
    asked = []
    panel.value_requested.connect(lambda name, value: asked.append((name, value)))
    return asked


def test_every_feature_but_age_and_sex_has_a_row_of_its_kind(panel) -> None:
    kinds = {name: type(row) for name, row in panel.rows.items()}
    assert kinds == {"height": NumberRow, "education": LevelRow, "occupation": LevelRow}


def test_showing_values_asks_for_nothing(panel, factual) -> None:
    asked = requests_of(panel)
    panel.show_conditions({**factual, "height": 170.2}, edits={}, factual=factual)
    panel.show_conditions({**factual, "occupation": None}, edits={}, factual=factual)
    assert asked == []


def test_a_number_shows_unit_training_range_and_percentile(panel, checkpoint) -> None:
    row, feature = panel.rows["height"], checkpoint.schema["height"]
    assert row.box.text() == "165.0 cm"
    known, standing = feature.fitted, feature.percentile(165.0)
    assert f"{known.low:g}–{known.high:g} cm" in row.caption.text()
    assert f"{round(standing)}" in row.caption.text()
    assert "percentile" in row.caption.text()


def test_a_slider_never_asks_for_a_value_outside_training(panel, checkpoint, qtbot) -> None:
    asked = requests_of(panel)
    slider = panel.rows["height"].slider
    for key in (Qt.Key.Key_Home, Qt.Key.Key_End):
        qtbot.keyClick(slider, key)
    for name, value in asked:
        checkpoint.schema[name].check(value)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("values", "size", "decimals"),
    [([142.0, 203.0], 0.1, 1), ([0.0, 100.0], 1.0, 0), ([0.0, 90_000.0], 100.0, 0)],
)
def test_steps_are_powers_of_ten(values, size, decimals) -> None:
    schema = fit_schema([Feature("x", Kind.NUMERIC)], [{"x": value} for value in values])
    steps = Steps.over(schema["x"])
    assert (steps.size, steps.decimals) == (pytest.approx(size), decimals)


def test_a_level_shows_its_share_and_can_be_chosen(panel) -> None:
    asked = requests_of(panel)
    row = panel.rows["occupation"]
    assert row.chooser.currentText() == "at work"
    assert "% of the training people" in row.caption.text()
    row.chooser.activated.emit(2)
    assert asked == [("occupation", "c")]


def test_a_level_nobody_had_in_training_is_greyed(qtbot) -> None:
    levels = (Level("1", "one"), Level("2", "two"))
    schema = fit_schema([Feature("x", Kind.LEVELS, levels=levels)], [{"x": "2"}])
    row = LevelRow(schema["x"])
    qtbot.addWidget(row)
    flags = [row.chooser.model().index(i, 0).flags() for i in range(2)]
    assert [bool(flag & Qt.ItemFlag.ItemIsEnabled) for flag in flags] == [False, True]


def test_unticking_asks_for_not_given_and_ticking_for_the_last_value(panel, factual) -> None:
    asked = requests_of(panel)
    row = panel.rows["height"]
    row.given.click()
    panel.show_conditions({**factual, "height": None}, edits={"height": None}, factual=factual)
    assert not row.slider.isEnabled()
    assert "not given" in row.caption.text()
    row.given.click()
    assert asked == [("height", None), ("height", 165.0)]


def test_an_edit_can_be_taken_back(panel, factual, qtbot) -> None:
    row = panel.rows["education"]
    assert not row.reset_button.isEnabled()
    panel.show_conditions({**factual, "education": "3"}, edits={"education": "3"}, factual=factual)
    with qtbot.waitSignal(panel.reset_requested) as asked:
        row.reset_button.click()
    assert asked.args == ["education"]
    with qtbot.waitSignal(panel.reset_all_requested):
        panel.reset_button.click()


def test_a_value_that_moved_with_age_says_from_where(panel, factual) -> None:
    moved = {**factual, "height": 163.2, "occupation": {"c": 0.6, "a": 0.4}, "education": 1.4}
    panel.show_conditions(moved, edits={}, factual=factual)
    assert "moved from 165 cm" in panel.rows["height"].caption.text()
    assert panel.rows["occupation"].chooser.currentText() == "retired"
    assert "60% retired, 40% at work" in panel.rows["occupation"].caption.text()
    assert "Level 2.4 of 3" in panel.rows["education"].caption.text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", {"height", "education", "occupation"}), ("RETIRED", {"occupation"}), ("xyz", set())],
)
def test_search_finds_names_descriptions_and_levels(panel, text, shown) -> None:
    panel.search.setText(text)
    assert {name for name, row in panel.rows.items() if row.isVisible()} == shown
    assert panel.nothing.isVisible() == (not shown)


def test_the_wheel_scrolls_past_controls_without_focus(panel) -> None:
    slider = panel.rows["height"].slider
    panel.search.setFocus()
    before = slider.value()
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slider, event)
    assert slider.value() == before


def test_another_schema_replaces_the_rows(panel, qtbot) -> None:
    schema = fit_schema([Feature("bmi", Kind.NUMERIC, unit="kg/m²")], [{"bmi": 20}, {"bmi": 30}])
    panel.show_schema(schema)
    assert list(panel.rows) == ["bmi"]


def test_a_generator_of_age_and_sex_alone_says_so(panel) -> None:
    schema = fit_schema([Feature("age", Kind.NUMERIC)], [{"age": 30.0}, {"age": 50.0}])
    panel.show_schema(schema)
    assert panel.nothing.isVisible()
    assert panel.nothing.text() == "This generator takes no features but age and sex."


def test_every_control_can_be_found_and_explains_itself(panel) -> None:
    for row in panel.rows.values():
        controls = [row.given, row.reset_button]
        controls += [row.slider, row.box] if isinstance(row, NumberRow) else [row.chooser]
        for control in controls:
            assert control.objectName()
            assert control.accessibleName()
            assert control.toolTip()


@pytest.mark.parametrize(("name", "editor"), [("height", "slider"), ("occupation", "chooser")])
def test_going_to_a_feature_shows_its_editor_and_gives_it_the_keyboard(
    panel, qtbot, name, editor
) -> None:
    panel.resize(300, 120)
    panel.search.setText("education")
    panel.activateWindow()
    panel.go_to(name)
    assert panel.search.text() == ""
    assert panel.window().focusWidget() is getattr(panel.rows[name], editor)
    qtbot.waitUntil(lambda: not panel.rows[name].visibleRegion().isEmpty())


def test_going_to_a_feature_that_is_not_given_leads_to_the_tick_that_gives_it(
    panel, factual
) -> None:
    panel.show_conditions({**factual, "height": None}, edits={"height": None}, factual=factual)
    panel.go_to("height")
    assert panel.window().focusWidget() is panel.rows["height"].given
