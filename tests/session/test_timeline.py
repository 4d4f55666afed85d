"""The steps that undo and redo walk along, on moments made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainviewer.core.space import Convention
from brainviewer.session.changes import Moment, change_between
from brainviewer.session.look import LayerLook, Look
from brainviewer.session.model import first_state
from brainviewer.session.timeline import START, Timeline

GM = LayerLook("GM", "GM", (0.0, 1.0), 0.5, False, "linear", "probability")
WM = replace(GM, name="WM", colormap="WM")


@pytest.fixture
def first(checkpoint, generator) -> Moment:
    state = replace(first_state(checkpoint, generator), age=45.0)
    return Moment(state, Look((WM, GM), ("WM", "GM"), Convention.RADIOLOGICAL))


def aged(moment: Moment, age: float) -> Moment:
    return replace(moment, state=replace(moment.state, age=age))


def edited(moment: Moment, **edits) -> Moment:
    return replace(moment, state=replace(moment.state, edits={**moment.state.edits, **edits}))


def shown(moment: Moment, **changes) -> Moment:
    """Change the look of GM."""
    look = replace(moment.look, layers=(WM, replace(GM, **changes)))
    return replace(moment, look=look)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda it: aged(it, 63.04), "age 45 to 63 years"),
        (lambda it: edited(it, height=180.0), " to 180 cm"),
        (lambda it: edited(it, sex="M"), "sex female to male"),
        (lambda it: edited(it, height=None), " to not given"),
        (lambda it: shown(it, opacity=0.7), "GM opacity 50% to 70%"),
        (lambda it: shown(it, window=(0.1, 0.62)), "GM window 0–1 to 0.1–0.62"),
        (lambda it: shown(it, visible=True), "show GM"),
        (lambda it: shown(it, colormap="viridis"), "GM colours GM to viridis"),
        (
            lambda it: replace(it, look=replace(it.look, convention=Convention.NEUROLOGICAL)),
            "radiological to neurological",
        ),
        (lambda it: replace(it, look=replace(it.look, large="3d")), "3D large"),
        (lambda it: replace(it, look=replace(it.look, layers=(GM, WM))), "order of the layers"),
        (lambda it: replace(it, look=replace(it.look, layers=(WM,))), "remove GM"),
        (lambda it: edited(aged(it, 50.0), sex="M"), "age 45 to 50 years and 1 more"),
    ],
)
def test_a_change_is_said_in_words(first, change, text) -> None:
    said = change_between(first, change(first)).text
    assert said.endswith(text)


def test_pixels_that_all_become_sharp_are_one_change(first) -> None:
    layers = tuple(replace(it, interpolation="nearest") for it in first.look.layers)
    sharp = replace(first, look=replace(first.look, layers=layers))
    assert change_between(first, sharp).text == "interpolation linear to nearest"
    assert change_between(sharp, first).text == "interpolation nearest to linear"


def test_the_same_values_are_no_change(first) -> None:
    again = replace(first, state=replace(first.state), look=replace(first.look))
    assert change_between(first, again) is None
    assert not Timeline(first).note(again)


def test_a_drag_is_one_step_from_where_it_began_to_where_it_ended(first) -> None:
    line = Timeline(first)
    for age in (45.1, 50.0, 63.0):
        line.note(aged(first, age))
    assert [step.text for step in line.steps] == [START, "age 45 to 63 years"]
    line.seal()
    line.note(aged(first, 70.0))
    assert line.now.text == "age 63 to 70 years"


def test_a_drag_back_to_where_it_began_leaves_no_step(first) -> None:
    line = Timeline(first)
    line.note(aged(first, 50.0))
    line.note(aged(first, 45.0))
    assert len(line.steps) == 1
    line.note(aged(first, 46.0))
    assert len(line.steps) == 2


def test_another_topic_is_another_step_also_within_one_go(first) -> None:
    line = Timeline(first)
    line.note(aged(first, 50.0))
    line.note(edited(aged(first, 50.0), height=180.0))
    assert len(line.steps) == 3


def test_a_new_change_forgets_what_was_taken_back(first) -> None:
    line = Timeline(first)
    line.note(aged(first, 50.0))
    line.seal()
    line.note(aged(first, 60.0))
    line.move(1)
    line.note(aged(first, 55.0))
    assert [step.text for step in line.steps[1:]] == ["age 45 to 50 years", "age 50 to 55 years"]
    assert line.index == 2


def test_only_so_many_steps_are_kept(first) -> None:
    line = Timeline(first, most=3)
    for age in (50.0, 55.0, 60.0, 65.0):
        line.seal()
        line.note(aged(first, age))
    assert [step.moment.state.age for step in line.steps] == [55.0, 60.0, 65.0]
    assert line.index == 2
