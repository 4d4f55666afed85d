import math
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt

from brainviewer.core.purpose import NOT_CLINICAL
from brainviewer.core.scenario import Scenario
from brainviewer.gui.pictures import curves_png, pixmap_png, trajectory_png
from brainviewer.gui.trajectory_axes import Marked
from brainviewer.gui.trajectory_panel import HINT, TrajectoryPanel
from brainviewer.session.model import State
from brainviewer.session.pins import Curve, Pin
from brainviewer.session.trajectory import Trajectory

AGES = np.arange(20.0, 81.0, 2.0)


def trajectory_of(checkpoint, *, known: slice = slice(None)) -> Trajectory:
    volumes, spread = {}, {}
    for name in checkpoint.structures:
        median = checkpoint.population.band(name, "F", AGES)[2]
        own = np.full(len(AGES), np.nan)
        own[known] = 1.05 * median[known]
        volumes[name] = own
        spread[name] = np.stack([0.95 * own, own, 1.05 * own])
    return Trajectory(AGES, volumes, spread, Scenario.IDEAL, complete=known == slice(None))


@pytest.fixture
def panel(qtbot, checkpoint):
    widget = TrajectoryPanel()
    qtbot.addWidget(widget)
    widget.resize(900, 260)
    widget.show_checkpoint(checkpoint)
    widget.show_sex("F")
    widget.show_trajectory(trajectory_of(checkpoint))
    widget.show_age(50.0)
    widget.show()
    qtbot.waitUntil(lambda: is_drawn(widget))
    return widget


def is_drawn(panel: TrajectoryPanel) -> bool:
    """All that was asked for is on the canvas."""
    plot = panel.plot
    return not plot._timer.isActive() and plot._kept_axes is not None and not plot._markers_moved


def axes_of(panel: TrajectoryPanel) -> list:
    return [axes for axes in panel.plot.figure.axes if axes.get_visible()]


def point_at(panel: TrajectoryPanel, age: float, number: int = 0) -> QPoint:
    axes = axes_of(panel)[number]
    low, high = axes.get_ylim()
    x, y = axes.transData.transform((age, (low + high) / 2))
    ratio = panel.plot.device_pixel_ratio
    return QPoint(round(x / ratio), round(panel.plot.height() - y / ratio))


def picture(panel: TrajectoryPanel) -> np.ndarray:
    panel.plot.repaint()
    return np.asarray(panel.plot.buffer_rgba()).copy()


def test_there_are_axes_side_by_side_for_each_structure(panel) -> None:
    assert [axes.get_title("left") for axes in axes_of(panel)] == [
        "White matter / mL",
        "Grey matter / mL",
        "Cerebrospinal fluid / mL",
    ]
    boxes = [axes.get_position() for axes in axes_of(panel)]
    assert boxes[0].x1 < boxes[1].x0 < boxes[1].x1 < boxes[2].x0
    assert all(axes.get_xlim() == (20.0, 80.0) for axes in axes_of(panel))


def test_unknown_ages_leave_the_known_ones_joined(panel, checkpoint, qtbot) -> None:
    panel.show_trajectory(trajectory_of(checkpoint, known=slice(None, None, 5)))
    qtbot.waitUntil(lambda: is_drawn(panel))
    own = max(axes_of(panel)[0].lines, key=lambda line: line.get_linewidth())
    assert list(own.get_xdata()) == list(AGES[::5])
    assert np.isfinite(own.get_ydata()).all()


@pytest.mark.parametrize("number", [0, 2])
def test_pressing_in_the_plot_asks_for_the_age_there(panel, qtbot, number) -> None:
    with qtbot.waitSignal(panel.age_requested) as asked:
        qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=point_at(panel, 63.0, number))
    assert asked.args == [pytest.approx(63.0, abs=0.4)]


