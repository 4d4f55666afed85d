import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QSlider

from brainviewer.gui.age_slider import AgeSlider


@pytest.fixture
def age_slider(qtbot, checkpoint):
    widget = AgeSlider()
    qtbot.addWidget(widget)
    widget.show_feature(checkpoint.schema["age"])
    widget.show_factual(50.0)
    widget.show_age(50.0)
    widget.show()
    return widget


def turn_wheel(widget: QSlider, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_it_covers_the_ages_of_the_training_people(age_slider) -> None:
    assert (age_slider.slider.minimum(), age_slider.slider.maximum()) == (200, 800)
    assert (age_slider.box.minimum(), age_slider.box.maximum()) == (20.0, 80.0)
    assert age_slider.caption.text() == "20–80 years"


def test_showing_an_age_asks_for_nothing(age_slider, qtbot) -> None:
    with qtbot.assertNotEmitted(age_slider.age_requested):
        age_slider.show_age(63.4)
    assert (age_slider.slider.value(), age_slider.box.value()) == (634, 63.4)


@pytest.mark.parametrize(
    ("key", "age"),
    [
        (Qt.Key.Key_Right, 50.1),
        (Qt.Key.Key_PageUp, 51.0),
        (Qt.Key.Key_Home, 20.0),
        (Qt.Key.Key_End, 80.0),
    ],
)
def test_keys_move_it(age_slider, qtbot, key, age) -> None:
    with qtbot.waitSignal(age_slider.age_requested) as asked:
        qtbot.keyClick(age_slider.slider, key)
    assert asked.args == [pytest.approx(age)]


def test_the_wheel_moves_a_year_and_with_control_a_tenth(age_slider, qtbot) -> None:
    with qtbot.waitSignal(age_slider.age_requested) as asked:
        turn_wheel(age_slider.slider)
    assert asked.args == [51.0]
    with qtbot.waitSignal(age_slider.age_requested) as asked:
        turn_wheel(age_slider.slider, Qt.KeyboardModifier.ControlModifier)
    assert asked.args == [51.1]


def test_pressing_the_groove_jumps_there_and_drags_on(age_slider, qtbot) -> None:
    slider = age_slider.slider
    middle = slider.rect().center()
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(4, middle.y()))
    assert slider.value() == slider.minimum()
    qtbot.mouseMove(slider, QPoint(slider.width() - 2, middle.y()))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(4, middle.y()))
    assert slider.value() == slider.maximum()


def test_a_typed_number_is_asked_for_once(age_slider, qtbot) -> None:
    asked = []
    age_slider.age_requested.connect(asked.append)
    age_slider.box.selectAll()
    qtbot.keyClicks(age_slider.box, "71.5")
    qtbot.keyClick(age_slider.box, Qt.Key.Key_Return)
    assert asked == [71.5]


def test_the_way_back_is_open_only_away_from_the_factual_age(age_slider, qtbot) -> None:
    assert not age_slider.factual_button.isEnabled()
    age_slider.show_age(60.0)
    with qtbot.waitSignal(age_slider.factual_requested):
        qtbot.mouseClick(age_slider.factual_button, Qt.MouseButton.LeftButton)
