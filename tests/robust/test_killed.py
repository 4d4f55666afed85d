"""Kill -9 at any moment: what was there is there, whole, and the next run goes on."""

from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from brainviewer.cohort.filling import fill_store
from brainviewer.core.files import STALE_S, TEMPORARY
from brainviewer.core.recipe import Recipe, read_recipe, write_recipe
from brainviewer.session.autosave import Autosave
from brainviewer.session.settings import read_settings
from tests.cohort.stand_ins import InlinePool, make_store
from tests.robust import victims
from tests.robust.killing import kill

if TYPE_CHECKING:
    from pathlib import Path

    from brainviewer.cohort.store import CohortStore

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)
TIMES = 8


@pytest.fixture
def recipes(tmp_path: Path) -> list[Path]:
    """Two people; the second one's view makes the file longer."""
    paths = []
    for seed, view in ((1, None), (2, {"structure": "x" * 50_000})):
        given = {"age": 60.0 + seed}
        recipe = Recipe(
            "fake", f"seed {seed}", given, given, {}, given["age"], seed=seed, view=view
        )
        paths.append(tmp_path / f"{seed}.json")
        write_recipe(paths[-1], recipe)
    return paths


def contents(folder: Path) -> dict[str, bytes]:
    """Read the finished files of a folder."""
    files = [it for it in folder.rglob("*") if it.is_file() and TEMPORARY not in str(it)]
    return {str(it.relative_to(folder)): it.read_bytes() for it in files}


def grow_old(folder: Path) -> None:
    """Have everything in a folder seem to be two days old."""
    then = time.time() - 2 * STALE_S
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{TEMPORARY}*"))


def test_an_export_that_is_killed_leaves_every_file_whole(tmp_path, recipes) -> None:
    whole = []
    for path in recipes:
        victims.export(tmp_path / path.stem, read_recipe(path))
        whole.append(contents(tmp_path / path.stem))
    folder = tmp_path / "1"
    for seed in range(TIMES):
        kill(victims.export_for_ever, folder, recipes, seed=seed)
        found = contents(folder)
        assert found.keys() == whole[0].keys()
        for name, content in found.items():
            assert content in (whole[0][name], whole[1][name]), name
    grow_old(folder)
    victims.export(folder, read_recipe(recipes[1]))
    assert contents(folder) == whole[1]
    assert unfinished(folder) == []


def test_a_first_export_that_is_killed_shows_nothing_that_is_not_whole(tmp_path, recipes) -> None:
    whole = []
    for path in recipes:
        victims.export(tmp_path / path.stem, read_recipe(path))
        whole.append(contents(tmp_path / path.stem))
    for seed in range(TIMES // 2):
        folder = tmp_path / f"new{seed}"
        kill(victims.export_for_ever, folder, recipes, seed=seed)
        for name, content in contents(folder).items():
            assert content in (whole[0][name], whole[1][name]), name


def test_what_was_on_the_screen_is_kept_whenever_the_window_is_killed(tmp_path, recipes) -> None:
    folder = tmp_path / "autosave"
    allowed = [read_recipe(path).to_json() for path in recipes]
    for seed in range(TIMES):
        kill(victims.autosave_for_ever, folder, recipes, seed=seed)
        window = Autosave(folder)
        (left,) = window.left_behind()
        assert left.recipe.to_json() in allowed
        left.discard()
        window.close()
    grow_old(folder)
    window = Autosave(folder)
    assert window.left_behind() == []
    window.close()
    assert list(folder.iterdir()) == []


def test_recipes_and_settings_are_old_or_new(tmp_path, recipes) -> None:
    allowed = [read_recipe(path).to_json() for path in recipes]
    write_recipe(tmp_path / "recipe.json", read_recipe(recipes[0]))
    for seed in range(TIMES):
        kill(victims.save_for_ever, tmp_path, recipes, seed=seed)
        assert read_recipe(tmp_path / "recipe.json").to_json() in allowed
        assert len(read_settings(tmp_path / "settings.json").recent_files) in (0, 10)


def test_a_movie_is_whole_or_the_one_of_before(tmp_path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"what was there")
    for seed in range(TIMES):
        kill(victims.film_for_ever, path, seed=seed)
        if path.read_bytes() != b"what was there":
            with Image.open(path) as movie:
                assert movie.n_frames == 8


def test_an_import_that_is_killed_goes_on_where_it_was(tmp_path) -> None:
    store = make_store(tmp_path)
    for seed in range(TIMES):
        kill(victims.fill_for_ever, tmp_path, seed=seed)
        for name in store.participant_ids:
            check_person(store, name)
    before = set(store.participant_ids)
    made = []
    fill_store(
        store,
        {it: it for it in victims.PEOPLE},
        lambda name: made.append(name) or victims.record_of(name),
        workers=1,
        start_pool=InlinePool,
    )
    assert set(made) == set(victims.PEOPLE) - before
    for name in victims.PEOPLE:
        check_person(store, name)


def check_person(store: CohortStore, name: str) -> None:
    found, wanted = store.read_person(name), victims.record_of(name)
    assert found.volumes_ml == wanted.volumes_ml
    for part, values in wanted.volumes.items():
        np.testing.assert_array_equal(found.volumes[part], values)
