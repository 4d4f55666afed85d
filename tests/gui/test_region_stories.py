"""What a user does with regions: find one, tick it, see it in slices and 3D, take it back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage

from brainviewer.core.space import Plane
from brainviewer.session.scene import scene_from_json
from brainviewer.session.shown_regions import COLORS, ShownRegion
from tests.fakes import FakeLoader, LabelledGenerator
from tests.gui.conftest import wait_until_idle

LEFT = Qt.MouseButton.LeftButton
YELLOW = np.array([0xF0, 0xE4, 0x42])


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=LabelledGenerator)


@pytest.fixture
def looking(started, qtbot):
    """A window with the regions in front."""
    started.view_menu.regions.trigger()
    qtbot.waitUntil(lambda: started.regions.bars.keys != ())
    return started


def tick(window, qtbot, name: str) -> None:
    """Click the box of a region."""
    bars = window.regions.bars
    cell = bars.visualItemRect(bars.item(bars.keys.index(name), 0))
    spot = QPoint(cell.left() + 10, cell.center().y())
    qtbot.mouseClick(bars.viewport(), LEFT, pos=spot)


def shown(window) -> list[str]:
    return [it.name for it in window.viewing.display.regions.chosen]


def yellow_pixels(window, plane: Plane) -> int:
    image = window.viewing.ortho.slices[plane].grab().toImage()
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    pixels = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)
    return int((np.abs(pixels - YELLOW).max(axis=2) < 30).sum())


@pytest.mark.opengl
def test_a_ticked_region_is_outlined_and_drawn_in_3d_through_the_cortex(looking, qtbot) -> None:
    viewing = looking.viewing
    before = {plane: yellow_pixels(looking, plane) for plane in Plane}
    tick(looking, qtbot, "left half")
    assert shown(looking) == ["left half"]
    assert viewing.display.crosshair[0] < 0  # it goes to the region
    assert all(yellow_pixels(looking, plane) > before[plane] + 50 for plane in Plane)
    view = viewing.pane_3d.view
    (actor,) = view.scene._regions.actors
    low, high = actor.GetBounds()[:2]
    assert low < -30
    assert high == pytest.approx(0.0, abs=5.0)
    assert view.tools.opacity_slider.value() < 100
    tick(looking, qtbot, "left half")
    assert shown(looking) == []
    assert view.scene._regions.actors == ()
    assert {plane: yellow_pixels(looking, plane) for plane in Plane} == before


def test_space_ticks_and_enter_goes_there(looking, qtbot) -> None:
    bars = looking.regions.bars
    bars.setFocus()
    bars.setCurrentCell(bars.keys.index("right half"), 0)
    qtbot.keyClick(bars, Qt.Key.Key_Space)
    assert shown(looking) == ["right half"]
    looking.viewing.display.set_crosshair((-20.0, 0.0, 0.0))
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    assert shown(looking) == ["right half"]
    assert looking.viewing.display.crosshair[0] > 0
    looking.regions.none_button.click()
    assert shown(looking) == []
    assert not looking.regions.none_button.isEnabled()


def test_the_cursor_names_the_region_and_copies_it(started) -> None:
    display, bar = started.viewing.display, started.viewing.cursor_bar
    display.set_crosshair((-20.0, 0.0, 0.0))
    assert bar.values.text().endswith("left half")
    assert bar.as_text().splitlines()[-1] == "region left half"
    display.set_crosshair((-74.0, 90.0, 0.0))
    assert "half" not in bar.values.text()


def test_ticks_are_steps_of_the_history(looking, qtbot) -> None:
    history = looking.past.history
    history.seal()
    tick(looking, qtbot, "left half")
    assert history.undo_text == "show left half"
    history.undo()
    assert shown(looking) == []
    assert looking.regions.bars.item(0, 0).checkState() is Qt.CheckState.Unchecked
    history.redo()
    assert shown(looking) == ["left half"]


def test_a_ticked_region_is_plotted_over_age_and_leaves_again(looking, qtbot) -> None:
    tick(looking, qtbot, "left half")
    wait_until_idle(looking, qtbot)
    qtbot.mouseClick(looking.regions.curves_button, LEFT)
    panel = looking.measures.trajectory
    assert panel.isVisible()
    assert list(panel.toggles) == ["WM", "GM", "CSF", "left half"]
    axes = {it.structure: it for it in panel.plot._all}["left half"]
    ages, volumes = (np.asarray(it) for it in axes._person.get_data())
    course = looking.session.state.course
    generator = looking.session.decoder.generator
    for age in (30.0, 70.0):
        wanted = generator.region_volumes(looking.session.person.identity, course.at(age))[0]
        assert np.interp(age, ages, volumes) == pytest.approx(wanted, rel=1e-3)
    panel.toggles["GM"].click()
    assert "GM" not in [it.structure for it in panel.plot._all if it.axes.get_visible()]
    looking.docks.bring(looking.docks.regions)
    qtbot.mouseClick(looking.regions.none_button, LEFT)
    wait_until_idle(looking, qtbot)
    assert list(panel.toggles) == ["WM", "GM", "CSF"]


def test_regions_follow_the_person_and_leave_with_the_generator(looking, qtbot) -> None:
    tick(looking, qtbot, "left half")
    display = looking.viewing.display
    first = display.regions.visible[0][1]
    looking.session.new_person(9)
    wait_until_idle(looking, qtbot)
    assert display.regions.visible[0][1] is not first
    assert shown(looking) == ["left half"]


def test_regions_are_in_a_recipe(looking, qtbot) -> None:
    tick(looking, qtbot, "right half")
    view = json.loads(json.dumps(looking.scenes.recipe().to_json()))["view"]
    assert view["regions"] == [{"name": "right half", "color": COLORS[0]}]
    looking.viewing.display.regions.replace([])
    looking.viewing.show_scene(scene_from_json(view))
    assert looking.viewing.display.regions.chosen == (ShownRegion("right half", COLORS[0]),)
    assert scene_from_json({**view, "regions": []}).regions == ()
    del view["regions"]
    assert scene_from_json(view).regions == ()
