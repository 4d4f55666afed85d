"""Two brains side by side, with the session behind them but without the rest of the window."""

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel

from brainviewer.core.space import Convention, Plane
from brainviewer.generators.checkpoint import CheckpointError
from brainviewer.gui.compare_card import AS_GIVEN, CompareCard
from brainviewer.gui.compare_view import CompareView
from brainviewer.gui.cursor_bar import CursorBar
from brainviewer.session.blending import FIRST_DIVIDER, Together
from brainviewer.session.comparison import Choice
from brainviewer.session.display import Display
from brainviewer.session.state import Session
from tests.fakes import FakeLoader, write_fake_checkpoint

LEFT = Qt.MouseButton.LeftButton
CROSSHAIR_RGB = np.array([126, 231, 135])
# Larger voxels, and further to the back.
COARSE = np.diag([12.0, 12.0, 12.0, 1.0])
COARSE[:3, 3] = [-90.0, -120.0, -84.0]


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def session(tmp_path, loader):
    root = tmp_path / "checkpoints"
    write_fake_checkpoint(root)
    write_fake_checkpoint(root, "coarse", shape=(15, 18, 14), affine=COARSE)
    session = Session(load=loader, root=root, quiet_s=0.0)
    session.open_checkpoint("fake")
    session.wait_idle()
    yield session
    session.close()


@pytest.fixture
def display(session):
    display = Display()
    session.brain_changed.connect(lambda shown: display.show_brain(shown.brain))
    display.show_brain(session.shown.brain)
    return display


@pytest.fixture
def compare(qtbot, session, display):
    widget = CompareView(session, display)
    qtbot.addWidget(widget)
    widget.resize(1000, 500)
    widget.show()
    widget.begin()
    session.wait_idle()
    yield widget
    widget.close()


def words(compare) -> list[str]:
    chooser = compare.other_card.chooser
    return [chooser.itemText(n) for n in range(chooser.count())]


def choose(compare, session, text: str) -> None:
    chooser = compare.other_card.chooser
    index = chooser.findText(text)
    chooser.setCurrentIndex(index)
    chooser.activated.emit(index)
    session.wait_idle()


def picture(view) -> np.ndarray:
    image = view.grab().toImage()
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1).copy()


def test_it_begins_with_the_person_as_given(compare, session) -> None:
    assert compare.other_card.chooser.currentText() == AS_GIVEN
    session.set_age(79.0)
    session.wait_idle()
    assert "79.0 years" in compare.own_card.words.text()
    factual = session.person.factual["age"]
    assert f"{factual:.1f} years" in compare.other_card.words.text()
    for plane in Plane:
        assert not np.array_equal(
            picture(compare.own.slices[plane]), picture(compare.other.slices[plane])
        )


def test_pins_and_other_checkpoints_can_be_chosen(compare, session) -> None:
    session.set_feature("height", 181.0)
    session.curves.pin("tall")
    session.reset_features()
    assert words(compare) == [
        AS_GIVEN, "Pin: tall", "Pin: tall, at 50.0 years", "In Fake brain, coarse",
    ]  # fmt: skip
    choose(compare, session, "Pin: tall")
    assert session.comparison.compared.shown.conditions["height"] == 181.0
    choose(compare, session, "In Fake brain, coarse")
    assert session.comparison.compared.checkpoint.name == "coarse"
    assert compare.beside.reference.shape == (15, 18, 14)
    assert "Fake brain, coarse" in compare.other_card.words.text()


def test_the_volumes_beside_are_told_with_their_differences(compare, session) -> None:
    session.set_age(80.0)
    session.wait_idle()
    own, other = session.shown.volumes_ml, session.comparison.compared.shown.volumes_ml
    texts = [label.text() for label in compare.other_card.findChildren(QLabel)]
    assert f"{other['CSF']:.1f} mL" in texts
    assert f"−{own['CSF'] - other['CSF']:.1f} mL" in texts


