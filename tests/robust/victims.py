"""Work that goes on until it is killed; it is imported where it runs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from brainviewer.cohort.filling import fill_store
from brainviewer.cohort.store import CohortStore, PersonRecord
from brainviewer.core.recipe import read_recipe, write_recipe
from brainviewer.core.tissues import TISSUES
from brainviewer.core.volume import Brain
from brainviewer.session.autosave import Autosave
from brainviewer.session.bids import Destination
from brainviewer.session.export import export_brain
from brainviewer.session.movie import open_movie
from brainviewer.session.settings import Settings, write_settings
from tests.cohort.stand_ins import InlinePool, make_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from brainviewer.core.recipe import Recipe

SHAPE = (20, 24, 20)
PEOPLE = [f"sub-{number:02d}" for number in range(40)]


def brain_of(recipe: Recipe) -> Brain:
    """Make maps that are another person's for another seed, and do not compress to nothing."""
    maps = np.random.default_rng(recipe.seed).random((3, *SHAPE), np.float32) / 3
    return Brain(TISSUES, maps, np.diag([2.0, 2.0, 2.0, 1.0]))


def export_for_ever(begun: Event, folder: Path, recipes: Sequence[Path]) -> None:
    """Export one person over the other."""
    begun.set()
    for path in itertools.cycle(recipes):
        export(folder, read_recipe(path))


def export(folder: Path, recipe: Recipe) -> None:
    destination = Destination(folder, "X", overwrite=True)
    export_brain(brain_of(recipe), recipe, destination, space="native")


def autosave_for_ever(begun: Event, folder: Path, recipes: Sequence[Path]) -> None:
    """Keep one person after the other."""
    kept = Autosave(folder)
    given = [read_recipe(path) for path in recipes]
    kept.write(given[0])
    begun.set()
    for recipe in itertools.cycle(given):
        kept.write(recipe)


def save_for_ever(begun: Event, folder: Path, recipes: Sequence[Path]) -> None:
    """Save one recipe over the other, and settings that name it."""
    begun.set()
    for path in itertools.cycle(recipes):
        write_recipe(folder / "recipe.json", read_recipe(path))
        write_settings(Settings(recent_files=(path.name,) * 10), folder / "settings.json")


def film_for_ever(begun: Event, path: Path) -> None:
    """Film the same thing over and over."""
    begun.set()
    while True:
        movie = open_movie(path, 10, overwrite=True)
        for frame in range(8):
            movie.add(np.full((64, 64, 3), 30 * frame, np.uint8))
        movie.finish()


def fill_for_ever(begun: Event, folder: Path) -> None:
    """Make the people of a cohort that are not there yet, then the first ones again."""
    store = CohortStore(folder)
    begun.set()
    while True:
        fill_store(store, {it: it for it in PEOPLE}, record_of, workers=1, start_pool=InlinePool)
        for name in PEOPLE:
            store.details_path(name).unlink()


def record_of(name: str) -> PersonRecord:
    """Make a person whose maps tell who they are."""
    return make_record(name, wm=float(PEOPLE.index(name)))
