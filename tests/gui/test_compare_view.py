"""Two brains side by side, with the session behind them but without the rest of the window."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel

from brainviewer.core.space import Convention, Plane
from brainviewer.generators.checkpoint import CheckpointError
from brainviewer.gui.compare_card import AS_GIVEN
from brainviewer.gui.compare_view import CompareView
from brainviewer.gui.cursor_bar import CursorBar
from brainviewer.session.comparison import Choice
from brainviewer.session.display import Display
from brainviewer.session.state import Session
from tests.fakes import FakeLoader, write_fake_checkpoint

LEFT = Qt.MouseButton.LeftButton
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
    assert words(compare) == [AS_GIVEN, "Pin: tall", "In Fake brain, coarse"]
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