def test_a_card_says_where_volumes_stand_and_leaves_open_what_is_not_known(qtbot, session) -> None:
    card = CompareCard("A")
    qtbot.addWidget(card)
    card.show_brain(session.shown, "fake", standings={"WM": 43.0, "GM": 2.0, "CSF": math.nan})
    texts = [label.text() for label in card.findChildren(QLabel)]
    assert texts.count("Perc.") == 1
    assert "43rd" in texts
    assert "≤ 5th" in texts  # the table ends there
    assert not any("nan" in text for text in texts)


def test_a_click_on_either_side_moves_the_crosshair_of_both(compare, display, qtbot) -> None:
    for ortho in (compare.own, compare.other):
        view = ortho.slices[Plane.AXIAL]
        qtbot.mouseClick(view, LEFT, pos=QPoint(view.width() // 3, view.height() // 3))
        assert display.crosshair != (0.0, 0.0, 0.0)
        assert display.crosshair == compare.beside.crosshair
        sides = [it.slices[Plane.AXIAL] for it in (compare.own, compare.other)]
        assert sides[0].position_of(display.crosshair) == sides[1].position_of(display.crosshair)
        display.set_crosshair((0.0, 0.0, 0.0))


@pytest.mark.parametrize("plane", list(Plane))
def test_on_another_grid_the_same_place_is_at_the_same_place_of_the_pane(
    compare, session, display, plane
) -> None:
    choose(compare, session, "In Fake brain, coarse")
    display.set_crosshair((15.0, -25.0, 5.0))
    display.zoom_at(plane, 1.7, (20.0, 10.0))
    display.pan(plane, 5.0, -3.0)
    own, other = (it.slices[plane] for it in (compare.own, compare.other))
    for place in ((15.0, -25.0, 5.0), (40.0, -60.0, 30.0)):
        apart = own.position_of(place) - other.position_of(place)
        assert apart.manhattanLength() < 1e-6


def test_a_pane_is_made_large_on_both_sides(compare) -> None:
    compare.other.slices[Plane.AXIAL].maximise_requested.emit(Plane.AXIAL)
    for ortho in (compare.own, compare.other):
        assert ortho.maximised is ortho.slices[Plane.AXIAL]
    compare.toggle_large(Plane.AXIAL)
    for ortho in (compare.own, compare.other):
        assert ortho.maximised is None


def test_convention_and_layers_hold_for_both(compare, display) -> None:
    before = picture(compare.other.slices[Plane.CORONAL])
    display.set_convention(Convention.NEUROLOGICAL)
    display.set_layer(3, visible=True)
    assert compare.beside.layers[3].visible
    assert not np.array_equal(picture(compare.other.slices[Plane.CORONAL]), before)


def test_the_read_out_reads_both(compare, session, display, qtbot) -> None:
    session.set_age(80.0)
    session.wait_idle()
    bar = CursorBar(display)
    qtbot.addWidget(bar)
    bar.read_beside(compare.beside)
    display.set_crosshair((0.0, 0.0, 0.0))
    own, other = (it.values_at_crosshair()[0].value for it in (display, compare.beside))
    assert bar.values.text() == f"Tissue contrast {own:.4g} | {other:.4g}"
    assert bar.as_text().endswith(f"Tissue contrast {own:.4g} | {other:.4g}")
    bar.read_beside(None)
    assert "|" not in bar.values.text()
    bar.close()


def test_a_second_generator_that_cannot_be_loaded_says_so(compare, session, loader) -> None:
    loader.failures.append(CheckpointError("the weights of coarse are torn"))
    choose(compare, session, "In Fake brain, coarse")
    assert compare.other_card.words.text() == "the weights of coarse are torn"
    assert compare.beside.layers == ()


def test_ending_lets_go_and_beginning_again_remembers_the_choice(compare, session) -> None:
    choose(compare, session, "In Fake brain, coarse")
    compare.end()
    assert session.comparison.choice is None
    assert compare.beside.layers == ()
    compare.begin()
    session.wait_idle()
    assert compare.other_card.chooser.currentText() == "In Fake brain, coarse"
    assert session.comparison.compared.checkpoint.name == "coarse"


def test_opening_the_checkpoint_beside_takes_it_off_the_list(compare, session) -> None:
    choose(compare, session, "In Fake brain, coarse")
    session.open_checkpoint("coarse")
    session.wait_idle()
    assert words(compare) == [AS_GIVEN, "In Fake brain, fake"]
    assert compare.other_card.chooser.currentText() == AS_GIVEN
    assert session.comparison.choice == Choice()


# In one picture


def show(compare, together: Together):
    compare.bar.buttons[together].click()
    return compare.both.slices[Plane.AXIAL]


@pytest.fixture
def older(compare, session):
    session.set_age(79.0)
    session.wait_idle()
    return compare


def pixels(view) -> np.ndarray:
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., :3].astype(int)


def test_the_buttons_show_both_brains_in_one_picture_and_beside_each_other_again(older) -> None:
    seen = {together: pixels(show(older, together)) for together in list(Together)[1:]}
    assert older.both.isVisible()
    for one in (Together.DIFFERENCE, Together.SWIPE, Together.CHECKERBOARD):
        assert not np.array_equal(seen[one], seen[Together.FLICKER])
    show(older, Together.SIDE_BY_SIDE)
    assert older.own.isVisible()
    assert not older.both.isVisible()


def test_a_difference_has_colours_and_none_without_a_difference(older, session) -> None:
    def colored(view) -> int:
        middle = pixels(view)[40:-40, 40:-200]
        middle = middle[np.abs(middle - CROSSHAIR_RGB).max(axis=-1) > 90]
        return int((np.ptp(middle, axis=-1) > 60).sum())

    view = show(older, Together.DIFFERENCE)
    assert colored(view) > 50
    session.set_age(session.person.factual["age"])
    session.wait_idle()
    assert colored(view) == 0


def test_the_scale_of_a_difference_is_kept_for_each_map(older) -> None:
    show(older, Together.DIFFERENCE)
    bar = older.bar
    assert bar.span.value() == 0.5
    bar.span.setValue(0.2)
    bar.layer.setCurrentText("CSF")
    bar.layer.activated.emit(bar.layer.currentIndex())
    assert (older.blend.layer, bar.span.text()) == ("CSF", "± 50 %")
    bar.span.setValue(20)
    assert older.blend.span("CSF") == pytest.approx(0.2)
    bar.layer.setCurrentText("Tissue contrast")
    bar.layer.activated.emit(bar.layer.currentIndex())
    assert bar.span.value() == pytest.approx(0.2)


def test_left_of_the_divider_is_a_and_right_of_it_b(older, display) -> None:
    display.toggle_crosshair()
    view = show(older, Together.SWIPE)
    older.blend.set_divider(1.0)
    of_a = pixels(view)
    older.blend.set_divider(0.0)
    of_b = pixels(view)
    older.blend.set_divider(0.5)
    mixed, middle = pixels(view), view.width() // 2
    rows = slice(60, view.height() // 2)  # above the handle and its letters
    left, right = (rows, slice(40, middle - 30)), (rows, slice(middle + 30, -40))
    np.testing.assert_allclose(mixed[left], of_a[left], atol=1)
    np.testing.assert_allclose(mixed[right], of_b[right], atol=1)
    assert np.abs(of_a[right] - of_b[right]).max() > 5


def test_the_divider_is_dragged_and_the_crosshair_stays(older, display, qtbot) -> None:
    view = show(older, Together.SWIPE)
    before, y = display.crosshair, view.height() // 3
    start = round(FIRST_DIVIDER * view.width())
    qtbot.mousePress(view, LEFT, pos=QPoint(start, y))
    qtbot.mouseMove(view, QPoint(view.width() // 4, y))
    qtbot.mouseRelease(view, LEFT, pos=QPoint(view.width() // 4, y))
    assert older.blend.divider == pytest.approx(0.25, abs=0.01)
    assert older.bar.divider.value() == 25
    assert display.crosshair == before
    qtbot.mouseClick(view, LEFT, pos=QPoint(view.width() // 2 + 20, y))
    assert display.crosshair != before
    assert older.blend.divider == pytest.approx(0.25, abs=0.01)


def test_the_slider_moves_the_divider(older) -> None:
    show(older, Together.SWIPE)
    older.bar.divider.setValue(80)
    assert older.blend.divider == 0.8


def test_squares_are_of_either_brain(older, display) -> None:
    display.toggle_crosshair()
    view = show(older, Together.SWIPE)
    older.blend.set_divider(1.0)
    of_a = pixels(view)
    older.blend.set_divider(0.0)
    of_b = pixels(view)
    mixed = pixels(show(older, Together.CHECKERBOARD))
    inner = (slice(60, -60), slice(60, -60))
    differ = np.any(np.abs(of_a[inner] - of_b[inner]) > 2, axis=-1)
    is_a = np.all(np.abs(mixed[inner] - of_a[inner]) <= 1, axis=-1) & differ
    is_b = np.all(np.abs(mixed[inner] - of_b[inner]) <= 1, axis=-1) & differ
    assert 0.3 < is_a.sum() / differ.sum() < 0.7
    assert (is_a | is_b).sum() > 0.95 * differ.sum()


def test_flickering_brains_take_turns_while_they_are_looked_at(older, qtbot) -> None:
    view = show(older, Together.FLICKER)
    first = pixels(view)
    with qtbot.waitSignal(older.blend.changed):
        pass
    assert not np.array_equal(pixels(view), first)
    clock = older.blend.findChild(QTimer, "flicker")
    assert clock.isActive()
    older.end()
    assert not clock.isActive()
    older.begin()
    assert clock.isActive()
    show(older, Together.SWIPE)
    assert not clock.isActive()


def test_the_next_way_comes_after_the_last_again(older) -> None:
    seen = []
    for _ in Together:
        older.show_next()
        seen.append(older.blend.together)
    assert seen == [*list(Together)[1:], Together.SIDE_BY_SIDE]


def test_on_another_grid_b_lies_where_a_does(older, session, display) -> None:
    choose(older, session, "In Fake brain, coarse")
    view = show(older, Together.SWIPE)
    display.zoom_at(Plane.AXIAL, 1.7, (20.0, 10.0))
    older.blend.set_divider(0.0)
    swiped = view.grab().toImage()
    assert not swiped.isNull()
    assert older.both.slices[Plane.AXIAL].frame.shape == display.reference.shape


def test_without_a_second_brain_the_first_is_shown(older, session, loader) -> None:
    loader.failures.append(CheckpointError("the weights of coarse are torn"))
    choose(older, session, "In Fake brain, coarse")
    view = show(older, Together.DIFFERENCE)
    assert pixels(view)[60:-60, 60:-60].max() > 60
    _, card = older.both.fourth.findChildren(CompareCard)
    assert card.words.text() == "the weights of coarse are torn"


def test_a_pane_stays_large_in_every_way_and_the_keyboard_with_it(older, qtbot) -> None:
    view = older.other.slices[Plane.AXIAL]
    older.blend.set_together(Together.SIDE_BY_SIDE)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton)
    assert older.large is Plane.AXIAL
    assert older.own.maximised is older.own.slices[Plane.AXIAL]
    assert older.window().focusWidget() is view
    older.blend.set_together(Together.SWIPE)
    assert older.both.maximised is older.both.slices[Plane.AXIAL]
    qtbot.mouseDClick(older.both.slices[Plane.AXIAL], Qt.MouseButton.LeftButton)
    assert older.large is None
    assert older.other.maximised is None


def test_in_a_low_window_the_cards_take_no_height_from_the_slices(older) -> None:
    older.resize(1000, 420)
    show(older, Together.SWIPE)
    heights = [view.height() for view in older.both.slices.values()]
    assert max(heights) - min(heights) <= 1


def test_one_pane_of_both_is_made_large(older) -> None:
    view = show(older, Together.SWIPE)
    older.toggle_large(Plane.AXIAL)
    assert older.both.maximised is view
    older.restore()
    assert older.both.maximised is None