def test_a_drag_goes_on_and_stops_at_the_ages_of_training(panel, qtbot) -> None:
    asked = []
    panel.age_requested.connect(asked.append)
    qtbot.mousePress(panel.plot, Qt.MouseButton.LeftButton, pos=point_at(panel, 30.0))
    qtbot.mouseMove(panel.plot, point_at(panel, 45.0))
    qtbot.mouseMove(panel.plot, point_at(panel, 79.0, number=2))
    qtbot.mouseRelease(panel.plot, Qt.MouseButton.LeftButton, pos=point_at(panel, 45.0))
    qtbot.mouseMove(panel.plot, point_at(panel, 25.0))
    assert asked == [pytest.approx(age, abs=0.4) for age in (30.0, 45.0, 80.0)]


def test_the_arrow_keys_move_the_marker(panel, qtbot) -> None:
    asked = []
    panel.age_requested.connect(asked.append)
    qtbot.keyClick(panel.plot, Qt.Key.Key_Right)
    qtbot.keyClick(panel.plot, Qt.Key.Key_PageDown)
    assert asked == [pytest.approx(50.1), pytest.approx(49.0)]


def test_moving_the_marker_redraws_nothing_else(panel) -> None:
    drawn = []
    panel.plot.mpl_connect("draw_event", drawn.append)
    before = picture(panel)
    panel.show_age(70.0)
    assert not np.array_equal(picture(panel), before)
    panel.show_age(50.0)
    assert np.array_equal(picture(panel), before)
    assert drawn == []


def test_a_curve_that_fills_in_leaves_the_axes_as_they_are(panel, checkpoint, qtbot) -> None:
    drawn, before = [], picture(panel)
    panel.plot.mpl_connect("draw_event", drawn.append)
    for step in range(20, 1, -1):
        panel.show_trajectory(trajectory_of(checkpoint, known=slice(None, None, step)))
    qtbot.waitUntil(lambda: is_drawn(panel))
    assert not np.array_equal(picture(panel), before)
    assert drawn == []


def test_axes_make_room_for_a_curve_that_would_leave_them(panel, checkpoint, qtbot) -> None:
    drawn, usual = [], trajectory_of(checkpoint)
    panel.plot.mpl_connect("draw_event", drawn.append)
    large = {name: 3 * volumes for name, volumes in usual.volumes.items()}
    panel.show_trajectory(replace(usual, volumes=large))
    qtbot.waitUntil(lambda: len(drawn) == 1)
    assert axes_of(panel)[0].get_ylim()[1] > large["WM"].max()


def test_pointing_reads_all_volumes_at_that_age(panel, qtbot, checkpoint) -> None:
    there = pytest.approx(60.0, abs=0.4)
    with qtbot.waitSignal(
        panel.plot.pointed_at, check_params_cb=lambda age: age == there
    ) as pointed:
        qtbot.mouseMove(panel.plot, point_at(panel, 60.0))
    age = pointed.args[0]
    volumes = [1.05 * checkpoint.population.band(name, "F", AGES)[2] for name in panel.toggles]
    white, grey, fluid = (np.interp(age, AGES, curve) for curve in volumes)
    assert panel.readout.text() == (
        f"{age:.1f} years: WM {white:.0f}, GM {grey:.0f}, CSF {fluid:.0f} mL"
    )
    panel.plot.pointed_at.emit(math.nan)
    assert panel.readout.text() == HINT


def test_a_tissue_can_be_left_out(panel, qtbot) -> None:
    panel.toggles["GM"].click()
    assert [axes.get_title("left") for axes in axes_of(panel)] == [
        "White matter / mL",
        "Cerebrospinal fluid / mL",
    ]


def test_the_legend_names_the_people_behind(panel) -> None:
    assert panel.legend.text().endswith("training people, female")
    panel.show_sex(None)
    assert panel.legend.text().endswith("training people")


def test_the_brain_on_the_screen_and_the_factual_one_are_marked(panel, qtbot) -> None:
    before = picture(panel)
    panel.show_now(Marked(50.0, {"WM": 450.0, "GM": 500.0, "CSF": 400.0}))
    panel.show_factual(Marked(30.0, {"WM": 450.0, "GM": 500.0, "CSF": 400.0}))
    qtbot.waitUntil(lambda: is_drawn(panel))
    assert not np.array_equal(picture(panel), before)


