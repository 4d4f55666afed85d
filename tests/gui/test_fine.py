"""The slices are fine at rest and coarse while the hand moves; the surfaces stay coarse."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import SHAPE, FakeLoader, FineGenerator
from tests.gui.conftest import wait_until_idle

FINE_SHAPE = tuple(2 * n for n in SHAPE)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader(kind=FineGenerator)


def test_slices_become_fine_at_rest_and_the_crosshair_stays(started, qtbot) -> None:
    display = started.viewing.display
    assert display.reference.shape == FINE_SHAPE
    display.set_crosshair((-12.0, 7.0, 23.0))
    shapes = []
    display.layers_changed.connect(lambda: shapes.append(display.reference.shape))
    started.session.set_age(66.0)
    wait_until_idle(started, qtbot)
    assert shapes[0] == SHAPE
    assert shapes[-1] == FINE_SHAPE
    np.testing.assert_allclose(display.crosshair, (-12.0, 7.0, 23.0))
    assert started.session.shown.brain.data.shape[1:] == SHAPE


def test_the_look_of_the_layers_and_the_history_do_not_notice(started, qtbot) -> None:
    started.viewing.display.set_layer(2, visible=True, opacity=0.3)
    started.past.history.seal()
    started.session.set_age(66.0)
    wait_until_idle(started, qtbot)
    layer = started.viewing.display.layers[2]
    assert (layer.visible, layer.opacity) == (True, 0.3)
    assert layer.volume.shape == FINE_SHAPE
    assert started.past.history.undo_text.startswith("age")


def test_a_brain_beside_itself_differs_nowhere(started, qtbot) -> None:
    viewing = started.viewing
    viewing.show_compare(True)
    wait_until_idle(started, qtbot)
    assert viewing.display.reference.shape == viewing.compare.beside.reference.shape == FINE_SHAPE
    viewing.display.set_crosshair((-12.0, 7.0, 23.0))
    for reading in viewing.cursor_bar.values.text().split("   "):
        own, beside = reading.rsplit(" ", 3)[1::2]
        assert own == beside


def test_both_brains_are_coarse_while_the_hand_moves_and_one_alone_is_fine_again(
    started, qtbot
) -> None:
    viewing = started.viewing
    viewing.show_compare(True)
    wait_until_idle(started, qtbot)
    pairs = []
    viewing.display.layers_changed.connect(
        lambda: pairs.append((viewing.display.reference.shape, viewing.compare.beside.reference))
    )
    started.session.set_age(66.0)
    wait_until_idle(started, qtbot)
    assert pairs[0][0] == SHAPE
    assert viewing.display.reference.shape == viewing.compare.beside.reference.shape == FINE_SHAPE
    viewing.show_compare(False)
    assert viewing.display.reference.shape == FINE_SHAPE
