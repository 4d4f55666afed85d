"""What changed between two moments of a session, in the words of a menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainviewer.core.features import Kind
from brainviewer.session.look import LARGE_3D

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainviewer.core.features import Feature, Value
    from brainviewer.session.look import LayerLook, Look
    from brainviewer.session.model import State
    from brainviewer.session.pins import Pin

Topic = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Everything that can be undone, as it was at one moment.

    Attributes
    ----------
    state : State
    look : Look
    pins : tuple of Pin
    """

    state: State
    look: Look
    pins: tuple[Pin, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two moments.

    Attributes
    ----------
    text : str
        For menus and lists: ``"age 45 to 63 years"``.
    topics : tuple of Topic
        What was changed, whatever the values: changes of the same topics in one go are one step.
    """

    text: str
    topics: tuple[Topic, ...]


def change_between(old: Moment, new: Moment) -> Change | None:
    """Say what differs between two moments; None where nothing does."""
    found = [
        *_state_changes(old.state, new.state),
        *_look_changes(old.look, new.look),
        *_pin_changes(old.pins, new.pins),
    ]
    if not found:
        return None
    topics, texts = zip(*found, strict=True)
    more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    return Change(texts[0] + more, topics)


def _state_changes(old: State, new: State) -> Iterator[tuple[Topic, str]]:
    if old is new:
        return
    if old.checkpoint.folder != new.checkpoint.folder:
        # Person, features and age are carried over to it as far as they go.
        yield ("checkpoint",), f"checkpoint {old.checkpoint.title} to {new.checkpoint.title}"
        return
    if old.person.identity.key != new.person.identity.key:
        yield ("person",), f"person {old.person.label} to {new.person.label}"
    if old.age != new.age:
        yield ("age",), f"age {_age(old)} to {_age(new)} years"
    yield from _feature_changes(old, new)
    if old.scenario is not new.scenario:
        yield ("scenario",), f"scenario {old.scenario.value} to {new.scenario.value}"
    if old.extrapolate is not new.extrapolate:
        allowed = "allowed" if new.extrapolate else "forbidden"
        yield ("extrapolate",), f"values outside the training range {allowed}"


def _feature_changes(old: State, new: State) -> Iterator[tuple[Topic, str]]:
    if dict(old.person.factual) != dict(new.person.factual):
        yield ("factual",), "another factual person"
        return
    for feature in new.checkpoint.schema.features:
        before, after = (_edit_of(state, feature.name) for state in (old, new))
        if before == after:
            continue
        values = _from_to(feature, *(it.conditions.get(feature.name) for it in (old, new)))
        yield ("feature", feature.name), f"{feature.title.lower()} {values}"


def _edit_of(state: State, name: str) -> tuple[bool, Value]:
    return name in state.edits, state.edits.get(name)


def _age(state: State) -> str:
    return "none" if state.age is None else f"{round(state.age, 1):g}"


def _from_to(feature: Feature, old: Value, new: Value) -> str:
    """Say ``"170 to 180 cm"``, or ``"kept at 170 cm"`` where only its source is another."""
    if feature.kind is Kind.NUMERIC and isinstance(old, float | int):
        before = f"{float(old):.4g}"
    else:
        before = feature.label(old)
    after = feature.label(new)
    if feature.kind is Kind.NUMERIC and isinstance(new, float | int):
        after = f"{float(new):.4g} {feature.unit}".rstrip()
    return f"kept at {after}" if old == new else f"{before} to {after}"


def _look_changes(old: Look, new: Look) -> Iterator[tuple[Topic, str]]:
    if old == new:
        return
    if old.convention is not new.convention:
        yield ("convention",), f"{old.convention.value} to {new.convention.value}"
    if old.large != new.large:
        yield ("large",), f"{_pane(new.large)} large" if new.large else "all panes"
    yield from _region_changes(old, new)
    if old.rulers != new.rulers:
        more = len(new.rulers) - len(old.rulers)
        yield ("rulers",), "measure a distance" if more > 0 else _fewer_rulers(more)
    yield from _layer_changes(old.layers, new.layers)


def _fewer_rulers(more: int) -> str:
    if not more:
        return "move a measured line"
    return "delete a measured line" if more == -1 else "delete measured lines"


def _region_changes(old: Look, new: Look) -> Iterator[tuple[Topic, str]]:
    before, after = ({it.name: it for it in look.regions} for look in (old, new))
    if after.keys() != before.keys() and not after:
        yield ("regions",), "show no regions"
        return
    yield from ((("region", name), f"show {name}") for name in after if name not in before)
    yield from ((("region", name), f"hide {name}") for name in before if name not in after)


def _layer_changes(
    old: tuple[LayerLook, ...], new: tuple[LayerLook, ...]
) -> Iterator[tuple[Topic, str]]:
    before, after = ({it.name: it for it in looks} for looks in (old, new))
    yield from ((("open", name), f"open {name}") for name in after if name not in before)
    yield from ((("remove", name), f"remove {name}") for name in before if name not in after)
    shared = [name for name in after if name in before]
    if shared != [name for name in before if name in after]:
        yield ("order",), "order of the layers"
    if len({after[name].interpolation for name in shared if _is_smoothed(before[name])}) == 1:
        smoothed = [it for it in shared if before[it].interpolation != after[it].interpolation]
        if smoothed:
            old_way, new_way = (it[smoothed[0]].interpolation for it in (before, after))
            yield ("interpolation",), f"interpolation {old_way} to {new_way}"
    for name in shared:
        yield from _layer_look_changes(before[name], after[name])


def _is_smoothed(look: LayerLook) -> bool:
    return look.kind != "label"


def _layer_look_changes(old: LayerLook, new: LayerLook) -> Iterator[tuple[Topic, str]]:
    name = new.name
    if old.visible != new.visible:
        yield ("visible", name), f"{'show' if new.visible else 'hide'} {name}"
    if old.colormap != new.colormap:
        yield ("colormap", name), f"{name} colours {old.colormap} to {new.colormap}"
    if old.opacity != new.opacity:
        yield ("opacity", name), f"{name} opacity {old.opacity:.0%} to {new.opacity:.0%}"
    if old.window != new.window:
        yield ("window", name), f"{name} window {_range(old.window)} to {_range(new.window)}"


def _pin_changes(old: tuple[Pin, ...], new: tuple[Pin, ...]) -> Iterator[tuple[Topic, str]]:
    before, after = ({pin.number: pin for pin in pins} for pins in (old, new))
    for number, pin in after.items():
        if number not in before:
            yield ("pin", str(number)), f"pin {pin.name}"
        elif pin.name != before[number].name:
            yield ("rename", str(number)), f"pin {before[number].name} to {pin.name}"
        elif pin.visible != before[number].visible:
            yield ("show", str(number)), f"{'show' if pin.visible else 'hide'} pin {pin.name}"
    for number, pin in before.items():
        if number not in after:
            yield ("unpin", str(number)), f"remove pin {pin.name}"


def _pane(large: str) -> str:
    return "3D" if large == LARGE_3D else large


def _range(window: tuple[float, float]) -> str:
    return f"{window[0]:.3g}–{window[1]:.3g}"
