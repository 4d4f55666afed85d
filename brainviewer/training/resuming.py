"""What a run is about, kept in its state, so that another one does not go on with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainviewer.training.recipe import TrainingRecipe

# What may change on the way: a rate is lowered after a step that was not finite.
FREE = frozenset({"title", "learning_rate", "steps"})
START_OVER = "or train without --resume to start over"


def describe_run(recipe: TrainingRecipe, people: Sequence[str]) -> dict[str, Any]:
    """Return what must be the same when a run is taken up: plain lists, numbers and texts."""
    fixed = {name: value for name, value in asdict(recipe).items() if name not in FREE}
    kept: dict[str, Any] = json.loads(json.dumps({"recipe": fixed, "people": list(people)}))
    return kept


def tell_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what makes a run another one than the state's, and what to do; nothing where none.

    Parameters
    ----------
    before, now : mapping
        As `describe_run` returns it; fields that only one of them knows are not compared.
    """
    for name, old, new in _changes(before["recipe"], now["recipe"]):
        return (
            f"was written with {name} = {old!r}, and the recipe has {new!r}; set it back, "
            f"{START_OVER}"
        )
    apart = set(before["people"]) ^ set(now["people"])
    if not apart:
        return ""
    person = min(apart)
    so = "is" if person in now["people"] else "is not"
    return (
        f"was written for other people of the cohort, such as {person}, who {so} trained on now; "
        f"train on the same, {START_OVER}"
    )


def _changes(
    before: Mapping[str, Any], now: Mapping[str, Any], within: str = ""
) -> list[tuple[str, Any, Any]]:
    """List name, old and new value of what differs; entries of tables one by one."""
    found: list[tuple[str, Any, Any]] = []
    for name in now if not within else {**before, **now}:
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _changes(old, new, f"{within}{name}.")
        elif old != new and (within or name in before):
            found.append((f"{within}{name}", old, new))
    return found