def test_a_picture_for_paper_is_a_png_on_white(checkpoint) -> None:
    content = trajectory_png(trajectory_of(checkpoint), checkpoint, sex="F", factual=None)
    assert content.startswith(b"\x89PNG")
    with Image.open(BytesIO(content)) as picture:
        assert picture.text["Warning"] == NOT_CLINICAL


def test_a_picture_of_a_widget_says_what_it_is_not_for(panel) -> None:
    with Image.open(BytesIO(pixmap_png(panel.grab()))) as picture:
        assert picture.text["Warning"] == NOT_CLINICAL


def own_lines(panel: TrajectoryPanel) -> list:
    """The curves in the first axes that have points, thick ones first."""
    lines = [it for it in axes_of(panel)[0].lines if len(it.get_xdata()) > 2]
    return sorted(lines, key=lambda line: -line.get_linewidth())


def scaled(trajectory: Trajectory, factor: float) -> Trajectory:
    volumes = {name: factor * values for name, values in trajectory.volumes.items()}
    spread = {name: factor * values for name, values in trajectory.spread.items()}
    return replace(trajectory, volumes=volumes, spread=spread, scenario=Scenario.REGRESSED)


def test_the_other_scenario_is_thin_and_dashed_and_can_be_left_out(
    panel, checkpoint, qtbot
) -> None:
    panel.show_other(scaled(trajectory_of(checkpoint), 0.97))
    assert panel.other.text() == "Regressed too"
    qtbot.waitUntil(lambda: is_drawn(panel))
    strong, other = own_lines(panel)[:2]
    assert other.get_linewidth() < strong.get_linewidth()
    assert other.get_color() == strong.get_color()
    assert other.is_dashed()
    np.testing.assert_allclose(other.get_ydata(), 0.97 * strong.get_ydata())
    with_it = picture(panel)
    panel.other.click()
    qtbot.waitUntil(lambda: is_drawn(panel))
    assert not np.array_equal(picture(panel), with_it)
    assert not [line for line in own_lines(panel) if line.is_dashed()]


def test_pins_have_their_own_colours_and_an_eye(panel, checkpoint, person, qtbot) -> None:
    state = State(checkpoint, person, {}, 50.0)
    pin = Pin(1, "tall", state, scaled(trajectory_of(checkpoint), 1.1))
    panel.show_pins((pin,))
    qtbot.waitUntil(lambda: is_drawn(panel))
    assert pin.color in [line.get_color() for line in own_lines(panel)]
    assert panel.pins.chips[1].name.text() == "tall"
    panel.show_pins((replace(pin, visible=False),))
    qtbot.waitUntil(lambda: is_drawn(panel))
    assert pin.color not in [line.get_color() for line in own_lines(panel)]
    panel.show_pins(())
    assert panel.pins.isHidden()


def test_the_spread_of_the_others_is_shown_on_demand(panel, checkpoint, qtbot) -> None:
    panel.show_other(scaled(trajectory_of(checkpoint), 1.5))
    qtbot.waitUntil(lambda: is_drawn(panel))
    before = picture(panel)
    panel.spreads.click()
    qtbot.waitUntil(lambda: is_drawn(panel))
    assert not np.array_equal(picture(panel), before)


def test_pinning_is_wished_for(panel, qtbot) -> None:
    with qtbot.waitSignal(panel.pin_requested):
        qtbot.mouseClick(panel.pin_button, Qt.MouseButton.LeftButton)


def test_the_picture_for_paper_holds_the_visible_curves(checkpoint, person) -> None:
    state = State(checkpoint, person, {}, 50.0)
    usual = trajectory_of(checkpoint)
    person_only = [Curve(state, usual)]
    pinned = [*person_only, Curve(state, scaled(usual, 1.1), "tall", "#cc79a7")]
    hidden = [*person_only, replace(pinned[1], visible=False)]
    pictures = [
        curves_png(it, checkpoint, sex="F", factual=None) for it in (person_only, pinned, hidden)
    ]
    assert pictures[0] == pictures[2] != pictures[1]
