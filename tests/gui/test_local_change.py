"""The map of local change in the window: by its key, in slices and cursor, until it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from brainviewer.gui.export_job import Part
from brainviewer.session.directions import Direction
from tests.fakes import FakeGenerator, FakeLoader, WarpingGenerator
from tests.gui.conftest import wait_until_idle


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=WarpingGenerator)


@pytest.fixture
def mapped(started, qtbot):
    """A window that shows the local change with age."""
    started.view_menu.local_change.trigger()
    wait_until_idle(started, qtbot)
    return started


def test_the_map_lies_over_the_slices_with_a_legend(mapped) -> None:
    overlay, bar = mapped.viewing.display.overlay, mapped.viewing.change_bar
    assert mapped.viewing.display.layers[-1] is overlay
    assert bar.isVisible()
    assert bar.legend.text == "−20 to +20 % per decade"
    assert mapped.viewing.pane_3d.paint.window == (-20.0, 20.0)


def test_the_cursor_reads_the_change(mapped) -> None:
    mapped.viewing.display.set_crosshair((-45.0, 0.0, 0.0))
    assert "Local change +10.5 %" in mapped.viewing.cursor_bar.values.text()


def test_another_feature_is_chosen_by_keyboard(mapped, qtbot) -> None:
    chooser = mapped.viewing.change_bar.chooser
    chooser.setFocus()
    qtbot.keyClick(chooser, Qt.Key.Key_Down)
    wait_until_idle(mapped, qtbot)
    assert mapped.session.local_change.change.title == "Sex: female"
    assert mapped.viewing.change_bar.legend.text.endswith("% if female")


def test_the_span_is_kept_while_age_moves(mapped, qtbot) -> None:
    mapped.viewing.change_bar.span.setValue(7.0)
    assert mapped.viewing.display.overlay.window == (-7.0, 7.0)
    mapped.session.set_age(66.0)
    wait_until_idle(mapped, qtbot)
    assert mapped.viewing.display.overlay.window == (-7.0, 7.0)
    assert mapped.viewing.change_bar.legend.text == "−7 to +7 % per decade"


def test_removing_the_layer_ends_the_map(mapped) -> None:
    display = mapped.viewing.display
    display.remove_layer(display.layers.index(display.overlay))
    assert mapped.session.local_change.direction is None
    assert not mapped.viewing.change_bar.isVisible()
    assert not mapped.view_menu.local_change.isChecked()
    assert mapped.viewing.pane_3d.paint is None


def test_it_is_no_step_of_the_history(mapped) -> None:
    assert mapped.past.history.undo_text == ""


def test_a_recipe_brings_the_map_back(mapped, qtbot) -> None:
    mapped.changes.choose(Direction("sex", "M"))
    wait_until_idle(mapped, qtbot)
    recipe = mapped.scenes.recipe()
    assert recipe.view["local_change"] == "sex=M"
    assert "Local change" not in [layer["name"] for layer in recipe.view["layers"]]
    mapped.view_menu.local_change.trigger()
    assert mapped.viewing.display.overlay is None
    mapped.scenes.open(recipe)
    wait_until_idle(mapped, qtbot)
    assert mapped.viewing.change_bar.isVisible()
    assert mapped.view_menu.local_change.isChecked()
    assert mapped.session.local_change.change.title == "Sex: male"
    older = {**recipe.view}
    del older["local_change"]
    mapped.scenes.open(replace(recipe, view=older))
    wait_until_idle(mapped, qtbot)
    assert mapped.viewing.display.overlay is None


def test_a_layer_that_is_undone_leaves_the_map(mapped) -> None:
    mapped.viewing.display.set_layer(1, visible=True)
    mapped.past.history.undo()
    assert mapped.viewing.display.overlay is not None
    assert not mapped.viewing.display.layers[1].visible


def test_it_can_be_exported_while_it_is_shown(mapped) -> None:
    dialog = mapped.exporter.ask()
    assert dialog.boxes[Part.LOCAL_CHANGE].isEnabled()
    dialog.reject()
    mapped.viewing.change_bar.close_button.click()
    dialog = mapped.exporter.ask()
    assert not dialog.boxes[Part.LOCAL_CHANGE].isEnabled()
    dialog.reject()


def test_a_generator_that_makes_every_brain_anew_says_why_there_is_none(
    mapped, qtbot, loader
) -> None:
    loader.kind = FakeGenerator
    mapped.session.open_checkpoint("other")
    qtbot.waitUntil(lambda: mapped.session.checkpoint.name == "other")
    wait_until_idle(mapped, qtbot)
    action = mapped.view_menu.local_change
    assert not action.isEnabled()
    assert action.toolTip().startswith("other makes every brain voxel by voxel")
    assert mapped.viewing.display.overlay is None


@pytest.mark.opengl
def test_surfaces_are_painted_blue_where_they_shrink() -> None:
    import pyvista as pv

    from brainviewer.core.volume import Volume
    from brainviewer.gui.brain_surfaces import Surface
    from brainviewer.gui.looks_3d import painted
    from brainviewer.session.look import Paint

    mesh = pv.PolyData(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))
    values = np.array([-5.0, 0.0, 5.0], np.float32).reshape(3, 1, 1)
    paint = Paint(Volume(values, np.eye(4), "x"), (-5.0, 5.0))
    shrinks, still, grows = painted(Surface.CORTEX, mesh, np.eye(4), paint).astype(int)
    assert shrinks[2] > shrinks[0]
    assert grows[0] > grows[2]
    assert abs(still - [226, 211, 200]).max() <= 8
